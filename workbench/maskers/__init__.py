"""What hides a face: one file each. ``open_masker`` is the door; it imports only the mask that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.maskers.options import MaskOptions

if TYPE_CHECKING:
    from workbench.stages import Masker

__all__ = ["MaskOptions", "open_masker"]


def open_masker(options: MaskOptions) -> Masker:
    """The masker that ``options.kind`` names."""
    match options.kind:
        case "gaussian":
            from workbench.maskers.gaussian import GaussianMasker

            return GaussianMasker(options.strength)
        case "mosaic":
            from workbench.maskers.mosaic import MosaicMasker

            return MosaicMasker(options.strength)
        case "solid":
            from workbench.maskers.solid import SolidMasker

            return SolidMasker(options.rgb)
