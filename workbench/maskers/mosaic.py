"""Mosaic: squares of one colour each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.data import FaceCrop, Picture
from workbench.maskers.resolution import finest_face_width_px, reduced


@dataclass(frozen=True)
class MosaicMasker:
    """Reduces a face to squares, N across its width (8 at strength 15, see ``resolution``), each of its mean colour."""

    strength: float
    name: str = field(default="mosaic", init=False)
    sharp: bool = field(default=True, init=False)

    @property
    def face_width_px(self) -> int:
        return finest_face_width_px(self.strength)

    def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
        """Each crop as squares, one pixel a square."""
        return [reduced(crop, self.strength) for crop in crops]
