"""The wide network that teaches, run as detectors are: several times as fast as by torch."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.training.points.network import PointNetwork
from workbench.weights import Device, open_session
from workbench.weights.exporting import export_onnx


class Teacher:
    """What a network sees in square pictures of ``side_px``: its features and its answers."""

    def __init__(self, network: PointNetwork, *, side_px: int, device: Device, threads: int = 0) -> None:
        shape = (1, 3, side_px, side_px)
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "teacher.onnx"
        export_onnx(
            _Open(network), torch.zeros(shape), path, input_name="pictures", output_names=["features", "answers"]
        )
        self._session = open_session(path, device=device, threads=threads, input_shape=shape)

    def look(self, pictures: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Features (N, 24, S/4, S/4) and answers (N, 15, S/4, S/4) of ``pictures`` (N, 3, S, S)."""
        outputs = self._session.run([picture.astype(np.float32) for picture in pictures])
        features, answers = (np.concatenate([each[index] for each in outputs]) for index in (0, 1))
        return torch.from_numpy(features), torch.from_numpy(answers)


class _Open(nn.Module):
    def __init__(self, network: PointNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.features(pictures)
        return features, self.network.answer(features)
