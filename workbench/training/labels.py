"""Which faces a picture holds, from people's labels and what several detectors agree on."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.detector_evaluation.dataset import ENDINGS, LabelledPicture, read_labels
from workbench.errors import SourceError, UsageError
from workbench.stages import Progress
from workbench.training.options import LabelOptions
from workbench.training.scenes import Photograph
from workbench.training.teachers import Answer, Look, ask, picture_size

Boxes = NDArray[np.float64]
SAME_FACE_IOU = 0.4  # teachers' boxes differ at the chin and the ears
PART_OF_A_FACE = 0.2
PORTRAITS = "portraits.csv"
"""In the data folder: file, x, y, w, h per line, of pictures in its folder ``portraits``: one face each."""


def load_photographs(
    data: Path, options: LabelOptions, *, kept: Path, limit: int | None = None, progress: Progress | None = None
) -> list[Photograph]:
    """The pictures of ``data``/images with the faces to be learnt, those of ``negatives`` and ``portraits``.

    ``kept`` is the file of the teachers' answers. Pictures without human labels are used only where there are teachers.
    Raises SourceError for folders and pictures, TimelineError for labels, UsageError where nothing can be learnt.
    """
    images = _pictures(data / "images")
    held_out = _held_out(data, options)
    images = [path for path in images if path.stem not in held_out]
    labelled = data / options.folder
    if not options.teachers:
        images = [path for path in images if (labelled / f"{path.stem}.txt").exists()]
    if limit is not None:
        images = images[:: max(1, len(images) // limit)][:limit]
    looks = [Look(one.kind, one.weights, size) for one in options.teachers for size in one.image_sizes]
    answers = ask(images, looks, kept, progress=progress) if looks else {}
    photographs = [_photograph(path, labelled, answers.get(path.name, []), options) for path in images]
    if not any(len(photo.faces) for photo in photographs):
        raise UsageError(f"{labelled} labels no face in {data / 'images'}: there is nothing to learn")
    others = [path for path in _negatives(data) if path.stem not in held_out]
    photographs += [Photograph(path, *picture_size(path), _none(), _none()) for path in others[:limit]]
    return photographs + _portraits(data, photographs, options, limit)


def _photograph(path: Path, labelled: Path, answers: Sequence[Answer], options: LabelOptions) -> Photograph:
    width, height = picture_size(path)
    label = labelled / f"{path.stem}.txt"
    human = read_labels(label, width_px=width, height_px=height) if label.exists() else _none()
    seen = [Answer(one.teacher, one.boxes * (width, height, width, height), one.scores) for one in answers]
    faces, doubtful = agree(human, seen, options)
    weight = next((w for prefix, w in options.weights.items() if path.name.startswith(prefix)), 1.0)
    return Photograph(path, width, height, faces, doubtful, weight)


def agree(human: Boxes, answers: Sequence[Answer], options: LabelOptions) -> tuple[Boxes, Boxes]:
    """(faces, doubtful boxes), each (N, 4), from people's boxes and the teachers' answers, all in one unit.

    People are believed. Beside theirs, a face is what two different teachers score ``agreed``, or one of them ``sure``;
    the surest one's box is taken. What only one scores ``doubtful`` is a doubtful box.
    """
    boxes = np.concatenate([_none(), *(one.boxes for one in answers)])
    scores = np.concatenate([np.zeros(0), *(one.scores for one in answers)])
    teachers = np.array([one.teacher for one in answers for _ in one.scores])
    order = np.argsort(-scores, kind="stable")
    boxes, scores, teachers = boxes[order], scores[order], teachers[order]
    left = scores >= min(options.doubtful, options.agreed)
    if len(human) and len(boxes):
        left &= geometry.iou(boxes, human).max(axis=1) < SAME_FACE_IOU
    faces, doubtful = [human], [_none()]
    for index in range(len(boxes)):
        if not left[index]:
            continue
        same = left & (geometry.iou(boxes[index : index + 1], boxes)[0] >= SAME_FACE_IOU)
        left &= ~same
        believers = {
            teacher for teacher, score in zip(teachers[same], scores[same], strict=True) if score >= options.agreed
        }
        is_face = len(believers) >= 2 or scores[index] >= options.sure
        if is_face:
            faces.append(boxes[index : index + 1])
        elif scores[index] >= options.doubtful:
            doubtful.append(boxes[index : index + 1])
    known, unsure = np.concatenate(faces), np.concatenate(doubtful)
    if len(known) and len(unsure):  # a part of a known face: its pixels are needed
        inside = geometry.intersection(unsure, known).max(axis=1) / geometry.area(unsure)
        unsure = unsure[inside < PART_OF_A_FACE]
    return known, unsure


def _portraits(data: Path, others: list[Photograph], options: LabelOptions, limit: int | None) -> list[Photograph]:
    """The portraits, weighted so that together they have the options' share of what is drawn."""
    index = data / PORTRAITS
    if not index.is_file() or not options.portraits_share:
        return []
    with index.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:limit]
    share = options.portraits_share
    weight = sum(photo.weight for photo in others if len(photo.faces)) * share / (1 - share) / max(1, len(rows))
    portraits = []
    for row in rows:
        path = data / "portraits" / row["file"]
        x, y, w, h = (float(row[name]) for name in "xywh")
        portraits.append(Photograph(path, *picture_size(path), np.array([[x, y, x + w, y + h]]), _none(), weight))
    return portraits


def validation_pictures(data: Path, options: LabelOptions) -> list[LabelledPicture]:
    """The pictures that the recipe keeps back from learning, with people's labels. Raises as ``load_photographs``."""
    held_out = _held_out(data, options)
    kept = []
    for path in _pictures(data / "images"):
        label = data / options.folder / f"{path.stem}.txt"
        if path.stem in held_out and label.exists():
            width, height = picture_size(path)
            faces = read_labels(label, width_px=width, height_px=height)
            kept.append(LabelledPicture(path, width, height, faces, _none()))
    return kept


def _held_out(data: Path, options: LabelOptions) -> set[str]:
    """Names of the pictures that are not learnt. Of a recording's frames the last are a stretch that was never seen."""
    if options.validation is None:
        pictures = [path.stem for path in _pictures(data / "images")]
        labelled = [name for name in pictures if (data / options.folder / f"{name}.txt").exists()]
        return set(labelled[len(labelled) - round(len(labelled) * options.validation_share) :])
    try:
        lines = (data / options.validation).read_text(encoding="utf-8").split()
    except OSError as error:
        raise SourceError(f"{data / options.validation} cannot be read ({error.strerror}); see the recipe") from error
    return {Path(line).stem for line in lines}


def _negatives(data: Path) -> list[Path]:
    """Pictures without a face, where there are any."""
    folder = data / "negatives"
    return _pictures(folder) if folder.is_dir() else []


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SourceError(f"{folder} is no folder; training data is a folder with images/ and labels/ in it")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)


def _none() -> Boxes:
    return np.zeros((0, 4))
