"""A whole training run in one call: labels, learning, export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workbench.stages import Progress
from workbench.training.export import finish
from workbench.training.labels import load_photographs
from workbench.training.options import Recipe
from workbench.training.run import CURVE, EpochDone, train
from workbench.workspace import private_folder


@dataclass(frozen=True, eq=False)
class TrainedDetector:
    """What a run made: ``weights`` (.onnx), a ``note`` about its scores, and ``curve``, the losses by epoch."""

    weights: Path
    note: str
    curve: pd.DataFrame

    def __repr__(self) -> str:
        return f"TrainedDetector({self.weights.name}, {len(self.curve)} epochs)"


def train_detector(
    data: Path,
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
    epoch_done: EpochDone | None = None,
) -> TrainedDetector:
    """Train on the pictures in ``data`` (images/, labels/, perhaps negatives/) and export to ``folder``/NAME.onnx.

    ``progress`` follows the teachers' labelling, ``epoch_done`` the learning. ``device`` is ``cpu`` or the number of an
    NVIDIA GPU. Raises SourceError for folders and pictures, TimelineError for labels, UsageError where there is nothing
    to learn, ModelError where the run fails, OutputError for a folder that cannot be made.

    >>> truth = load_truth(sample("consultation").truth)
    >>> pictures = label_clip(sample("consultation").path, truth, folder / "little", every_seconds=1)
    >>> recipe = Recipe(name="tiny", image_size=96, epochs=1, scenes_per_epoch=16, batch=8, workers=0)
    >>> train_detector(folder / "little", recipe, folder / "run")
    TrainedDetector(tiny.onnx, 1 epochs)
    """
    private_folder(folder)
    (folder / CURVE).unlink(missing_ok=True)  # that of an earlier run; this one begins anew
    photographs = load_photographs(data, recipe.labels, kept=folder / "teachers.jsonl", progress=progress)
    checkpoint = train(photographs, recipe, folder, device=device, epoch_done=epoch_done)
    weights, note = finish(checkpoint, data, recipe, folder / f"{recipe.name}.onnx")
    return TrainedDetector(weights, note, pd.read_csv(folder / CURVE))
