"""Runs several detectors over the same labelled pictures, clean and spoilt, and scores each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import get_args
from zlib import crc32

import numpy as np

from workbench.data import Detections, Picture
from workbench.detector_evaluation.corruptions import CLEAN, Corruption
from workbench.detector_evaluation.dataset import LabelledPicture
from workbench.detector_evaluation.metrics import Scores, Truth, score
from workbench.detectors import open_detector
from workbench.detectors.finder import picture_size
from workbench.detectors.options import DetectorOptions
from workbench.errors import UsageError
from workbench.stages import Detector, Progress, ProgressUpdate

PLAIN_LOOK: Mapping[str, bool | str] = {"enhance": False, "second_look": "never"}

Size = tuple[int, int]
"""Width and height of a network's picture."""


@dataclass(frozen=True)
class Candidate:
    """A detector to be measured, under the name that the results give it."""

    name: str
    options: DetectorOptions


@dataclass(frozen=True, eq=False)
class Result:
    """What one detector did with one kind of picture. ``engine`` is the one that really ran."""

    detector: str
    engine: str
    corruption: Corruption
    scores: Scores


def candidate(text: str, *, image_size: int, looks: Mapping[str, bool | str] = PLAIN_LOOK) -> Candidate:
    """``KIND`` or ``KIND:WEIGHTS`` as a detector for pictures with a long side of ``image_size``. ``looks`` are the
    options ``enhance`` and ``second_look``: the network alone unless they say more. Raises UsageError.

    >>> candidate("centerface", image_size=640).name
    'centerface'
    """
    kind, _, weights = text.partition(":")
    kinds = get_args(DetectorOptions.model_fields["kind"].annotation)
    if kind not in kinds:
        raise UsageError(f"--detector {text}: unknown kind {kind!r}; there are {', '.join(kinds)}")
    options = DetectorOptions.model_validate(
        {"kind": kind, "weights": weights or None, "image_size": image_size, **PLAIN_LOOK, **looks}
    )
    return Candidate(f"{kind}:{PurePath(weights).name}" if weights else kind, options)


def evaluate_detectors(
    pictures: Sequence[LabelledPicture],
    candidates: Sequence[Candidate],
    *,
    corruptions: Sequence[Corruption] = (CLEAN,),
    iou: float = 0.4,
    min_size: float = 12.0,
    progress: Progress | None = None,
) -> list[Result]:
    """Every candidate's scores on every kind of picture.

    A picture is brought to the candidate's ``image_size``, small ones are enlarged; sizes, ``min_size`` among them, are
    in pixels of that. Raises as ``open_detector``, before the work; UsageError where two candidates have one name.

    >>> pictures = label_clip(clip, truth, folder / "labelled")
    >>> found = evaluate_detectors(load_dataset(folder / "labelled"), [candidate("centerface", image_size=640)])
    >>> found[0].scores.ap50
    1.0
    """
    names = [each.name for each in candidates]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"--detector {twice[0]} is named twice; name each once, or rename one of the weights' files")
    for each in candidates:
        _open(each.options, _network_size(pictures[0], each.options))
    total = len(candidates) * len(pictures) * len(corruptions)
    done = faces = 0
    results: list[Result] = []
    for each in candidates:
        found = [[Detections.empty()] * len(pictures) for _ in corruptions]
        engine = ""
        for number, running, copies in answers(pictures, each.options, corruptions):
            engine = running
            for row, answer in zip(found, copies, strict=True):
                row[number] = answer
                done, faces = done + 1, faces + int((answer.scores >= each.options.confidence).sum())
                if progress:
                    progress(ProgressUpdate(done, total, faces))
        scored = [_scores(row, pictures, each.options, iou=iou, min_size=min_size) for row in found]
        results += [Result(each.name, engine, kind, value) for kind, value in zip(corruptions, scored, strict=True)]
    return results


def answers(
    pictures: Sequence[LabelledPicture], options: DetectorOptions, corruptions: Sequence[Corruption]
) -> Iterator[tuple[int, str, Iterator[Detections]]]:
    """Each picture's number, the engine, and what the detector of ``options`` finds in each kind of copy, in turn.

    Faces are in pixels of the file. Pictures come ordered by size: one detector is open at a time.
    """
    sizes = [_network_size(picture, options) for picture in pictures]
    for size in sorted(set(sizes)):
        detector = _open(options, size)
        for number, own in enumerate(sizes):
            if own == size:
                copies = _copies(pictures[number], corruptions)
                yield number, detector.engine, (detector.detect([copy])[0] for copy in copies)


def _copies(picture: LabelledPicture, corruptions: Sequence[Corruption]) -> Iterator[Picture]:
    """One at a time."""
    pixels, seed = picture.pixels(), crc32(picture.path.name.encode())
    for kind in corruptions:
        yield kind.apply(pixels, seed=seed)


def _scores(
    found: Sequence[Detections],
    pictures: Sequence[LabelledPicture],
    options: DetectorOptions,
    *,
    iou: float,
    min_size: float,
) -> Scores:
    scales = [_scale(picture, options) for picture in pictures]
    truths = [
        Truth(one.faces * scale, one.ignored * scale, one.properties)
        for one, scale in zip(pictures, scales, strict=True)
    ]
    answers = [faces.scaled(scale, scale) for faces, scale in zip(found, scales, strict=True)]
    return score(answers, truths, iou=iou, min_size=min_size)


def _scale(picture: LabelledPicture, options: DetectorOptions) -> float:
    """Pixels of the network's picture per pixel of the file."""
    return float(np.float64(options.image_size) / max(picture.width_px, picture.height_px))


def _network_size(picture: LabelledPicture, options: DetectorOptions) -> Size:
    scale = _scale(picture, options)
    return picture_size(options, width_px=round(picture.width_px * scale), height_px=round(picture.height_px * scale))


def _open(options: DetectorOptions, size: Size) -> Detector:
    return open_detector(options, width_px=size[0], height_px=size[1])
