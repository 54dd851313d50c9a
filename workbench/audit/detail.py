"""How much of a face is left in a masked picture, whatever masked it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Frame

SIDE_PX = 48
"""A face is compared at this size: small enough that the noise of a recording is averaged away."""

FINEST = SIDE_PX / 16
"""Sigma in px of the blur whose difference from the picture is its detail: eyes, brows, lips; not light and shade."""

LEAST_CONTRAST = 1.5
"""Detail (root mean square, of 255) below which a face is too flat to be compared."""

_AXIS = (np.arange(SIDE_PX) + 0.5) / (SIDE_PX / 2) - 1
_ELLIPSE = np.add.outer(_AXIS**2, _AXIS**2) <= 1


def kept_detail(
    source: Frame, output: Frame, source_box: NDArray[np.float64], output_box: NDArray[np.float64]
) -> float | None:
    """How much of a face's detail in ``source`` is still in ``output``: 1 all of it, 0 nothing; None: it has none.

    The boxes (4,) are x0, y0, x1, y1 px of each frame. The slope of the least-squares line through the details of both
    (luma minus its blur, in the ellipse of the box): what the output adds of its own, as blocks do, does not count.
    """
    theirs, ours = _detail(source, source_box), _detail(output, output_box)
    if theirs is None or ours is None:
        return None
    energy = float(np.vdot(theirs, theirs))
    if energy < LEAST_CONTRAST**2 * np.count_nonzero(_ELLIPSE):
        return None
    return float(np.vdot(theirs, ours)) / energy


def _detail(frame: Frame, box: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """(SIDE_PX, SIDE_PX) the detail inside the box's ellipse; None where nothing of the box is in the picture."""
    x0, y0 = np.maximum(np.floor(box[:2]), 0).astype(int)
    x1, y1 = np.maximum(np.ceil(box[2:]), 0).astype(int)
    luma = frame.planes[0][y0:y1, x0:x1]
    if min(luma.shape) == 0:
        return None
    how = cv2.INTER_AREA if min(luma.shape) > SIDE_PX else cv2.INTER_LINEAR
    small = cv2.resize(luma.astype(np.float32), (SIDE_PX, SIDE_PX), interpolation=how)
    detail = (small - cv2.GaussianBlur(small, (0, 0), FINEST)) * _ELLIPSE
    return np.asarray(detail / 2.0 ** (frame.colour.bit_depth - 8), np.float32)
