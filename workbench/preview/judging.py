"""Several timelines of one clip against its truth, at little more than the cost of one.

Thresholds agree on most frames. So each different set of boxes of a frame is judged once: all of them together are
handed to ``evaluate`` as one long clip, and the answers are put together again for every timeline. ``recall`` and
``leak_seconds`` come out as ``evaluate`` alone would say them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.evaluate import evaluate_timeline
from workbench.evaluate.result import NEAR_GROWTH
from workbench.regions import RegionOptions
from workbench.timeline import Timeline

MIN_VISIBILITY = 0.3
"""Less visible faces do not count; as ``evaluate`` has it."""


@dataclass(frozen=True)
class Judged:
    """One timeline against the truth; NaN where there is none. See ``sweep.Sweep``."""

    recall: float = np.nan
    leak_seconds: float = np.nan
    false_seconds: float = np.nan


def judge(
    timelines: Sequence[Timeline], truth: pd.DataFrame, lasting: NDArray[np.float64], *, mask: RegionOptions
) -> list[Judged]:
    """Each timeline against ``truth`` (as from ``load_truth``), with masks of the shape and growth of ``mask``.

    The timelines are of one clip, whose frames are shown for ``lasting`` (F,) seconds.
    """
    frames = len(lasting)
    within = truth[truth["frame"] < frames]
    faces = int((within["visibility"] >= MIN_VISIBILITY).sum())
    numbers, kinds, rows = _situations(timelines, frames)
    shown = _shown(rows, kinds, within, timelines[0], mask)
    results = []
    for number, timeline in zip(numbers, timelines, strict=True):
        visible = shown[number]
        results.append(
            Judged(
                recall=1.0 - float(visible.sum()) / faces if faces else np.nan,
                leak_seconds=float((visible * lasting).sum()),
                false_seconds=float(lasting[_false_rows(timeline, within)].sum()),
            )
        )
    return results


def _situations(
    timelines: Sequence[Timeline], frames: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[pd.DataFrame]]:
    """Number (T, F) of every timeline's situation on every frame, the frame (S,) of each situation, and its rows."""
    known: dict[tuple[int, bytes], int] = {}
    numbers = np.zeros((len(timelines), frames), np.int64)
    kinds: list[int] = []
    rows: list[pd.DataFrame] = []
    for turn, timeline in enumerate(timelines):
        ordered = timeline.rows.sort_values("frame", kind="stable")
        boxes = ordered[["x", "y", "w", "h"]].to_numpy(np.float32)
        edges = np.searchsorted(ordered["frame"].to_numpy(), np.arange(frames + 1))
        for frame in range(frames):
            part = slice(int(edges[frame]), int(edges[frame + 1]))
            number = known.setdefault((frame, boxes[part].tobytes()), len(known))
            if number == len(kinds):
                kinds.append(frame)
                rows.append(ordered.iloc[part].assign(frame=number))
            numbers[turn, frame] = number
    return numbers, np.array(kinds, np.int64), rows


def _shown(
    rows: list[pd.DataFrame], kinds: NDArray[np.int64], truth: pd.DataFrame, like: Timeline, mask: RegionOptions
) -> NDArray[np.int64]:
    """(S,) how many true faces each situation leaves visible."""
    joined = Timeline(pd.concat(rows, ignore_index=True), {}, len(kinds), like.width_px, like.height_px)
    places = pd.DataFrame({"frame": kinds, "situation": np.arange(len(kinds))})
    repeated = places.merge(truth, on="frame").drop(columns="frame").rename(columns={"situation": "frame"})
    result = evaluate_timeline(
        joined,
        repeated,
        growth=mask.growth,
        shape=mask.shape,
        min_visibility=MIN_VISIBILITY,
        times=np.arange(len(kinds), dtype=np.float64).tolist(),
    )
    shown = np.zeros(len(kinds), np.int64)
    for leak in result.leaks:
        shown[leak.first_frame : leak.last_frame + 1] += 1
    return shown


def _false_rows(timeline: Timeline, truth: pd.DataFrame) -> NDArray[np.int64]:
    """Frames of the rows whose middle lies on no true face, however little of it is visible; one for each row."""
    rows = timeline.rows[["frame", "x", "y", "w", "h"]].reset_index(names="row")
    pairs = rows.merge(truth[["frame", "x", "y", "w", "h"]], on="frame", suffixes=("", "_true"))
    on_face = np.ones(len(pairs), bool)
    for corner, side in (("x", "w"), ("y", "h")):
        distance = (pairs[corner] + pairs[side] / 2) - (pairs[f"{corner}_true"] + pairs[f"{side}_true"] / 2)
        on_face &= (distance.abs() <= pairs[f"{side}_true"] * (0.5 + NEAR_GROWTH)).to_numpy()
    return rows.loc[~rows["row"].isin(pairs.loc[on_face, "row"]), "frame"].to_numpy(np.int64)
