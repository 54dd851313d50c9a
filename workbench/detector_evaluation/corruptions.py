"""What spoils real recordings, done to a picture: too little light, noise, blur, too low a bitrate.

Three severities each, from what a good detector should not notice to what people find hard as well. The same picture,
corruption and seed always give the same pixels, so detectors can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Picture

Kind = Literal["clean", "dark", "dim", "noise", "blur", "jpeg"]
SEVERITIES = (1, 2, 3)
NAMES = ("none", "all", *(kind for kind in get_args(Kind) if kind != "clean"))
"""What ``corruptions_of`` takes."""

DARK_GAMMA, DARK_WHITE, DARK_NOISE = 1.5, 42.0, 5.0
"""The fixed dark copy: (x / 255)^1.5 · 42 + N(0, 5). A lit room's mean of 100 falls to about 12 of 255."""

DIM_WHITE = (128.0, 64.0, 32.0)  # value of white after the same gamma; without noise, so that light alone counts
NOISE = (10.0, 20.0, 40.0)  # standard deviation of each channel, of 255
BLUR = (1 / 640, 2 / 640, 4 / 640)  # standard deviation as a part of the long side: 1, 2, 4 px of 640
JPEG_QUALITY = (25, 12, 6)  # blocks begin to show at 25; at 6 most of a block is one colour


@dataclass(frozen=True)
class Corruption:
    """One way to spoil a picture. ``severity`` is 0 for ``clean`` and ``dark``, which have none."""

    kind: Kind = "clean"
    severity: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.severity}" if self.severity else self.kind

    def apply(self, picture: Picture, *, seed: int) -> Picture:
        """A spoilt copy of the same size; ``clean`` gives the picture itself."""
        random = np.random.default_rng(seed)
        if self.kind == "clean":
            return picture
        if self.kind == "dark":
            return _noisy(_dimmed(picture, DARK_WHITE), DARK_NOISE, random)
        step = self.severity - 1
        if self.kind == "dim":
            return _rounded(_dimmed(picture, DIM_WHITE[step]))
        if self.kind == "noise":
            return _noisy(picture.astype(np.float32), NOISE[step], random)
        if self.kind == "blur":
            sigma = BLUR[step] * max(picture.shape[:2])
            return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)
        return _compressed(picture, JPEG_QUALITY[step])


CLEAN = Corruption()


def corruptions_of(names: tuple[str, ...]) -> list[Corruption]:
    """``clean`` first, then every severity of the named kinds; ``all`` names every kind, ``none`` adds nothing."""
    kinds = [kind for kind in get_args(Kind) if kind != "clean" and (kind in names or "all" in names)]
    spoilt = [Corruption(kind, level) for kind in kinds for level in ((0,) if kind == "dark" else SEVERITIES)]
    return [CLEAN, *spoilt]


def _dimmed(picture: Picture, white: float) -> NDArray[np.float32]:
    return np.asarray((picture.astype(np.float32) / 255) ** DARK_GAMMA * white, np.float32)


def _noisy(values: NDArray[np.float32], deviation: float, random: np.random.Generator) -> Picture:
    return _rounded(values + np.float32(deviation) * random.standard_normal(values.shape, np.float32))


def _rounded(values: NDArray[np.float32]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _compressed(picture: Picture, quality: int) -> Picture:
    """Through JPEG with halved chroma, as video has it. Red and blue change places both ways."""
    _, packed = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    unpacked = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    assert unpacked is not None
    return np.ascontiguousarray(unpacked[..., ::-1], np.uint8)
