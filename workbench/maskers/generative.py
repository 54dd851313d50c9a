"""What the masks that invent faces share: the canvas they draw on, whose face it is, and what happens when one fails.

An invented face is drawn from the surroundings of a hidden one, a secret of the job and the track's number. A generator
sees no hidden pixel (``stages.Masker.invents``), so its answer cannot depend on one. The same job and track always give
the same person; without the secret nobody can tell who stands for whom, and two jobs never share an invented face.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import FaceCrop, Picture
from workbench.maskers.canvas import FACE_SHARE, HEIGHT_OF_A_FACE, canvas_box, landmark_maps, pose_numbers
from workbench.maskers.people import People

SOLID = (0, 0, 0)
"""The colour that hides a track whose face could not be invented."""

FITTING_SIGMA = 0.05  # of the canvas
LEAST_NEARNESS = 1e-3

RIM_SIGMA = 0.04  # of the canvas: a cell of the Gaussian mask at its default strength
RIM_FADE = 0.25

CONTEXT_FRACTION = HEIGHT_OF_A_FACE / FACE_SHARE / 2 - 0.5  # of the face's width: as far as the canvas reaches


@dataclass(frozen=True, eq=False)
class Hole:
    """What a generator gets of one face, on its canvas of S x S pixels.

    ``picture`` (3, S, S) float32 in -1..1, 0 where ``hidden`` (S, S); ``pose`` (4,), see ``pose_numbers``; ``maps``
    (5, S, S), where the landmarks lie in that pose; ``track``.
    """

    picture: NDArray[np.float32]
    hidden: NDArray[np.bool_]
    pose: NDArray[np.float32]
    maps: NDArray[np.float32]
    track: int


Generator = Callable[[Sequence[Hole]], Sequence[NDArray[np.float32]]]
"""Canvases (3, S, S) in -1..1 of which the hidden part is used. May raise whatever its engine raises."""


@dataclass(eq=False)
class GenerativeMasker:
    """Hides faces behind invented ones. ``size_px`` is the side of the generator's canvas.

    With ``blurred_rim`` only the face itself is shown sharp, and what was invented round it is blurred.
    A track whose face could not be invented (an error, not enough memory, numbers that are none) is hidden by one solid
    colour from then on, and ``people`` is told, so that a file can be masked anew from its beginning.
    """

    name: str
    generator: Generator
    size_px: int
    blurred_rim: bool = False
    people: People = field(default_factory=People)
    invents: bool = field(default=True, init=False)
    context_fraction: float = field(default=CONTEXT_FRACTION, init=False)

    @property
    def face_width_px(self) -> int:
        return math.ceil(self.size_px * FACE_SHARE / HEIGHT_OF_A_FACE)

    def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
        """An invented face for each crop, as large as the crop."""
        solid = np.full((1, 1, 3), SOLID, np.uint8)
        fillings = [solid] * len(crops)
        places = [_place(crop, self.size_px) for crop in crops]
        wanted = [index for index, crop in enumerate(crops) if crop.track not in self.people.solid]
        holes = [_hole(crops[index], places[index], self.size_px) for index in wanted]
        for index, canvas in zip(wanted, self._invented(holes), strict=True):
            if canvas is not None:
                self.people.invented.add(crops[index].track)
                shown = self._with_rim(canvas) if self.blurred_rim else canvas
                fillings[index] = _laid_back(shown, places[index], crops[index].pixels.shape[:2])
        return fillings

    def _with_rim(self, canvas: NDArray[np.float32]) -> NDArray[np.float32]:
        picture = np.ascontiguousarray(canvas.transpose(1, 2, 0))
        soft = cv2.GaussianBlur(picture, (0, 0), RIM_SIGMA * self.size_px)
        inner = _inner_face(self.size_px)[..., None]
        return np.asarray(np.transpose(picture * inner + soft * (1 - inner), (2, 0, 1)), np.float32)

    def _invented(self, holes: Sequence[Hole]) -> list[NDArray[np.float32] | None]:
        """The canvases; None for those that could not be made, whose tracks are noted."""
        if not holes:
            return []
        try:
            canvases: list[NDArray[np.float32] | None] = list(self.generator(holes))
        except (RuntimeError, ValueError, ArithmeticError, MemoryError) as error:
            if len(holes) > 1:  # perhaps one alone can be done
                return [self._invented([hole])[0] for hole in holes]
            reason = str(error).strip().splitlines()
            self.people.solid[holes[0].track] = reason[-1] if reason else type(error).__name__
            return [None]
        for number, (hole, canvas) in enumerate(zip(holes, canvases, strict=True)):
            if canvas is not None and np.isfinite(canvas).all():
                canvases[number] = _fitted(canvas, hole)
            else:
                self.people.solid[hole.track] = "the generator's answer is no picture (NaN)"
                canvases[number] = None
        return canvases


def _fitted(canvas: NDArray[np.float32], hole: Hole) -> NDArray[np.float32]:
    """The canvas, its colours moved near the border of what is hidden so that they meet those of the surroundings.

    How far they are off is known where nothing is hidden, and carried into the hole with a Gaussian's reach (normalised
    convolution, Knutsson and Westin, 1993).
    """
    sigma = FITTING_SIGMA * canvas.shape[1]
    seen = (~hole.hidden).astype(np.float32)[..., None]
    picture, invented = hole.picture.transpose(1, 2, 0), canvas.transpose(1, 2, 0)
    near = cv2.GaussianBlur(seen, (0, 0), sigma)[..., None]
    off = cv2.GaussianBlur((picture - invented) * seen, (0, 0), sigma) / np.maximum(near, LEAST_NEARNESS)
    fitted = np.clip(invented + off * np.minimum(2 * near, 1), -1, 1)  # the border itself has a nearness of a half
    return np.asarray(np.where(seen > 0, picture, fitted).transpose(2, 0, 1), np.float32)


@cache
def _inner_face(size_px: int) -> NDArray[np.float32]:
    """(S, S) 1 on the ellipse in a face's box, falling to 0 outside of it."""
    half_height = FACE_SHARE / 2
    axis = (np.arange(size_px) + 0.5) / size_px - 0.5
    radius = np.hypot(axis[None, :] / (half_height / HEIGHT_OF_A_FACE), axis[:, None] / half_height)
    return np.asarray(np.clip((1 + RIM_FADE - radius) / RIM_FADE, 0, 1), np.float32)


def latent(secret: bytes, track: int, count: int) -> NDArray[np.float32]:
    """``count`` numbers of a standard normal distribution that only who knows ``secret`` can tell for ``track``.

    Tracks 1 and 2, 3 and 4 and so on get opposite numbers: two people, as in most consultations, get faces that differ
    as much as the generator's do.
    """
    pair, side = divmod(track + 1, 2)
    digest = hmac.new(secret, str(pair).encode(), hashlib.sha256).digest()
    numbers = np.random.default_rng(int.from_bytes(digest)).standard_normal(count, np.float32)
    return numbers if side else -numbers


def _place(crop: FaceCrop, size_px: int) -> NDArray[np.float64]:
    """(2, 3) that takes pixels of the crop to the canvas."""
    left, top, right, _ = canvas_box(crop.box)
    scale = size_px / max(right - left, 1.0)
    # Pixel centres lie at whole numbers for cv2, half a pixel beside their place.
    return np.array([[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]])


def _hole(crop: FaceCrop, place: NDArray[np.float64], size_px: int) -> Hole:
    if crop.hidden is None:
        raise ValueError("a crop that does not say what is hidden; masks that invent need regions.hide")
    # Outside of the picture goes on what its edge shows; what is hidden there is hidden beyond as well.
    moved = (place, (size_px, size_px), cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
    hidden = _moved(crop.hidden.astype(np.float32), *moved) > 0
    picture = _moved(crop.pixels.astype(np.float32), *moved).transpose(2, 0, 1) / 127.5 - 1
    picture[:, hidden] = 0
    pose = pose_numbers(crop.pose)
    return Hole(np.ascontiguousarray(picture, np.float32), hidden, pose, landmark_maps(pose, size_px), crop.track)


def _laid_back(canvas: NDArray[np.float32], place: NDArray[np.float64], shape: tuple[int, ...]) -> Picture:
    """The canvas as a filling of the crop."""
    picture = np.ascontiguousarray((canvas.transpose(1, 2, 0) + 1) * 127.5, np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = _moved(picture, place, (shape[1], shape[0]), flags, cv2.BORDER_REPLICATE)
    return np.asarray(np.rint(laid.clip(0, 255)), np.uint8)


def _moved(
    pixels: NDArray[np.float32], place: NDArray[np.float64], size: tuple[int, int], flags: int, border: int
) -> NDArray[np.float32]:
    return np.asarray(cv2.warpAffine(pixels, place, size, flags=flags, borderMode=border), np.float32)
