"""Learning in steps: the checkpoint from which any machine can go on, and the curve that shows how it went."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from workbench.errors import EngineError, ModelError
from workbench.training.curves import add_to_curve
from workbench.training.options import StepsDone

CHECKPOINT = "last.pt"
STEPS_A_LINE = 50
LINES_A_CHECKPOINT = 4

Batch = TypeVar("Batch")
Batch_contra = TypeVar("Batch_contra", contravariant=True)


class Learner(Protocol[Batch_contra]):
    """What learns: its parts are all that a checkpoint must hold."""

    @property
    def parts(self) -> Mapping[str, Any]:
        """Modules and optimisers by name."""
        ...

    def step(self, batch: Batch_contra, *, done: int) -> dict[str, float]:
        """Learn from one batch, after ``done`` steps; the losses."""
        ...


def require_device(device: str) -> None:
    """Raise EngineError where ``device`` is an NVIDIA GPU, ``cuda`` or its number, and none can be used."""
    if device.startswith(("cuda", *"0123456789")) and not torch.cuda.is_available():
        raise EngineError("an NVIDIA GPU was asked for and none is usable here; check its driver, or use device cpu")


def learn(
    learner: Learner[Batch],
    draw: Callable[[], Batch],
    folder: Path,
    *,
    steps: int,
    resume: bool = False,
    told: StepsDone | None = None,
    line_every: int | None = None,
    checkpoint_every: int | None = None,
) -> None:
    """Learn until ``steps`` are done in all, keeping a checkpoint in ``folder``; ``resume`` goes on with that.

    Raises ModelError where there is nothing to resume.
    """
    line_every = line_every or STEPS_A_LINE
    checkpoint_every = checkpoint_every or STEPS_A_LINE * LINES_A_CHECKPOINT
    done = load(learner, folder) if resume else 0
    folder.mkdir(parents=True, exist_ok=True)
    sums: dict[str, float] = defaultdict(float)
    begun = time.monotonic()
    while done < steps:
        for name, value in learner.step(draw(), done=done).items():
            sums[name] += value / line_every
        done += 1
        if done % checkpoint_every == 0:
            save(learner, folder, done)
        if done % line_every == 0:
            sums["seconds"] = time.monotonic() - begun
            add_to_curve(folder, {"steps": done, **sums})
            if told:
                told(done, dict(sums))
            sums.clear()
            begun = time.monotonic()
    save(learner, folder, done)


def save(learner: Learner[Any], folder: Path, done: int) -> None:
    """Keep the whole state after ``done`` steps."""
    part = folder / f"{CHECKPOINT}.part"
    torch.save({"steps": done, **{name: each.state_dict() for name, each in learner.parts.items()}}, part)
    part.replace(folder / CHECKPOINT)


def load(learner: Learner[Any], folder: Path) -> int:
    """Take the state that is kept in ``folder``; the number of steps done. Raises ModelError."""
    stored = load_parts(folder / CHECKPOINT)
    try:
        for name, each in learner.parts.items():
            each.load_state_dict(stored[name])
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"{folder / CHECKPOINT} is of another kind of run; start without resume") from error
    return int(stored["steps"])


def load_parts(checkpoint: Path) -> dict[str, Any]:
    """What ``save`` kept: ``steps``, and the state of every part by its name. Raises ModelError."""
    try:
        stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except OSError as error:
        missing = f"{checkpoint.parent} holds no run to resume: {checkpoint.name} is missing; start without resume"
        raise ModelError(missing) from error
    except Exception as error:  # torch and pickle raise whatever they like for a file of another kind
        raise ModelError(f"{checkpoint} is no checkpoint of such a run") from error
    return stored if isinstance(stored, dict) else {}


@torch.no_grad()
def average(averaged: nn.Module, learning: nn.Module, *, kept: float) -> None:
    """Move the averaged weights a little towards the present ones: what is shipped is the average."""
    for mean, present in zip(averaged.parameters(), learning.parameters(), strict=True):
        mean.lerp_(present, 1 - kept)
