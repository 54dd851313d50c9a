"""How different two pictures look: what makes invented faces sharp where an error in pixels alone would blur them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.trackers.export import IMAGENET_MEAN, IMAGENET_STD, package_network

COMPARED = (3, 6, 13)  # layers of MobileNetV2


class Looks(nn.Module):
    """How different two pictures look to a network that knows photographs (Johnson et al., 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = package_network().features[: max(COMPARED) + 1].requires_grad_(False)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1))

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        features = (torch.cat([one, other]) * 127.5 + 127.5 - mean) / std
        difference = torch.zeros((), device=one.device)
        for number, layer in enumerate(self.layers):
            features = layer(features)
            if number in COMPARED:
                ours, theirs = functional.normalize(features, dim=1).chunk(2)
                difference = difference + (ours - theirs).abs().sum(dim=1).mean()
        return difference
