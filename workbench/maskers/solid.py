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
    face_width_px: int = field(default=0, init=False)  # it never sees a face
    sharp: bool = field(default=True, init=False)

    def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
        """One pixel of the colour for each crop."""
        return [np.full((1, 1, 3), self.rgb, np.uint8) for _ in crops]
