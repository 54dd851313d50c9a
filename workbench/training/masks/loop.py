"""Learning in steps: the checkpoint from which any machine can go on, and the curve that shows how it went."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from workbench.errors import ModelError
from workbench.maskers.diffusion import LOCAL
from workbench.training.masks.pictures import Batch
from workbench.weights.quiet import import_diffusers

CHECKPOINT = "last.pt"
CURVE = "learning_curve.jsonl"
LEARNING = {"averaged": "generator"}  # what an averaged part begins with where a file does not have it
STEPS_A_LINE = 50
LINES_A_CHECKPOINT = 4

StepsDone = Callable[[int, dict[str, float]], None]
"""Called with the number of steps done and the mean losses since the last call."""


class Learner(Protocol):
    """What learns: its parts are all that a checkpoint must hold."""

    @property
    def parts(self) -> Mapping[str, Any]:
        """Modules and optimisers by name."""
        ...

    def step(self, batch: Batch, *, done: int) -> dict[str, float]:
        """Learn from one batch, after ``done`` steps; the losses."""
        ...


def learn(
    learner: Learner,
    draw: Callable[[], Batch],
    folder: Path,
    *,
    steps: int,
    resume: bool = False,
    told: StepsDone | None = None,
) -> None:
    """Learn until ``steps`` are done in all, keeping a checkpoint in ``folder``; ``resume`` goes on with that.

    Raises ModelError where there is nothing to resume.
    """
    done = load(learner, folder) if resume else 0
    folder.mkdir(parents=True, exist_ok=True)
    sums: dict[str, float] = defaultdict(float)
    begun = time.monotonic()
    while done < steps:
        for name, value in learner.step(draw(), done=done).items():
            sums[name] += value / STEPS_A_LINE
        done += 1
        if done % STEPS_A_LINE == 0:
            sums["seconds"] = time.monotonic() - begun
            _note(folder, done, sums)
            if told:
                told(done, dict(sums))
            sums.clear()
            begun = time.monotonic()
        if done % (STEPS_A_LINE * LINES_A_CHECKPOINT) == 0:
            save(learner, folder, done)
    save(learner, folder, done)


def save(learner: Learner, folder: Path, done: int) -> None:
    """Keep the whole state after ``done`` steps."""
    part = folder / f"{CHECKPOINT}.part"
    torch.save({"steps": done, **{name: each.state_dict() for name, each in learner.parts.items()}}, part)
    part.replace(folder / CHECKPOINT)


def load(learner: Learner, folder: Path) -> int:
    """Take the state that is kept in ``folder``; the number of steps done. Raises ModelError."""
    try:
        stored = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)
        for name, each in learner.parts.items():
            each.load_state_dict(stored[name])
    except OSError as error:
        raise ModelError(f"{folder} holds no run to resume: {CHECKPOINT} is missing; start without resume") from error
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"{folder / CHECKPOINT} is of another kind of run; start without resume") from error
    return int(stored["steps"])


def begin_with(learner: Learner, file: Path) -> None:
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


@torch.no_grad()
def average(averaged: nn.Module, learning: nn.Module, *, kept: float) -> None:
    """Move the averaged weights a little towards the present ones: what is shipped is the average."""
    for mean, present in zip(averaged.parameters(), learning.parameters(), strict=True):
        mean.lerp_(present, 1 - kept)


def _note(folder: Path, done: int, losses: Mapping[str, float]) -> None:
    with (folder / CURVE).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"steps": done, **{name: round(value, 4) for name, value in losses.items()}}) + "\n")
