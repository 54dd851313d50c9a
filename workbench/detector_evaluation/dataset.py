"""Labelled pictures in folders as YOLO has them.

DATA/images/NAME.jpg    a picture; .jpeg, .png, .bmp and .webp as well
DATA/labels/NAME.txt    a line per face: class, centre x, centre y, width, height as fractions of the picture, and
                        perhaps landmarks; an empty file for a picture without faces. Every class is a face
DATA/ignore/NAME.txt    optional, the same for regions that do not count, found or not
DATA/yaw/NAME.txt       optional, by how many degrees the head of each label is turned, a number or nan per line
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Picture
from workbench.detector_evaluation.properties import SKIN, YAW, skin_angles
from workbench.errors import SourceError, TimelineError, UsageError

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
NUMBERS_PER_LINE = (5, 15, 20)  # a box; five landmarks as x, y or x, y, visibility after it
SLACK = 0.01  # labels rounded to a few digits may end a little outside of the picture
FORMAT = "a label is a line: class, centre x, centre y, width, height, as fractions of the picture"
ANGLE_FORMAT = "a line for each label: by how many degrees the head is turned, or nan"


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """A picture and its faces: ``faces`` (N, 4) and ``ignored`` (M, 4) are x0, y0, x1, y1 in its pixels.

    ``properties``: (N,) values by the names of ``properties.PROPERTIES``, NaN where unknown.
    """

    path: Path
    width_px: int
    height_px: int
    faces: NDArray[np.float64]
    ignored: NDArray[np.float64]
    properties: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def pixels(self) -> Picture:
        return _pixels(self.path)


def load_dataset(folder: Path, *, prefix: str = "", limit: int | None = None) -> list[LabelledPicture]:
    """The pictures whose names begin with ``prefix``, by name; ``limit`` takes so many, spread over all of them.

    Every picture and label is read once, so that a bad one is told before the work. Raises SourceError for pictures and
    folders, TimelineError for labels, UsageError where nothing is left.

    >>> pictures = label_clip(clip, truth, folder / "pictures", every_seconds=0.4)
    >>> [len(picture.faces) for picture in load_dataset(folder / "pictures")]
    [4, 4]
    """
    images = folder / "images"
    for needed in (images, folder / "labels"):
        if not needed.is_dir():
            raise SourceError(f"{needed} is no folder; --data takes a folder with images/ and labels/ in it")
    paths = sorted(path for path in images.rglob("*") if path.suffix.lower() in ENDINGS)
    chosen = [path for path in paths if path.name.startswith(prefix)]
    if not chosen:
        begins = f" whose name begins with {prefix!r}" if prefix else ""
        raise UsageError(f"{images} holds no picture{begins}; known endings are {', '.join(ENDINGS)}")
    if limit is not None and limit < len(chosen):
        chosen = [chosen[number * len(chosen) // limit] for number in range(limit)]
    return [_load(path, folder) for path in chosen]


def _load(path: Path, folder: Path) -> LabelledPicture:
    pixels = _pixels(path)
    height, width = pixels.shape[:2]
    name = path.relative_to(folder / "images").with_suffix(".txt")
    labels = folder / "labels" / name
    if not labels.is_file():
        raise TimelineError(f"{labels} is missing; give a picture without faces an empty file")
    ignored, yaws = folder / "ignore" / name, folder / "yaw" / name
    faces = read_labels(labels, width_px=width, height_px=height)
    properties = {SKIN.name: skin_angles(pixels, faces)}
    if yaws.is_file():
        properties[YAW.name] = np.abs(_read_angles(yaws, len(faces)))
    return LabelledPicture(
        path,
        width,
        height,
        faces,
        read_labels(ignored, width_px=width, height_px=height) if ignored.is_file() else np.zeros((0, 4)),
        properties,
    )


def _pixels(path: Path) -> Picture:
    """RGB, turned upright where the file says how."""
    try:
        stored = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    decoded = cv2.imdecode(stored, cv2.IMREAD_COLOR) if len(stored) else None
    if decoded is None:
        raise SourceError(f"{path} is no picture that can be read; remove it or replace it")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def read_labels(path: Path, *, width_px: int, height_px: int) -> NDArray[np.float64]:
    """The label file of a picture of that size as boxes (N, 4) x0, y0, x1, y1 px. Raises TimelineError."""
    rows = np.array(list(_rows(path)), np.float64).reshape(-1, 4)
    centre, half = rows[:, :2], rows[:, 2:] / 2
    size = np.array([width_px, height_px])
    return np.concatenate([(centre - half) * size, (centre + half) * size], axis=1)


def _read_angles(path: Path, count: int) -> NDArray[np.float64]:
    """Degrees for each of ``count`` labels, NaN where unknown. Raises TimelineError."""
    angles = []
    for number, line in _lines(path, ANGLE_FORMAT):
        try:
            angle = float(line)
        except ValueError:
            angle = math.inf
        if math.isinf(angle):
            raise TimelineError(f"{path}, line {number}: is no number; {ANGLE_FORMAT}")
        angles.append(angle)
    if len(angles) != count:
        raise TimelineError(f"{path} has {len(angles)} numbers for {count} labels; {ANGLE_FORMAT}")
    return np.array(angles, np.float64)


def _rows(path: Path) -> Iterator[tuple[float, ...]]:
    """Centre x, centre y, width, height of each line."""
    for number, line in _lines(path, FORMAT):
        try:
            values = [float(word) for word in line.split()]
        except ValueError:
            values = []
        box = tuple(values[1:5])
        inside = all(math.isfinite(value) and -SLACK <= value <= 1 + SLACK for value in box)
        if len(values) not in NUMBERS_PER_LINE or not inside or min(box[2:]) <= 0:
            raise TimelineError(f"{path}, line {number}: is no label; {FORMAT}")
        yield box


def _lines(path: Path, format_: str) -> list[tuple[int, str]]:
    """Numbers, from 1, and texts of the lines that are not empty."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TimelineError(f"{path} cannot be read as labels ({type(error).__name__}); {format_}") from error
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
