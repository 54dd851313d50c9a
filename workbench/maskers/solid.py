"""One solid colour: nothing of the face is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.data import FaceCrop, Picture


@dataclass(frozen=True)
class SolidMasker:
    """Paints faces in ``rgb``, three numbers 0..255."""

    rgb: tuple[int, int, int]
    name: str = field(default="solid", init=False)

    def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
        """The colour, in each crop's shape."""
        return [self._painted(*crop.pixels.shape[:2]) for crop in crops]

    def _painted(self, height: int, width: int) -> Picture:
        row = np.full((1, width, 3), self.rgb, np.uint8)
        return np.repeat(row, height, axis=0)  # many times faster than filling every pixel with three numbers
