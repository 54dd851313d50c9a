"""Pass 2: from sightings to the timeline. Reads no pixels, so it answers at once when a threshold moves.

Every rule here looks at most ``TimelineOptions.horizon_seconds`` to either side. So a clip may be decided window by
window while it is still being analysed, and the result is the one that deciding it whole would give.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.boxes import grow, union_box, widened
from workbench.sightings import Clock, Floats, Sightings
from workbench.stages import Options, option
from workbench.timeline import COLUMNS, POSE_COLUMNS, SOURCES, Decision


class TimelineOptions(Options):
    """How sightings become hidden stretches of time."""

    review_margin: float = option(
        0.1, ge=0, le=0.5, title="Doubt margin", title_zh="存疑范围",
        help="A face that only comes this close below the detection threshold is hidden and marked for review.",
        help_zh="置信度比检测阈值最多低这么多的人脸会被遮挡，并标记为待复核。",
    )  # fmt: skip
    hold_share: float = option(
        0.5, ge=0.1, le=1, title="Hold share", title_zh="保持比例",
        help="On a track, a sighting counts down to this share of the detection threshold.",
        help_zh="在同一轨迹上，置信度不低于检测阈值的这一比例即算看到人脸。",
    )  # fmt: skip
    hold_seconds: float = option(
        2.0, ge=0, le=30, unit="s", title="Hold time", title_zh="保持时间",
        help="A weak sighting counts when the same track is seen surely within this time.",
        help_zh="同一轨迹在这段时间内有确定的检测时，较弱的检测也算数。",
    )  # fmt: skip
    backfill_seconds: float = option(
        0.4, ge=0, le=5, unit="s", title="Back-fill", title_zh="回填时间",
        help="A face is hidden this long before it is first seen.",
        help_zh="在首次检测到人脸之前的这段时间内也进行遮挡。",
    )  # fmt: skip
    coast_seconds: float = option(
        0.4, ge=0, le=5, unit="s", title="Coasting", title_zh="滞留时间",
        help="A face is hidden this long after it is last seen.",
        help_zh="在最后一次检测到人脸之后的这段时间内继续遮挡。",
    )  # fmt: skip
    bridge_seconds: float = option(
        1.5, ge=0, le=10, unit="s", title="Bridging", title_zh="桥接时间",
        help="A gap between two sightings of a track is hidden when it is at most this long.",
        help_zh="同一轨迹两次检测之间的间隔不超过此时长时，间隔内持续遮挡。",
    )  # fmt: skip
    smoothing_seconds: float = option(
        0.2, ge=0, le=2, unit="s", title="Smoothing", title_zh="平滑时间",
        help="The mask's movement is averaged over this time. It never gets smaller than the face.",
        help_zh="遮挡区域的运动在此时间内取平均，且不会小于人脸。",
    )  # fmt: skip
    drift_per_second: float = option(
        0.5, ge=0, le=5, title="Drift", title_zh="漂移余量",
        help="How fast the mask grows while the face is not seen, in face sizes per second (at most half a face).",
        help_zh="未检测到人脸时遮挡区域每秒扩大的比例（以人脸大小为单位，最多半个人脸）。",
    )  # fmt: skip
    least_aspect: float = option(
        0.77, ge=0, le=2, title="Least width", title_zh="最小宽高比",
        help="A box is made at least this many times as wide as high: detectors see a profile too narrow, and the "
        "head is as deep as it is wide.",
        help_zh="人脸框的宽度至少为高度的这一倍数：检测器给出的侧脸框偏窄，而头部的深度与宽度相当。",
    )  # fmt: skip
    cut_threshold: float = option(
        28.0, ge=5, le=255, title="Scene cut", title_zh="镜头切换",
        help="Mean change of brightness (0–255) between two frames that counts as a cut; nothing is bridged across it.",
        help_zh="相邻两帧平均亮度变化（0–255）达到此值视为镜头切换，不跨切换桥接。",
    )  # fmt: skip

    @property
    def horizon_seconds(self) -> float:
        """How far from a moment the rules look to either side.

        The next sighting of a run lies within a bridge; it counts because of a sure one within the hold time; smoothing
        asks the same of the moments around. The rest is room for the velocity at a run's end and one detection step.
        """
        reach = max(self.bridge_seconds, self.coast_seconds + self.backfill_seconds)
        return self.hold_seconds + reach + self.smoothing_seconds + VELOCITY_SECONDS + 0.3


MAX_DRIFT = 0.5  # a guess may cover half a face more on each side, not the whole picture
VELOCITY_SECONDS = 0.3  # long enough to be no jitter, short enough to be the present movement


@dataclass(frozen=True, eq=False)
class Decided:
    """Rows of the timeline for a stretch of frames; ``sure`` (R,) is False where only the doubt margin hides it."""

    rows: pd.DataFrame
    sure: NDArray[np.bool_]

    def decisions(self) -> dict[int, Decision]:
        """``review`` for every track that was never seen surely."""
        surely = pd.Series(self.sure).groupby(self.rows["track"].to_numpy()).any()
        return {int(track): "review" for track, sure in zip(surely.index, surely, strict=True) if not sure}


def decide(sightings: Sightings, clock: Clock, options: TimelineOptions, *, confidence: float) -> Decided:
    """Rows of the timeline for all frames of ``clock``.

    ``confidence`` is the detection threshold. A sighting counts at or above it; on a track also below (see
    ``TimelineOptions``). Rules: a gap is bridged from both sides, a face is hidden before its first and after its last
    sighting, movement is smoothed without shrinking, and nothing crosses a scene cut.
    """
    cuts = clock.cuts(options.cut_threshold)
    pieces: list[tuple[pd.DataFrame, NDArray[np.bool_]]] = []
    for run in _runs(_counted(sightings, clock, options, confidence), cuts, clock, options):
        pieces.append(_hidden(run, cuts, clock, options))
    if not pieces:
        return Decided(empty_rows(), np.zeros(0, bool))
    rows = pd.concat([rows for rows, _ in pieces], ignore_index=True)
    sure = np.concatenate([sure for _, sure in pieces])
    order = np.lexsort((rows["track"], rows["frame"]))
    rows = rows.iloc[order].reset_index(drop=True)
    rows["source"] = pd.Categorical.from_codes(rows["source"].to_numpy(np.int8), categories=pd.Index(SOURCES))
    return Decided(rows, sure[order])


def join_decided(parts: Sequence[Decided]) -> Decided:
    """Neighbouring stretches as one."""
    filled = [part for part in parts if len(part.rows)]
    if not filled:
        return Decided(empty_rows(), np.zeros(0, bool))
    rows = pd.concat([part.rows for part in filled], ignore_index=True)
    return Decided(rows, np.concatenate([part.sure for part in filled]))


def within(decided: Decided, first: int, last: int) -> Decided:
    """The rows of the frames ``first`` to ``last``."""
    inside = decided.rows["frame"].between(first, last).to_numpy()
    return Decided(decided.rows[inside].reset_index(drop=True), decided.sure[inside])


def empty_rows() -> pd.DataFrame:
    """A timeline's rows for a clip without faces."""
    kinds = {"frame": "int64", "track": "int64", "time_seconds": "float64", "source": "object"}
    rows = pd.DataFrame({name: pd.Series(dtype=kinds.get(name, "float32")) for name in (*COLUMNS, *POSE_COLUMNS)})
    rows["source"] = pd.Categorical([], categories=list(SOURCES))
    return rows


@dataclass(frozen=True, eq=False)
class _Run:
    """Sightings of one track that belong together: no gap too long to bridge, no scene cut between them."""

    track: int
    frames: NDArray[np.int64]
    boxes: Floats
    scores: NDArray[np.float32]
    poses: NDArray[np.float32]
    sure: NDArray[np.bool_]

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> _Run:
        return _Run(
            self.track, self.frames[rows], self.boxes[rows], self.scores[rows], self.poses[rows], self.sure[rows]
        )


def _counted(sightings: Sightings, clock: Clock, options: TimelineOptions, confidence: float) -> list[_Run]:
    """Per track, the sightings that count."""
    held = sightings.scores >= confidence * options.hold_share
    order = np.lexsort((sightings.frame[held], sightings.track[held]))
    track, frame = sightings.track[held][order], sightings.frame[held][order]
    boxes = widened(sightings.boxes[held][order].astype(np.float64), options.least_aspect)
    scores, poses = sightings.scores[held][order], sightings.poses[held][order]
    edges = np.unique(np.r_[0, np.flatnonzero(np.diff(track)) + 1, len(track)])  # only a 0 where there are no rows
    counted = []
    for start, stop in itertools.pairwise(edges):
        rows = slice(int(start), int(stop))
        times = clock.at(frame[rows])
        sure = _near(times, scores[rows] >= confidence, options.hold_seconds)
        counts = sure | _near(times, scores[rows] >= confidence - options.review_margin, options.hold_seconds)
        if counts.any():
            whole = _Run(int(track[start]), frame[rows], boxes[rows], scores[rows], poses[rows], sure)
            counted.append(whole[counts])
    return counted


def _near(times: Floats, strong: NDArray[np.bool_], seconds: float) -> NDArray[np.bool_]:
    """Which ``times`` lie within ``seconds`` of a strong one."""
    anchors = times[strong]
    if not len(anchors):
        return np.zeros(len(times), bool)
    after = np.clip(np.searchsorted(anchors, times), 0, len(anchors) - 1)
    before = np.clip(after - 1, 0, None)
    distance = np.minimum(np.abs(anchors[after] - times), np.abs(anchors[before] - times))
    return np.asarray(distance <= seconds + 1e-9)


def _runs(counted: Sequence[_Run], cuts: NDArray[np.int64], clock: Clock, options: TimelineOptions) -> Iterator[_Run]:
    """The tracks' sightings, parted at cuts and at gaps too long to bridge."""
    longest = max(options.bridge_seconds, options.coast_seconds + options.backfill_seconds)
    for whole in counted:
        scene = np.searchsorted(cuts, whole.frames, side="right")
        parted = (np.diff(clock.at(whole.frames)) > longest + 1e-9) | (np.diff(scene) != 0)
        edges = np.r_[0, np.flatnonzero(parted) + 1, len(whole.frames)]
        for start, stop in itertools.pairwise(edges):
            yield whole[int(start) : int(stop)]


def _hidden(
    run: _Run, cuts: NDArray[np.int64], clock: Clock, options: TimelineOptions
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """The rows that hide one run, and which of them are sure. ``source`` is a position in ``SOURCES``."""
    seen_at = clock.at(run.frames)
    first, last = _extent(run, seen_at, cuts, clock, options)
    frames = np.arange(first, last + 1)
    times = clock.at(frames)
    boxes = _moved(run, seen_at, times)
    inner = (frames >= run.frames[0]) & (frames <= run.frames[-1])
    boxes[inner] = _smoothed(boxes[inner], times[inner], options.smoothing_seconds)
    after = np.clip(np.searchsorted(seen_at, times), 0, len(seen_at) - 1)
    before = np.clip(np.searchsorted(seen_at, times, side="right") - 1, 0, None)
    unseen = np.minimum(np.abs(seen_at[after] - times), np.abs(times - seen_at[before]))
    boxes = grow(boxes, np.minimum(unseen * options.drift_per_second, MAX_DRIFT))
    nearest = np.where(np.abs(seen_at[after] - times) < np.abs(times - seen_at[before]), after, before)
    rows = pd.DataFrame({"frame": frames, "time_seconds": times, "track": run.track})
    for name, column in zip("xywh", np.c_[boxes[:, :2], boxes[:, 2:] - boxes[:, :2]].T, strict=True):
        rows[name] = column.astype(np.float32)
    rows["score"] = run.scores[nearest]
    rows["source"] = _sources(run, frames, clock)
    poses = _posed(run, seen_at, times)
    poses[inner] = _means(poses[inner], times[inner], options.smoothing_seconds)
    rows[list(POSE_COLUMNS)] = poses.astype(np.float32)
    return rows, run.sure[nearest]


def _extent(
    run: _Run, seen_at: Floats, cuts: NDArray[np.int64], clock: Clock, options: TimelineOptions
) -> tuple[int, int]:
    """First and last frame that the run hides: extended in time, within its scene and the clip."""
    first = clock.first + int(np.searchsorted(clock.times, seen_at[0] - options.backfill_seconds - 1e-9))
    last = clock.first + int(np.searchsorted(clock.times, seen_at[-1] + options.coast_seconds + 1e-9)) - 1
    scene = int(np.searchsorted(cuts, run.frames[0], side="right"))
    opens = int(cuts[scene - 1]) if scene else clock.first
    closes = int(cuts[scene]) - 1 if scene < len(cuts) else clock.last
    return max(first, opens), min(last, closes)


def _moved(run: _Run, seen_at: Floats, times: Floats) -> Floats:
    """Boxes at ``times``: linear between sightings; beyond them both where the face was and where it was heading."""
    boxes = np.stack([np.interp(times, seen_at, run.boxes[:, side]) for side in range(4)], axis=1)
    for edge, outside in ((0, times < seen_at[0]), (-1, times > seen_at[-1])):
        if outside.any():
            moved = boxes[outside] + np.outer(times[outside] - seen_at[edge], _velocity(run, seen_at, edge))
            boxes[outside] = union_box(boxes[outside], moved)
    return boxes


def _posed(run: _Run, seen_at: Floats, times: Floats) -> Floats:
    """Poses (F, 3) at ``times``: linear between the sightings that tell one, and the nearest beyond them."""
    known = np.isfinite(run.poses).all(axis=1)
    if not known.any():
        return np.full((len(times), 3), np.nan)
    return np.stack([np.interp(times, seen_at[known], run.poses[known, angle]) for angle in range(3)], axis=1)


def _velocity(run: _Run, seen_at: Floats, edge: int) -> Floats:
    """Movement (4,) px/s of the box's centre at one end of the run, for all four sides alike."""
    near = np.abs(seen_at - seen_at[edge]) <= VELOCITY_SECONDS
    span = np.ptp(seen_at[near])
    if span <= 0:
        return np.zeros(4)
    boxes = run.boxes[near]
    centre = (boxes[[0, -1], :2] + boxes[[0, -1], 2:]) / 2
    return np.asarray(np.tile((centre[1] - centre[0]) / span, 2), np.float64)


def _smoothed(boxes: Floats, times: Floats, seconds: float) -> Floats:
    """Boxes averaged over a centred window of time, joined with the unsmoothed ones so that none gets smaller."""
    return union_box(boxes, _means(boxes, times, seconds))


def _means(rows: Floats, times: Floats, seconds: float) -> Floats:
    """Each of the ``rows`` (F, K) averaged over a centred window of time."""
    if seconds <= 0 or len(rows) < 3:
        return rows
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    half = seconds / 2 + 1e-9
    start, stop = np.searchsorted(times, times - half), np.searchsorted(times, times + half, side="right")
    # The window shrinks evenly towards the ends of the run, else it would drag the box behind the movement there.
    position = np.arange(len(rows))
    reach = np.minimum(position - start, stop - 1 - position)
    return np.asarray((sums[position + reach + 1] - sums[position - reach]) / (2 * reach + 1)[:, None])


def _sources(run: _Run, frames: NDArray[np.int64], clock: Clock) -> NDArray[np.int8]:
    """Where each row comes from, as a position in ``SOURCES``.

    Between two sightings it is ``bridged`` when the detector looked there and did not see the face.
    """
    looks = np.cumsum(clock.looked)[run.frames - clock.first]
    missed = np.diff(looks) > 1
    following = np.searchsorted(run.frames, frames)
    inside = (following > 0) & (following < len(run.frames))
    codes = np.full(len(frames), SOURCES.index("tracked"), np.int8)
    codes[inside] = np.where(missed[following[inside] - 1], SOURCES.index("bridged"), SOURCES.index("tracked"))
    codes[frames < run.frames[0]] = SOURCES.index("backfilled")
    codes[np.isin(frames, run.frames)] = SOURCES.index("detected")
    return codes
