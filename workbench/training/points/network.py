"""The network of CenterFace as torch layers of any width, read from an ONNX file and written to one.

A MobileNetV2 (Sandler et al., 2018) down to a grid of 32 px, a feature pyramid of 24 channels back up to 4 px, and five
answers a cell: ``workbench.detectors.centerface`` says what they mean. How wide a network is, is how many channels each
of its blocks computes with inside; what passes from block to block is as wide as ever. One thing is different from
CenterFace: its last block ends in 320 channels, of which a layer makes the pyramid's 24. Nothing lies between the two,
so that they are one layer here, which takes a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.errors import ModelError
from workbench.weights.exporting import export_onnx

BLOCKS = (
    (16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1), (64, 1), (96, 1), (96, 1), (96, 1),
    (160, 2), (160, 1), (160, 1), (24, 1),
)  # fmt: skip
"""Channels that leave each block, and its stride."""

PYRAMID = (12, 5, 2)
"""The blocks whose outcome goes into the pyramid beside the last one's: grids of 16, 8 and 4 px."""

PYRAMID_CHANNELS = 24
ANSWERS = {"heat": 1, "size": 2, "offset": 2, "marks": 10}
CELL_PX = 4
Widths = tuple[int, ...]


class Block(nn.Module):
    """An inverted residual: out to ``width`` channels, a 3 × 3 filter on each, back to fewer."""

    def __init__(self, before: int, width: int, after: int, stride: int) -> None:
        super().__init__()
        sees_pixels = before == 3
        self.expand = nn.Conv2d(before, width, 3, 2, 1) if sees_pixels else nn.Conv2d(before, width, 1)
        self.filter = nn.Conv2d(width, width, 3, stride, 1, groups=width)
        self.project = nn.Conv2d(width, after, 1)
        self.adds = stride == 1 and before == after

    def inside(self, features: Tensor) -> Tensor:
        """What the block computes with: (N, width, h, w)."""
        return functional.relu(self.filter(functional.relu(self.expand(features))))

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.project(self.inside(features))
        return features + out if self.adds else out


class PointNetwork(nn.Module):
    """Pictures (N, 3, H, W) RGB 0..255 to answers (N, 15, H/4, W/4): the heat's logit, size, offset, marks."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        before = (3, *(after for after, _ in BLOCKS))
        blocks = (
            Block(before, width, *block) for before, width, block in zip(before[:-1], widths, BLOCKS, strict=True)
        )
        self.blocks = nn.ModuleList(blocks)
        self.sides = nn.ModuleList(nn.Conv2d(BLOCKS[index][0], PYRAMID_CHANNELS, 1) for index in PYRAMID)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 2, 2) for _ in PYRAMID)
        self.merge = nn.Conv2d(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3, 1, 1)
        self.answer = nn.Conv2d(PYRAMID_CHANNELS, sum(ANSWERS.values()), 1)

    @property
    def widths(self) -> Widths:
        return tuple(block.filter.out_channels for block in self.blocks)  # type: ignore[union-attr, misc]

    def features(self, pictures: Tensor) -> Tensor:
        """What the answers are read from: (N, 24, H/4, W/4)."""
        kept, passed = {}, pictures
        for index, block in enumerate(self.blocks):
            passed = block(passed)
            kept[index] = passed
        merged = functional.relu(passed)
        for up, side, index in zip(self.ups, self.sides, PYRAMID, strict=True):
            merged = functional.relu(up(merged)) + functional.relu(side(kept[index]))
        return functional.relu(self.merge(merged))

    def forward(self, pictures: Tensor) -> Tensor:
        answers: Tensor = self.answer(self.features(pictures))
        return answers


class Answering(nn.Module):
    """The network as detectors run it: the heat between 0 and 1, and each answer by itself."""

    def __init__(self, network: PointNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        heat, *others = self.network(pictures).split(list(ANSWERS.values()), dim=1)
        return torch.sigmoid(heat), *others


def write_network(network: PointNetwork, path: Path) -> None:
    """Write ``network`` as an ONNX file for pictures of any size. Raises OutputError."""
    free = {2: "h", 3: "w"}
    export_onnx(
        Answering(network), torch.zeros(1, 3, 64, 64), path, input_name="pictures", output_names=[*ANSWERS], free=free
    )


def read_network(path: Path) -> PointNetwork:
    """The network in an ONNX file: CenterFace's own, or one that ``write_network`` wrote. Raises ModelError."""
    import onnx

    try:
        graph = onnx.load(path).graph
        layers = list(_layers(graph))
        network = PointNetwork(tuple(len(layers[3 * index + 1].weight) for index in range(len(BLOCKS))))
        _fill(network, _ending_in_the_pyramid(layers))
    except Exception as error:  # onnx and torch raise whatever they like for a file of another kind
        raise ModelError(f"{path} is no CenterFace network; give centerface.onnx or a face-small.onnx") from error
    return network


class _Layer:
    """A convolution's numbers; a normalisation that follows it is worked into them."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = weight, bias


def _layers(graph: Any) -> Iterator[_Layer]:
    """The convolutions of ``graph`` in the order in which they are computed."""
    numbers = _numbers(graph)
    normalised = {node.input[0]: node for node in graph.node if node.op_type == "BatchNormalization"}
    for node in graph.node:
        if node.op_type not in ("Conv", "ConvTranspose"):
            continue
        weight = numbers[node.input[1]]
        across = node.op_type == "ConvTranspose"
        bias = numbers[node.input[2]] if len(node.input) > 2 else torch.zeros(weight.shape[1 if across else 0])
        if node.output[0] in normalised:
            norm = normalised[node.output[0]]
            gain, shift, mean, variance = (numbers[name] for name in norm.input[1:5])
            tiny = next((each.f for each in norm.attribute if each.name == "epsilon"), 1e-5)
            gain = gain / torch.sqrt(variance + tiny)
            weight = weight * (gain[None, :, None, None] if across else gain[:, None, None, None])
            bias = (bias - mean) * gain + shift
        yield _Layer(weight, bias)


def _numbers(graph: Any) -> dict[str, Tensor]:
    """The constants of ``graph``, also those that it stores in half precision."""
    from onnx import numpy_helper

    found = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    found |= {node.output[0]: found[node.input[0]] for node in graph.node if node.op_type == "Cast"}
    return {name: torch.from_numpy(values.astype(np.float32)) for name, values in found.items()}


def _ending_in_the_pyramid(layers: list[_Layer]) -> list[_Layer]:
    """``layers`` with the last block's projection and the one that follows it as one, if they are two."""
    last = 3 * len(BLOCKS) - 1
    project, side = layers[last : last + 2]
    if len(project.weight) == PYRAMID_CHANNELS:
        return layers
    mixed = side.weight[:, :, 0, 0]
    weight = torch.einsum("oi,icyx->ocyx", mixed, project.weight)
    return [*layers[:last], _Layer(weight, mixed @ project.bias + side.bias), *layers[last + 2 :]]


@torch.no_grad()
def _fill(network: PointNetwork, layers: list[_Layer]) -> None:
    ordered: list[nn.Module] = []
    for block in network.blocks:
        assert isinstance(block, Block)
        ordered += [block.expand, block.filter, block.project]
    for up, side in zip(network.ups, network.sides, strict=True):
        ordered += [up, side]
    ordered.append(network.merge)
    last = layers[len(ordered) :]  # CenterFace has one for each answer
    layers = layers[: len(ordered)]
    layers.append(_Layer(torch.cat([each.weight for each in last]), torch.cat([each.bias for each in last])))
    for part, layer in zip([*ordered, network.answer], layers, strict=True):
        part.load_state_dict({"weight": layer.weight, "bias": layer.bias})
