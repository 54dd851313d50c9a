"""Beginning with what another run of a mask learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from workbench.errors import ModelError
from workbench.maskers.diffusion import LOCAL
from workbench.training.loop import CHECKPOINT, Learner
from workbench.weights.quiet import import_diffusers

LEARNING = {"averaged": "generator"}  # what an averaged part begins with where a file does not have it


def begin_with(learner: Learner[Any], file: Path) -> None:
    """Take the weights of another run, as far as ``file`` has them; the optimisers begin anew. Raises ModelError.

    For diffusion, ``file`` may also be a folder that was exported.
    """
    try:
        stored = _exported(file) if file.is_dir() else torch.load(file, map_location="cpu", weights_only=True)
        modules = {name: each for name, each in learner.parts.items() if isinstance(each, nn.Module)}
        for name, module in modules.items():
            module.load_state_dict(stored[name] if name in stored else stored[LEARNING[name]])
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror}); name the checkpoint of another run") from error
    except Exception as error:  # torch and pickle raise whatever they like for a file of another kind
        raise ModelError(f"{file} is no checkpoint of such a run; name the {CHECKPOINT} of another one") from error


def _exported(folder: Path) -> dict[str, Any]:
    """The parts of a diffusion learner, as far as they are shipped."""
    unet = import_diffusers().UNet2DModel.from_pretrained(folder, subfolder="unet", **LOCAL)
    weights = unet.float().state_dict()
    return {"network": weights, "averaged": weights}
