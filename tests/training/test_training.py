"""The documented command, on a small scale: 200 pictures and two epochs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.cli import run
from workbench.data import Detections
from workbench.detector_evaluation.dataset import LabelledPicture
from workbench.detectors import open_detector
from workbench.detectors.options import DetectorOptions
from workbench.errors import ModelError
from workbench.training import yolov8
from workbench.training.calibration import _fitted, _judged
from workbench.training.curves import CURVE
from workbench.training.labels import load_photographs
from workbench.training.options import Recipe
from workbench.training.points import run as points
from workbench.weights import open_session

RECIPE = """
architecture: {architecture}
start: {start}
learning_rate: {rate}
image_size: 192
scenes_per_epoch: 200
batch: 8
workers: 0
epochs: 2
labels:
  validation: val.txt
  teachers:
    - {{kind: centerface, image_sizes: [320]}}
"""
START = {"face-small": "face-small", "yolov8-small": None}  # narrowing has tests of its own: test_points.py
RATE = {"face-small": 0.0003, "yolov8-small": 0.002}
LOSS = {"face-small": "heat", "yolov8-small": "cls_loss"}
KIND: dict[str, Any] = {"face-small": "face_small", "yolov8-small": "yolov8_face"}
CHECKPOINT = {"face-small": "last.pt", "yolov8-small": "weights/last.pt"}
EXPORT = {"face-small": points.export, "yolov8-small": yolov8.export}
TRAIN = {"face-small": points.train, "yolov8-small": yolov8.train}
SHAPE = (1, 3, 192, 320)


@pytest.fixture(scope="module", params=LOSS)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def recipe(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "mine.yaml"
    path.write_text(
        RECIPE.format(architecture=architecture, start=START[architecture] or "null", rate=RATE[architecture])
    )
    return path


@pytest.fixture(scope="module")
def trained(training_data: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "one"
    arguments = ["train", "--data", str(training_data), "--recipe", str(recipe), "-o", str(folder)]
    assert run([*arguments, "--limit", "200"]) == 0
    return folder


@pytest.mark.slow
def test_two_epochs_on_200_pictures_learn_something(trained: Path, architecture: str) -> None:
    losses = pd.read_csv(trained / CURVE)[LOSS[architecture]]
    assert len(losses) == 2
    assert losses[1] < losses[0]


@pytest.mark.slow
def test_the_exported_model_is_a_detector(trained: Path, architecture: str) -> None:
    options = DetectorOptions(kind=KIND[architecture], weights=str(trained / "mine.onnx"), image_size=320, device="cpu")
    detector = open_detector(options, width_px=320, height_px=192)
    faces = detector.detect([np.full((192, 320, 3), 90, np.uint8)])[0]
    assert isinstance(faces, Detections)


@pytest.mark.slow
def test_pictures_and_their_labels_are_enough(training_data: Path, tmp_path: Path) -> None:
    """As a user types it, in a process of its own: scenes are composed by further ones."""
    for name in ("images", "labels"):
        (tmp_path / name).symlink_to(training_data / name)
    command = ["train", "--data", str(tmp_path), "-o", str(tmp_path / "run"), "--limit", "32", "--epochs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "workbench", *command], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert "own-recordings.onnx: scores are" in done.stderr
    weights = str(tmp_path / "run" / "own-recordings.onnx")
    open_detector(DetectorOptions(kind="face_small", weights=weights, image_size=320), width_px=320, height_px=192)


@pytest.mark.slow
def test_a_run_that_broke_off_goes_on_where_it_was(training_data: Path, architecture: Any, tmp_path: Path) -> None:
    recipe = Recipe(
        name="two",
        architecture=architecture,
        start=START[architecture],
        image_size=96,
        scenes_per_epoch=16,
        batch=8,
        workers=0,
        epochs=2,
    )
    train = TRAIN[architecture]
    photographs = load_photographs(training_data, recipe.labels, kept=tmp_path / "answers", limit=20)
    done: list[int] = []

    def break_off(epoch: int, _losses: dict[str, float]) -> None:
        done.append(epoch)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(photographs, recipe, tmp_path / "run", epoch_done=break_off)
    checkpoint = train(
        photographs, recipe, tmp_path / "run", resume=True, epoch_done=lambda epoch, _: done.append(epoch)
    )
    assert done == [1, 2]
    with pytest.raises(ModelError, match="is finished"):
        train(photographs, recipe, tmp_path / "run", resume=True)
    assert checkpoint.is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("full_precision")
def test_calibration_is_folded_into_the_exported_scores(trained: Path, architecture: str, tmp_path: Path) -> None:
    """logit(new) = slope · logit(old) + shift, box by box."""
    picture = np.random.default_rng(0).integers(0, 256, SHAPE[1:], np.uint8)
    heats = []
    for number, calibration in enumerate(({}, {"slope": 0.8, "shift": 0.5})):
        model = EXPORT[architecture](trained / CHECKPOINT[architecture], tmp_path / f"{number}.onnx", **calibration)
        session = open_session(model, device="cpu", input_shape=SHAPE)
        scale = 255 if architecture == "yolov8-small" else 1
        answer = session.run([picture.astype(np.float32) / scale])[0][0][0]
        heats.append(answer[4] if architecture == "yolov8-small" else answer[0])
    before, after = (np.log(heat / (1 - heat)) for heat in heats)
    np.testing.assert_allclose(after, 0.8 * before + 0.5, atol=0.02)


def test_calibration_finds_the_logistic_that_made_the_data() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(-1, 2, 20_000)
    truth = 1 / (1 + np.exp(-(1.7 * logits + 0.6)))
    found = _fitted(1 / (1 + np.exp(-logits)), (random.random(20_000) < truth).astype(float))
    assert found.slope == pytest.approx(1.7, abs=0.1)
    assert found.shift == pytest.approx(0.6, abs=0.1)


def test_a_face_is_found_once_and_small_ones_do_not_count() -> None:
    truth = LabelledPicture(Path("x"), 100, 100, np.array([[10.0, 10, 50, 60]]), np.zeros((0, 4)))
    boxes = np.array([[10, 10, 50, 60], [12, 12, 52, 62], [80, 80, 84, 84]], np.float32)
    is_face, counts = _judged(Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32)), truth, least_px=12)
    assert is_face.tolist() == [1, 0, 0]
    assert counts.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "none"], "no recipe none"),
        (["--recipe", "yolov8-small"], "which is not there"),
        (["--recipe", "RECIPE", "--resume"], "holds no run to resume"),
    ],
)
def test_mistakes_are_one_line(
    training_data: Path,
    recipe: Path,
    tmp_path: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [str(recipe) if word == "RECIPE" else word for word in arguments]
    code = run(["train", "--data", str(training_data), "-o", str(tmp_path / "run"), "--limit", "20", *arguments])
    assert code != 0
    lines = capsys.readouterr().err.strip().splitlines()
    assert message in lines[-1]
    assert "Traceback" not in "".join(lines)


def test_a_recipe_with_an_unknown_knob_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({"name": "mine", "scenes": {"darknes": 0.3}}))
    assert run(["train", "--data", str(tmp_path), "--recipe", str(path), "-o", str(tmp_path / "run")]) == 2
    assert "scenes.darknes" in capsys.readouterr().err
