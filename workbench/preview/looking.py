"""The detector of an opened clip, shared by pass 1 and by looks at single frames."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from workbench.data import Detections, Frame, Picture, VideoInfo
from workbench.detectors import open_detector
from workbench.detectors.finder import FaceFinder
from workbench.detectors.options import DetectorOptions
from workbench.errors import Cancelled
from workbench.stages import Detector

PICTURES_AT_ONCE = 4  # enough to keep two cores busy, soon enough free for a look at the frame on the screen
LOOKS_KEPT = 512  # numbers only


class SharedDetector:
    """A detector that several threads may use, by turns. Fits ``stages.Detector``.

    Raises Cancelled once ``stopped`` is set.
    """

    def __init__(self, detector: Detector, stopped: threading.Event) -> None:
        self._detector = detector
        self._stopped = stopped
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._detector.name

    @property
    def engine(self) -> str:
        return self._detector.engine

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        found: list[Detections] = []
        for start in range(0, len(pictures), PICTURES_AT_ONCE):
            if self._stopped.is_set():
                raise Cancelled("the clip was closed")
            with self._lock:
                found += self._detector.detect(pictures[start : start + PICTURES_AT_ONCE])
        return found


class Looker:
    """Looks at single frames, with the models opened at the first look. Thread-safe.

    Raises ModelError where the detector cannot be opened.
    """

    def __init__(self, options: DetectorOptions, info: VideoInfo, stopped: threading.Event) -> None:
        self._options = options
        self._info = info
        self._stopped = stopped
        self._finder: FaceFinder | None = None
        self._found: OrderedDict[int, Detections] = OrderedDict()
        self._lock = threading.Lock()

    def finder(self) -> FaceFinder:
        """What finds the faces, opened once."""
        with self._lock:
            if self._finder is None:
                size = {"width_px": self._info.width_px, "height_px": self._info.height_px}
                detector = SharedDetector(open_detector(self._options, **size), self._stopped)
                self._finder = FaceFinder(detector, self._options, **size)
            return self._finder

    def on(self, frame: Frame) -> Detections:
        """Every candidate face of the frame, down to the detector's lowest score."""
        known = self._found.get(frame.index)
        if known is not None:
            return known
        found = self.finder().find([frame])[0]
        with self._lock:
            self._found[frame.index] = found
            while len(self._found) > LOOKS_KEPT:
                self._found.popitem(last=False)
        return found
