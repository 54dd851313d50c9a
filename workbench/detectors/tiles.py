"""Overlapping tiles of a frame, each looked at in full detection size, for faces too small in the whole picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench import boxes as geometry
from workbench.data import Detections, Picture

OVERLAP = 0.25  # of a tile with its neighbour: what does not fit in here is large enough for the whole picture
BORDER_PX = 4  # a box that ends this near to an inner border may be half a face; one cell of CenterFace's grid
COVERED = 0.5  # share of such a box that another face has to cover to stand for it
LARGEST_FACTOR = 2  # tiles may enlarge the frame so much; more adds no detail


@dataclass(frozen=True)
class Tile:
    """A window of ``size`` at ``left``, ``top`` of a picture of ``whole_size``; all (width, height) in px."""

    left: int
    top: int
    size: tuple[int, int]
    whole_size: tuple[int, int]

    def cut(self, picture: Picture) -> Picture:
        return picture[self.top : self.top + self.size[1], self.left : self.left + self.size[0]]

    def is_cut(self, faces: Detections) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(N,) whether a face of this tile, in its pixels, ends at one of its borders that is not the picture's."""
        x0, y0, x1, y1 = faces.boxes.T
        width, height = self.size
        return np.asarray(
            ((x0 <= BORDER_PX) & (self.left > 0))
            | ((y0 <= BORDER_PX) & (self.top > 0))
            | ((x1 >= width - BORDER_PX) & (self.left + width < self.whole_size[0]))
            | ((y1 >= height - BORDER_PX) & (self.top + height < self.whole_size[1]))
        )

    def in_frame(self, faces: Detections, frame_size: tuple[int, int]) -> Detections:
        """Faces in this tile's pixels as faces in the frame's."""
        corner = np.array([self.left, self.top], np.float32)
        marks = None if faces.landmarks is None else faces.landmarks + corner
        moved = Detections(faces.boxes + np.tile(corner, 2), faces.scores, marks)
        return moved.scaled(frame_size[0] / self.whole_size[0], frame_size[1] / self.whole_size[1])


def tiles_of(size: tuple[int, int], count: int, *, frame_size: tuple[int, int]) -> list[Tile]:
    """``count`` × ``count`` tiles of ``size`` over a frame; none for 1, or where they would show no more detail."""
    if count == 1:
        return []
    grown = 1 + (count - 1) * (1 - OVERLAP)
    largest = LARGEST_FACTOR * max(frame_size) / max(size)
    whole = tuple(round(side * min(grown, largest)) for side in size)
    if whole[0] <= size[0] or whole[1] <= size[1]:
        return []
    lefts = np.linspace(0, whole[0] - size[0], count).round().astype(int).tolist()
    tops = np.linspace(0, whole[1] - size[1], count).round().astype(int).tolist()
    return [Tile(left, top, size, (whole[0], whole[1])) for top in tops for left in lefts]


def merge(
    whole: Detections, found: Sequence[tuple[Tile, Detections]], frame_size: tuple[int, int], *, sure: float
) -> Detections:
    """All faces in frame pixels, best first, not yet suppressed.

    A box cut by an inner border is dropped when a box that is not cut covers it and is as good, or ``sure`` at least;
    otherwise it stays: half a face is better hidden than none.
    """
    parts = [whole, *(tile.in_frame(faces, frame_size) for tile, faces in found)]
    cut = np.concatenate([np.zeros(len(whole), bool), *(tile.is_cut(faces) for tile, faces in found)])
    faces = _joined(parts)
    shared = geometry.intersection(faces.boxes, faces.boxes[~cut])
    good = faces.scores[None, ~cut] >= np.minimum(faces.scores, sure)[:, None]
    covered = ((shared >= COVERED * geometry.area(faces.boxes)[:, None]) & good).any(axis=1)
    faces = faces[~(cut & covered)]
    return faces[np.argsort(-faces.scores, kind="stable")]


def _joined(parts: Sequence[Detections]) -> Detections:
    boxes = np.concatenate([part.boxes for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    marks = [part.landmarks for part in parts if part.landmarks is not None]
    return Detections(boxes, scores, np.concatenate(marks) if len(marks) == len(parts) else None)
