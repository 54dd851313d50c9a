"""The newest masked frame as a small picture, for whoever watches a job."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import cv2

from workbench.colour import picture
from workbench.data import Frame
from workbench.video.part_file import write_private

WIDTH_PX = 480
EVERY_SECONDS = 1.0
JPEG_QUALITY = 80

log = logging.getLogger(__name__)


class LiveView:
    """Writes a frame to ``path`` about every second, all or nothing, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._due = 0.0

    def show(self, frame: Frame) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY_SECONDS
        width = min(WIDTH_PX, frame.width_px)
        height = max(1, round(frame.height_px * width / frame.width_px))
        small = picture(frame, width, height)
        _, jpeg = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        try:
            write_private(self._path, jpeg.tobytes())
        except OSError as error:  # not worth ending hours of work for
            log.warning("the live picture cannot be written (%s)", error.strerror)
