"""How much of a face a strength leaves: the one rule that the masks share.

A face is first reduced to ``120 / strength`` cells across its width: 12 at strength 10, 8 at 15, 6 at 20, 4 at 30. What
was finer than a cell is gone before anything else happens, and no later step can bring it back. The cells are counted
across the face, not in pixels, so a close-up keeps as little as a thumbnail.

Cells keep the colours and the rough light of a head. Somebody who knows who may be in the picture can still compare
them; where that matters, use the solid mask, which keeps nothing.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from workbench.data import FaceCrop, Picture

CELLS_TIMES_STRENGTH = 120.0
PX_PER_CELL = 4  # so that the borders between cells can be placed
SMALLEST_CELL_PX = 3.0  # a face of a few pixels must change as well
HEIGHT_OF_A_FACE = 1.3  # in widths; a face in profile has a narrower box but no coarser features


def cells_across_face(strength: float) -> float:
    """Cells across the width of a face, at most (fewer where a cell would measure under SMALLEST_CELL_PX)."""
    return CELLS_TIMES_STRENGTH / strength


def finest_face_width_px(strength: float) -> int:
    """Pixels across a face that ``reduced`` has a use for."""
    return math.ceil(PX_PER_CELL * cells_across_face(strength))


def reduced(crop: FaceCrop, strength: float) -> Picture:
    """The crop's pixels averaged into cells, one pixel per cell."""
    face_width_px = max(crop.face_width_px, (crop.box[3] - crop.box[1]) / HEIGHT_OF_A_FACE)
    cell_px = max(face_width_px / cells_across_face(strength), SMALLEST_CELL_PX)
    height, width = crop.pixels.shape[:2]
    size = max(1, round(width / cell_px)), max(1, round(height / cell_px))
    return np.asarray(cv2.resize(crop.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
