"""What a network of points learns: from CenterFace on the same scene before it was spoilt, and from people's boxes.

CenterFace's own view of the unspoilt scene says, at every cell, what the narrow network should compute of the dark,
noisy or blurred one (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015; Romero et al., "FitNets",
2015). People's boxes can add faces that it misses, as warm as the recipe says. A network that follows them everywhere
sees faces in whatever is blurred, and forgets the small faces of crowds, of which they hold few.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from workbench.training.loop import average
from workbench.training.points.network import ANSWERS, CELL_PX, PointNetwork
from workbench.training.points.teacher import Teacher
from workbench.weights.processor import has_bf16

AVERAGED = 0.998
SEES = 0.1  # from this heat on, the teacher's box and landmarks are believed
IS_FACE, CELLS_A_FACE = 0.3, 4  # so many cells of a face are as warm as this
NO_FACE = -20.0  # heat's logit
LEAST_FACES = 8  # by which a batch's heat is divided: a batch with one face is not worth eight times as much a face
LARGEST_GRADIENT = 5.0
WARM_UP_STEPS = 100
LAST_RATE_SHARE = 0.02
WEIGHT_DECAY = 1e-4
PARTS = [ANSWERS["heat"], ANSWERS["size"] + ANSWERS["offset"], ANSWERS["marks"]]  # channels that are learnt alike


@dataclass(frozen=True, eq=False)
class SceneBatch:
    """``clean`` and ``spoilt`` (N, 3, S, S) uint8 RGB, the ``faces`` of each, (M, 4) x0, y0, x1, y1, and which of them
    ``are_empty`` (N,) for certain.
    """

    clean: NDArray[np.uint8]
    spoilt: NDArray[np.uint8]
    faces: Sequence[NDArray[np.float64]]
    are_empty: NDArray[np.bool_]


class PointLearner:
    """A narrow network and the wide one that teaches it. The rate falls over ``steps``. People's faces that the teacher
    misses are learnt to be as warm as ``missed``.
    """

    def __init__(
        self,
        network: PointNetwork,
        teacher: Teacher,
        *,
        rate: float,
        steps: int,
        missed: float,
        device: str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.teacher = teacher
        self.beginning = copy.deepcopy(self.network)
        self.averaged = copy.deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
        self._rate, self._steps, self._missed = rate, steps, missed

    @property
    def parts(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in ("network", "averaged", "beginning", "optimiser")}

    def step(self, batch: SceneBatch, *, done: int) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate * rate_share(done, self._steps)
        taught, view = (each.to(self.device) for each in self.teacher.look(batch.clean))
        seen, answers = self._run(batch.spoilt)
        view[torch.from_numpy(batch.are_empty), 0] = NO_FACE  # what the teacher takes for a face there is none
        losses = point_losses(answers, view, batch.faces, missed=self._missed)
        losses["features"] = ((seen - taught) ** 2).mean() / (taught**2).mean()
        self.optimiser.zero_grad(set_to_none=True)
        sum(losses.values(), torch.zeros((), device=self.device)).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        average(self.averaged, self.network, kept=min(AVERAGED, done / (done + 10)))
        return {name: loss.item() for name, loss in losses.items()}

    def _run(self, pictures: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Features and answers, computed in bf16 where that is faster."""
        pixels = torch.from_numpy(pictures).to(self.device).float().contiguous(memory_format=torch.channels_last)
        is_faster = self.device.type == "cuda" or has_bf16()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=is_faster):
            features = self.network.features(pixels)
            answers = self.network.answer(features)
        return features.float(), answers.float()


def rate_share(done: int, steps: int) -> float:
    """The learning rate after ``done`` of ``steps``: up within the first hundred, then down along a cosine."""
    falling = 0.5 + 0.5 * np.cos(np.pi * min(done / steps, 1.0))
    return float(min(1.0, (done + 1) / WARM_UP_STEPS) * (LAST_RATE_SHARE + (1 - LAST_RATE_SHARE) * falling))


def point_losses(
    answers: Tensor, view: Tensor, faces: Sequence[NDArray[np.float64]], *, missed: float
) -> dict[str, Tensor]:
    """How far ``answers`` (N, 15, h, w) are from the teacher's ``view`` of each scene and, where it misses one of the
    ``faces``, from that, ``missed`` (0..1) as warm.

    The heat's target is the larger of both; its loss is the quality focal one (Li et al., 2020) with exponent 2. Size,
    offset and landmarks follow the teacher wherever it sees something, as much as it sees.
    """
    heat, peaks = heat_of(faces, height=answers.shape[2], width=answers.shape[3])
    taught = torch.sigmoid(view[:, 0])
    wanted = torch.maximum(taught, missed * heat.to(answers.device))
    error = (wanted - torch.sigmoid(answers[:, 0])) ** 2
    surprise = functional.binary_cross_entropy_with_logits(answers[:, 0], wanted, reduction="none")
    found = (wanted > IS_FACE).sum() / CELLS_A_FACE
    seen = torch.where(taught > SEES, taught, torch.zeros_like(taught))
    _, box, marks = (answers - view).abs().split(PARTS, dim=1)
    losses = {
        "heat": (error * surprise).sum() / found.clamp(min=LEAST_FACES),
        "box": (seen * box.sum(dim=1)).sum() / (seen.sum() + 1),
        "marks": 2 * (seen * marks.clamp(max=1).mean(dim=1)).sum() / (seen.sum() + 1),
    }
    if len(peaks.scene):
        cells = (torch.from_numpy(each).to(answers.device) for each in (peaks.scene, peaks.row, peaks.column))
        scene, row, column = cells
        _, told, _ = answers[scene, :, row, column].split(PARTS, dim=1)
        off = (told - torch.from_numpy(peaks.box).to(answers.device)).abs().sum(dim=1)
        losses["missed"] = missed * (off * (taught[scene, row, column] <= SEES)).mean()
    return losses


@dataclass(frozen=True, eq=False)
class Peaks:
    """The cell of each face's centre, and the ``box`` (M, 4) that is its place there: size and offset."""

    scene: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    box: NDArray[np.float32]


def heat_of(faces: Sequence[NDArray[np.float64]], *, height: int, width: int) -> tuple[Tensor, Peaks]:
    """(N, height, width) with a normal curve of height 1 round every face's centre, and the centres.

    The curve is as wide as in CenterNet (Zhou et al., "Objects as Points", 2019), roughly: its cells still give a box
    that overlaps the face.
    """
    heat = np.zeros((len(faces), height, width), np.float32)
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    scene = np.repeat(np.arange(len(faces)), [len(each) for each in faces])
    boxes = np.concatenate([np.zeros((0, 4)), *faces]) / CELL_PX
    extent = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    cell = np.clip(centre.astype(np.int64), 0, (width - 1, height - 1))
    spread = (0.3 * np.sqrt(extent.prod(axis=1)) + 1) / 6
    for number, (column, row), wide in zip(scene, cell, spread, strict=True):
        reach = int(3 * wide + 1)
        part = np.s_[max(0, row - reach) : row + reach + 1], np.s_[max(0, column - reach) : column + reach + 1]
        curve = np.exp(-((rows[part[0]] - row) ** 2 + (columns[:, part[1]] - column) ** 2) / (2 * wide**2))
        heat[number][part] = np.maximum(heat[number][part], curve)
    size, offset = np.log(extent[:, ::-1]), (centre - cell - 0.5)[:, ::-1]
    box = np.concatenate([size, offset], axis=1).astype(np.float32)
    return torch.from_numpy(heat), Peaks(scene, cell[:, 1], cell[:, 0], box)
