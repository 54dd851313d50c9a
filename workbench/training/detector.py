"""A whole training run: labels, learning, export. Each architecture has a module that learns it and writes its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pandas as pd

from workbench.detectors.options import DetectorOptions
from workbench.stages import Progress
from workbench.training.calibration import TooLittle, fit_calibration
from workbench.training.curves import CURVE
from workbench.training.labels import load_photographs, validation_pictures
from workbench.training.options import Recipe, StepsDone
from workbench.workspace import private_folder

PicturesFound = Callable[[int, int], None]
"""Called with the number of pictures and of faces to learn."""


@dataclass(frozen=True, eq=False)
class TrainedDetector:
    """What a run made: ``weights`` (.onnx), a ``note`` about its scores, and ``curve``, the losses as they fell."""

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
    resume: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
    found: PicturesFound | None = None,
    epoch_done: StepsDone | None = None,
) -> TrainedDetector:
    """Train on the pictures in ``data`` (images/, labels/, perhaps negatives/) and export to ``folder``/NAME.onnx.

    ``progress`` follows the teachers' labelling, ``epoch_done`` the learning. ``device`` is ``cpu`` or the number of an
    NVIDIA GPU, ``limit`` the most pictures that are learnt. Raises SourceError for folders and pictures, TimelineError
    for labels, UsageError where there is nothing to learn, ModelError where the run fails or there is none to resume,
    EngineError for a GPU that does not work, OutputError for a folder that cannot be made.

    >>> truth = load_truth(sample("consultation").truth)
    >>> pictures = label_clip(sample("consultation").path, truth, folder / "little", every_seconds=1)
    >>> recipe = Recipe(name="tiny", image_size=96, epochs=1, scenes_per_epoch=16, batch=8, workers=0)
    >>> train_detector(folder / "little", recipe, folder / "run")
    TrainedDetector(tiny.onnx, 1 epochs)
    """
    private_folder(folder)
    if not resume:
        (folder / CURVE).unlink(missing_ok=True)  # that of an earlier run; this one begins anew
    photographs = load_photographs(data, recipe.labels, kept=folder / "teachers.jsonl", limit=limit, progress=progress)
    if found is not None:
        found(len(photographs), sum(len(photo.faces) for photo in photographs))
    architecture = _module(recipe)
    checkpoint = architecture.train(photographs, recipe, folder, device=device, resume=resume, epoch_done=epoch_done)
    weights, note = finish(checkpoint, data, recipe, folder / f"{recipe.name}.onnx")
    return TrainedDetector(weights, note, pd.read_csv(folder / CURVE))


def finish(checkpoint: Path, data: Path, recipe: Recipe, target: Path) -> tuple[Path, str]:
    """Export a run's checkpoint to ``target``, calibrated on the recipe's validation pictures where it names any.

    Returns the file and a word about the calibration. Raises ModelError, SourceError, TimelineError, OutputError.
    """
    architecture = _module(recipe)
    plain: Path = architecture.export(checkpoint, target)
    pictures = validation_pictures(data, recipe.labels)
    if not pictures:
        return plain, "scores are not calibrated: the recipe names no validation pictures"
    options = DetectorOptions(kind=architecture.DETECTOR, weights=str(plain))
    try:
        fitted = fit_calibration(options, pictures)
    except TooLittle as error:
        return plain, f"scores are not calibrated: {error}"
    words = f"scores calibrated on {len(pictures)} pictures (slope {fitted.slope:.2f}, shift {fitted.shift:+.2f})"
    return architecture.export(checkpoint, target, slope=fitted.slope, shift=fitted.shift), words


def _module(recipe: Recipe) -> ModuleType:
    """Offers ``train``, ``export`` and the ``DETECTOR`` that opens the file. Imported here: torch takes seconds."""
    if recipe.architecture == "face-small":
        from workbench.training.points import run as points

        return points
    from workbench.training import yolov8

    return yolov8
