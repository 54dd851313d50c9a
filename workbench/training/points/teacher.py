"""The wide network that teaches, run as detectors are: several times as fast as by torch.

It looks at each scene twice, as it is and enlarged: enlarged, it finds the small faces that it misses otherwise, and
that is what the network it teaches learns to see without enlarging (Radosavovic et al., "Data Distillation: Towards
Omni-Supervised Learning", 2018). Large faces it sees better as they are.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from workbench.training.points.network import ANSWERS, CELL_PX, PointNetwork
from workbench.weights import Device, open_session
from workbench.weights.exporting import export_onnx

ENLARGED = 2
SMALL_PX, LARGE_PX = 24.0, 64.0  # sides of faces that are judged mostly by the enlarged look, and not by it at all
MOST_ENLARGED_SHARE = 0.8
PARTS = [ANSWERS["heat"], ANSWERS["size"], ANSWERS["offset"], ANSWERS["marks"]]


class Teacher:
    """What a network sees in square pictures of ``side_px``: its features and its answers."""

    def __init__(self, network: PointNetwork, *, side_px: int, device: Device, threads: int = 0) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "teacher.onnx"
        example = torch.zeros(1, 3, side_px, side_px)
        free = {2: "h", 3: "w"}
        names = ["features", "answers"]
        export_onnx(_Open(network), example, path, input_name="pictures", output_names=names, free=free)
        self._as_is, self._enlarged = (
            open_session(path, device=device, threads=threads, input_shape=(1, 3, side, side))
            for side in (side_px, ENLARGED * side_px)
        )

    def look(self, pictures: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Features (N, 24, S/4, S/4) and answers (N, 15, S/4, S/4) of ``pictures`` (N, 3, S, S).

        The answers' heat is a probability here, 0..1: it is drawn from both looks.
        """
        outputs = self._as_is.run([picture.astype(np.float32) for picture in pictures])
        closer = self._enlarged.run([_enlarged(picture) for picture in pictures])
        return _joined(outputs, 0), both_looks(_joined(outputs, 1), _joined(closer, 1))


def both_looks(as_is: Tensor, enlarged: Tensor) -> Tensor:
    """Answers with heats 0..1 out of the raw ones for a scene (N, 15, h, w) and for the enlarged one (N, 15, 2h, 2w).

    Each cell's heat is the mean of both, weighed by how large the face is; its box and landmarks are those of the look
    that adds more.
    """
    closer = _on_the_scenes_grid(enlarged)
    heats = torch.sigmoid(torch.cat([as_is[:, :1], closer[:, :1]], dim=1))
    sides = torch.stack([each.split(PARTS, dim=1)[1].mean(dim=1) for each in (as_is, closer)], dim=1)
    side = sides.gather(1, heats.argmax(dim=1, keepdim=True)) + math.log(CELL_PX)
    smallness = (math.log(LARGE_PX) - side) / math.log(LARGE_PX / SMALL_PX)
    share = MOST_ENLARGED_SHARE * smallness.clamp(0, 1)
    first, second = (1 - share) * heats[:, :1], share * heats[:, 1:]
    return torch.cat([first + second, torch.where(first > second, as_is, closer)[:, 1:]], dim=1)


def _on_the_scenes_grid(answers: Tensor) -> Tensor:
    """The warmest of each 2 × 2 cells, in units of the larger cell: sizes are logarithms, marks shares of the box."""
    columns = answers.shape[3]
    warmest = functional.max_pool2d(answers[:, :1].contiguous(), ENLARGED, return_indices=True)[1]
    places = warmest.flatten(2).expand(-1, answers.shape[1], -1)
    heat, size, offset, marks = answers.flatten(2).gather(2, places).unflatten(2, warmest.shape[2:]).split(PARTS, dim=1)
    inside = torch.cat([warmest // columns % ENLARGED, warmest % columns % ENLARGED], dim=1)
    offset = (inside + 0.5 + offset) / ENLARGED - 0.5
    return torch.cat([heat, size - math.log(ENLARGED), offset, marks], dim=1)


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    rows = picture.transpose(1, 2, 0)
    larger = cv2.resize(rows, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(larger.transpose(2, 0, 1), np.float32)


def _joined(outputs: Sequence[Sequence[NDArray[Any]]], index: int) -> Tensor:
    return torch.from_numpy(np.concatenate([each[index] for each in outputs]).astype(np.float32))


class _Open(nn.Module):
    def __init__(self, network: PointNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.features(pictures)
        return features, self.network.answer(features)
