"""Gaussian blur, computed from a few cells per face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from workbench.data import FaceCrop, Picture
from workbench.maskers.resolution import reduced

SIGMA_CELLS = 1.0  # under 0.8 the cells show as blocks; more costs the colours of the surroundings without hiding more
SMOOTH_ENLARGEMENT = 4  # past that, straight lines between samples are as smooth as curves and far cheaper


@dataclass(frozen=True)
class GaussianMasker:
    """Blurs a face.

    The face is reduced to N x N·height/width cells (N = 8 at strength 15, see ``resolution``), blurred with a Gaussian
    of one cell (1/8 of the face's width at strength 15), and enlarged. Structure that repeats every two cells is damped
    to under 1 % of its contrast, every four cells to under 30 %.
    """

    strength: float
    name: str = field(default="gaussian", init=False)

    def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
        """Each crop blurred."""
        return [self._blurred(crop) for crop in crops]

    def _blurred(self, crop: FaceCrop) -> Picture:
        cells = reduced(crop, self.strength)
        soft = cv2.GaussianBlur(cells, (0, 0), SIGMA_CELLS, borderType=cv2.BORDER_REPLICATE)
        height, width = crop.pixels.shape[:2]
        rows, columns = (
            min(SMOOTH_ENLARGEMENT * n, size) for n, size in zip(soft.shape[:2], (height, width), strict=True)
        )
        curved = cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_CUBIC)
        return np.asarray(cv2.resize(curved, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
