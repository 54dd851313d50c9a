"""The networks of the GAN mask. Only ``Generator`` is shipped; the others teach it.

``Generator`` is a U-Net (Ronneberger et al., 2015) that works at half the canvas's size and below. What a person's
face looks like is a latent that scales and shifts its features (FiLM, Perez et al., 2018).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.maskers.canvas import GAN_LATENT_NUMBERS, LANDMARKS, POSE_NUMBERS

EXPRESSION_NUMBERS = 8
IDENTITY_NUMBERS = GAN_LATENT_NUMBERS - EXPRESSION_NUMBERS
WIDTHS = (32, 64, 128, 192)
STYLE_NUMBERS = 128
GROUPS = 8
PICTURE_AND_HIDDEN = 4
LAST_WIDTH = 16


class StyledBlock(nn.Module):
    """A residual block whose features the latent and the pose scale and shift."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, width, affine=False) for _ in range(2))
        self.styles = nn.ModuleList(nn.Linear(STYLE_NUMBERS, 2 * width) for _ in range(2))
        self.convolutions = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        out: Tensor = features
        for norm, linear, convolution in zip(self.norms, self.styles, self.convolutions, strict=True):
            gain, shift = linear(style)[:, :, None, None].chunk(2, dim=1)
            out = convolution(functional.silu(norm(out) * (1 + gain) + shift))
        return features + out


class Merge(nn.Module):
    """Up one level: what was learnt below, doubled in size, joined with what the way down kept."""

    def __init__(self, below: int, beside: int) -> None:
        super().__init__()
        self.join = nn.Conv2d(below + beside, beside, 1)
        self.norm = nn.GroupNorm(GROUPS, beside, affine=False)
        self.style = nn.Linear(STYLE_NUMBERS, 2 * beside)
        self.convolution = nn.Conv2d(beside, beside, 3, padding=1)

    def forward(self, below: Tensor, beside: Tensor, style: Tensor) -> Tensor:
        larger = functional.interpolate(below, scale_factor=2.0, mode="nearest")
        joined = self.join(torch.cat([larger, beside], dim=1))
        gain, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
        changed: Tensor = joined + self.convolution(functional.silu(self.norm(joined) * (1 + gain) + shift))
        return changed


class Generator(nn.Module):
    """Invents what is hidden.

    ``picture`` (N, 3, S, S) in -1..1 with the hidden part at 0, ``hidden`` (N, 1, S, S), ``maps`` (N, 5, S, S) of the
    landmarks, ``latent`` (N, 32), ``pose`` (N, 4); S a multiple of 16. Returns a picture (N, 3, S, S) of which the
    hidden part is of use; the rest shows how well it meets what is there.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, last = WIDTHS
        self.style = nn.Sequential(
            nn.Linear(GAN_LATENT_NUMBERS + POSE_NUMBERS, STYLE_NUMBERS),
            nn.SiLU(),
            nn.Linear(STYLE_NUMBERS, STYLE_NUMBERS),
            nn.SiLU(),
        )
        self.stem = nn.Conv2d(PICTURE_AND_HIDDEN + LANDMARKS, first, 4, stride=2, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(above, below, 3, stride=2, padding=1) for above, below in pairwise(WIDTHS))
        self.blocks = nn.ModuleList([StyledBlock(second), StyledBlock(third), StyledBlock(last)])
        self.deepest = StyledBlock(last)
        self.up = nn.ModuleList([Merge(last, third), Merge(third, second), Merge(second, first)])
        self.narrow = nn.Conv2d(first, LAST_WIDTH, 3, padding=1)
        self.last = nn.Conv2d(LAST_WIDTH, 3, 3, padding=1)

    def forward(self, picture: Tensor, hidden: Tensor, maps: Tensor, latent: Tensor, pose: Tensor) -> Tensor:
        style = self.style(torch.cat([latent, pose], dim=1))
        features = functional.silu(self.stem(torch.cat([picture, hidden, maps], dim=1)))
        kept = [features]
        for down, block in zip(self.down, self.blocks, strict=True):
            features = block(down(features), style)
            kept.append(features)
        features = self.deepest(kept.pop(), style)
        for up in self.up:
            features = up(features, kept.pop(), style)
        narrow = functional.silu(self.narrow(functional.silu(features)))
        larger = functional.interpolate(narrow, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.tanh(self.last(larger))


class Encoder(nn.Module):
    """A person's picture (N, 3, S, S) as a normal distribution of latents: means and log variances, (N, 32) each."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128)
        layers: list[nn.Module] = [nn.AvgPool2d(2)]
        for above, below in pairwise(widths):
            layers += [nn.Conv2d(above, below, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, below), nn.SiLU()]
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.last = nn.Linear(128 * 16, 2 * GAN_LATENT_NUMBERS)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.last(self.features(picture)).chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 4)


class Critic(nn.Module):
    """How real each patch of a picture looks (Isola et al., 2017); its norms are bounded (Miyato et al., 2018)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (PICTURE_AND_HIDDEN, 32, 64, 128, 192)
        layers: list[nn.Module] = []
        for above, below in pairwise(widths):
            layers += [_bounded(nn.Conv2d(above, below, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)
        self.last = _bounded(nn.Conv2d(widths[-1], 1, 3, padding=1))
        self.pose = _bounded(nn.Linear(POSE_NUMBERS, widths[-1]))

    def forward(self, picture: Tensor, hidden: Tensor, pose: Tensor) -> Tensor:
        features = self.features(torch.cat([picture, hidden], dim=1))
        # Projection (Miyato and Koyama, 2018): whether the face is turned as it was asked to be.
        fits = (features * self.pose(pose)[:, :, None, None]).sum(dim=1, keepdim=True) / features.shape[1] ** 0.5
        scores: Tensor = self.last(features) + fits
        return scores


def _bounded(layer: nn.Module) -> nn.Module:
    bounded: Any = nn.utils.parametrizations.spectral_norm(layer)
    return bounded  # type: ignore[no-any-return]
