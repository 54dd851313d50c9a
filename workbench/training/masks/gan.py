"""Learns the GAN mask: a conditional VAE-GAN (Larsen et al., 2016; Zhu et al., "BicycleGAN", 2017) that fills holes.

While it learns, an encoder says which face a picture shows: what stays the same from another picture of that person,
the expression from the picture itself. Kept close to a standard normal distribution, these latents can be drawn at
random later, and the encoder, which has seen the hidden faces, is thrown away.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workbench.maskers.canvas import GAN_LATENT_NUMBERS
from workbench.training.loop import average
from workbench.training.masks.looks import Looks
from workbench.training.masks.networks import EXPRESSION_NUMBERS, IDENTITY_NUMBERS, Critic, Encoder, Generator
from workbench.training.masks.pictures import Batch

AVERAGED = 0.995
WEIGHTS = {"pixels": 8.0, "looks": 2.0, "latent": 0.005, "critic": 0.3}
OUTSIDE = 0.25  # weight of the pixels that are not hidden: what is invented is fitted to its surroundings by them
DRAWN_SHARE = 3  # one in so many samples gets a latent drawn at random, which nothing but the critic judges
CRITIC_FROM = 20_000  # steps; joining at 1,500, it spoilt the faces within 2,000 more
LEARNING_RATE = 6e-4


class GanLearner:
    """The generator and what teaches it."""

    def __init__(self, *, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.generator, self.encoder, self.critic = Generator(), Encoder(), Critic()
        for part in (self.generator, self.encoder, self.critic):
            part.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.generator)
        self.looks = Looks().to(self.device)
        learners = [*self.generator.parameters(), *self.encoder.parameters()]
        self.optimiser = torch.optim.Adam(learners, lr=LEARNING_RATE, betas=(0.5, 0.99))
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=LEARNING_RATE, betas=(0.5, 0.99))

    @property
    def parts(self) -> Mapping[str, Any]:
        names = ("generator", "encoder", "critic", "averaged", "optimiser", "critic_optimiser")
        return {name: getattr(self, name) for name in names}

    def step(self, batch: Batch, *, done: int) -> dict[str, float]:
        real, hidden, maps, pose, others = (
            torch.from_numpy(array).to(self.device)
            for array in (batch.pictures, batch.hidden, batch.maps, batch.poses, batch.others)
        )
        real = real.contiguous(memory_format=torch.channels_last)
        mean, log_variance = self._encoded(real, others)
        latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        judged = done >= CRITIC_FROM
        known = len(real) - (len(real) // DRAWN_SHARE if judged else 0)
        latent = torch.cat([latent[:known], torch.randn_like(latent[known:])])
        invented = self.generator(real * (1 - hidden), hidden, maps, latent, pose)
        fake = real * (1 - hidden) + invented * hidden
        told = {"critic_itself": self._teach_critic(real, fake.detach(), hidden, pose)} if judged else {}

        losses = {
            "pixels": ((invented - real).abs() * (hidden + OUTSIDE * (1 - hidden)))[:known].mean() / hidden.mean(),
            "looks": self.looks(fake[:known], real[:known]),
            "latent": 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean(),
        }
        if judged:
            losses["critic"] = -self.critic(fake, hidden, pose).mean()
        _improve(self.optimiser, sum((WEIGHTS[name] * loss for name, loss in losses.items()), torch.zeros(())))
        average(self.averaged, self.generator, kept=min(AVERAGED, done / (done + 10)))
        return told | {name: loss.item() for name, loss in losses.items()}

    def _teach_critic(self, real: Tensor, fake: Tensor, hidden: Tensor, pose: Tensor) -> float:
        """Hinge loss (Lim and Ye, 2017) of one step. Afterwards the critic passes slopes on without keeping any."""
        self.critic.requires_grad_(True)
        on_real, on_fake = self.critic(torch.cat([real, fake]), hidden.repeat(2, 1, 1, 1), pose.repeat(2, 1)).chunk(2)
        loss = functional.relu(1 - on_real).mean() + functional.relu(1 + on_fake).mean()
        _improve(self.critic_optimiser, loss)
        self.critic.requires_grad_(False)
        return float(loss.item())

    def _encoded(self, real: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log variances (N, 32): who it is from another picture, the expression from this one."""
        here, there = self.encoder(real), self.encoder(others)
        sizes = (IDENTITY_NUMBERS, EXPRESSION_NUMBERS)
        mean, log_variance = (
            torch.cat([other.split(sizes, dim=1)[0], this.split(sizes, dim=1)[1]], dim=1)
            for this, other in zip(here, there, strict=True)
        )
        return mean, log_variance

    @torch.no_grad()
    def samples(self, batch: Batch, *, seed: int = 0) -> Tensor:
        """The batch's pictures with invented faces (N, 3, S, S), by the averaged weights."""
        random = torch.Generator().manual_seed(seed)
        latent = torch.randn(len(batch.pictures), GAN_LATENT_NUMBERS, generator=random)
        real, hidden, maps, pose = (
            torch.from_numpy(array) for array in (batch.pictures, batch.hidden, batch.maps, batch.poses)
        )
        invented = self.averaged(
            *(each.to(self.device) for each in (real * (1 - hidden), hidden, maps, latent, pose))
        ).cpu()
        completed: Tensor = real * (1 - hidden) + invented * hidden
        return completed


def _improve(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
