"""Reading folders of labelled pictures, good and bad ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from workbench.detector_evaluation.dataset import load_dataset
from workbench.errors import WorkbenchError

NAME = "mg_000"


@pytest.fixture
def copied(labelled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(labelled, tmp_path / "data"))


def test_labels_become_boxes_in_pixels(copied: Path) -> None:
    (copied / "labels" / f"{NAME}.txt").write_text("0 0.5 0.25 0.5 0.5\n\n1 0.5 0.5 1.0 1.0 " + "0.1 0.2 2 " * 5)
    (copied / "ignore" / f"{NAME}.txt").write_text("0 0.25 0.25 0.5 0.5\n")
    picture = next(each for each in load_dataset(copied) if each.path.stem == NAME)
    height, width = picture.pixels().shape[:2]
    assert (picture.width_px, picture.height_px) == (width, height)
    assert np.allclose(picture.faces, [[width / 4, 0, width * 0.75, height / 2], [0, 0, width, height]])
    assert np.allclose(picture.ignored, [[0, 0, width / 2, height / 2]])


def test_a_prefix_and_a_limit_choose(labelled: Path) -> None:
    assert len(load_dataset(labelled)) == 6
    assert [each.path.name[:3] for each in load_dataset(labelled, prefix="mg_")] == ["mg_"] * 3
    assert [each.path.name[:3] for each in load_dataset(labelled, limit=2)] == ["co_", "mg_"]
    assert len(load_dataset(labelled, limit=100)) == 6


def test_an_empty_label_file_is_a_picture_without_faces_and_ignore_may_be_missing(copied: Path) -> None:
    (copied / "labels" / f"{NAME}.txt").write_text("")
    shutil.rmtree(copied / "ignore")
    picture = load_dataset(copied, prefix=NAME)[0]
    assert picture.faces.shape == picture.ignored.shape == (0, 4)


def test_how_far_heads_are_turned_may_be_told(copied: Path) -> None:
    (copied / "labels" / f"{NAME}.txt").write_text("0 0.2 0.5 0.1 0.1\n0 0.5 0.5 0.1 0.1\n0 0.8 0.5 0.1 0.1\n")
    yaws = copied / "yaw" / f"{NAME}.txt"
    assert "yaw" not in load_dataset(copied, prefix=NAME)[0].properties
    yaws.write_text("-70\n\n12.5\nnan\n")
    told = load_dataset(copied, prefix=NAME)[0].properties["yaw"]
    assert np.array_equal(told, [70, 12.5, np.nan], equal_nan=True)
    for text, said in (
        ("1\n2\n", "has 2 numbers for 3 labels"),
        ("1\n2\nleft\n", "line 3: is no number"),
        ("1\ninf\n3\n", "line 2: is no number"),
    ):
        yaws.write_text(text)
        with pytest.raises(WorkbenchError, match=said):
            load_dataset(copied, prefix=NAME)
    yaws.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WorkbenchError, match="cannot be read"):
        load_dataset(copied, prefix=NAME)


@pytest.mark.parametrize(
    "line",
    ["0 0.5 0.5 0.1", "0 0.5 0.5 0.1 x", "0 310 220 40 50", "0 0.5 0.5 0 0.1", "0 0.5 nan 0.1 0.1", "\ufeff"],
)
def test_a_bad_label_is_named_with_its_line(line: str, copied: Path) -> None:
    labels = copied / "labels" / f"{NAME}.txt"
    labels.write_text("0 0.5 0.5 0.1 0.1\n" + line, encoding="utf-8")
    with pytest.raises(WorkbenchError, match=rf"{NAME}\.txt, line 2: is no label; a label is a line") as error:
        load_dataset(copied)
    assert "\n" not in str(error.value)


def test_other_bad_data_is_named(copied: Path) -> None:
    with pytest.raises(WorkbenchError, match="holds no picture whose name begins with 'zz_'"):
        load_dataset(copied, prefix="zz_")
    (copied / "labels" / f"{NAME}.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WorkbenchError, match=rf"{NAME}\.txt cannot be read as labels"):
        load_dataset(copied)
    (copied / "labels" / f"{NAME}.txt").unlink()
    with pytest.raises(WorkbenchError, match=rf"{NAME}\.txt is missing"):
        load_dataset(copied)
    for content in (b"", b"no picture"):
        (copied / "images" / f"{NAME}.jpg").write_bytes(content)
        with pytest.raises(WorkbenchError, match=rf"{NAME}\.jpg is no picture"):
            load_dataset(copied)
    shutil.rmtree(copied / "labels")
    with pytest.raises(WorkbenchError, match="labels is no folder"):
        load_dataset(copied)
