"""What the generative masks learn from: rendered people, each as a face with its surroundings and a hidden part.

A folder of pictures with ``index.csv``: ``file, id, x, y, w, h`` (the face's box) and five landmarks ``eye_l_x`` …
``mouth_r_y``, in pixels. ``id`` is the person; several pictures show the same one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.data import Picture
from workbench.errors import SourceError
from workbench.head_pose import HeadPose, head_poses
from workbench.maskers.canvas import (
    FACE_SHARE,
    POSE_NUMBERS,
    canvas_box,
    landmark_maps,
    pose_numbers,
    pose_terms,
)

Floats = NDArray[np.floating]

INDEX = "index.csv"
MARKS = ("eye_l", "eye_r", "nose", "mouth_l", "mouth_r")
UNKNOWN_POSE = 0.3  # share of samples: detectors without landmarks are in use as well


@dataclass(frozen=True, eq=False)
class Portrait:
    """One picture of one person: ``box`` (4,) and ``landmarks`` (5, 2) in its pixels."""

    pixels: Picture
    box: Floats
    landmarks: Floats
    person: int


@dataclass(frozen=True, eq=False)
class Batch:
    """``pictures`` (N, 3, S, S) in -1..1, ``hidden`` (N, 1, S, S) 0 or 1, ``poses`` (N, 4), ``maps`` (N, 5, S, S).

    ``others`` (N, 3, S, S) shows each person in another picture, for what stays the same.
    """

    pictures: NDArray[np.float32]
    hidden: NDArray[np.float32]
    poses: NDArray[np.float32]
    maps: NDArray[np.float32]
    others: NDArray[np.float32]


def load_portraits(folder: Path) -> list[Portrait]:
    """Every picture of the index. Raises SourceError for what is missing or is no picture."""
    try:
        rows = pd.read_csv(folder / INDEX)
        marks = rows[[f"{mark}_{axis}" for mark in MARKS for axis in "xy"]].to_numpy(float).reshape(-1, 5, 2)
        places = rows[["x", "y", "w", "h"]].to_numpy(float)
        names, people = list(rows["file"]), list(rows["id"])
    except (OSError, KeyError, ValueError) as error:
        raise SourceError(f"{folder / INDEX} is no index of portraits ({error}); see models/README.md") from error
    portraits = []
    for name, person, place, landmarks in zip(names, people, places, marks, strict=True):
        pixels = cv2.imread(str(folder / name), cv2.IMREAD_COLOR)
        if pixels is None:
            raise SourceError(f"{folder / name} is no picture; remove its line from {INDEX}, or put the picture back")
        box = np.concatenate([place[:2], place[:2] + place[2:]])
        portraits.append(Portrait(np.ascontiguousarray(pixels[..., ::-1], np.uint8), box, landmarks, int(person)))
    return portraits


def fit_places(portraits: list[Portrait]) -> Floats:
    """(7, 10) the factors with which ``canvas.landmark_maps`` places the landmarks, fitted to the portraits."""
    landmarks = np.stack([portrait.landmarks for portrait in portraits])
    poses = np.stack([pose_numbers(HeadPose(*pose)) for pose in head_poses(landmarks)])
    canvases = np.stack([canvas_box(portrait.box) for portrait in portraits])
    sides = (canvases[:, 2] - canvases[:, 0])[:, None, None]
    places = (landmarks - canvases[:, None, :2]) / sides
    return np.asarray(np.linalg.lstsq(pose_terms(poses), places.reshape(len(places), -1), rcond=None)[0])


class PortraitBatches:
    """Endless batches, each picture moved, turned, lit and hidden anew. The same ``seed``: the same batches."""

    def __init__(self, portraits: list[Portrait], *, size_px: int, seed: int) -> None:
        self.portraits = portraits
        self.size_px = size_px
        self.random = np.random.default_rng(seed)
        self.by_person: dict[int, list[int]] = defaultdict(list)
        for index, portrait in enumerate(portraits):
            self.by_person[portrait.person].append(index)

    def draw(self, count: int) -> Batch:
        """``count`` samples."""
        pictures, hidden, poses, others = [], [], [], []
        for index in self.random.integers(len(self.portraits), size=count):
            portrait = self.portraits[index]
            light = self._light()
            mirrored = bool(self.random.random() < 0.5)
            picture, box, landmarks = self._framed(portrait, mirrored=mirrored)
            pictures.append(light(picture))
            hidden.append(self._hidden(box))
            poses.append(self._pose(landmarks))
            other = self.portraits[self.random.choice(self.by_person[portrait.person])]
            others.append(light(self._framed(other, mirrored=mirrored)[0]))
        return Batch(
            pictures=_to_signed(np.stack(pictures)),
            hidden=np.stack(hidden)[:, None].astype(np.float32),
            poses=np.stack(poses).astype(np.float32),
            maps=np.stack([landmark_maps(pose, self.size_px) for pose in poses]),
            others=_to_signed(np.stack(others)),
        )

    def _framed(self, portrait: Portrait, *, mirrored: bool) -> tuple[Picture, Floats, Floats]:
        """The face on its canvas, with the box and the landmarks there: as the masker will see it, a little off."""
        width, height = portrait.box[2:] - portrait.box[:2]
        off = self.random.normal(0, 0.04, 4) * (width, height, width, height)
        left, top, right, bottom = canvas_box(portrait.box + off)
        scale = self.size_px / (right - left)
        angle, mirror = np.radians(self.random.normal(0, 7)), -1.0 if mirrored else 1.0
        turn = scale * np.array([[mirror * np.cos(angle), -mirror * np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = np.array([(left + right) / 2, (top + bottom) / 2])
        matrix = np.column_stack([turn, self.size_px / 2 - turn @ middle])
        picture = cv2.warpAffine(
            portrait.pixels, matrix, (self.size_px, self.size_px), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        corners = portrait.box[[[0, 1], [2, 1], [2, 3], [0, 3]]] @ turn.T + matrix[:, 2]
        centre, half = corners.mean(axis=0), np.array([width, height]) * scale / 2
        landmarks = portrait.landmarks @ turn.T + matrix[:, 2]
        if mirrored:
            landmarks = landmarks[[1, 0, 2, 4, 3]]
        return np.asarray(picture, np.uint8), np.concatenate([centre - half, centre + half]), landmarks

    def _hidden(self, box: Floats) -> NDArray[np.bool_]:
        """A shape round the face as the region options draw it, and sometimes a neighbour's."""
        columns, rows = np.arange(self.size_px) + 0.5, np.arange(self.size_px)[:, None] + 0.5
        growth = self.random.uniform(0.1, 0.42)
        hidden = self._shape(columns, rows, box, growth)
        if self.random.random() < 0.1:
            away = self.random.choice([-1, 1]) * self.random.uniform(1.1, 1.8) * (box[2] - box[0])
            hidden |= self._shape(columns, rows, box + np.array([away, 0, away, 0]), growth)
        return hidden

    def _shape(self, columns: Floats, rows: Floats, box: Floats, growth: float) -> NDArray[np.bool_]:
        reach = (0.5 + growth) * (box[2:] - box[:2])
        centre = (box[:2] + box[2:]) / 2
        across, down = (columns - centre[0]) / reach[0], (rows - centre[1]) / reach[1]
        if self.random.random() < 0.2:
            return np.asarray((np.abs(across) < 1) & (np.abs(down) < 1))
        return np.asarray(across**2 + down**2 < 1)

    def _pose(self, landmarks: Floats) -> Floats:
        if self.random.random() < UNKNOWN_POSE:
            return np.zeros(POSE_NUMBERS)
        blurred = landmarks + self.random.normal(0, 0.012 * FACE_SHARE * self.size_px, landmarks.shape)
        return pose_numbers(HeadPose(*head_poses(blurred)[0]))

    def _light(self) -> _Light:
        return _Light(
            gain=self.random.uniform(0.55, 1.25, 1) * self.random.uniform(0.9, 1.1, 3),
            gamma=float(np.exp(self.random.normal(0, 0.2))),
            grey=bool(self.random.random() < 0.05),
        )


@dataclass(frozen=True, eq=False)
class _Light:
    """One exposure and colour for all pictures of a sample."""

    gain: Floats
    gamma: float
    grey: bool

    def __call__(self, picture: Picture) -> Picture:
        levels = (np.arange(256)[:, None] / 255) ** self.gamma * self.gain
        table = np.rint(255 * levels.clip(0, 1)).astype(np.uint8)[None]
        lit = cv2.LUT(picture, table)
        if self.grey:
            lit = cv2.cvtColor(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return np.asarray(lit)


def _to_signed(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1
