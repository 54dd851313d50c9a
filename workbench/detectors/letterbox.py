"""Fits a picture of any size into the fixed input of a network, and takes the faces found there back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Detections, Picture

GREY = 114
"""Colour of the bars, as YOLO's training has it."""


@dataclass(frozen=True)
class Letterbox:
    """How a picture was laid into a network's input: input = picture · ``scale`` + (``left_px``, ``top_px``)."""

    scale: float
    left_px: int
    top_px: int

    def back(self, faces: Detections) -> Detections:
        """Faces in pixels of the input as faces in pixels of the picture."""
        if (self.scale, self.left_px, self.top_px) == (1.0, 0, 0):
            return faces
        corner = np.array([self.left_px, self.top_px], np.float32)
        marks = None if faces.landmarks is None else faces.landmarks - corner
        moved = Detections(faces.boxes - np.tile(corner, 2), faces.scores, marks)
        return moved.scaled(1 / self.scale, 1 / self.scale)


def fit(picture: Picture, *, width_px: int, height_px: int) -> tuple[Picture, Letterbox]:
    """``picture`` in the middle of a ``width_px`` × ``height_px`` one, proportions kept; itself if it has that size."""
    height, width = picture.shape[:2]
    if (width, height) == (width_px, height_px):
        return picture, Letterbox(1.0, 0, 0)
    scale = min(width_px / width, height_px / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    if inner != (width, height):
        shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, inner, interpolation=shrink), np.uint8)
    left, top = (width_px - inner[0]) // 2, (height_px - inner[1]) // 2
    canvas = np.full((height_px, width_px, 3), GREY, np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = picture
    return canvas, Letterbox(scale, left, top)


def network_input(picture: Picture, *, scale: float = 1.0) -> NDArray[np.float32]:
    """(1, 3, H, W) float32 of an RGB picture, its 0..255 multiplied by ``scale``."""
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
    return planes if scale == 1.0 else planes * np.float32(scale)
