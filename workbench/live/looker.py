"""One detector for all streams whose pictures look alike to it: opens it at several sizes and picks the one to use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from workbench.data import Detections, Frame
from workbench.detectors.finder import FaceFinder, picture_size
from workbench.detectors.options import DetectorOptions
from workbench.errors import EngineError, ModelError
from workbench.live.certainty import is_sound
from workbench.live.pace import Pace, sizes_of
from workbench.stages import Detector

OpenDetector = Callable[..., Detector]
"""``detectors.open_detector``, or what fits in its place."""

RETRY_SECONDS = 1.0  # between tries to open a detector that could not be
FAILURES_TO_REOPEN = 3  # looks in a row that failed: the session itself may be broken
SMALLEST_FACE_PX = 14  # in the detector's picture: the networks find faces from 8 to 10 px on


class Looker:
    """Finds faces at the size that the machine can keep up with. ``find`` is for one thread; it never blocks on the
    opening of a smaller size, which happens in a thread of its own.
    """

    def __init__(self, options: DetectorOptions, opened_by: OpenDetector, *, width_px: int, height_px: int) -> None:
        self._opened_by = opened_by
        self._frame_size = (width_px, height_px)
        self.long_side_px = max(picture_size(options, width_px=width_px, height_px=height_px))
        self._sizes = sizes_of(options, self.long_side_px)
        self._finders: list[FaceFinder | None] = [None for _ in self._sizes]
        self._failures = 0
        self._retry_at, self._problem = 0.0, ""  # why it could not be opened, and until when not to try again
        self._opening: threading.Thread | None = None
        self._unusable: set[int] = set()
        self.pace = Pace([self._cost(step) for step in self._sizes])

    def size_px(self, level: int) -> int:
        """Long side of the detector's picture at that level."""
        return max(self._picture_size(self._sizes[level]))

    def level_for(self, faces_share: float) -> int:
        """The level to look at now, where the smallest known face is that share of the picture's long side.

        Where its detector is not open yet, it is being opened meanwhile and the nearest one that is open serves.
        """
        if self._finders[0] is None:
            return 0
        smallest = max(
            (each for each in range(len(self._sizes)) if faces_share * self.size_px(each) >= SMALLEST_FACE_PX),
            default=0,
        )
        for level in (self.pace.wanted, self.pace.level):
            self._open_aside(min(level, smallest))
        wanted = min(self.pace.level, smallest)
        opened = [level for level in range(smallest + 1) if self._finders[level] is not None]
        return min(opened, key=lambda level: (abs(level - wanted), -level))

    def full_level(self, level: int, *, goal_seconds: float) -> int | None:
        """A level of larger pictures than this one that is worth a look now and then, if one is open and quick."""
        quick = (
            each for each in range(level) if self._finders[each] and self.pace.is_quick(each, goal_seconds=goal_seconds)
        )
        return next(quick, None)

    def find(self, frames: Sequence[Frame], level: int) -> list[Detections]:
        """Faces of each frame. Raises whatever the detector raises, ModelError where it cannot be opened.

        Raises ModelError as well where the answer is none: another number of results, values that are not finite.
        """
        finder = self._finders[level] or self._open(level)
        began = time.monotonic()
        try:
            found = finder.find(frames)
            _check(found, len(frames), finder.detector.name)
        except Exception:  # whatever it is: counted here, told by the caller
            self._failures += 1
            if self._failures >= FAILURES_TO_REOPEN:
                self._finders = [None for _ in self._sizes]
                self._failures = 0
            raise
        self._failures = 0
        self.pace.took(level, (time.monotonic() - began) / len(frames))
        return found

    def close(self) -> None:
        """Wait for a size that is being opened."""
        if self._opening is not None:
            self._opening.join()

    def _open(self, level: int) -> FaceFinder:
        if time.monotonic() < self._retry_at:
            raise EngineError(self._problem)
        width, height = self._frame_size
        options = self._sizes[level]
        try:
            detector = self._opened_by(options, width_px=width, height_px=height)
        except Exception as error:
            self._retry_at, self._problem = time.monotonic() + RETRY_SECONDS, str(error)
            raise
        finder = FaceFinder(detector, options, width_px=width, height_px=height)
        self._finders[level] = finder
        return finder

    def _open_aside(self, level: int) -> None:
        is_busy = self._opening is not None and self._opening.is_alive()
        if is_busy or self._finders[level] is not None or level in self._unusable:
            return
        self._opening = threading.Thread(target=self._try_open, args=(level,), name="live-detector", daemon=True)
        self._opening.start()

    def _try_open(self, level: int) -> None:
        try:
            self._open(level)
        except Exception:  # a model may have one size only: then that one is used
            self._unusable.add(level)

    def _picture_size(self, step: DetectorOptions) -> tuple[int, int]:
        width, height = self._frame_size
        return picture_size(step, width_px=width, height_px=height)

    def _cost(self, step: DetectorOptions) -> float:
        """Pixels looked at."""
        width, height = self._picture_size(step)
        looks = 1 + (step.tiles**2 if step.tiles > 1 else 0)
        return float(width * height * looks)


def _check(found: Sequence[Detections], frames: int, name: str) -> None:
    if len(found) != frames or not all(is_sound(each) for each in found):
        raise ModelError(f"the detector {name} gave no sound answer; choose another one")
