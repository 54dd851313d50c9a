"""What hides a face: one file each. ``open_masker`` is the door; it imports only the mask that is asked for."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from workbench.maskers.options import MaskOptions
from workbench.maskers.people import People

if TYPE_CHECKING:
    from workbench.stages import Masker

__all__ = ["MaskOptions", "People", "open_masker"]


def open_masker(options: MaskOptions, *, secret: bytes | None = None, people: People | None = None) -> Masker:
    """The masker that ``options.kind`` names.

    ``secret`` decides, with the track, which face a mask invents; without one nobody will see these people again.
    ``people`` knows whom it cannot invent, and is told.
    Raises ModelError where such a mask has no weights, or damaged ones.
    """
    secret = secrets.token_bytes() if secret is None else secret
    people = People() if people is None else people
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
        case "gan":
            from workbench.maskers.gan import open_gan

            return open_gan(options, secret=secret, people=people)
        case "diffusion":
            from workbench.maskers.diffusion import open_diffusion

            return open_diffusion(options, secret=secret, people=people)
