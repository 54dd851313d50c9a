"""From a checkpoint to the files that the masks open."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor, nn

from workbench.errors import OutputError
from workbench.maskers.canvas import GAN_LATENT_NUMBERS, GAN_SIZE_PX, POSE_NUMBERS
from workbench.maskers.gan import PLANES
from workbench.training.masks.diffusion import new_scheduler
from workbench.training.masks.networks import Generator
from workbench.weights.exporting import export_onnx


class PackedGenerator(nn.Module):
    """The generator with one input, as every engine takes it: (N, 10, S, S), see ``workbench.maskers.gan``."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, planes: Tensor) -> Tensor:
        picture, hidden, maps, numbers = planes[:, :3], planes[:, 3:4], planes[:, 4:-1], planes[:, -1].flatten(1)
        latent, pose = numbers[:, : GAN_LATENT_NUMBERS + POSE_NUMBERS].split([GAN_LATENT_NUMBERS, POSE_NUMBERS], dim=1)
        invented: Tensor = self.generator(picture, hidden, maps, latent, pose)
        return invented


def export_gan(generator: Generator, path: Path) -> None:
    """Write the generator as the ONNX file ``path``. Raises OutputError."""
    example = torch.zeros(1, PLANES, GAN_SIZE_PX, GAN_SIZE_PX)
    export_onnx(PackedGenerator(generator.cpu()), example, path, input_name="planes", output_names=["pictures"])


def export_diffusion(network: nn.Module, folder: Path) -> None:
    """Write the denoiser and its noise levels to ``folder`` in diffusers' format. Raises OutputError."""
    try:
        copy.deepcopy(network).cpu().half().save_pretrained(folder / "unet")  # type: ignore[operator]
        new_scheduler().save_pretrained(folder / "scheduler")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another place") from error
