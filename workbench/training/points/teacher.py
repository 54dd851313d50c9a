"""The wide network that teaches, run as detectors are: several times as fast as by torch."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.training.points.agreement import agreed
from workbench.training.points.network import PointNetwork
from workbench.weights import Device, open_session
from workbench.weights.exporting import export_onnx

ENLARGED = 2  # times: how large the second look sees the pictures


class Teacher:
    """What a network sees in square pictures of ``side_px``: its features, and its answers after a second look at the
    pictures enlarged.
    """

    def __init__(self, network: PointNetwork, *, side_px: int, device: Device, threads: int = 0) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._looks = []
        for side in (side_px, ENLARGED * side_px):
            shape = (1, 3, side, side)
            path = Path(self._folder.name) / f"teacher{side}.onnx"
            outputs = ["features", "answers"]
            export_onnx(_Open(network), torch.zeros(shape), path, input_name="pictures", output_names=outputs)
            self._looks.append(open_session(path, device=device, threads=threads, input_shape=shape))

    def look(self, pictures: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Features (N, 24, S/4, S/4) and answers (N, 15, S/4, S/4) of ``pictures`` (N, 3, S, S)."""
        plain, enlarged = self._looks
        features, answers = (
            np.concatenate(each)
            for each in zip(*plain.run([each.astype(np.float32) for each in pictures]), strict=True)
        )
        closer = [each[1][0] for each in enlarged.run([_enlarged(each) for each in pictures])]
        both = [agreed(first, second, times=ENLARGED) for first, second in zip(answers, closer, strict=True)]
        return torch.from_numpy(features), torch.from_numpy(np.stack(both))


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    side = ENLARGED * picture.shape[1]
    large = cv2.resize(picture.transpose(1, 2, 0), (side, side), interpolation=cv2.INTER_LINEAR)
    return large.transpose(2, 0, 1).astype(np.float32)


class _Open(nn.Module):
    def __init__(self, network: PointNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.features(pictures)
        return features, self.network.answer(features)
