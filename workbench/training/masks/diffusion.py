"""Learns the diffusion mask: a denoiser that sees the surroundings (Palette, Saharia et al., 2022).

It predicts the picture behind the noise, on a schedule that ends in pure noise (Lin et al., 2024), so that a few steps
do. Half of the noise levels it learns are those of eight steps, or of four or two. What it predicts must look
like the real picture (Lin and Yang, 2023), which makes it sharp after much less learning than an error in pixels alone.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from workbench.maskers.canvas import LANDMARKS
from workbench.maskers.diffusion import FOLD, denoised, drawn_from
from workbench.training.loop import average
from workbench.training.masks.looks import Looks
from workbench.training.masks.pictures import Batch
from workbench.weights.quiet import import_diffusers

AVERAGED = 0.999
LEARNING_RATE = 6e-4
LEVELS = 1000
LEARNT_STEPS = 8
SAMPLE_STEPS = 4
WIDTHS = (48, 96, 128)
WEIGHTS = {"pixels": 8.0, "looks": 1.0}
OUTSIDE = 0.1  # weight of what is not hidden: it is not used, but helps the layers to find their way


def new_network(size_px: int) -> Any:
    """A denoiser with random weights for a canvas of that size."""
    return import_diffusers().UNet2DModel(
        sample_size=size_px // FOLD,
        in_channels=(3 + 3 + 1 + LANDMARKS) * FOLD**2,
        out_channels=3 * FOLD**2,
        layers_per_block=1,
        block_out_channels=WIDTHS,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        attention_head_dim=32,
    )


def new_scheduler() -> Any:
    """The noise levels of learning and drawing."""
    return import_diffusers().DDIMScheduler(
        num_train_timesteps=LEVELS,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=True,
    )


class DiffusionLearner:
    """The denoiser and its average, for a canvas of ``size_px``."""

    def __init__(self, size_px: int, *, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = new_network(size_px).to(self.device, memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(self.network)
        self.scheduler = new_scheduler()
        self.looks = Looks().to(self.device)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
        self.scheduler.set_timesteps(LEARNT_STEPS)
        self._used = self.scheduler.timesteps.clone()

    @property
    def parts(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in ("network", "averaged", "optimiser")}

    def step(self, batch: Batch, *, done: int) -> dict[str, float]:
        real, hidden, maps = (
            torch.from_numpy(array).to(self.device) for array in (batch.pictures, batch.hidden, batch.maps)
        )
        noise = torch.randn_like(real)
        levels = self._levels(len(real))
        noisy = self.scheduler.add_noise(real, noise, levels)
        seen = torch.cat([real * (1 - hidden), hidden, maps], dim=1)
        expected = denoised(self.network, drawn=noisy, seen=seen, level=levels)
        weight = OUTSIDE + (1 - OUTSIDE) * hidden
        losses = {
            "pixels": ((expected - real).abs() * weight).mean() / hidden.mean(),
            "looks": self.looks(real * (1 - hidden) + expected * hidden, real),
        }
        self.optimiser.zero_grad(set_to_none=True)
        sum((WEIGHTS[name] * loss for name, loss in losses.items()), torch.zeros((), device=self.device)).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        average(self.averaged, self.network, kept=min(AVERAGED, done / (done + 10)))
        return {name: loss.item() for name, loss in losses.items()}

    def samples(self, batch: Batch, *, seed: int = 0) -> Tensor:
        """The batch's pictures with invented faces (N, 3, S, S), by the averaged weights."""
        noise = torch.randn(batch.pictures.shape, generator=torch.Generator().manual_seed(seed))
        real, hidden, maps = (torch.from_numpy(array) for array in (batch.pictures, batch.hidden, batch.maps))
        tensors = (each.to(self.device) for each in (noise, real * (1 - hidden), hidden, maps))
        drawn = drawn_from(*tensors, network=self.averaged.eval(), scheduler=new_scheduler(), steps=SAMPLE_STEPS)
        completed: Tensor = real * (1 - hidden) + drawn.cpu() * hidden
        return completed

    def _levels(self, count: int) -> Tensor:
        anywhere = torch.randint(0, LEVELS, (count,))
        used = self._used[torch.randint(0, len(self._used), (count,))]
        return torch.where(torch.rand(count) < 0.5, used, anywhere).to(self.device)
