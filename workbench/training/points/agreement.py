"""What two looks at the same scene say together, written into the answers of the first.

The second look is at the scene enlarged: it finds small faces that the first one misses, and takes other things for
faces. The mean of both logits tells faces from what is none far better than either does alone. Of the faces in crowds
CenterFace finds 0.64 at 0.1 false ones a picture, enlarged to the double 0.72, both together 0.74.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.data import Detections
from workbench.detectors.centerface import decode
from workbench.training.points.heat import Cells, Places, curve_round, places_of
from workbench.training.points.network import ANSWERS

Floats = NDArray[np.float32]

SAME_FACE_IOU = 0.4
UNSEEN = 0.05  # the score of a face that one of the looks did not find
COLDEST, WARMEST = 1e-6, 0.999  # heat of exactly 0 or 1 has no logit


def faces_in(answers: Floats) -> Detections:
    """The faces that ``answers`` (15, h, w) show, the heat as a logit, in pixels of the network's picture."""
    heat, *others = np.split(answers[None], np.cumsum(list(ANSWERS.values()))[:-1], axis=1)
    return decode([_chance(heat), *others], max_iou=SAME_FACE_IOU)


def agreed(answers: Floats, enlarged: Floats, *, times: float) -> Floats:
    """``answers`` (15, h, w) with each face as warm as both looks together say, and with the faces that only the
    ``enlarged`` one shows; it saw the scene ``times`` as large.
    """
    first, second = faces_in(answers), faces_in(enlarged).scaled(1 / times, 1 / times)
    partner = _partners(first, second)
    heat, together = _chance(answers[0]), answers.copy()
    height, width = heat.shape
    places = places_of(first.boxes, height=height, width=width)
    for index, score in enumerate(first.scores):
        other = float(second.scores[partner[index]]) if partner[index] >= 0 else UNSEEN
        where, _ = curve_round(places, index, height=height, width=width)
        heat[where] *= (_together(float(score), other) / score) ** 2  # scores are square roots of heat
    places = places_of(second.boxes, height=height, width=width)
    for index in sorted(set(range(len(second))) - set(partner.tolist())):
        where, curve = curve_round(places, index, height=height, width=width)
        curve *= _together(float(second.scores[index]), UNSEEN) ** 2
        told = _answers(second, places, index, where)
        together[1:, *where] = np.where(curve > heat[where], told, together[1:, *where])
        heat[where] = np.maximum(heat[where], curve)
    heat = np.clip(heat, COLDEST, WARMEST)
    together[0] = np.log(heat / (1 - heat))
    return together


def _partners(first: Detections, second: Detections) -> NDArray[np.int64]:
    """(N,) which of the ``second`` each of the ``first`` is, best first and each once; -1 for none."""
    overlaps = geometry.iou(first.boxes, second.boxes)
    partner = np.full(len(first), -1)
    for index in range(len(first) if len(second) else 0):
        if overlaps[index].max() >= SAME_FACE_IOU:
            partner[index] = overlaps[index].argmax()
            overlaps[:, partner[index]] = 0
    return partner


def _answers(faces: Detections, places: Places, index: int, where: Cells) -> Floats:
    """What the cells ``where`` answer for one face, but for the heat: (14, rows, columns)."""
    assert faces.landmarks is not None
    rows, columns = np.mgrid[where]
    told = np.empty((sum(ANSWERS.values()) - 1, *rows.shape), np.float32)
    told[:2] = np.log(places.extent[index, ::-1])[:, None, None]
    told[2], told[3] = places.centre[index, 1] - rows - 0.5, places.centre[index, 0] - columns - 0.5
    box = faces.boxes[index]
    marks = (faces.landmarks[index] - box[:2]) / np.maximum(box[2:] - box[:2], 1)
    told[4:] = marks[:, ::-1].reshape(-1)[:, None, None]
    return told


def _together(first: float, second: float) -> float:
    """The score whose logit is the mean of both scores'."""
    odds = [score / (1 - score) for score in np.clip([first, second], UNSEEN, WARMEST)]
    mean = float(np.sqrt(odds[0] * odds[1]))
    return mean / (1 + mean)


def _chance(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
