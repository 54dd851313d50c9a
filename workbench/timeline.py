"""The timeline: one row per hidden face and frame. The table that everything shown, tuned, edited or rendered is."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from workbench.data import HiddenFaces
from workbench.errors import OutputError, TimelineError, UsageError
from workbench.video.part_file import write_private

Decision = Literal["mask", "keep", "review"]
SOURCES = ("detected", "tracked", "bridged", "backfilled", "manual")
COLUMNS = ("frame", "time_seconds", "track", "x", "y", "w", "h", "score", "source")
POSE_COLUMNS = ("turn", "nod", "roll")
MAGIC = "# face-privacy-workbench timeline 1"


@dataclass(frozen=True, eq=False)
class Timeline:
    """Faces of a clip over time.

    ``rows``: ``frame`` (from 0), ``time_seconds``, ``track``, ``x, y, w, h`` in pixels of the upright picture,
    ``score`` 0..1 (NaN: none), ``source``: ``detected`` seen on this frame · ``tracked`` between or just after
    sightings · ``bridged`` across a gap · ``backfilled`` before the first sighting · ``manual`` drawn by the operator.
    ``decisions``: per track ``mask``, ``keep`` (shown) or ``review`` (hidden, and the operator is asked); a track
    that is not named is masked. ``frames``, ``width_px``, ``height_px`` describe the clip; 0 where a file did not say.
    Nobody looked at the frames before ``first_frame``.

    ``turn``, ``nod`` and ``roll`` may tell how a head is turned (``workbench.head_pose``), NaN where nobody knows:
    masks that invent faces ask for it.
    """

    rows: pd.DataFrame
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    frames: int = 0
    width_px: int = 0
    height_px: int = 0
    first_frame: int = 0

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.rows.columns]
        if missing:
            raise TimelineError(f"timeline without the column {missing[0]!r}; it needs {', '.join(COLUMNS)}")

    def __repr__(self) -> str:
        return f"Timeline({len(self.rows)} rows, {self.rows['track'].nunique()} tracks, {self.frames} frames)"

    def masked_rows(self) -> pd.DataFrame:
        """The rows that are hidden: all but those of tracks the operator decided to keep."""
        kept = [track for track, decision in self.decisions.items() if decision == "keep"]
        return self.rows[~self.rows["track"].isin(kept)] if kept else self.rows

    def decision(self, track: int) -> Decision:
        return self.decisions.get(track, "mask")

    def tracks(self) -> pd.DataFrame:
        """One row per track: first and last time, rows, seconds hidden by source, mean score, decision."""
        if self.rows.empty:
            return pd.DataFrame(columns=["track", "first_seconds", "last_seconds", "rows", "score", "decision"])
        by_track = self.rows.groupby("track")
        table = by_track.agg(
            first_seconds=("time_seconds", "min"),
            last_seconds=("time_seconds", "max"),
            rows=("frame", "size"),
            score=("score", "mean"),
        ).reset_index()
        table["decision"] = [self.decision(int(track)) for track in table["track"]]
        return table


class BoxLookup:
    """The boxes to hide on each frame, found in constant time."""

    def __init__(self, timeline: Timeline) -> None:
        rows = timeline.masked_rows().sort_values("frame", kind="stable")
        corners = rows[["x", "y", "w", "h"]].to_numpy(np.float32)
        self._boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
        self._tracks = rows["track"].to_numpy(np.int64)
        self._poses = rows.reindex(columns=list(POSE_COLUMNS)).to_numpy(np.float32)
        self._frames = rows["frame"].to_numpy(np.int64)

    def on(self, frame: int) -> HiddenFaces:
        """The faces of frame number ``frame``."""
        start, stop = np.searchsorted(self._frames, [frame, frame + 1])
        return HiddenFaces(self._boxes[start:stop], self._tracks[start:stop], self._poses[start:stop])


def decide_track(timeline: Timeline, track: int, decision: Decision) -> Timeline:
    """The timeline with one track masked, kept (shown) or marked for review (hidden, and the operator is asked).

    Raises UsageError for an unknown track or word.

    >>> render_clip(clip, decide_track(session.timeline, 1, "keep"), folder / "one.mp4", session.preset).kept_tracks
    [1]
    """
    if decision not in get_args(Decision):
        raise UsageError(f"decision {decision!r}: must be one of {', '.join(get_args(Decision))}")
    if not (timeline.rows["track"] == track).any():
        raise UsageError(f"track {track}: the timeline has no such track")
    return replace(timeline, decisions={**timeline.decisions, track: decision})


@dataclass(frozen=True)
class KeyBox:
    """A box the operator drew on one frame, in pixels of the upright picture.

    >>> KeyBox(frame=10, x=400, y=120, w=90, h=120)
    KeyBox(frame=10, x=400, y=120, w=90, h=120)
    """

    frame: int
    x: float
    y: float
    w: float
    h: float


def add_manual(timeline: Timeline, key_boxes: Sequence[KeyBox], times: Sequence[float]) -> Timeline:
    """The timeline with a manual track: from the first to the last key box, moved linearly in time between them.

    ``times`` are the seconds of every frame of the clip. Raises UsageError for no key box or one outside of the clip.
    """
    keys = sorted(key_boxes, key=lambda key: key.frame)
    if not keys:
        raise UsageError("a manual box needs at least one key frame")
    if keys[0].frame < 0 or keys[-1].frame >= len(times):
        raise UsageError(f"manual box on frame {keys[-1].frame}: the clip has frames 0 to {len(times) - 1}")
    seconds = np.asarray(times, float)
    frames = np.arange(keys[0].frame, keys[-1].frame + 1)
    at = [seconds[key.frame] for key in keys]
    rows = pd.DataFrame({"frame": frames, "time_seconds": seconds[frames]})
    rows["track"] = int(timeline.rows["track"].max()) + 1 if len(timeline.rows) else 1
    for name in ("x", "y", "w", "h"):
        rows[name] = np.interp(seconds[frames], at, [getattr(key, name) for key in keys]).astype(np.float32)
    rows["score"] = np.float32(np.nan)
    rows["source"] = "manual"
    return replace(timeline, rows=_joined([timeline.rows, rows]))


def carry_edits(edited: Timeline, decided: Timeline) -> Timeline:
    """``decided`` (other thresholds, same track ids) with the operator's manual boxes and decisions of ``edited``."""
    manual = edited.rows[edited.rows["source"] == "manual"]
    clashing = manual["track"].isin(decided.rows["track"].unique())
    if clashing.any():
        offset = int(max(decided.rows["track"].max(), manual["track"].max()))
        manual = manual.assign(track=manual["track"] + np.where(clashing, offset, 0))
    return replace(
        decided, rows=_joined([decided.rows, manual]), decisions={**decided.decisions, **dict(edited.decisions)}
    )


def save_timeline(timeline: Timeline, path: Path, *, mot: bool = False) -> None:
    """Write CSV (or MOT CSV: ``frame`` from 1, ``id, x, y, w, h, score, -1, -1, -1``), all or nothing."""
    text = _mot_text(timeline) if mot else _csv_text(timeline)
    try:
        write_private(path, text.encode())
    except OSError as error:
        raise OutputError(f"{path}: the timeline cannot be written ({error.strerror}); choose another place") from error


def load_timeline(path: Path) -> Timeline:
    """Read a timeline (CSV) or a MOT CSV. Raises TimelineError: what is wrong, where, and what to do."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TimelineError(
            f"{path}: cannot be read as a timeline ({error.__class__.__name__}); give a CSV file"
        ) from error
    if not text.strip():
        raise TimelineError(f"{path}: is empty; a timeline without faces still has its header line")
    first_cell = text.lstrip().split("\n", 1)[0].split(",")[0].strip()
    try:
        return _from_mot(text) if re.fullmatch(r"[-+.\d]+", first_cell) else _from_csv(text)
    except (ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise TimelineError(f"{path}: not a timeline ({reason}); it needs {','.join(COLUMNS)}") from error


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    if not filled:
        return parts[0]
    rows = pd.concat(filled, ignore_index=True)
    rows["source"] = pd.Categorical(rows["source"], categories=list(SOURCES))
    return rows.sort_values(["frame", "track"], kind="stable", ignore_index=True)


def _csv_text(timeline: Timeline) -> str:
    posed = [name for name in POSE_COLUMNS if name in timeline.rows and timeline.rows[name].notna().any()]
    rows = timeline.rows[[*COLUMNS, *posed]].copy()
    rows["decision"] = [timeline.decision(int(track)) for track in rows["track"]]
    rows = rows.round({"time_seconds": 6, "x": 2, "y": 2, "w": 2, "h": 2, "score": 4, "turn": 3, "nod": 3, "roll": 1})
    size = f"width={timeline.width_px} height={timeline.height_px} "
    size += f"frames={timeline.frames} first={timeline.first_frame}"
    return f"{MAGIC} {size}\n" + rows.to_csv(index=False, lineterminator="\n")


def _mot_text(timeline: Timeline) -> str:
    rows = timeline.masked_rows()
    mot = pd.DataFrame({"frame": rows["frame"] + 1, "id": rows["track"]})
    for name in ("x", "y", "w", "h"):
        mot[name] = rows[name].round(2)
    mot["conf"] = rows["score"].fillna(1.0).round(4)
    mot["a"] = mot["b"] = mot["c"] = -1
    return str(mot.to_csv(index=False, header=False, lineterminator="\n"))


def _from_csv(text: str) -> Timeline:
    size = {"width": 0, "height": 0, "frames": 0, "first": 0}
    if text.startswith("#"):
        head, text = text.split("\n", 1)
        if not head.startswith(MAGIC):
            raise ValueError(f"its first line is {head[:60]!r}, this version reads {MAGIC!r}")
        size |= {key: int(value) for key, value in (word.split("=") for word in head[len(MAGIC) :].split())}
    table = pd.read_csv(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(f"the column {missing[0]!r} is missing")
    rows = table[[*COLUMNS, *(name for name in POSE_COLUMNS if name in table.columns)]].copy()
    for name in rows.columns.drop("source"):
        whole = name in ("frame", "track")
        rows[name] = rows[name].astype("int64" if whole else "float64" if name == "time_seconds" else "float32")
    _check(rows)
    words = table["decision"] if "decision" in table.columns else pd.Series("mask", index=table.index)
    strange = set(words) - set(get_args(Decision))
    if strange:
        raise ValueError(f"decision {strange.pop()!r} is none of {', '.join(get_args(Decision))}")
    decisions: dict[int, Decision] = {int(t): d for t, d in zip(rows["track"], words, strict=True) if d != "mask"}
    return Timeline(_joined([rows]), decisions, size["frames"], size["width"], size["height"], size["first"])


def _from_mot(text: str) -> Timeline:
    table = pd.read_csv(io.StringIO(text), header=None)
    if table.shape[1] < 6:
        raise ValueError("a MOT line has at least frame, id, x, y, w, h")
    rows = pd.DataFrame(
        {"frame": table[0].astype("int64") - 1, "time_seconds": np.nan, "track": table[1].astype("int64")}
    )
    for column, name in enumerate(("x", "y", "w", "h"), start=2):
        rows[name] = table[column].astype("float32")
    rows["score"] = table[6].astype("float32") if table.shape[1] > 6 else np.float32(np.nan)
    rows["source"] = "manual"
    _check(rows)
    return Timeline(_joined([rows]))


def _check(rows: pd.DataFrame) -> None:
    for name in ("x", "y", "w", "h"):
        bad = ~np.isfinite(rows[name].to_numpy())
        if bad.any():
            raise ValueError(f"row {int(np.argmax(bad)) + 1} has no number for {name}")
    for name, low in (("frame", 0), ("w", 0), ("h", 0)):
        bad = (rows[name] < low).to_numpy()
        if bad.any():
            raise ValueError(f"row {int(np.argmax(bad)) + 1} has {name} = {rows[name].iloc[int(np.argmax(bad))]}")
    strange = set(rows["source"]) - set(SOURCES)
    if strange:
        raise ValueError(f"source {strange.pop()!r} is none of {', '.join(SOURCES)}")
