"""What recordings suffer from, done to a scene: too little light, noise, blur, few bits, no colour."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Picture
from workbench.detectors.lowlight import enhance
from workbench.training.options import SceneOptions

NOISE_SIDE = 1024
"""Normal noise is slow to draw: one field of this side is drawn once, and read at another place every time."""


def spoil(picture: Picture, options: SceneOptions, random: np.random.Generator) -> Picture:
    """A copy of ``picture`` (H, W, 3), changed in ways that are drawn by the options' probabilities."""
    work = picture
    if random.random() < options.coloured:
        work = _recoloured(work, random)
    if random.random() < options.grey:
        work = np.repeat(cv2.cvtColor(work, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if random.random() < options.blurred:
        work = _blurred(work, random)
    if random.random() < options.dark:
        work = _darkened(work, options, random)
    elif random.random() < options.noisy:
        work = _noisy(work.astype(np.float32), random.uniform(3, 30), random)
    if random.random() < options.compressed:
        quality = int(random.integers(5, 45))
        _, data = cv2.imencode(".jpg", work, [cv2.IMWRITE_JPEG_QUALITY, quality])
        work = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)  # both ways round: channels stay in place
    return enhance(work) if random.random() < options.enhanced else work


def _recoloured(picture: Picture, random: np.random.Generator) -> Picture:
    """Another white balance, brightness and contrast."""
    gain = random.uniform(0.75, 1.25) * random.uniform(0.88, 1.12, 3)
    table = np.clip((np.arange(256)[:, None] - 128) * gain + 128 + random.uniform(-25, 25), 0, 255)
    return _looked_up(picture, table)


def _blurred(picture: Picture, random: np.random.Generator) -> Picture:
    """Out of focus, moved, or seen through fewer pixels."""
    kind = random.integers(3)
    if kind == 0:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), random.uniform(0.5, 2.5)), np.uint8)
    if kind == 1:
        length = int(random.integers(3, 12))
        kernel = np.zeros((length, length), np.float32)
        angle = random.uniform(0, np.pi)
        reach = (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(round(float(v)) for v in (length - 1) / 2 + sign * reach) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8)
    height, width = picture.shape[:2]
    factor = random.uniform(0.4, 0.9)
    small = cv2.resize(picture, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _darkened(picture: Picture, options: SceneOptions, random: np.random.Generator) -> Picture:
    """(x / 255)^gamma · white + noise: a room without light, seen by a sensor that has to work for it."""
    gamma = random.uniform(0.9, 1.8)
    white = float(np.exp(random.uniform(np.log(options.darkest_white), np.log(160))))
    table = (np.arange(256)[:, None] / 255) ** gamma * white * random.uniform(0.9, 1.1, 3)
    dim = np.asarray(cv2.LUT(picture, table.astype(np.float32)[None]), np.float32)
    spread = random.uniform(0, 7) if random.random() < 0.8 else 0.0
    return _noisy(dim, spread, random)


def _noisy(picture: NDArray[np.float32], spread: float, random: np.random.Generator) -> Picture:
    if spread:
        height, width = picture.shape[:2]
        y, x = random.integers(0, NOISE_SIDE - np.array([height, width]))
        grain = _noise_field()[y : y + height, x : x + width]
        if random.random() < 0.3:  # coarse, as after a camera's own smoothing
            grain = np.asarray(cv2.blur(grain, (2, 2)) * 2, np.float32)
        picture = picture + grain * np.float32(spread)
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)


@cache
def _noise_field() -> NDArray[np.float32]:
    return np.random.default_rng(7).standard_normal((NOISE_SIDE, NOISE_SIDE, 3), np.float32)


def _looked_up(picture: Picture, table: NDArray[np.float64]) -> Picture:
    """Each channel through its own column of ``table`` (256, 3)."""
    return np.asarray(cv2.LUT(picture, table.round().astype(np.uint8)[None]), np.uint8)
