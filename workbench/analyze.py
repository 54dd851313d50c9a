"""Pass 1: look at the frames. The only pass that runs the detector; each frame is judged by itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.colour import crop
from workbench.data import Detections, Frame, VideoInfo
from workbench.detectors import open_finder
from workbench.detectors.finder import FaceFinder
from workbench.detectors.options import DetectorOptions
from workbench.sightings import TRACKING_FLOOR
from workbench.store import AnalysedFrame, DetectionStore
from workbench.trackers.appearance import AppearanceModel, ambiguous, crop_boxes
from workbench.trackers.options import TrackerOptions

BATCH = 4  # frames that the detector gets at once: enough to keep two cores busy, little memory
CUT_LOOK = 15.0  # change of luma that makes the detector look at once, not only at the next n-th frame
FLASH_SECONDS = 0.2  # a photographer's flash or a few black frames this long are no scene of their own
THUMBNAIL_ROWS = 64  # luma rows compared to notice a scene cut


@dataclass(frozen=True, eq=False)
class Analyzer:
    """The detector and the appearance model, opened once and used for one clip after the other."""

    finder: FaceFinder
    appearance: AppearanceModel | None
    detector: DetectorOptions
    tracker: TrackerOptions

    def frames(self, frames: Iterable[Frame], *, known: Sequence[AnalysedFrame] = ()) -> Iterator[AnalysedFrame]:
        """What is seen on every frame, in order, a few frames late (the detector works in batches).

        The detector looks at every n-th frame (``DetectorOptions.every``), at the first and the last one, and on both
        sides of a sudden change, because nothing is known of a face beyond it.

        ``known`` is what an earlier run learned of the last frames before, down to one that the detector saw. The
        same comes out as if there had been one run, if ``frames`` begin ``FLASH_SECONDS`` before the end of these.
        """
        waiting: list[tuple[Frame | None, AnalysedFrame]] = []
        recent: deque[tuple[float, NDArray[np.int16]]] = deque()
        faces = _newest(known)
        first = known[-1].index + 1 if known else 0
        last: Frame | None = None
        for frame in frames:
            changes = _changes(frame, recent)
            if frame.index < first:
                last = frame
                continue
            look = frame.index % self.detector.every == 0 or changes[-1] >= CUT_LOOK or last is None
            if changes[-1] >= CUT_LOOK and waiting:
                waiting[-1] = (last, waiting[-1][1])
            change, last = min(changes), frame  # after a flash the scene is the one before it
            waiting.append((frame if look else None, AnalysedFrame(frame.index, frame.pts, change, None)))
            if sum(each is not None for each, _ in waiting) >= BATCH:
                done = self._look(waiting, faces)
                faces = _newest(done)
                yield from done
                waiting.clear()
        if waiting:
            waiting[-1] = (last, waiting[-1][1])
            yield from self._look(waiting, faces)

    def _look(
        self, waiting: list[tuple[Frame | None, AnalysedFrame]], before: Detections | None
    ) -> list[AnalysedFrame]:
        """The waiting frames with the faces found on those that are to be looked at."""
        found = iter(self.finder.find([frame for frame, _ in waiting if frame is not None]))
        done = []
        for frame, blank in waiting:
            if frame is None:
                done.append(blank)
                continue
            faces = next(found)
            vectors = self._vectors(frame, faces, before)
            before = faces
            done.append(AnalysedFrame(blank.index, blank.pts, blank.change, faces, vectors))
        return done

    def _vectors(self, frame: Frame, faces: Detections, before: Detections | None) -> NDArray[np.float32] | None:
        """Appearance vectors (N, D) of ``faces``, NaN where none is needed; None where none is needed at all."""
        if self.appearance is None or not len(faces):
            return None
        wanted = faces.scores >= TRACKING_FLOOR
        if self.tracker.appearance == "ambiguous":
            wanted &= ambiguous(before, faces, confidence_floor=TRACKING_FLOOR)
        if not wanted.any():
            return None
        places = crop_boxes(faces.boxes[wanted], frame.width_px, frame.height_px).tolist()
        computed = self.appearance.embed([crop(frame, *place) for place in places])
        vectors = np.full((len(faces), computed.shape[1]), np.nan, np.float32)
        vectors[wanted] = computed
        return vectors


def open_analyzer(detector: DetectorOptions, tracker: TrackerOptions, info: VideoInfo) -> Analyzer:
    """The models for a clip of this size. Raises ModelError where weights are missing or an engine does not work."""
    finder = open_finder(detector, width_px=info.width_px, height_px=info.height_px)
    appearance = None if tracker.appearance == "never" else AppearanceModel()
    return Analyzer(finder, appearance, detector, tracker)


def collect(analyzer: Analyzer, frames: Iterable[Frame], info: VideoInfo, facts: dict[str, Any]) -> DetectionStore:
    """The detection store of a whole clip."""
    return DetectionStore(info.width_px, info.height_px, info.time_base, facts, tuple(analyzer.frames(frames)))


def _newest(frames: Sequence[AnalysedFrame]) -> Detections | None:
    """The faces on the last frame that the detector saw."""
    return next((frame.detections for frame in reversed(frames) if frame.detections is not None), None)


def _changes(frame: Frame, recent: deque[tuple[float, NDArray[np.int16]]]) -> list[float]:
    """Mean luma change (0..255) against each picture of the last ``FLASH_SECONDS``, the one before last; joins them."""
    thumbnail, time = _thumbnail(frame), frame.time_seconds
    changes = [float(np.abs(thumbnail - before).mean()) for _, before in recent]
    recent.append((time, thumbnail))
    while recent[0][0] < time - FLASH_SECONDS and len(recent) > 1:
        recent.popleft()
    return changes or [0.0]


def _thumbnail(frame: Frame) -> NDArray[np.int16]:
    """A coarse grid of the frame's luma, 0..255."""
    luma = frame.planes[0]
    step = max(1, min(luma.shape) // THUMBNAIL_ROWS)
    return np.asarray(luma[::step, ::step] >> (frame.colour.bit_depth - 8), np.int16)
