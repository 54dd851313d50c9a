"""When may a picture be shown, and what must be hidden in it? Pure: no thread, no clock, no pixel.

Told of the finished looks of the detector and of scene cuts, it answers for every picture which places to hide (see
``trails``), or that the whole picture must be, and why. Nothing is shown

- before some looks in a row have succeeded, or after one failed until some have again;
- behind a scene cut, before a look behind it;
- far from any look in time;
- when a face of which the detector was not sure vanishes in mid-picture, until it is found or is gone for good.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.data import Detections, HiddenFaces
from workbench.decide import TimelineOptions
from workbench.live.frames import Reason
from workbench.live.trails import Scenes, Trails

LOOKS_TO_START = 3  # one look may miss a face that the next one sees
LOOKS_TO_RECOVER = 2
KEPT_SECONDS = 3.0  # beyond the rules' own reach: the longest look-ahead, and some delay


@dataclass(frozen=True, eq=False)
class Look:
    """One finished look of the detector at the picture of ``time_seconds``. ``faces`` is None when it failed.

    ``tracks`` (N,) numbers the faces over time; -1 for a face that is not followed.
    """

    time_seconds: float
    faces: Detections | None = None
    tracks: NDArray[np.int64] | None = None


def is_sound(faces: Detections) -> bool:
    """Whether all numbers mean something: finite, and no box turned inside out."""
    boxes, scores = faces.boxes, faces.scores
    return bool(np.isfinite(boxes).all() and np.isfinite(scores).all() and (boxes[:, 2:] >= boxes[:, :2]).all())


@dataclass(frozen=True, eq=False)
class Verdict:
    """What to do with a picture: hide it whole for ``reason``, or hide the ``faces``.

    ``is_predicted``: the detector has not looked at this picture or a later one yet.
    """

    reason: Reason
    faces: HiddenFaces
    is_predicted: bool


@dataclass(frozen=True)
class _Doubt:
    """Nothing is certain at ``since <= time < until``; inf: it is not over yet."""

    since: float
    until: float
    reason: Reason


class Certainty:
    """What is known of one stream. Looks and cuts are told in order of time; questions may be about any recent time."""

    def __init__(
        self, options: TimelineOptions, *, confidence: float, width_px: int, height_px: int, stale_seconds: float
    ) -> None:
        """``confidence`` is the detection threshold, ``stale_seconds`` the age of a look that says nothing any more.

        Uncertain until ``LOOKS_TO_START`` looks have succeeded: for pictures that have nothing to do with those
        before, make another one.
        """
        self._options = options
        self._stale = stale_seconds
        self._kept = options.horizon_seconds + KEPT_SECONDS
        self._scenes = Scenes()
        self._trails = Trails(options, self._scenes, confidence=confidence, width_px=width_px, height_px=height_px)
        self._looks: list[float] = []  # times of those that succeeded
        self._doubts: deque[_Doubt] = deque([_Doubt(-math.inf, math.inf, "start")])
        self._needed = LOOKS_TO_START
        self._newest = -math.inf

    def cut(self, time_seconds: float) -> None:
        """The picture of this time begins another scene."""
        self._scenes.begin(time_seconds)

    def learn(self, look: Look) -> None:
        """Take in a finished look. One that is not later than the last says nothing new and is left out."""
        time = look.time_seconds
        if not math.isfinite(time) or time <= self._newest:
            return
        self._newest = time
        faces, tracks = look.faces, look.tracks
        if faces is None or tracks is None or len(tracks) != len(faces) or not is_sound(faces):
            self._fail(time)
            return
        self._trails.follow(time, faces, tracks)
        self._looks.append(time)
        self._needed = max(0, self._needed - 1)
        doubt = self._doubts[-1]
        if not self._needed and doubt.until == math.inf:
            self._doubts[-1] = _Doubt(doubt.since, time, doubt.reason)
        self._forget(time - self._kept)

    def covers(self, time_seconds: float) -> bool:
        """Whether a look at the picture of that time, or a later one, has succeeded."""
        return bool(self._looks) and self._looks[-1] >= time_seconds

    def is_settled(self, time_seconds: float) -> bool:
        """Whether waiting for a look would change nothing: there is one, or the picture is hidden whole anyway."""
        return self.covers(time_seconds) or bool(self._doubted(time_seconds))

    @property
    def last_look_seconds(self) -> float | None:
        """Time of the newest picture that the detector has looked at."""
        return self._looks[-1] if self._looks else None

    def verdict(self, time_seconds: float) -> Verdict:
        """What to do with the picture of that time, from all that is known by now."""
        reason = self._doubted(time_seconds) or self._unwatched(time_seconds)
        if not reason and self._trails.has_lost_one(time_seconds, looked_until=self._looks[-1]):
            reason = "lost"
        return Verdict(reason, self._trails.places(time_seconds), not self.covers(time_seconds))

    def _fail(self, time: float) -> None:
        """A look gave nothing: what happened since the last good one is not known."""
        doubt = self._doubts[-1]
        if doubt.until == math.inf:
            self._needed = LOOKS_TO_START if doubt.reason == "start" else LOOKS_TO_RECOVER
            return
        since = math.nextafter(self._looks[-1], math.inf) if self._looks else time
        self._doubts.append(_Doubt(since, math.inf, "detector"))
        self._needed = LOOKS_TO_RECOVER

    def _doubted(self, time: float) -> Reason:
        return next((doubt.reason for doubt in self._doubts if doubt.since <= time < doubt.until), "")

    def _unwatched(self, time: float) -> Reason:
        """Whether the detector has not looked at this scene, or not near enough in time."""
        following = bisect_left(self._looks, time)
        if following < len(self._looks):
            seen = self._looks[following]
            if seen - time <= self._options.backfill_seconds and not self._scenes.parted(time, seen):
                return ""
        latest = self._looks[following - 1] if following else -math.inf
        begin = self._scenes.begin_of(time)
        if begin is not None and latest < begin:
            return "cut"
        return "stale" if time - latest > self._stale else ""

    def _forget(self, before: float) -> None:
        self._trails.forget(before)
        self._scenes.forget(before)
        del self._looks[: max(0, bisect_left(self._looks, before) - 1)]
        while len(self._doubts) > 1 and self._doubts[0].until < before:
            self._doubts.popleft()
