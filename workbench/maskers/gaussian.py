"""Gaussian blur, computed from a few cells per face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from workbench.data import FaceCrop, Picture
from workbench.maskers.resolution import finest_face_width_px, reduced

SIGMA_CELLS = 0.87  # with the enlargement's own softness one cell in all; under 0.8 of it the cells show as blocks
PX_PER_CELL = 3  # past that, straight lines between samples are as smooth as curves and far cheaper


@dataclass(frozen=True)
class GaussianMasker:
    """Blurs a face.

    The face is reduced to N x N·height/width cells (N = 8 at strength 15, see ``resolution``), blurred with a Gaussian
    of one cell (1/8 of the face's width at strength 15), and enlarged. Structure that repeats every two cells is damped
    to under 1 % of its contrast, every four cells to under 30 %.
    """

    strength: float
    name: str = field(default="gaussian", init=False)

    @property
    def face_width_px(self) -> int:
        return finest_face_width_px(self.strength)

    def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
        """Each crop blurred, some pixels a cell."""
        return [self._blurred(crop) for crop in crops]

    def _blurred(self, crop: FaceCrop) -> Picture:
        cells = reduced(crop, self.strength)
        soft = cv2.GaussianBlur(cells, (0, 0), SIGMA_CELLS, borderType=cv2.BORDER_REPLICATE)
        larger = cv2.resize(soft, None, fx=PX_PER_CELL, fy=PX_PER_CELL, interpolation=cv2.INTER_LINEAR)
        # Lines between cells, averaged over one cell, join to a quadratic B-spline: no edge, no overshoot.
        return np.asarray(cv2.blur(larger, (PX_PER_CELL, PX_PER_CELL), borderType=cv2.BORDER_REPLICATE), np.uint8)
