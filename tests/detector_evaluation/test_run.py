"""Detectors measured on the sample clips' frames, and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import pandas as pd
import pytest

from workbench.cli import run
from workbench.detector_evaluation.corruptions import CLEAN, Corruption
from workbench.detector_evaluation.dataset import load_dataset
from workbench.detector_evaluation.properties import SKIN
from workbench.detector_evaluation.run import candidate, evaluate_detectors
from workbench.errors import UsageError
from workbench.evaluate import load_truth
from workbench.stages import ProgressUpdate
from workbench.training.clip_labels import label_clip

COPIES = [CLEAN, Corruption("blur", 3)]
PARTS = ("size", "yaw", "skin")
FILES = {"results.csv", "precision_recall.png", "recall_by_corruption.png"}
FILES |= {f"recall_by_{part}.{ending}" for part in PARTS for ending in ("csv", "png")}


def test_centerface_finds_the_clear_faces_and_blurred_ones_less_exactly(labelled: Path) -> None:
    pictures = load_dataset(labelled)
    told: list[ProgressUpdate] = []
    results = evaluate_detectors(
        pictures, [candidate("centerface", image_size=416)], corruptions=COPIES, progress=told.append
    )
    assert [result.corruption for result in results] == COPIES
    clean, blurred = (result.scores for result in results)
    assert clean.faces == blurred.faces == sum(len(picture.faces) for picture in pictures) > 6
    assert clean.ap50 is not None
    assert clean.ap50 > 0.95
    assert clean.ap50_95 is not None
    assert blurred.ap50_95 is not None
    assert clean.ap50_95 > blurred.ap50_95 + 0.05
    assert clean.recalls[1] == 1
    assert (told[-1].frames_done, told[-1].frames_expected) == (12, 12)
    assert all(result.engine for result in results)


def test_a_size_is_what_the_face_measures_in_the_networks_picture(labelled: Path) -> None:
    pictures = load_dataset(labelled, prefix="co_", limit=1)
    faces = {}
    for size in (320, 640):
        scores = evaluate_detectors(pictures, [candidate("centerface", image_size=size)])[0].scores
        faces[size] = [part.faces for part in scores.parts["size"]]
    assert faces[640][1:] == [*faces[320][:-2], sum(faces[320][-2:])]


def test_face_small_finds_small_faces_at_the_default_confidence(sample: Callable[[str], Path], tmp_path: Path) -> None:
    """Its scores are calibrated on small faces as well: on large ones alone it found an eighth of those below 16 px."""
    clip = sample("ward_round_1080p")
    label_clip(clip, load_truth(clip.with_suffix(".gt.csv")), tmp_path, every_seconds=1)
    smallest, next_ones, *_ = evaluate_detectors(load_dataset(tmp_path), [candidate("face_small", image_size=640)])[
        0
    ].scores.parts["size"]
    assert smallest.default_recall is not None
    assert smallest.default_recall > 0.5
    assert next_ones.default_recall is not None
    assert next_ones.default_recall > 0.9


def test_the_command_writes_tables_and_plots(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["evaluate-detector", "--data", str(labelled), "--image-size", "320", "--prefix", "co_", "--limit", "2"]
    assert run([*common, "--corrupt", "dark", "-o", str(tmp_path / "new" / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [row["corruption"] for row in printed["results"]] == ["clean", "dark"]
    folder = tmp_path / "new" / "out"
    assert {path.name for path in folder.iterdir()} == FILES
    table = pd.read_csv(folder / "results.csv")
    assert table["recall_at_0.1_false"].tolist() == [row["recall_at_0.1_false"] for row in printed["results"]]
    parts = {part: pd.read_csv(folder / f"recall_by_{part}.csv") for part in PARTS}
    for part in PARTS:
        assert (parts[part].groupby("corruption")["faces"].sum() == table["faces"].iloc[0]).all()
    assert parts["yaw"]["from_degrees"].tolist() == [0, 30, 60] * 2
    assert parts["skin"]["skin"].tolist() == [*SKIN.names] * 2
    for path in folder.glob("*.png"):
        plot = cv2.imread(str(path))
        assert plot is not None
        assert plot.std() > 5
    assert run(common) == 0
    assert "2 pictures, " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--detector", "haar"], 2, "unknown kind 'haar'; there are face_small, centerface"),
        (["--detector", "centerface", "--detector", "centerface"], 2, "--detector centerface is named twice"),
        (["--detector", "centerface:missing.onnx"], 1, "missing.onnx"),
        (["--prefix", "zz_"], 2, "holds no picture"),
        (["-o", "a_file"], 1, "a_file is no folder"),
        (["--corrupt", "rain"], 2, "rain"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(
    arguments: list[str],
    code: int,
    message: str,
    labelled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").touch()
    assert run(["evaluate-detector", "--data", str(labelled), "-o", "out", *arguments]) == code
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]


def test_a_kind_without_weights_is_named_by_its_kind() -> None:
    assert candidate("centerface", image_size=640).name == "centerface"
    assert candidate("yolov8_face:models/small.onnx", image_size=640).name == "yolov8_face:small.onnx"
    with pytest.raises(UsageError):
        candidate(":small.onnx", image_size=640)
