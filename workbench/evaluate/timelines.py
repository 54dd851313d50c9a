"""A timeline against ground truth, without pixels: what it would hide, and how well it keeps people apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.errors import TimelineError
from workbench.evaluate.result import FALLBACK_FPS, Evaluation, Tally
from workbench.evaluate.truth import NOBODY, TrueFaces, faces_by_frame
from workbench.regions import SAFETY_PX, SMALLEST_SHAPE_PX
from workbench.timeline import BoxLookup, Timeline

MATCH_IOU = 0.5
"""A box is on a true face where they overlap this much, as in the MOT challenge."""


def evaluate_timeline(
    timeline: Timeline,
    truth: pd.DataFrame,
    *,
    growth: float,
    shape: Literal["ellipse", "box"] = "ellipse",
    min_visibility: float = 0.3,
    cover: float = 0.95,
    times: Sequence[float] | None = None,
) -> Evaluation:
    """Measure what a timeline hides with masks of that ``shape`` and ``growth`` (see ``regions.RegionOptions``).

    ``truth`` as from ``load_truth``. Faces less visible than ``min_visibility`` do not count; a face is hidden when at
    least ``cover`` of the ellipse inscribed in its box (its part inside the picture) is masked. ``times`` are the
    seconds of all frames; without them they are taken from the timeline's rows.
    Raises TimelineError for a timeline that does not say the size of its picture.

    >>> found = evaluate_timeline(session.timeline, truth, growth=session.preset.mask.growth)
    >>> found.faces, found.hidden, found.leak_seconds
    (80, 80, 0)
    """
    if timeline.width_px < 1 or timeline.height_px < 1:
        raise TimelineError(
            "the timeline does not say how large the picture is; evaluate one made by workbench analyze"
        )
    faces = faces_by_frame(truth, min_visibility)
    truth_frames = max(faces, default=-1) + 1
    last_row = int(timeline.rows["frame"].max()) if len(timeline.rows) else -1
    frames = timeline.frames or max(truth_frames, last_row + 1)
    hidden, tally = BoxLookup(timeline), Tally(cover)
    for frame in range(frames):
        masked = _masked(hidden.on(frame).boxes, timeline, growth, shape)
        tally.add(frame, masked, faces.get(frame, NOBODY))
    return tally.evaluation(
        _times(timeline, frames) if times is None else times,
        truth_frames=truth_frames,
        **identities(timeline.rows, faces, frames),
    )


def identities(rows: pd.DataFrame, faces: Mapping[int, TrueFaces], frames: int) -> dict[str, Any]:
    """``idf1``, ``id_switches``, ``mota`` of a timeline's rows. None where the truth has no visible face.

    As in the MOT challenge, a row on a face that is too little visible to count is neither right nor wrong.
    """
    from trackeval.metrics import CLEAR, Identity

    boxes = np.concatenate([rows[["x", "y"]], rows[["x", "y"]].to_numpy() + rows[["w", "h"]]], axis=1)
    tracks, on_frame = rows["track"].to_numpy(np.int64), rows.reset_index(drop=True).groupby("frame").indices
    steps = [
        _step(faces.get(frame, NOBODY), boxes[found], tracks[found])
        for frame in range(frames)
        for found in [on_frame.get(frame, np.zeros(0, np.int64))]
    ]
    people, person_rows = _numbered([people for people, _, _ in steps])
    tracks_seen, track_rows = _numbered([tracks for _, tracks, _ in steps])
    if not people:
        return {"idf1": None, "id_switches": None, "mota": None}
    data = {
        "num_timesteps": frames,
        "num_gt_ids": people,
        "num_tracker_ids": tracks_seen,
        "num_gt_dets": sum(map(len, person_rows)),
        "num_tracker_dets": sum(map(len, track_rows)),
        "gt_ids": person_rows,
        "tracker_ids": track_rows,
        "similarity_scores": [overlap for _, _, overlap in steps],
    }
    settings = {"THRESHOLD": MATCH_IOU, "PRINT_CONFIG": False}
    identity, clear = (metric(settings).eval_sequence(data) for metric in (Identity, CLEAR))
    return {"idf1": float(identity["IDF1"]), "id_switches": int(clear["IDSW"]), "mota": float(clear["MOTA"])}


def _step(
    faces: TrueFaces, boxes: NDArray[np.floating], tracks: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Visible people (P,), tracks (T,) and their overlaps (P, T) on one frame, without rows on uncounted faces."""
    from scipy.optimize import linear_sum_assignment  # slow to import, and most who import this never match

    overlap = np.asarray(geometry.iou(faces.boxes, boxes), np.float64)
    person, row = linear_sum_assignment(np.where(overlap >= MATCH_IOU, -overlap, 0))
    uncounted = row[(overlap[person, row] >= MATCH_IOU) & ~faces.visible[person]]
    counted = ~np.isin(np.arange(len(tracks)), uncounted)
    return faces.people[faces.visible], tracks[counted], overlap[faces.visible][:, counted]


def _numbered(ids: list[NDArray[np.int64]]) -> tuple[int, list[NDArray[np.int64]]]:
    """How many different ids there are, and the lists with the ids numbered from 0."""
    known, number = np.unique(np.concatenate([np.zeros(0, np.int64), *ids]), return_inverse=True)
    return len(known), np.split(number, np.cumsum([len(each) for each in ids])[:-1])


def _masked(
    boxes: NDArray[np.float32], timeline: Timeline, growth: float, shape: Literal["ellipse", "box"]
) -> NDArray[np.bool_]:
    """(H, W) the pixels that ``regions`` covers fully for ``boxes``."""
    masked = np.zeros((timeline.height_px, timeline.width_px), np.bool_)
    exact = boxes.astype(np.float64)
    centre = geometry.centres(exact)
    reach = np.maximum(exact[:, 2:] - exact[:, :2], SMALLEST_SHAPE_PX) * (0.5 + growth) + SAFETY_PX
    limits = (timeline.width_px, timeline.height_px)
    low = np.clip(np.floor(centre - reach), 0, limits).astype(int)
    high = np.clip(np.ceil(centre + reach), 0, limits).astype(int)
    for (x, y), (across, down), (x0, y0), (x1, y1) in zip(centre, reach, low, high, strict=True):
        columns, rows = (np.arange(x0, x1) + 0.5 - x) / across, (np.arange(y0, y1) + 0.5 - y) / down
        if shape == "box":
            masked[y0:y1, x0:x1] |= np.logical_and.outer(abs(rows) <= 1, abs(columns) <= 1)
        else:
            masked[y0:y1, x0:x1] |= np.add.outer(rows**2, columns**2) <= 1
    return masked


def _times(timeline: Timeline, frames: int) -> list[float]:
    """Seconds of all frames: those of the rows, evenly spaced where no row says them."""
    known = timeline.rows.drop_duplicates("frame").dropna(subset="time_seconds").sort_values("frame")
    at, seconds = known["frame"].to_numpy(np.float64), known["time_seconds"].to_numpy(np.float64)
    wanted = np.arange(frames, dtype=np.float64)
    if len(at) < 2:
        return list(wanted / FALLBACK_FPS)
    pace = (seconds[-1] - seconds[0]) / (at[-1] - at[0])
    times = np.interp(wanted, at, seconds)
    times += np.minimum(wanted - at[0], 0) * pace + np.maximum(wanted - at[-1], 0) * pace
    return [float(time) for time in times]
