"""What other detectors see in pictures: the raw material of the labels for pictures that nobody labelled, or not fully.

Looking is slow and never changes, so every answer is kept in a file and asked for once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import PIL.ExifTags
import PIL.Image
from numpy.typing import NDArray

from workbench.data import Picture
from workbench.detectors import open_detector
from workbench.detectors.options import DetectorOptions
from workbench.errors import SourceError
from workbench.stages import Detector, Progress, ProgressUpdate

LEAST_SCORE = 0.2  # lower answers decide nothing
AT_ONCE = 8  # pictures: enough to keep every thread of the engine busy
SHAPES = ((4, 4), (4, 3), (3, 4), (5, 3))  # of a teacher's picture, width : height; one network each


@dataclass(frozen=True)
class Look:
    """One detector at one size: ``image_size`` is the long side in px that every picture is brought to."""

    kind: Literal["centerface", "yolov8_face", "yunet"]
    weights: str | None
    image_size: int

    @property
    def name(self) -> str:
        return f"{self.kind}:{Path(self.weights).name if self.weights else 'own'}@{self.image_size}"


@dataclass(frozen=True, eq=False)
class Answer:
    """What one look saw in one picture: ``boxes`` (N, 4) x0, y0, x1, y1 as fractions of it, ``scores`` (N,)."""

    teacher: str
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]


def ask(
    pictures: Sequence[Path], looks: Sequence[Look], kept: Path, *, progress: Progress | None = None
) -> dict[str, list[Answer]]:
    """The answers of all looks by the pictures' names. ``kept`` (JSON lines) holds those of earlier runs, and grows.

    Raises SourceError for a file that is no picture, and as ``open_detector``.
    """
    answers = _read(kept)
    total, done = len(pictures) * len(looks), 0
    with kept.open("a", encoding="utf-8") as file:
        for look in looks:
            known = answers.setdefault(look.name, {})
            missing = [path for path in pictures if path.name not in known]
            done += len(pictures) - len(missing)
            for path, answer in _looked(missing, look):
                known[path.name] = answer
                print(json.dumps({"look": look.name, "picture": path.name, "faces": answer}), file=file)
                done += 1
                if progress is not None:
                    progress(ProgressUpdate(done, total))
    return {path.name: [_answer(look, answers[look.name][path.name]) for look in looks] for path in pictures}


def _answer(look: Look, rows: list[list[float]]) -> Answer:
    table = np.array(rows, float).reshape(-1, 5)
    return Answer(look.kind if look.weights is None else look.weights, table[:, :4], table[:, 4])


def _read(kept: Path) -> dict[str, dict[str, list[list[float]]]]:
    answers: dict[str, dict[str, list[list[float]]]] = {}
    if kept.exists():
        for line in kept.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:  # the last line of a run that was killed
                continue
            answers.setdefault(row["look"], {})[row["picture"]] = row["faces"]
    return answers


def _looked(paths: Sequence[Path], look: Look) -> Iterator[tuple[Path, list[list[float]]]]:
    """Each picture with the rows x0, y0, x1, y1 (fractions), score of what is seen in it."""
    by_shape: dict[tuple[int, int], list[Path]] = {}
    for path in paths:
        width, height = picture_size(path)
        shape = min(SHAPES, key=lambda one: abs(np.log(width / height) - np.log(one[0] / one[1])))
        by_shape.setdefault(shape, []).append(path)
    for (across, down), group in by_shape.items():
        detector = _opened(look, across / max(across, down), down / max(across, down))
        for start in range(0, len(group), AT_ONCE):
            some = group[start : start + AT_ONCE]
            yield from zip(some, _faces(detector, [read_picture(path) for path in some]), strict=True)


def _opened(look: Look, across: float, down: float) -> Detector:
    options = DetectorOptions(kind=look.kind, weights=look.weights, image_size=look.image_size)
    size = options.image_size
    assert isinstance(size, int)
    return open_detector(options, width_px=round(size * across), height_px=round(size * down))


def _faces(detector: Detector, pictures: list[Picture]) -> Iterator[list[list[float]]]:
    for picture, found in zip(pictures, detector.detect(pictures), strict=True):
        height, width = picture.shape[:2]
        sure = found[found.scores >= LEAST_SCORE]
        rows = np.column_stack([sure.boxes / (width, height, width, height), sure.scores])
        yield [[round(float(value), 5) for value in row] for row in rows]


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height in px, upright, from the file's header. Raises SourceError for a file that is no picture."""
    try:
        with PIL.Image.open(path) as header:
            lies = header.getexif().get(PIL.ExifTags.Base.Orientation, 1) >= 5
            return header.size[::-1] if lies else header.size
    except OSError as error:
        raise SourceError(f"{path} cannot be read as a picture; remove it from the training data") from error


def read_picture(path: Path, *, reduced: Literal[1, 2, 4, 8] = 1) -> Picture:
    """The picture at ``path``, RGB; ``reduced`` to half, a quarter or an eighth while decoding, which is fast."""
    modes = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
    pixels = cv2.imread(str(path), modes.get(reduced, cv2.IMREAD_REDUCED_COLOR_8))
    if pixels is None:
        raise SourceError(f"{path} cannot be read as a picture; remove it from the training data")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
