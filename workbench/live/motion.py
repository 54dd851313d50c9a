"""What changed between two pictures: scene cuts, and places where something new may have come into sight. Pure."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Frame

Thumbnail = NDArray[np.int16]
"""(h, w) means of the luma's cells, 0..255."""

CELL_PX = 8  # a face worth the name covers several of them
LEAST_CELLS = 24  # across a small picture: its cells are smaller
CHANGE = 12  # levels of a cell's mean: above camera noise, below what a head makes that turns or comes in
REACH_CELLS = 2  # a face goes on beyond the cells in which it shows: cheeks are as even as walls
MOST_AREAS, MOST_OF_PICTURE = 24, 0.6  # beyond that it is the whole picture that changed


def thumbnail(frame: Frame) -> Thumbnail:
    """The frame in cells, by which pictures are compared."""
    luma = frame.planes[0]
    cell = max(1, min(CELL_PX, min(luma.shape) // LEAST_CELLS))
    size = (max(1, luma.shape[1] // cell), max(1, luma.shape[0] // cell))
    return np.asarray(cv2.resize(np.ascontiguousarray(luma), size, interpolation=cv2.INTER_AREA), np.int16)


def change(before: Thumbnail, now: Thumbnail) -> float:
    """Mean change of brightness, 0..255; the largest there is between pictures of different size."""
    return float(np.abs(now - before).mean()) if before.shape == now.shape else 255.0


def changed_areas(
    before: Thumbnail, now: Thumbnail, hidden: NDArray[np.floating], *, width_px: int, height_px: int
) -> NDArray[np.float64] | None:
    """Boxes (N, 4) px round what differs between two pictures of that size outside of ``hidden`` (M, 4), with a margin.

    None when that is too much to be hidden piece by piece.
    """
    if before.shape != now.shape:
        return None
    scale = np.tile([now.shape[1] / width_px, now.shape[0] / height_px], 2)
    differs = (np.abs(now - before) >= CHANGE).astype(np.uint8)
    for x0, y0, x1, y1 in np.clip(np.rint(hidden * scale), 0, None).astype(int).tolist():
        differs[y0:y1, x0:x1] = 0
    if not differs.any():
        return np.zeros((0, 4))
    kernel = np.ones((2 * REACH_CELLS + 1, 2 * REACH_CELLS + 1), np.uint8)
    count, _, areas, _ = cv2.connectedComponentsWithStats(cv2.dilate(differs, kernel))
    boxes = areas[1:, :4].astype(np.float64)
    if count - 1 > MOST_AREAS or (boxes[:, 2] * boxes[:, 3]).sum() > MOST_OF_PICTURE * now.size:
        return None
    boxes[:, 2:] += boxes[:, :2]
    return np.asarray(boxes / scale, np.float64)
