"""From a checkpoint to a model file whose scores mean what they say.

**Scores are calibrated** (Platt, "Probabilistic Outputs for Support Vector Machines", 1999): on pictures that were not
learnt, a logistic function a · logit + b is fitted to whether a detection is a face. It is folded into the weights of
the last layer that scores, so the exported file needs no further step: 0.5 is as likely a face as not, for every model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.data import Detections
from workbench.detector_evaluation.corruptions import corruptions_of
from workbench.detector_evaluation.dataset import LabelledPicture
from workbench.detector_evaluation.run import answers
from workbench.detectors.options import DetectorOptions
from workbench.errors import ModelError
from workbench.training.checkpoints import model_of, read_checkpoint
from workbench.training.labels import validation_pictures
from workbench.training.options import Recipe
from workbench.weights.converting import convert
from workbench.weights.quiet import import_ultralytics

Floats = NDArray[np.float64]

FOUND_IOU = 0.4
CONDITIONS = ("none", "dark")  # as recordings are: some lit, some not
LEAST_FACE_PX = 12.0  # smaller ones are faces or not as one likes; they do not count
EDGE = 1e-4  # scores of exactly 0 or 1 have no logit


class TooLittle(ModelError):
    """There are too few detections to calibrate scores on."""


@dataclass(frozen=True)
class Calibration:
    """p = 1 / (1 + exp(-(slope · logit(score) + shift)))."""

    slope: float
    shift: float


def export(checkpoint: Path, target: Path, *, calibration: Calibration | None = None) -> Path:
    """Write ``checkpoint`` as ONNX to ``target``, its scores calibrated. Raises ModelError."""
    import torch

    import_ultralytics()
    model = model_of(read_checkpoint(checkpoint))
    if calibration is not None:
        fold(model, calibration)
    draft = target.with_suffix(".pt")
    torch.save({"model": model.half(), "ema": None, "epoch": -1, "train_args": {}}, draft)
    return convert(draft, format="onnx", out=target)


def fold(model: Any, calibration: Calibration) -> None:
    """Change the last scoring layers of an ultralytics detector so that their logits come out calibrated."""
    for branch in model.model[-1].cv3:
        last = branch[-1]
        last.weight.data *= calibration.slope
        last.bias.data = last.bias.data * calibration.slope + calibration.shift


def fit_calibration(model: Path, pictures: Sequence[LabelledPicture], *, image_size: int = 640) -> Calibration:
    """Fit on ``pictures``, lit and dark. Raises TooLittle."""
    options = DetectorOptions(kind="yolov8_face", weights=str(model), image_size=image_size)
    scores, hits = [np.zeros(0)], [np.zeros(0)]
    for number, _, copies in answers(pictures, options, corruptions_of(CONDITIONS)):
        picture = pictures[number]
        scale = image_size / max(picture.width_px, picture.height_px)
        for found in copies:
            is_face, counts = _judged(found, picture, least_px=LEAST_FACE_PX / scale)
            scores.append(found.scores[counts].astype(np.float64))
            hits.append(is_face[counts])
    return _fitted(np.concatenate(scores), np.concatenate(hits))


def _judged(found: Detections, picture: LabelledPicture, *, least_px: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Which detections are faces, each face once, and which of them count."""
    is_face = np.zeros(len(found), bool)
    counts = np.sqrt(geometry.area(found.boxes)) >= least_px
    if len(picture.ignored):
        counts &= geometry.iou(found.boxes, picture.ignored).max(axis=1) < FOUND_IOU
    overlaps = geometry.iou(found.boxes, picture.faces)
    taken = np.zeros(len(picture.faces), bool)
    for index in range(len(found)):  # best first
        free = np.where(taken, 0.0, overlaps[index])
        if len(free) and free.max() >= FOUND_IOU:
            taken[free.argmax()] = is_face[index] = True
    return is_face.astype(float), counts


def _fitted(scores: Floats, hits: Floats) -> Calibration:
    """Maximum likelihood of the logistic model, by Newton's method with Platt's softened targets."""
    right, wrong = hits.sum(), (1 - hits).sum()
    if min(right, wrong) < 20:
        raise TooLittle(f"{right:.0f} right and {wrong:.0f} wrong detections are too few to calibrate scores on")
    logits = np.log(np.clip(scores, EDGE, 1 - EDGE) / (1 - np.clip(scores, EDGE, 1 - EDGE)))
    inputs = np.column_stack([logits, np.ones_like(logits)])
    targets = np.where(hits > 0, (right + 1) / (right + 2), 1 / (wrong + 2))
    values = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-inputs @ values))
        slope = inputs.T @ (targets - chance)
        bend = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        values += step
        if np.abs(step).max() < 1e-6:
            break
    return Calibration(float(values[0]), float(values[1]))


def finish(checkpoint: Path, data: Path, recipe: Recipe, target: Path) -> tuple[Path, str]:
    """Export a run's checkpoint to ``target``, calibrated on the recipe's validation pictures where it names any.

    Returns the file and a word about the calibration. Raises ModelError, SourceError, TimelineError.
    """
    plain = export(checkpoint, target)
    pictures = validation_pictures(data, recipe.labels)
    if not pictures:
        return plain, "scores are not calibrated: the recipe names no validation pictures"
    try:
        calibration = fit_calibration(plain, pictures)
    except TooLittle as error:
        return plain, f"scores are not calibrated: {error}"
    words = (
        f"scores calibrated on {len(pictures)} pictures (slope {calibration.slope:.2f}, shift {calibration.shift:+.2f})"
    )
    return export(checkpoint, target, calibration=calibration), words
