"""Sightings: which detection belongs to which track, and when. The bridge from pass 1 to pass 2."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import Detections
from workbench.head_pose import head_poses
from workbench.stages import Tracker
from workbench.store import AnalysedFrame, DetectionStore
from workbench.trackers import open_tracker
from workbench.trackers.options import TrackerOptions

Floats = NDArray[np.floating]

TRACKING_FLOOR = 0.25  # lower candidates are not tracked; constant, so that track ids do not depend on the threshold


@dataclass(frozen=True, eq=False)
class Sightings:
    """Detections with their track ids: ``frame`` (N,), ``track`` (N,), ``boxes`` (N, 4) px, ``scores`` (N,).

    ``poses`` (N, 3) of the heads, NaN where the detector has no landmarks.
    """

    frame: NDArray[np.int64]
    track: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    poses: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Clock:
    """A stretch of frames: number of the ``first``; ``times`` (F,) s, luma ``change`` (F,), ``looked`` (F,) of all.

    ``looked`` is True for the frames that the detector saw.
    """

    first: int
    times: Floats
    change: NDArray[np.float32]
    looked: NDArray[np.bool_]

    @property
    def last(self) -> int:
        return self.first + len(self.times) - 1

    def at(self, frames: NDArray[np.int64]) -> Floats:
        return np.asarray(self.times[frames - self.first])

    def cuts(self, threshold: float) -> NDArray[np.int64]:
        """Numbers of the frames that begin a new scene."""
        return np.flatnonzero(self.change >= threshold) + self.first


class Tracking:
    """Gives the analysed frames, fed in order, their track ids. Every detection above the floor gets one."""

    def __init__(self, options: TrackerOptions, *, steps_per_second: float, height_px: int) -> None:
        self._tracker: Tracker = open_tracker(options, steps_per_second=steps_per_second, height_px=height_px)

    def sightings(self, frame: AnalysedFrame, time_seconds: float) -> Sightings:
        """The frame's detections with their ids."""
        if frame.detections is None:
            return no_sightings()
        tracked = frame.detections.scores >= TRACKING_FLOOR
        faces = frame.detections[tracked]
        vectors = None if frame.embeddings is None else frame.embeddings[tracked]
        ids = self._tracker.update(faces, vectors, time_seconds=time_seconds)
        numbers = np.full(len(faces), frame.index, np.int64)
        return Sightings(numbers, ids, faces.boxes, faces.scores, poses_of(faces))


def track(store: DetectionStore, options: TrackerOptions) -> tuple[Sightings, Clock]:
    """Track a whole clip. The ids depend on no threshold, so thresholds can be decided again without this."""
    tracking = Tracking(options, steps_per_second=steps_per_second(store.facts), height_px=store.height_px)
    times = [float(frame.pts * store.time_base) for frame in store.frames]
    parts = [tracking.sightings(frame, time) for frame, time in zip(store.frames, times, strict=True)]
    return join_sightings(parts), clock_of(store.frames, times)


def steps_per_second(facts: dict[str, Any]) -> float:
    """Analysed frames a second: what the tracker's options are scaled to."""
    return float(facts["average_fps"]) / int(facts["options"]["every"])


def clock_of(frames: Iterable[AnalysedFrame], times: Iterable[float]) -> Clock:
    """The clock of consecutive analysed frames, shown at ``times`` seconds."""
    listed = list(frames)
    return Clock(
        listed[0].index if listed else 0,
        np.fromiter(times, np.float64),
        np.array([frame.change for frame in listed], np.float32),
        np.array([frame.detections is not None for frame in listed], bool),
    )


def no_sightings() -> Sightings:
    numbers, boxes = np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
    return Sightings(numbers, numbers, boxes, np.zeros(0, np.float32), np.zeros((0, 3), np.float32))


def poses_of(faces: Detections) -> NDArray[np.float32]:
    """Poses (N, 3) of detected heads; NaN without landmarks."""
    if faces.landmarks is None:
        return np.full((len(faces), 3), np.nan, np.float32)
    return head_poses(faces.landmarks)


def join_sightings(parts: Iterable[Sightings]) -> Sightings:
    """All sightings as one, in the order given."""
    listed = [no_sightings(), *parts]
    return Sightings(
        np.concatenate([part.frame for part in listed]),
        np.concatenate([part.track for part in listed]),
        np.concatenate([part.boxes for part in listed]),
        np.concatenate([part.scores for part in listed]),
        np.concatenate([part.poses for part in listed]),
    )
