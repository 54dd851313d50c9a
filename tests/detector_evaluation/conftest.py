"""A labelled set made of frames of two sample clips and their truth."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from workbench import colour
from workbench.video.files import VideoFile

CLIPS = {"consultation": "co_", "meeting_grid": "mg_"}
FRAMES_PER_CLIP = 3


@pytest.fixture(scope="session")
def labelled(sample: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures, ``co_*`` and ``mg_*``: clearly visible faces are labels, hidden ones in ``ignore/``.

    How far each head is turned is told of the pictures ``co_*`` alone.
    """
    folder = tmp_path_factory.mktemp("labelled")
    for part in ("images", "labels", "ignore", "yaw"):
        (folder / part).mkdir()
    for clip, prefix in CLIPS.items():
        truth = list(csv.DictReader(sample(clip).with_suffix(".gt.csv").open()))
        with VideoFile(sample(clip), end_seconds=2.0) as source:
            for frame in list(source.frames(every=15))[:FRAMES_PER_CLIP]:
                size = (frame.width_px, frame.height_px)
                name = f"{prefix}{frame.index:03d}"
                pixels = colour.picture(frame, *size)[..., ::-1]
                assert cv2.imwrite(str(folder / "images" / f"{name}.jpg"), pixels)
                rows = [row for row in truth if int(row["frame"]) == frame.index + 1]
                if clip == "consultation":
                    yaws = [f"{row['yaw']}\n" for row in rows if float(row["visibility"]) >= 0.5]
                    (folder / "yaw" / f"{name}.txt").write_text("".join(yaws))
                for part, clear in (("labels", True), ("ignore", False)):
                    lines = [_line(row, size) for row in rows if (float(row["visibility"]) >= 0.5) == clear]
                    (folder / part / f"{name}.txt").write_text("".join(lines))
    return folder


def _line(row: dict[str, str], size: tuple[int, int]) -> str:
    x, y, w, h = (float(row[key]) for key in "xywh")
    return f"0 {(x + w / 2) / size[0]:.6f} {(y + h / 2) / size[1]:.6f} {w / size[0]:.6f} {h / size[1]:.6f}\n"
