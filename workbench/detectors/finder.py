"""From frames to faces in frame pixels: makes the detector's picture, looks at it whole and in tiles, scales back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench import boxes as geometry
from workbench import colour
from workbench.data import Detections, Frame, Picture
from workbench.detectors.options import DetectorOptions
from workbench.detectors.tiles import merge, tiles_of
from workbench.stages import Detector

GRID = 32  # the networks halve their picture five times; rounded up, since rounding down lost faces of 28 px at 1080p
SIZE_UP_TO_1080P = 640
SIZE_ABOVE = 960
LONG_SIDE_1080P = 1920
SMALLEST = 320  # small videos are enlarged up to here, where the networks' smallest faces are (about 8 px) …
LARGEST_FACTOR = 2  # … but not more than this: enlarging adds no detail
MIN_SIDE_PX = 8  # a frame this thin holds no face that anybody could recognise


def picture_size(options: DetectorOptions, *, width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height of the detector's picture for such frames: their proportions, rounded up to multiples of 32."""
    long_side = max(width_px, height_px)
    wanted = options.image_size
    if wanted == "auto":
        wanted = SIZE_UP_TO_1080P if long_side <= LONG_SIDE_1080P else SIZE_ABOVE
    useful = max(long_side, min(SMALLEST, LARGEST_FACTOR * long_side))
    scale = min(wanted, useful) / long_side
    return _on_grid(width_px * scale), _on_grid(height_px * scale)


class FaceFinder:
    """Finds the faces of frames of one size. Keeps nothing between calls."""

    def __init__(self, detector: Detector, options: DetectorOptions, *, width_px: int, height_px: int) -> None:
        self._detector = detector
        self._options = options
        self._size = picture_size(options, width_px=width_px, height_px=height_px)
        self._tiles = tiles_of(self._size, options.tiles, frame_size=(width_px, height_px))

    @property
    def detector(self) -> Detector:
        return self._detector

    @property
    def picture_size_px(self) -> tuple[int, int]:
        """Width and height of the picture that the detector sees."""
        return self._size

    def find(self, frames: Sequence[Frame]) -> list[Detections]:
        """Every candidate face of each frame in frame pixels, best first: also those below ``options.confidence``."""
        looked_at = [index for index, frame in enumerate(frames) if min(frame.width_px, frame.height_px) >= MIN_SIDE_PX]
        pictures = [picture for index in looked_at for picture in self._pictures(frames[index])]
        found = self._detector.detect(pictures) if pictures else []
        results = [Detections.empty() for _ in frames]
        each = 1 + len(self._tiles)
        for turn, index in enumerate(looked_at):
            results[index] = self._in_frame(frames[index], found[turn * each : (turn + 1) * each])
        return results

    def _pictures(self, frame: Frame) -> list[Picture]:
        """The whole frame, then its tiles, each of the detector's size."""
        whole = colour.picture(frame, *self._size)
        if not self._tiles:
            return [whole]
        large = colour.picture(frame, *self._tiles[0].whole_size)
        return [whole, *(np.ascontiguousarray(tile.cut(large)) for tile in self._tiles)]

    def _in_frame(self, frame: Frame, found: Sequence[Detections]) -> Detections:
        """One frame's faces out of what was found in its pictures, each in that picture's pixels."""
        width, height = self._size
        whole = found[0].scaled(frame.width_px / width, frame.height_px / height)
        if not self._tiles:
            return whole
        size = (frame.width_px, frame.height_px)
        faces = merge(whole, list(zip(self._tiles, found[1:], strict=True)), size, sure=self._options.confidence)
        return faces[geometry.nms(faces.boxes, faces.scores, self._options.iou)]


def _on_grid(length: float) -> int:
    return max(GRID, -(-round(length) // GRID) * GRID)
