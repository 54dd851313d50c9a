"""A whole training of a mask that invents faces: pictures, learning, samples to look at, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from workbench.errors import UsageError
from workbench.maskers.canvas import GAN_SIZE_PX
from workbench.training.loop import learn, require_device
from workbench.training.masks.beginning import begin_with
from workbench.training.masks.diffusion import DiffusionLearner
from workbench.training.masks.export import export_diffusion, export_gan
from workbench.training.masks.gan import GanLearner
from workbench.training.masks.pictures import PortraitBatches, load_portraits
from workbench.training.options import StepsDone

DIFFUSION_SIZE_PX = 64
SAMPLES = 12
SHEET = "samples.png"


def train(
    kind: str,
    data: Path,
    folder: Path,
    *,
    steps: int,
    batch: int = 12,
    resume: bool = False,
    start: Path | None = None,
    device: str = "cpu",
    seed: int = 1,
    told: StepsDone | None = None,
) -> Path:
    """Learn the ``gan`` or ``diffusion`` mask from the portraits in ``data`` into ``folder``; the exported model.

    ``start`` is the checkpoint of another run whose weights this one begins with.

    Raises SourceError for the portraits, UsageError and ModelError for the folder, EngineError for a device that does
    not work, OutputError.
    """
    require_device(device)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name a folder for the run")
    torch.manual_seed(seed)
    portraits = load_portraits(data)
    learner: Any = GanLearner(device=device) if kind == "gan" else DiffusionLearner(DIFFUSION_SIZE_PX, device=device)
    size_px = GAN_SIZE_PX if kind == "gan" else DIFFUSION_SIZE_PX
    if start is not None:
        begin_with(learner, start)
    batches = PortraitBatches(portraits, size_px=size_px, seed=seed)
    learn(learner, lambda: batches.draw(batch), folder, steps=steps, resume=resume, told=told)
    _draw_samples(learner, PortraitBatches(portraits, size_px=size_px, seed=0), folder / SHEET)
    if kind == "gan":
        export_gan(learner.averaged, folder / "gan.onnx")
        return folder / "gan.onnx"
    export_diffusion(learner.averaged, folder / "diffusion")
    return folder / "diffusion"


def _draw_samples(learner: Any, batches: PortraitBatches, path: Path) -> None:
    """What was there, what the generator saw, and what it invented, one below the other."""
    batch = batches.draw(SAMPLES)
    seen = batch.pictures * (1 - batch.hidden)
    rows = [batch.pictures, seen, learner.samples(batch)]
    pictures = [np.concatenate(list(np.asarray(row)), axis=2) for row in rows]
    sheet = np.concatenate(pictures, axis=1).transpose(1, 2, 0)[..., ::-1]
    cv2.imwrite(str(path), np.rint((sheet + 1) * 127.5).clip(0, 255).astype(np.uint8))
