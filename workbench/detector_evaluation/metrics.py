"""Average precision and recall of detections against true boxes, by the rules of COCO (pycocotools does the matching).

In order of their scores, detections take the true face they overlap most, if by ``iou`` at least. A second detection of
a face is a false one. Regions to ignore, and faces under ``min_size``, do not count, nor does what is found there, nor
a wrong detection that is itself under ``min_size``. A face's size is the square root of its box's area.

Lin et al., "Microsoft COCO: Common Objects in Context", 2014, arXiv:1405.0312.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import Detections
from workbench.detector_evaluation.properties import PROPERTIES, SIZE
from workbench.detectors.options import DetectorOptions

FALSE_PER_IMAGE = (0.1, 1.0)
"""The rates of false detections at which recall is told."""

DEFAULT_CONFIDENCE: float = DetectorOptions().confidence
"""What an operator gets who changes nothing."""

COCO_IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
RESAMPLES = 1000  # the interval's second digit stays the same with more
MAX_DETECTIONS = 1000  # per picture: more than any detector here returns


@dataclass(frozen=True, eq=False)
class Truth:
    """What is to be found in one picture: ``faces`` (N, 4) and ``ignored`` (M, 4), x0, y0, x1, y1 px.

    ``properties`` has (N,) values, NaN where unknown, under the names of ``properties.PROPERTIES`` without the size.
    """

    faces: NDArray[np.floating]
    ignored: NDArray[np.floating]
    properties: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)


@dataclass(frozen=True)
class PartRecall:
    """Recall of the faces with ``start`` ≤ property < ``end`` (None: no end), as ``Scores`` has it of all of them."""

    name: str
    start: float | None
    end: float | None
    faces: int
    recalls: tuple[float | None, ...]
    default_recall: float | None


@dataclass(frozen=True, eq=False)
class Scores:
    """How well the faces were found. Figures are None where there is no face.

    ``recalls`` and ``confidences`` belong to the rates of ``FALSE_PER_IMAGE``: the share of faces found by detections
    scored above that confidence, which is the lowest that keeps the rate. ``intervals``: between what such pictures
    would have given in 95 of 100 cases (None where they are too few to tell). ``default_recall`` and ``default_false``,
    per picture, belong to ``DEFAULT_CONFIDENCE``. ``parts`` are recalls by each property that is known of any face.
    ``curve`` (K, 2) is recall and precision from the best detection on.
    """

    images: int
    faces: int
    ap50: float | None
    ap50_95: float | None
    recalls: tuple[float | None, ...]
    intervals: tuple[tuple[float, float] | None, ...]
    confidences: tuple[float, ...]
    default_recall: float | None
    default_false: float
    parts: Mapping[str, tuple[PartRecall, ...]]
    curve: NDArray[np.float64]


def score(found: Sequence[Detections], truths: Sequence[Truth], *, iou: float = 0.4, min_size: float = 0.0) -> Scores:
    """Scores of what was ``found`` in each picture, in the pixels of its truth."""
    ious = sorted({iou, *COCO_IOUS})
    evaluation = _matched(found, truths, ious, min_size)
    outcomes = _outcomes(evaluation, ious.index(iou))
    answers, false = outcomes.answers, outcomes.false
    limits = tuple(_limit(false, rate * len(truths)) for rate in FALSE_PER_IMAGE)
    average = {level: _average_precision(evaluation, ious.index(level)) for level in COCO_IOUS}
    return Scores(
        images=len(truths),
        faces=len(answers),
        ap50=average[0.5] if len(answers) else None,
        ap50_95=float(np.mean(list(average.values()))) if len(answers) else None,
        recalls=tuple(_recall(answers, limit) for limit in limits),
        intervals=tuple(_interval(outcomes, rate, len(truths)) for rate in FALSE_PER_IMAGE),
        confidences=limits,
        default_recall=_default_recall(answers),
        default_false=float(np.sum(false >= DEFAULT_CONFIDENCE)) / len(truths),
        parts=_parts(outcomes.properties, answers, limits, min_size),
        curve=_curve(answers, false),
    )


def _parts(
    values: Mapping[str, NDArray[np.float64]],
    answers: NDArray[np.float64],
    limits: tuple[float, ...],
    min_size: float,
) -> dict[str, tuple[PartRecall, ...]]:
    """Recall in every range of every property, of the faces of which it is known."""
    found: dict[str, tuple[PartRecall, ...]] = {}
    for kind in PROPERTIES:
        own, parts = values[kind.name], []
        if kind is not SIZE and not np.isfinite(own).any():
            continue
        for number, (low, high) in enumerate(kind.ranges(min_size if kind is SIZE else kind.least)):
            those = answers[(own >= low) & (own < high)]
            start, end = (float(border) if np.isfinite(border) else None for border in (low, high))
            name = kind.names[number] if kind.names else ""
            recalls = tuple(_recall(those, limit) for limit in limits)
            parts.append(PartRecall(name, start, end, len(those), recalls, _default_recall(those)))
        found[kind.name] = tuple(parts)
    return found


def _matched(found: Sequence[Detections], truths: Sequence[Truth], ious: list[float], min_size: float) -> Any:
    """A COCOeval after its work. Its ids begin with 1, as it takes an id of 0 for "no match"."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    ids = count(1)
    boxes: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for image, (truth, faces) in enumerate(zip(truths, found, strict=True), 1):
        for number, box in enumerate(truth.faces):
            known = {name: float(values[number]) for name, values in truth.properties.items()}
            boxes.append(_entry(next(ids), image, box) | {"iscrowd": 0, "properties": known})
        boxes += [_entry(next(ids), image, box) | {"iscrowd": 1} for box in truth.ignored]
        rows = zip(faces.boxes, faces.scores, strict=True)
        answers += [_entry(next(ids), image, box) | {"score": float(value)} for box, value in rows]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        sides = [COCO(), COCO()]
        for side, entries in zip(sides, (boxes, answers), strict=True):
            side.dataset = {
                "images": [{"id": image} for image in range(1, len(truths) + 1)],
                "categories": [{"id": 1}],
                "annotations": entries,
            }
            side.createIndex()
        evaluation = COCOeval(*sides, iouType="bbox")
        evaluation.params.iouThrs = np.array(ious)
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[min_size**2, np.inf]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def _entry(number: int, image: int, box: NDArray[np.floating]) -> dict[str, Any]:
    x, y, right, bottom = (float(side) for side in box)
    width, height = right - x, bottom - y
    where = {"image_id": image, "category_id": 1, "bbox": [x, y, width, height], "area": width * height}
    return {"id": number} | where


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """Of every face that counts its ``properties`` and, in ``answers``, the score of what found it (0: nothing);
    ``false``: scores of the false detections, best first. ``…_images``: the numbers of their pictures."""

    properties: Mapping[str, NDArray[np.float64]]
    answers: NDArray[np.float64]
    answer_images: NDArray[np.int64]
    false: NDArray[np.float64]
    false_images: NDArray[np.int64]


def _outcomes(evaluation: Any, level: int) -> _Outcomes:
    properties: list[dict[str, float]] = []
    answers: list[tuple[float, int]] = []
    false: list[tuple[float, int]] = []
    for number, image in enumerate(evaluation.evalImgs):
        if image is None:  # a picture without faces, and none was found
            continue
        scores = np.array(image["dtScores"], np.float64)
        wrong = (image["dtMatches"][level] == 0) & ~image["dtIgnore"][level].astype(bool)
        false += [(value, number) for value in scores[wrong]]
        by_id = {0: 0.0} | dict(zip(image["dtIds"], image["dtScores"], strict=True))
        for face, match, ignored in zip(image["gtIds"], image["gtMatches"][level], image["gtIgnore"], strict=True):
            if not ignored:
                label = evaluation.cocoGt.anns[face]
                properties.append(label["properties"] | {SIZE.name: label["area"] ** 0.5})
                answers.append((by_id[int(match)], number))
    false.sort(reverse=True)
    return _Outcomes(
        properties={
            kind.name: np.array([each.get(kind.name, np.nan) for each in properties], np.float64) for kind in PROPERTIES
        },
        answers=np.array([value for value, _ in answers], np.float64),
        answer_images=np.array([number for _, number in answers], np.int64),
        false=np.array([value for value, _ in false], np.float64),
        false_images=np.array([number for _, number in false], np.int64),
    )


def _interval(outcomes: _Outcomes, rate: float, images: int) -> tuple[float, float] | None:
    """95 % interval of the recall by the percentile bootstrap: pictures, whose faces are alike, are drawn again and
    again (Efron, Tibshirani, "An Introduction to the Bootstrap", 1993)."""
    if images < 2 or not len(outcomes.answers):
        return None
    random = np.random.default_rng(0)  # the same pictures give the same interval

    def recall() -> float:
        times = np.bincount(random.integers(images, size=images), minlength=images)
        false = np.repeat(outcomes.false, times[outcomes.false_images])
        answers = np.repeat(outcomes.answers, times[outcomes.answer_images])
        return float(np.mean(answers > _limit(false, rate * images))) if len(answers) else np.nan

    low, high = (float(border) for border in np.percentile([recall() for _ in range(RESAMPLES)], (2.5, 97.5)))
    return None if np.isnan(low) else (low, high)


def _limit(false: NDArray[np.float64], allowed: float) -> float:
    """The score above which there are at most ``allowed`` false detections."""
    spare = int(allowed + 1e-9)  # 0.1 · 30 is a little less than 3
    return float(false[spare]) if len(false) > spare else 0.0


def _recall(answers: NDArray[np.float64], limit: float) -> float | None:
    return float(np.mean(answers > limit)) if len(answers) else None


def _default_recall(answers: NDArray[np.float64]) -> float | None:
    return float(np.mean(answers >= DEFAULT_CONFIDENCE)) if len(answers) else None


def _average_precision(evaluation: Any, level: int) -> float:
    """COCO's mean of 101 points of the curve; -1 where there is no face."""
    return float(np.mean(evaluation.eval["precision"][level]))


def _curve(answers: NDArray[np.float64], false: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, 2) recall and precision at each score that a detection has."""
    right = np.sort(answers[answers > 0])[::-1]
    levels = np.unique(np.concatenate([right, false]))[::-1]
    hits = np.searchsorted(-right, -levels, side="right")
    misses = np.searchsorted(-false, -levels, side="right")
    return np.stack([hits / max(len(answers), 1), hits / np.maximum(hits + misses, 1)], axis=1)
