"""The heat of faces: a normal curve of height 1 round every face's centre, in cells of the network's grid.

The curve is as wide as in CenterNet (Zhou et al., "Objects as Points", 2019), roughly: its cells still give a box that
overlaps the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.training.points.network import CELL_PX

Floats = NDArray[np.floating]
Cells = tuple[slice, slice]
"""Rows and columns of the grid."""

LEAST_EXTENT_PX = 1.0  # of a box that a network made up: its logarithm is asked for


@dataclass(frozen=True, eq=False)
class Peaks:
    """The cell of each face's centre, and the ``box`` (M, 4) that is its place there: size and offset."""

    scene: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    box: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Places:
    """Faces in cells of the grid: ``centre`` (M, 2) and ``extent`` (M, 2) as x, y, and the ``cell`` (M, 2) of each
    centre, inside the grid.
    """

    centre: Floats
    extent: Floats
    cell: NDArray[np.int64]


def places_of(boxes: Floats, *, height: int, width: int) -> Places:
    """Where ``boxes`` (M, 4) x0, y0, x1, y1 px lie on a grid of that many cells."""
    extent = np.maximum(boxes[:, 2:] - boxes[:, :2], LEAST_EXTENT_PX) / CELL_PX
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / CELL_PX
    return Places(centre, extent, np.clip(centre.astype(np.int64), 0, (width - 1, height - 1)))


def curve_round(places: Places, index: int, *, height: int, width: int) -> tuple[Cells, NDArray[np.float32]]:
    """The cells about one face's centre, and its heat there."""
    column, row = (int(each) for each in places.cell[index])
    wide = (0.3 * float(np.sqrt(places.extent[index].prod())) + 1) / 6
    reach = int(3 * wide + 1)
    rows = slice(max(0, row - reach), min(height, row + reach + 1))
    columns = slice(max(0, column - reach), min(width, column + reach + 1))
    down, across = np.arange(height)[rows, None] - row, np.arange(width)[None, columns] - column
    return (rows, columns), np.exp(-(down**2 + across**2) / (2 * wide**2)).astype(np.float32)


def heat_of(faces: Sequence[Floats], *, height: int, width: int) -> tuple[Tensor, Peaks]:
    """(N, height, width) with the heat of each scene's ``faces``, (M, 4) px, and their centres."""
    heat = np.zeros((len(faces), height, width), np.float32)
    scene = np.repeat(np.arange(len(faces)), [len(each) for each in faces])
    places = places_of(np.concatenate([np.zeros((0, 4)), *faces]), height=height, width=width)
    for index, number in enumerate(scene):
        where, curve = curve_round(places, index, height=height, width=width)
        heat[number][where] = np.maximum(heat[number][where], curve)
    size, offset = np.log(places.extent[:, ::-1]), (places.centre - places.cell - 0.5)[:, ::-1]
    box = np.concatenate([size, offset], axis=1).astype(np.float32)
    return torch.from_numpy(heat), Peaks(scene, places.cell[:, 1], places.cell[:, 0], box)
