"""Cameras at this machine."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Colour, VideoInfo
from workbench.errors import SourceError
from workbench.live.frames import LiveFrame
from workbench.live.options import LiveOptions
from workbench.live.pictures import from_bgr, live_frame

TICK = Fraction(1, 1_000_000)
"""Cameras have no clock of their own that all systems tell: the time of arrival is taken, in microseconds."""

RATE_TOLERANCE = 0.1  # cameras give 29.97 for 30


class Capture(Protocol):
    """What is used of OpenCV's ``VideoCapture``."""

    def isOpened(self) -> bool: ...  # noqa: N802

    def read(self) -> tuple[bool, Any]: ...

    def get(self, prop: int, /) -> float: ...

    def set(self, prop: int, value: float, /) -> bool: ...

    def release(self) -> None: ...


class Camera:
    """A camera by its number, asked for the size and the rate in ``options``. ``notes`` says what it refused.

    By OpenCV: the FFmpeg inside PyAV is built without camera input. ``opener`` is there for another way to get at one.
    """

    finite = False

    def __init__(
        self, number: int, options: LiveOptions | None = None, *, opener: Callable[[int], Capture] | None = None
    ) -> None:
        self.label = f"camera {number}"
        self.on_sound: Callable[[Any], None] | None = None
        self.notes: list[str] = []
        self._number, self._options = number, options or LiveOptions()
        self._opener = opener or _opened
        self._stopped = threading.Event()
        self._capture: Capture | None = None
        self._info: VideoInfo | None = None

    def __repr__(self) -> str:
        return f"Camera({self._number})"

    @property
    def info(self) -> VideoInfo:
        if self._info is None:
            raise SourceError(f"{self.label} is not open")
        return self._info

    def open(self) -> None:
        if self._stopped.is_set():
            raise SourceError(f"{self.label} was closed")
        capture = self._opener(self._number)
        try:
            pixels = self._first(capture)
        except BaseException:
            capture.release()
            raise
        height, width = (side // 2 * 2 for side in pixels.shape[:2])
        fps = capture.get(cv2.CAP_PROP_FPS)
        self._note(width, height, fps)
        rate = Fraction(fps if fps > 0 else self._options.fps).limit_denominator(1001)
        self._info = picture_info("camera", width, height, rate=rate)
        self._capture = capture

    def frames(self) -> Iterator[LiveFrame]:
        capture, self._capture = self._capture, None
        if capture is None:
            raise SourceError(f"{self.label} is not open")
        try:
            while not self._stopped.is_set():
                good, pixels = capture.read()
                if not good or pixels is None:
                    raise SourceError(f"{self.label} gives no more pictures: was it unplugged?")
                yield arriving(pixels)
        finally:
            capture.release()

    def close(self) -> None:
        self._stopped.set()

    def _first(self, capture: Capture) -> NDArray[np.uint8]:
        if not capture.isOpened():
            raise SourceError(f"{self.label} cannot be opened: is it plugged in, and not used by another program?")
        self._ask(capture)
        good, pixels = capture.read()
        if not good or pixels is None:
            raise SourceError(f"{self.label} gives no picture: is another program using it?")
        return np.asarray(pixels, np.uint8)

    def _ask(self, capture: Capture) -> None:
        """MJPEG first: uncompressed, USB 2 has room for little more than 640x480 at 30 frames a second."""
        wanted = self._options
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height_px)
        capture.set(cv2.CAP_PROP_FPS, wanted.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def _note(self, width: int, height: int, fps: float) -> None:
        wanted, self.notes = self._options, []
        if (width, height) != (wanted.width_px, wanted.height_px):
            asked = f"{wanted.width_px}x{wanted.height_px}"
            self.notes.append(f"{self.label} refused {asked} and gives {width}x{height}")
        if fps > 0 and abs(fps - wanted.fps) > RATE_TOLERANCE * wanted.fps:
            self.notes.append(f"{self.label} refused {wanted.fps:g} frames a second and gives {fps:g}")


def arriving(pixels: NDArray[np.uint8]) -> LiveFrame:
    """OpenCV's picture (H, W, 3) as a frame whose time is now."""
    picture = from_bgr(pixels)
    picture.time_base = TICK
    return live_frame(picture, pts=round(time.monotonic() / TICK))


def picture_info(kind: str, width: int, height: int, *, rate: Fraction) -> VideoInfo:
    """Facts about single pictures that come with no container."""
    return VideoInfo(
        path=None,
        container=kind,
        codec="rawvideo",
        pixel_format="yuv420p",
        width_px=width,
        height_px=height,
        rotation_degrees=0,
        sample_aspect_ratio=Fraction(1),
        average_fps=rate,
        time_base=TICK,
        frames_in_header=None,
        duration_seconds_in_header=None,
        start_seconds=0.0,
        colour=Colour("bt601"),
        hdr=False,
        interlaced=False,
        size_bytes=None,
    )


def _opened(number: int) -> Capture:
    if sys.platform.startswith("linux"):
        device = Path(f"/dev/video{number}")
        if not device.exists():  # asked first: OpenCV complains on the terminal
            there = ", ".join(sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video[0-9]*")))
            raise SourceError(
                f"there is no camera {number} here: {f'there is {there}' if there else 'none is plugged in'}"
            )
        return cv2.VideoCapture(str(device), cv2.CAP_V4L2)
    return cv2.VideoCapture(number)
