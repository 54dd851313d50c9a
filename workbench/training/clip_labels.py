"""Labelled pictures out of a clip whose faces are known: from a corrected timeline, or from a truth file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench import colour
from workbench.data import Frame
from workbench.errors import OutputError, TimelineError, UsageError
from workbench.video.files import VideoFile
from workbench.video.part_file import write_private
from workbench.workspace import private_folder

JPEG_QUALITY = 92  # the clip's own compression is what shows
NEEDED = ("frame", "x", "y", "w", "h")


def label_clip(
    source: Path, faces: pd.DataFrame, data: Path, *, every_seconds: float = 0.4, min_visibility: float = 0.3
) -> int:
    """Write a picture every so many seconds, with its labels, into ``data``; the number of pictures.

    ``faces`` has a row per face and frame: ``frame`` from 0, ``x, y, w, h`` px of the upright picture, and perhaps
    ``visibility`` 0..1, as ``Timeline.masked_rows`` and ``load_truth`` give them. Faces less visible than
    ``min_visibility`` are written as regions that do not count. With a column ``yaw`` (degrees) it is told how far each
    head is turned, for ``evaluate-detector``. The pictures show faces: ``data`` is made private.

    Raises UsageError for an interval that is none, TimelineError for a table without these columns, SourceError for
    what is no video, OutputError for a folder that cannot be written.

    >>> truth = load_truth(sample("consultation").truth)
    >>> label_clip(sample("consultation").path, truth, folder / "data", every_seconds=5)
    2
    >>> sorted(path.name for path in (folder / "data" / "labels").iterdir())
    ['consultation_000000.txt', 'consultation_000125.txt']
    """
    if every_seconds <= 0:
        raise UsageError(f"a picture every {every_seconds:g} s: the interval must be longer than 0")
    missing = [name for name in NEEDED if name not in faces.columns]
    if missing:
        raise TimelineError(f"faces without the column {missing[0]!r}; they need {', '.join(NEEDED)}")
    has_yaw = "yaw" in faces and bool(faces["yaw"].notna().any())
    for name in ("images", "labels", "ignore", *(["yaw"] if has_yaw else [])):
        private_folder(data / name)
    visible = faces["visibility"] >= min_visibility if "visibility" in faces else pd.Series(True, index=faces.index)
    by_frame = {
        "labels": dict(list(faces[visible].groupby("frame"))),
        "ignore": dict(list(faces[~visible].groupby("frame"))),
    }
    written, due = 0, -np.inf
    with VideoFile(source) as video:
        for frame in video.frames():
            if frame.time_seconds < due:
                continue
            due = frame.time_seconds + every_seconds - 1e-6
            name = f"{source.stem}_{frame.index:06d}"
            _write(data / "images" / f"{name}.jpg", _jpeg(frame))
            for kind, rows in by_frame.items():
                inside, boxes = _inside(rows.get(frame.index, faces.iloc[:0]), frame)
                _write(data / kind / f"{name}.txt", _lines(boxes))
                if has_yaw and kind == "labels":
                    _write(data / "yaw" / f"{name}.txt", _yaws(inside))
            written += 1
    return written


def _jpeg(frame: Frame) -> bytes:
    pixels = colour.picture(frame, frame.width_px, frame.height_px)
    _, packed = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return packed.tobytes()


def _inside(rows: pd.DataFrame, frame: Frame) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """The faces that reach into the picture, and their centre, width and height, cut off at its rim, as fractions."""
    size: NDArray[np.float64] = np.array([frame.width_px, frame.height_px], float)
    corners = rows[["x", "y"]].to_numpy(float)
    low = np.clip(corners, 0, size)
    high = np.clip(corners + rows[["w", "h"]].to_numpy(float), 0, size)
    inside = (high > low).all(axis=1)
    return rows[inside], np.concatenate([(low + high) / 2 / size, (high - low) / size], axis=1)[inside]


def _lines(boxes: NDArray[np.float64]) -> bytes:
    return "".join("0 " + " ".join(f"{value:.6f}" for value in row) + "\n" for row in boxes).encode()


def _yaws(rows: pd.DataFrame) -> bytes:
    return "".join(f"{degrees:.1f}\n" for degrees in rows["yaw"]).encode()


def _write(path: Path, content: bytes) -> None:
    try:
        write_private(path, content)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error
