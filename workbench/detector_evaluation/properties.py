"""What the results tell faces apart by: their size, how far the head is turned, how light the skin is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Picture

LEAST_SIZE_PX = 16  # square root of the box's area: smaller faces have too few pixels for a median of the skin
LEAST_YELLOW = 3.0  # b*; skin has 5 to 30, grey pictures have none
CHEEKS = (0.25, 0.3, 0.75, 0.8)  # left, top, right, bottom as shares of the box: hardly any hair or background


@dataclass(frozen=True)
class Property:
    """A property of faces, in ``unit``. ``steps`` divide it into ranges, which may have ``names``."""

    name: str
    title: str
    unit: str
    least: float
    steps: tuple[float, ...]
    names: tuple[str, ...] = ()

    def ranges(self, least: float) -> list[tuple[float, float]]:
        """From (included) and to of each range above ``least``."""
        return list(pairwise([least, *(step for step in self.steps if step > least), np.inf]))


# Each doubling is one halving of a network's grid.
SIZE = Property("size", "face size, px", "px", 0.0, (16, 32, 64, 128))
YAW = Property("yaw", "head turned by, degrees", "degrees", 0.0, (30, 60))
SKIN = Property(
    "skin",
    "skin, by its typology angle",
    "degrees",
    -np.inf,
    (-30, 10, 28, 41, 55),
    ("dark", "brown", "tan", "intermediate", "light", "very light"),
)
PROPERTIES = (SIZE, YAW, SKIN)


def skin_angles(picture: Picture, faces: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) individual typology angle in degrees of each face (N, 4) of the picture; NaN where it cannot be told.

    arctan((L* - 50) / b*) of the median skin colour (Chardon, Cretois and Hourseau, "Skin colour typology and
    suntanning pathways", 1991; the names of the ranges are theirs and Del Bino's, 2013). A photograph's light counts
    in: a fair face in the shade has the angle of a dark one. Grey pictures and faces under ``LEAST_SIZE_PX`` have none.
    """
    return np.array([_skin_angle(picture, face) for face in faces], np.float64)


def _skin_angle(picture: Picture, face: NDArray[np.floating]) -> float:
    corner, size = face[:2], face[2:] - face[:2]
    if size.prod() < LEAST_SIZE_PX**2:
        return np.nan
    left, top, right, bottom = (np.tile(corner, 2) + np.tile(size, 2) * CHEEKS).round().astype(int).clip(0)
    skin = picture[top:bottom, left:right].astype(np.float32) / 255
    if not skin.size:
        return np.nan
    lab = np.asarray(cv2.cvtColor(skin, cv2.COLOR_RGB2LAB))
    lightness, red, yellow = np.median(lab.reshape(-1, 3), axis=0)
    if yellow < LEAST_YELLOW or red < 0:
        return np.nan
    return float(np.degrees(np.arctan2(lightness - 50, yellow)))
