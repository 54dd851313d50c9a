"""Mosaic: squares of one colour each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from workbench.data import FaceCrop, Picture
from workbench.maskers.resolution import reduced


@dataclass(frozen=True)
class MosaicMasker:
    """Reduces a face to squares, N across its width (8 at strength 15, see ``resolution``), each of its mean colour."""

    strength: float
    name: str = field(default="mosaic", init=False)

    def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
        """Each crop as squares."""
        return [self._squares(crop) for crop in crops]

    def _squares(self, crop: FaceCrop) -> Picture:
        height, width = crop.pixels.shape[:2]
        squares = cv2.resize(reduced(crop, self.strength), (width, height), interpolation=cv2.INTER_NEAREST)
        return np.asarray(squares, np.uint8)
