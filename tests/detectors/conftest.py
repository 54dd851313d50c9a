"""Small YOLOv8 models with random weights, built and exported by ultralytics itself, and frames of sample clips."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.data import Frame
from workbench.video.files import VideoFile
from workbench.weights import convert
from workbench.weights.quiet import import_ultralytics


@dataclass(frozen=True)
class TinyYolo:
    pt: Path
    onnx: Path


def _build(path: Path, task: str, picture: Any) -> None:
    """A YOLOv8 of one class, half as wide as "n", whose scores spread over 0..1 on ``picture``."""
    ultralytics = import_ultralytics()
    import torch
    from ultralytics.nn.tasks import yaml_model_load

    torch.manual_seed(7)
    name = "yolov8n-pose.yaml" if task == "pose" else "yolov8n.yaml"
    plan = yaml_model_load(name) | {"nc": 1, "scale": "n", "scales": {"n": [0.33, 0.125, 512]}, "kpt_shape": [5, 3]}
    model = ultralytics.YOLO(name, task=task)
    model.model = type(model.model)(plan, verbose=False)
    model.model.names, model.model.task = {0: "face"}, task
    for layer in model.model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0  # the statistics of the next pass: without them the signal dies in the depth
    batch = torch.from_numpy(picture.transpose(2, 0, 1)[None] / np.float32(255))
    model.model.train()(batch)
    for branch in model.model.model[-1].cv3:
        branch[-1].register_forward_hook(_spread_logits)
    model.model.eval()(batch)
    for branch in model.model.model[-1].cv3:
        branch[-1]._forward_hooks.clear()
    model.save(path)


def _spread_logits(layer: Any, inputs: Any, output: Any) -> None:
    """Make the class logits of this pass have mean -2 and deviation 1.5: scores from 0.01 to 0.9."""
    gain = 1.5 / output.std()
    layer.bias.data = -2 - gain * (output.mean() - layer.bias.data)
    layer.weight.data *= gain


@pytest.fixture(scope="session")
def tiny_yolo(tmp_path_factory: pytest.TempPathFactory, noise: Callable[..., Any]) -> Callable[[str], TinyYolo]:
    """``tiny_yolo("detect")`` or ``("pose")``: a model file and its ONNX export."""
    folder = tmp_path_factory.mktemp("tiny_yolo")

    def make(task: str) -> TinyYolo:
        made = TinyYolo(folder / f"{task}.pt", folder / f"{task}.onnx")
        if not made.onnx.exists():
            _build(made.pt, task, noise(128, 96))
            convert(made.pt, format="onnx")
        return made

    return make


@pytest.fixture(scope="session")
def noise() -> Callable[..., Any]:
    """``noise(width, height)``: a picture with structure of every size, the same at each call."""

    def make(width: int, height: int) -> Any:
        import cv2

        random = np.random.default_rng(5)
        layers = [random.uniform(0, 255, (max(1, height // step), max(1, width // step), 3)) for step in (1, 4, 16, 48)]
        picture = sum(cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC) for layer in layers) / len(
            layers
        )
        return np.clip((picture - 128) * 2 + 128, 0, 255).astype(np.uint8)

    return make


@dataclass(frozen=True)
class Truth:
    """A frame and the boxes (N, 4) of the faces that can be seen in it."""

    frame: Frame
    boxes: Any


@pytest.fixture(scope="session")
def truths(sample: Callable[[str], Path]) -> Callable[..., list[Truth]]:
    """``truths("consultation", every=10)``: frames of a clip and the faces with a visibility of 0.3 and more."""

    def read(name: str, *, every: int = 10, end_seconds: float | None = None) -> list[Truth]:
        path = sample(name)
        faces: dict[int, list[list[float]]] = {}
        with path.with_suffix(".gt.csv").open() as file:
            for row in csv.DictReader(file):
                x, y, w, h = (float(row[key]) for key in "xywh")
                if float(row["visibility"]) >= 0.3:
                    faces.setdefault(int(row["frame"]) - 1, []).append([x, y, x + w, y + h])
        with VideoFile(path, end_seconds=end_seconds) as source:
            return [
                Truth(frame, np.array(faces.get(frame.index, []), np.float32).reshape(-1, 4))
                for frame in source.frames(every=every)
            ]

    return read
