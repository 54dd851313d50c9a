"""Pictures that a browser pushes: the visitor's own webcam."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.data import VideoInfo
from workbench.errors import SourceError
from workbench.live.cameras import arriving, picture_info
from workbench.live.frames import LiveFrame
from workbench.live.options import LiveOptions

MAX_BYTES = 4 << 20
"""A 1080p webcam picture as JPEG has about 0.3 MB; at the best quality not ten times that."""

MAX_PIXELS = 1920 * 1200
"""Looked up in the picture's head before it is decoded: a small file may promise a huge picture."""

LEAST_SIDE_PX = 16
FIRST_PICTURE_SECONDS = 5


class PushedSource:
    """A source that is fed from outside, in any thread. Of pictures that come too fast to be taken the newest wins.

    ``close`` ends it for good: the browser has gone.
    """

    def __init__(self, label: str, options: LiveOptions | None = None) -> None:
        self.label = label
        self.finite = False
        self.on_sound: Callable[[Any], None] | None = None
        self.notes: list[str] = []
        self.pushed = self.dropped = 0
        self._options = options or LiveOptions()
        self._changed = threading.Condition()
        self._newest: NDArray[np.uint8] | None = None
        self._size: tuple[int, int] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"PushedSource({self.label})"

    @property
    def info(self) -> VideoInfo:
        if self._size is None:
            raise SourceError(f"{self.label} has sent no picture yet")
        rate = Fraction(self._options.fps).limit_denominator(1001)
        return picture_info("pushed", *self._size, rate=rate)

    def push(self, data: bytes) -> None:
        """Take a JPEG or WebP picture. Raises SourceError for anything else, and for one that is too large."""
        pixels = _decoded(data)
        with self._changed:
            if self._closed:
                raise SourceError(f"{self.label} was closed")
            self.pushed += 1
            self.dropped += self._newest is not None
            self._newest = pixels
            self._changed.notify_all()

    def open(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._closed, FIRST_PICTURE_SECONDS)
            if self._closed:
                raise SourceError(f"{self.label} was closed")
            if self._newest is None:
                raise SourceError(f"{self.label} sends no picture: allow the page to use the camera")
            height, width = (side // 2 * 2 for side in self._newest.shape[:2])
            self._size = width, height

    def frames(self) -> Iterator[LiveFrame]:
        while (pixels := self._next()) is not None:
            yield arriving(pixels)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> NDArray[np.uint8] | None:
        stall, begin = self._options.stall_seconds, time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._closed, stall)
            pixels, self._newest = self._newest, None
            if self._closed:
                return None
        if pixels is None:
            raise SourceError(f"{self.label} has sent no picture for {time.monotonic() - begin:.0f} s")
        return pixels


def _decoded(data: bytes) -> NDArray[np.uint8]:
    if len(data) > MAX_BYTES:
        raise SourceError(f"the pushed picture has {len(data)} bytes: at most {MAX_BYTES} are taken")
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "WEBP")) as head:
            width, height = head.size
    # ImportError: ultralytics, once imported, has Pillow ask for a plugin before it gives a picture up
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        raise SourceError("the pushed picture is no JPEG and no WebP, or is damaged") from error
    if width * height > MAX_PIXELS or min(width, height) < LEAST_SIDE_PX:
        raise SourceError(f"the pushed picture measures {width}x{height}: at most {MAX_PIXELS} pixels are taken")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise SourceError("the pushed picture is damaged") from error
    if pixels is None:
        raise SourceError("the pushed picture is damaged")
    return np.asarray(pixels, np.uint8)
