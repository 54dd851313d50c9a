"""Pictures to learn from, composed afresh every time: scaled, turned, tiled, occluded.

Photographs show faces large and in the middle. Recordings show them at every size, several at once, in the tiles of a
meeting. So a scene begins with the size that a face shall have, not with the photograph's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Picture
from workbench.training.options import SceneOptions
from workbench.training.teachers import read_picture

Boxes = NDArray[np.float64]
Rect = tuple[int, int, int, int]
"""x0, y0, x1, y1 of a part of the scene."""

LEAST_FACE_PX = 6.0  # a smaller face carries nothing to learn, and no label
LEAST_VISIBLE = 0.35  # share of a face that must lie inside its part of the scene to be called a face
MOST_ENLARGED = 2.5  # photographs blown up further are only blur
Reduction = Literal[1, 2, 4, 8]
REDUCTIONS: tuple[Reduction, ...] = (8, 4, 2)  # what a JPEG can be shrunk by while it is decoded


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture with known faces: ``faces`` (N, 4) and ``doubtful`` (M, 4) are x0, y0, x1, y1 in its pixels.

    Whether a doubtful box is a face nobody knows: its pixels are blurred away. ``weight``: how often it is drawn.
    """

    path: Path
    width_px: int
    height_px: int
    faces: Boxes
    doubtful: Boxes
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Scene:
    """``pixels`` (S, S, 3) RGB and its ``faces`` (N, 4) x0, y0, x1, y1.

    ``is_empty``: nobody is in it for certain. Other scenes may show a face, cut off or tiny, that is not among them.
    """

    pixels: Picture
    faces: Boxes
    is_empty: bool = False


class SceneMaker:
    """Composes scenes of ``size_px`` × ``size_px`` from photographs with and without faces."""

    def __init__(self, photographs: Sequence[Photograph], options: SceneOptions, *, size_px: int) -> None:
        self._with = [photo for photo in photographs if len(photo.faces)]
        self._without = [photo for photo in photographs if not len(photo.faces)] or self._with
        self._draw_with = _cumulated(self._with)
        self._draw_without = _cumulated(self._without)
        self._options = options
        self._size = size_px

    def scene(self, random: np.random.Generator) -> Scene:
        """One scene of a kind drawn by the options' shares: one photograph, a meeting, a crowd, nobody."""
        options = self._options
        canvas = _Canvas(self._size, random)
        whole = (0, 0, self._size, self._size)
        kind = random.choice(4, p=np.array(options.kinds) / sum(options.kinds))
        if kind == 0:
            photo = self._face(random)
            canvas.place(photo, whole, self._natural(photo, random), random)
        elif kind == 1:
            self._tiles(canvas, random, most=options.most_tiles, filled=0.9, face_share=(0.15, 0.8))
        elif kind == 2:
            canvas.place(self._other(random), whole, 0.0, random)
            self._tiles(canvas, random, most=options.most_in_crowd, filled=0.6, face_share=(0.12, 0.6))
        else:
            canvas.place(self._other(random), whole, 0.0, random)
        for face in canvas.faces:
            if random.random() < options.occluded:
                _occlude(canvas.pixels, face, random)
        return Scene(canvas.pixels, canvas.faces, is_empty=kind == 3 and self._without is not self._with)

    def _natural(self, photo: Photograph, random: np.random.Generator) -> float:
        """Size of a face such that the photograph is drawn by the options' scale; at 1 it just fits the scene."""
        sides = np.sqrt(np.prod(photo.faces[:, 2:] - photo.faces[:, :2], axis=1))
        fit = self._size / max(photo.width_px, photo.height_px)
        size = float(np.median(sides)) * fit * _log_uniform(random, *self._options.scales)
        return float(np.clip(size, self._options.least_face_px, self._options.largest_face_share * self._size))

    def _tiles(
        self,
        canvas: _Canvas,
        random: np.random.Generator,
        *,
        most: int,
        filled: float,
        face_share: tuple[float, float],
    ) -> None:
        """A grid of up to ``most`` tiles a side, a share of them ``filled`` with a face; ``face_share`` of the tile."""
        across, down = random.integers(2, most + 1, 2)
        gap = int(random.integers(0, 5))
        xs, ys = (np.linspace(0, self._size, count + 1).astype(int) for count in (across, down))
        for x0, x1 in pairwise(xs):
            for y0, y1 in pairwise(ys):
                if random.random() < filled:
                    rect = (int(x0), int(y0), int(x1) - gap, int(y1) - gap)
                    size = min(x1 - x0, y1 - y0) * random.uniform(*face_share)
                    canvas.place(self._face(random), rect, max(size, self._options.least_face_px), random)

    def _face(self, random: np.random.Generator) -> Photograph:
        return self._with[int(np.searchsorted(self._draw_with, random.random()))]

    def _other(self, random: np.random.Generator) -> Photograph:
        return self._without[int(np.searchsorted(self._draw_without, random.random()))]


class _Canvas:
    """A scene being composed."""

    def __init__(self, size_px: int, random: np.random.Generator) -> None:
        shade = random.integers(0, 256) if random.random() < 0.5 else 114
        self.pixels = np.full((size_px, size_px, 3), shade, np.uint8)
        self.faces: Boxes = np.zeros((0, 4))

    def place(self, photo: Photograph, rect: Rect, target_px: float, random: np.random.Generator) -> None:
        """Lay ``photo`` into ``rect`` so that one of its faces, drawn, measures ``target_px``; 0: fill the rect."""
        x0, y0, x1, y1 = rect
        scale, centre = _aim(photo, rect, target_px, random)
        angle = np.radians(random.normal(0, 8)) if random.random() < 0.3 else 0.0
        mirror = -1.0 if random.random() < 0.5 else 1.0
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * (mirror, 1.0)
        extent = np.array([x1 - x0, y1 - y0])
        shift = extent * random.uniform(0.25, 0.75, 2) - turn @ centre
        if not target_px:
            shift = extent / 2 - turn @ centre
        reduction: Reduction = next((factor for factor in REDUCTIONS if factor * scale <= 1.0), 1)
        pixels = read_picture(photo.path, reduced=reduction)
        matrix = np.column_stack([turn * (photo.width_px / pixels.shape[1]), shift])
        part = self.pixels[y0:y1, x0:x1]
        smooth = cv2.INTER_LINEAR if random.random() < 0.9 else cv2.INTER_NEAREST
        part[:] = cv2.warpAffine(
            pixels, matrix, (x1 - x0, y1 - y0), dst=part.copy(), flags=smooth, borderMode=cv2.BORDER_TRANSPARENT
        )
        for box in _moved(photo.doubtful, turn, shift):
            _blur_away(part, box)
        moved = _moved(photo.faces, turn, shift)
        clipped = np.clip(moved, 0, np.tile(extent, 2))
        is_face = _area(clipped) >= LEAST_VISIBLE * _area(moved)
        is_face &= (clipped[:, 2:] - clipped[:, :2]).min(axis=1, initial=np.inf) >= LEAST_FACE_PX
        self.faces = np.concatenate([self.faces, clipped[is_face] + (x0, y0, x0, y0)])


def _aim(photo: Photograph, rect: Rect, target_px: float, random: np.random.Generator) -> tuple[float, Boxes]:
    """The scale, and the point of the photograph that goes to the middle of the rect or near it."""
    if target_px:
        face = photo.faces[random.integers(len(photo.faces))]
        size = np.sqrt((face[2] - face[0]) * (face[3] - face[1]))
        return min(target_px / size, MOST_ENLARGED), (face[:2] + face[2:]) / 2
    cover = max((rect[2] - rect[0]) / photo.width_px, (rect[3] - rect[1]) / photo.height_px)
    scale = cover * random.uniform(1.0, 2.0)
    return min(scale, MOST_ENLARGED), np.array([photo.width_px, photo.height_px]) * random.uniform(0.4, 0.6, 2)


def _moved(boxes: Boxes, turn: Boxes, shift: Boxes) -> Boxes:
    """Bounds of the ellipses inscribed in ``boxes`` (N, 4) after the affine map."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn.T + shift
    half = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (turn**2).T)
    return np.concatenate([centre - half, centre + half], axis=1)


def _area(boxes: Boxes) -> NDArray[np.float64]:
    return np.asarray(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))


def _pixels_of(picture: Picture, box: Boxes) -> Picture:
    """The part of ``picture`` inside ``box``, as a view; may be empty."""
    x0, y0, x1, y1 = (max(0, round(float(value))) for value in box)
    return picture[y0:y1, x0:x1]


def _blur_away(picture: Picture, box: Boxes) -> None:
    part = _pixels_of(picture, box)
    if part.size:
        part[:] = cv2.resize(cv2.resize(part, (2, 2), interpolation=cv2.INTER_AREA), part.shape[1::-1])


def _occlude(picture: Picture, face: Boxes, random: np.random.Generator) -> None:
    """Lay something over a part of a face: below as a surgical mask, from one side as a hand or a clipboard."""
    width, height = face[2:] - face[:2]
    x0, y0, x1, y1 = face
    side = random.integers(4)
    covered = random.uniform(0.25, 0.55)
    if side == 0:
        y0 = y1 - covered * height
    elif side == 1:
        y1 = y0 + 0.7 * covered * height
    elif side == 2:
        x0 = x1 - covered * width
    else:
        x1 = x0 + covered * width
    part = _pixels_of(picture, np.array([x0, y0, x1, y1]))
    if not part.size:
        return
    if random.random() < 0.5:  # one colour with a fold or two
        cover = np.clip(random.integers(0, 256, 3) + random.normal(0, 12, (2, 2, 3)), 0, 255).astype(np.uint8)
        cover = np.asarray(cv2.resize(cover, part.shape[1::-1]), np.uint8)
    else:  # something else out of the scene: has the scene's light and texture
        room = np.maximum(1, np.array(picture.shape[:2]) - part.shape[:2])
        y, x = (int(value) for value in random.integers(0, room))
        cover = picture[y : y + part.shape[0], x : x + part.shape[1]].copy()
    shape = np.zeros(part.shape[:2], np.uint8)
    centre, axes = (part.shape[1] // 2, part.shape[0] // 2), (part.shape[1] // 2 + 1, part.shape[0] // 2 + 1)
    cv2.ellipse(shape, centre, axes, 0, 0, 360, 1, -1) if random.random() < 0.5 else shape.fill(1)
    part[shape > 0] = cover[shape > 0]


def _log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _cumulated(photographs: Sequence[Photograph]) -> NDArray[np.float64]:
    weights = np.array([photo.weight for photo in photographs])
    return np.asarray(np.cumsum(weights) / weights.sum())
