"""Where the faces of a stream are: the sightings of each track over the last seconds. Pure.

The rules are those of ``decide``, for somebody who does not know the future yet: between two sightings a face is where
the line between them says; a new face is hidden a while before its first one; a face that is not seen any more is
hidden where it was and where it was heading, the more widely the older the sighting, until it is found again or
``bridge_seconds`` have passed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workbench.boxes import grow, iou, union_box, widened
from workbench.data import Detections, HiddenFaces
from workbench.decide import MAX_DRIFT, VELOCITY_SECONDS, TimelineOptions
from workbench.sightings import poses_of

Floats = NDArray[np.floating]

ESTABLISHED = 3  # sightings that make a track a face; a single one is often none
RECENT = 3  # sightings whose scores say whether the detector was sure of a face when it vanished
EDGE_SHARE = 0.02  # of the picture's side: a face this near to the edge may leave through it
SAME_PLACE_IOU = 0.3  # with where a face was lost: what is seen here now is it, or has come before it
DOUBT_GROWTH = 0.5  # of a face, for a score of 0: a face half in sight is found too small, and with a low score
NOBODY = 0  # tracks are numbered from 1
HEADING_SECONDS = 0.5  # a movement says little about where a face is later than this
POSE_SECONDS = 0.2  # landmarks shake: over so long they are averaged
TURN_SHARE = 0.5  # of a face's speed: how much more the mask grows, since it may turn round


class Scenes:
    """Where scenes end: times of their first pictures, in order."""

    def __init__(self) -> None:
        self._begins: list[float] = []

    def begin(self, time: float) -> None:
        self._begins.append(time)

    def begin_of(self, time: float) -> float | None:
        """When the scene began that is on at that time; None where no cut is known before it."""
        known = bisect_right(self._begins, time)
        return self._begins[known - 1] if known else None

    def parted(self, first: float, last: float) -> bool:
        """Whether a scene ends between two times."""
        return bisect_right(self._begins, first) != bisect_right(self._begins, last)

    def forget(self, before: float) -> None:
        """All but the last one before that time, which says where the scene of then began."""
        del self._begins[: max(0, bisect_left(self._begins, before) - 1)]


@dataclass
class _Trail:
    """The sightings of one track, in order of time."""

    times: list[float] = field(default_factory=list)
    boxes: list[Floats] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    poses: list[Floats] = field(default_factory=list)  # of the sightings, NaN where it is not known

    def pose(self, time: float) -> Floats:
        """(3,) how the head is turned at that time: the mean of what was seen near it, NaN where nothing was."""
        times, poses = np.array(self.times), np.array(self.poses)
        known = np.isfinite(poses).all(axis=1)
        if not known.any():
            return np.full(3, np.nan)
        away = np.where(known, np.abs(times - time), np.inf)
        return np.asarray(poses[away <= away.min() + POSE_SECONDS].mean(axis=0))


@dataclass(frozen=True, eq=False)
class _Path:
    """Those sightings of a track that count: ``boxes`` (N, 4) px, ``scores`` (N,)."""

    times: list[float]
    boxes: Floats
    scores: Floats


class Trails:
    """All tracks of a stream. Sightings are told in order of time; questions may be about any recent time."""

    def __init__(
        self, options: TimelineOptions, scenes: Scenes, *, confidence: float, width_px: int, height_px: int
    ) -> None:
        self._options = options
        self._scenes = scenes
        self._confidence = confidence
        self._size = np.array([width_px, height_px], np.float64)
        self._trails: dict[int, _Trail] = {}
        self._same: dict[int, int] = {}  # trail of a track that goes on with another one's
        self._strays = 0  # faces that nobody follows, numbered downwards

    def follow(self, time: float, faces: Detections, tracks: NDArray[np.int64]) -> None:
        """Take in the faces seen at that time; ``tracks`` (N,), -1 for a face that is not followed."""
        boxes = widened(faces.boxes.astype(np.float64), self._options.least_aspect)
        boxes = grow(boxes, DOUBT_GROWTH * np.clip(1 - faces.scores, 0, 1))
        numbers = self._numbers(tracks, boxes, time)
        seen = zip(numbers, boxes, faces.scores.tolist(), poses_of(faces), strict=True)
        for number, box, score, pose in seen:
            trail = self._trails.setdefault(number, _Trail())
            trail.times.append(time)
            trail.boxes.append(box)
            trail.scores.append(score)
            trail.poses.append(pose)

    def _numbers(self, tracks: NDArray[np.int64], boxes: Floats, time: float) -> list[int]:
        """The trails (N,) that the faces continue or begin; no two of them share one.

        A face with a new number that is where one has been lost goes on with that one's trail: trackers lose the thread
        sooner than a face moves away.
        """
        numbers: list[int] = []
        for track in tracks.tolist():
            known = self._same.get(track, track)
            numbers.append(known if track > NOBODY and known not in numbers else NOBODY)
        gone = [
            number
            for number, trail in self._trails.items()
            if number not in numbers and time - trail.times[-1] <= self._options.bridge_seconds
        ]
        for row, number in enumerate(numbers):
            if number in self._trails:
                continue
            overlaps = iou(boxes[row][None], np.array([self._trails[each].boxes[-1] for each in gone]).reshape(-1, 4))[
                0
            ]
            if gone and overlaps.max() >= SAME_PLACE_IOU:
                numbers[row] = gone.pop(int(np.argmax(overlaps)))
                if number != NOBODY:
                    self._same[number] = numbers[row]
            elif number == NOBODY:
                self._strays += 1
                numbers[row] = -self._strays
        return numbers

    def forget(self, before: float) -> None:
        """Drop the sightings before that time."""
        for number, trail in list(self._trails.items()):
            old = bisect_left(trail.times, before)
            if old == len(trail.times):
                del self._trails[number]
            elif old:
                del trail.times[:old], trail.boxes[:old], trail.scores[:old], trail.poses[:old]
        self._same = {track: number for track, number in self._same.items() if number in self._trails}

    def places(self, time: float) -> HiddenFaces:
        """What is to be hidden in the picture of that time."""
        found: list[Floats] = [np.zeros((0, 4))]
        poses: list[Floats] = [np.zeros((0, 3))]
        tracks: list[int] = []
        for number, trail in self._trails.items():
            path = self._counted(trail)
            place = None if path is None else self._place(path, time)
            if place is not None:
                found.append(place)
                tracks.append(number)
                poses.append(trail.pose(time)[None])
        return HiddenFaces(np.concatenate(found), np.array(tracks, np.int64), np.concatenate(poses))

    def has_lost_one(self, time: float, *, looked_until: float) -> bool:
        """Whether a face vanished before that time, in mid-scene, of which the detector was not sure."""
        for number, trail in self._trails.items():
            last = trail.times[-1]
            if last < time and last < looked_until and self._is_lost(number, trail, time):
                return True
        return False

    def _counted(self, trail: _Trail) -> _Path | None:
        """The sightings that count: those above the threshold less its margin, and near them on the track weaker."""
        times, scores = np.array(trail.times), np.array(trail.scores)
        strong = scores >= self._confidence - self._options.review_margin
        if not strong.any():
            return None
        counts = strong
        if not strong.all():
            near = np.abs(times[:, None] - times[strong][None, :]).min(axis=1) <= self._options.hold_seconds
            counts = strong | (near & (scores >= self._confidence * self._options.hold_share))
        return _Path(times[counts].tolist(), np.array(trail.boxes)[counts], scores[counts])

    def _place(self, path: _Path, time: float) -> Floats | None:
        """(1, 4) where the face is to be hidden at that time, None where it is not."""
        options = self._options
        after = bisect_left(path.times, time)
        before = after if after < len(path.times) and path.times[after] == time else after - 1
        if before >= 0 and after < len(path.times):
            first, second = path.times[before], path.times[after]
            if second - first <= options.bridge_seconds and not self._scenes.parted(first, second):
                share = (time - first) / (second - first) if second > first else 0.0
                box = (1 - share) * path.boxes[before] + share * path.boxes[after]
                return self._grown(box[None], min(time - first, second - time), speed=0.0)
        found: list[Floats] = []
        if before >= 0 and time - path.times[before] <= self._hold_seconds(path, before, time):
            found.append(self._carried(path, before, time))
        if after < len(path.times) and self._is_soon(time, path.times[after]):
            found.append(self._carried(path, after, time))
        if not found:
            return None
        return found[0] if len(found) == 1 else union_box(found[0], found[1])

    def _is_soon(self, time: float, seen: float) -> bool:
        """Whether a face that is seen then is to be hidden already."""
        return seen - time <= self._options.backfill_seconds and not self._scenes.parted(time, seen)

    def _hold_seconds(self, path: _Path, row: int, time: float) -> float:
        """How long a face is hidden after its last sighting: briefly where there is a reason that it is gone."""
        has_reason = self._scenes.parted(path.times[row], time) or self._is_at_edge(path.boxes[row])
        is_face = row + 1 >= ESTABLISHED or path.scores[row] >= self._confidence
        longest = 0.0 if has_reason or not is_face else self._options.bridge_seconds
        return max(longest, self._options.coast_seconds)

    def _is_at_edge(self, box: Floats) -> bool:
        margin = EDGE_SHARE * self._size
        return bool((box[:2] <= margin).any() or (box[2:] >= self._size - margin).any())

    def _carried(self, path: _Path, row: int, time: float) -> Floats:
        """(1, 4) the face both where it was seen and where it was heading, grown by the time in between."""
        velocity = self._velocity(path, row)
        unseen = time - path.times[row]
        step = velocity * max(-HEADING_SECONDS, min(HEADING_SECONDS, unseen))
        box = path.boxes[row][None]
        return self._grown(union_box(box, box + np.tile(step, 2)), abs(unseen), speed=float(np.abs(velocity).max()))

    def _velocity(self, path: _Path, row: int) -> Floats:
        """(2,) px/s of the face's centre round one sighting."""
        low = bisect_left(path.times, path.times[row] - VELOCITY_SECONDS)
        high = bisect_right(path.times, path.times[row] + VELOCITY_SECONDS) - 1
        span = path.times[high] - path.times[low]
        if span <= 0:
            return np.zeros(2)
        first, last = path.boxes[low], path.boxes[high]
        return np.asarray((last[:2] + last[2:] - first[:2] - first[2:]) / (2 * span))

    def _grown(self, box: Floats, unseen: float, *, speed: float) -> Floats:
        side = max(float((box[0, 2:] - box[0, :2]).min()), 1.0)
        growth = unseen * (self._options.drift_per_second + TURN_SHARE * speed / side)
        return grow(box, min(growth, MAX_DRIFT))

    def _is_lost(self, number: int, trail: _Trail, time: float) -> bool:
        path = self._counted(trail)
        if path is None or len(path.times) < ESTABLISHED or path.scores[-RECENT:].mean() >= self._confidence:
            return False
        last = path.times[-1]
        if time - last > self._options.bridge_seconds or self._scenes.parted(last, time):
            return False
        return not self._is_at_edge(path.boxes[-1]) and not self._is_seen_as_another(number, last, path.boxes[-1])

    def _is_seen_as_another(self, number: int, since: float, box: Floats) -> bool:
        """Whether another face has been seen at that place since, which hides it."""
        others = [
            seen
            for other, trail in self._trails.items()
            if other != number
            for seen in trail.boxes[bisect_right(trail.times, since) :]
        ]
        return bool(others) and bool((iou(box[None], np.array(others)) >= SAME_PLACE_IOU).any())
