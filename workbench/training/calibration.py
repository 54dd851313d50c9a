"""Scores that mean what they say.

On pictures that were not learnt, a logistic function a · logit + b is fitted to whether a detection is a face (Platt,
"Probabilistic Outputs for Support Vector Machines", 1999). An export folds it into the weights of the layer that
scores, so that the file needs no further step.

A missed face is worse than a needless mask: the logistic is shifted so that 0.5 is where hiding becomes right if a
missed face weighs as much as eight needless masks. Presets' thresholds then mean the same for every model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.data import Detections
from workbench.detector_evaluation.corruptions import corruptions_of
from workbench.detector_evaluation.dataset import LabelledPicture
from workbench.detector_evaluation.run import answers
from workbench.detectors.options import DetectorOptions
from workbench.errors import ModelError

Floats = NDArray[np.float64]

FOUND_IOU = 0.4
CONDITIONS = ("none", "dark")  # as recordings are: some lit, some not
SIZES_PX = (640, 448, 320, 224)
"""Long sides of the picture. Small faces score lower, and people label few of them: calibrated at 640 px alone, most
faces under 16 px would stay below 0.5. The smaller pictures show the labelled ones small.
"""

LEAST_FACE_PX = 12.0  # smaller ones are faces or not as one likes; they do not count
MISSED_COSTS = 8.0  # needless masks; at 0.5 crowds then have as many false ones as with CenterFace
EDGE = 1e-4  # scores of exactly 0 or 1 have no logit


class TooLittle(ModelError):
    """There are too few detections to calibrate scores on."""


@dataclass(frozen=True)
class Calibration:
    """The score that is exported: 1 / (1 + exp(-(slope · logit(score) + shift)))."""

    slope: float
    shift: float


def fit_calibration(options: DetectorOptions, pictures: Sequence[LabelledPicture]) -> Calibration:
    """Fit a detector's scores on ``pictures``, lit and dark, large and small. Raises TooLittle."""
    scores, hits = [np.zeros(0)], [np.zeros(0)]
    for size in SIZES_PX:
        sized = options.model_copy(update={"image_size": size})
        for number, _, copies in answers(pictures, sized, corruptions_of(CONDITIONS)):
            picture = pictures[number]
            scale = size / max(picture.width_px, picture.height_px)
            for found in copies:
                is_face, counts = _judged(found, picture, least_px=LEAST_FACE_PX / scale)
                scores.append(found.scores[counts].astype(np.float64))
                hits.append(is_face[counts])
    fitted = _fitted(np.concatenate(scores), np.concatenate(hits))
    return replace(fitted, shift=fitted.shift + math.log(MISSED_COSTS))


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
