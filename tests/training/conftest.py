"""Training data made from the sample clips: pictures with exact labels, some without any, some without a face."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from workbench.colour import picture
from workbench.video.files import VideoFile

CLIPS = Path(__file__).parents[2] / "sample_videos"
LEARNT = ("consultation", "meeting_grid", "profile_and_occlusion", "dim_night_ward")
PICTURES = 200
UNLABELLED = 20


@pytest.fixture(scope="session")
def training_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """images/ (200, 20 of them without a label), labels/, negatives/, val.txt (every tenth)."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("images", "labels", "negatives"):
        (folder / name).mkdir()
    names = []
    for clip in LEARNT:
        truth = pd.read_csv(CLIPS / f"{clip}.gt.csv")
        with VideoFile(CLIPS / f"{clip}.mp4") as video:
            for frame in video.frames(every=4):
                if frame.index >= 4 * PICTURES // len(LEARNT):
                    break
                name = f"{clip}_{frame.index:04d}"
                pixels = picture(frame, frame.width_px, frame.height_px)
                cv2.imwrite(str(folder / "images" / f"{name}.jpg"), pixels[..., ::-1])
                rows = truth[(truth["frame"] == frame.index + 1) & (truth["visibility"] >= 0.3)]
                _write_labels(folder / "labels" / f"{name}.txt", rows, width=frame.width_px, height=frame.height_px)
                names.append(name)
    for name in names[:: PICTURES // UNLABELLED]:
        (folder / "labels" / f"{name}.txt").unlink()
    (folder / "val.txt").write_text("\n".join(names[5::10]))
    random = np.random.default_rng(3)
    for number in range(10):
        noise = cv2.resize(random.integers(0, 256, (9, 16, 3), np.uint8), (640, 360), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "negatives" / f"{number}.jpg"), noise)
    return folder


def _write_labels(path: Path, rows: pd.DataFrame, *, width: int, height: int) -> None:
    lines = []
    for row in rows.itertuples():
        x0, y0 = max(0.0, row.x), max(0.0, row.y)
        x1, y1 = min(width, row.x + row.w), min(height, row.y + row.h)
        if x1 > x0 and y1 > y0:
            values = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
            lines.append("0 " + " ".join(f"{value:.5f}" for value in values))
    path.write_text("\n".join(lines))
