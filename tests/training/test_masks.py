"""Masks that invent faces are trained, broken off, continued and exported; wrong data is told on one line."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from tests.conftest import SAMPLES
from workbench.cli import run
from workbench.errors import ModelError, SourceError
from workbench.maskers.canvas import landmark_maps, pose_numbers
from workbench.maskers.diffusion import FOLD
from workbench.training.curves import CURVE
from workbench.training.loop import CHECKPOINT
from workbench.training.masks.pictures import INDEX, MARKS, PortraitBatches, load_portraits
from workbench.training.masks.run import SHEET, train
from workbench.video.files import VideoFile
from workbench.weights import open_session

PLACES = {"eye_l": (0.3, 0.4), "eye_r": (0.7, 0.4), "nose": (0.5, 0.6), "mouth_l": (0.35, 0.8), "mouth_r": (0.65, 0.8)}


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of the two people of a sample clip, with landmarks where a face that looks ahead has them."""
    folder = tmp_path_factory.mktemp("portraits")
    truth = pd.read_csv(SAMPLES / "consultation.gt.csv")
    lines = []
    with VideoFile(SAMPLES / "consultation.mp4") as video:
        for frame in video.frames(every=10):
            if frame.index > 40:
                break
            luma = frame.planes[0]
            for row in truth[truth["frame"] == frame.index + 1].itertuples():
                left, top = int(max(0, row.x - 0.7 * row.w)), int(max(0, row.y - 0.4 * row.h))
                name = f"{frame.index}_{row.id}.jpg"
                cv2.imwrite(str(folder / name), luma[top : top + int(1.9 * row.h), left : left + int(2.4 * row.w)])
                x, y = row.x - left, row.y - top
                marks = {
                    f"{mark}_{axis}": corner + share * size
                    for mark, place in PLACES.items()
                    for axis, share, corner, size in zip("xy", place, (x, y), (row.w, row.h), strict=True)
                }
                lines.append({"file": name, "id": row.id, "x": x, "y": y, "w": row.w, "h": row.h, **marks})
    pd.DataFrame(lines).to_csv(folder / INDEX, index=False)
    return folder


def test_batches_are_the_same_for_a_seed_and_hide_the_face(portraits: Path) -> None:
    one, other = (PortraitBatches(load_portraits(portraits), size_px=64, seed=4).draw(6) for _ in range(2))
    assert np.array_equal(one.pictures, other.pictures)
    assert one.pictures.shape == one.others.shape == (6, 3, 64, 64)
    assert (one.hidden[:, 0, 24:40, 26:38] == 1).all()
    assert 0.15 < one.hidden.mean() < 0.7
    assert one.maps.shape == (6, len(MARKS), 64, 64)


def test_dots_lie_where_a_pose_puts_them() -> None:
    ahead, right = (landmark_maps(pose_numbers_of(turn), 128) for turn in (0.0, 0.4))
    eyes = [np.unravel_index(dot.argmax(), dot.shape) for dot in ahead[:2]]
    assert eyes[0][0] == eyes[1][0] and eyes[0][1] < 64 < eyes[1][1]
    assert right[2].argmax() % 128 > ahead[2].argmax() % 128 + 10
    assert not landmark_maps(pose_numbers(None), 64).any()


def pose_numbers_of(turn: float) -> np.ndarray:
    return np.array([1, 2 * turn, 0, 0], np.float32)


@pytest.mark.parametrize("kind", ["gan", "diffusion"])
def test_a_training_is_broken_off_continued_and_exported(kind: str, portraits: Path, tmp_path: Path) -> None:
    arguments = ["train-mask", kind, "--data", str(portraits), "--batch", "3", "-o", str(tmp_path / "run")]
    assert run([*arguments, "--steps", "2"]) == 0
    assert run([*arguments, "--steps", "3", "--resume"]) == 0
    stored = torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)
    assert stored["steps"] == 3
    assert cv2.imread(str(tmp_path / "run" / SHEET)) is not None
    begun = train(kind, portraits, tmp_path / "next", steps=1, batch=3, start=tmp_path / "run" / CHECKPOINT)
    if kind == "gan":
        planes = np.zeros((10, 128, 128), np.float32)
        (answer,) = open_session(begun, device="cpu", input_shape=(1, 10, 128, 128)).run([planes])[0]
        assert answer.shape == (1, 3, 128, 128) and np.isfinite(answer).all()
    else:
        assert json.loads((begun / "unet" / "config.json").read_text())["sample_size"] == 64 // FOLD
        train(kind, portraits, tmp_path / "third", steps=1, batch=3, start=begun)


def test_the_critic_joins_in_later(portraits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.training.masks.gan.CRITIC_FROM", 1)
    monkeypatch.setattr("workbench.training.loop.STEPS_A_LINE", 1)
    train("gan", portraits, tmp_path, steps=2, batch=3)
    losses = pd.read_csv(tmp_path / CURVE)["critic_itself"]
    assert np.isnan(losses[0])
    assert losses[1] > 0


def test_what_is_missing_is_told_on_one_line(portraits: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^[^\n]*index\.csv is no index of portraits[^\n]*$"):
        load_portraits(tmp_path)
    (tmp_path / INDEX).write_text((portraits / INDEX).read_text())
    with pytest.raises(SourceError, match=r"^[^\n]*\.jpg is no picture; [^\n]*$"):
        load_portraits(tmp_path)
    with pytest.raises(ModelError, match="no run to resume"):
        train("gan", portraits, tmp_path / "run", steps=1, resume=True)
    (tmp_path / "other.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"^[^\n]*other\.pt is no checkpoint of such a run[^\n]*$"):
        train("gan", portraits, tmp_path / "run", steps=1, start=tmp_path / "other.pt")
