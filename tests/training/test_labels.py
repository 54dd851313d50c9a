"""Which boxes are learnt: people's, and what detectors agree on beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import SourceError, UsageError
from workbench.training.labels import agree, load_photographs, validation_pictures
from workbench.training.options import LabelOptions, TeacherOptions
from workbench.training.teachers import Answer

OPTIONS = LabelOptions(agreed=0.4, sure=0.8, doubtful=0.35)
FACE, ELSEWHERE = [10.0, 10, 50, 60], [200.0, 10, 240, 60]
NOBODY = np.zeros((0, 4))


def answer(teacher: str, *rows: tuple[list[float], float]) -> Answer:
    return Answer(
        teacher, np.array([box for box, _ in rows]).reshape(-1, 4), np.array([score for _, score in rows], float)
    )


def test_people_are_believed_and_their_box_is_taken() -> None:
    seen = [answer("a", ([12.0, 12, 52, 62], 0.9)), answer("b", ([11.0, 9, 49, 58], 0.9))]
    faces, doubtful = agree(np.array([FACE]), seen, OPTIONS)
    np.testing.assert_array_equal(faces, [FACE])
    assert len(doubtful) == 0


def test_two_teachers_make_a_face_one_makes_a_doubt() -> None:
    both = [answer("a", (FACE, 0.45)), answer("b", (FACE, 0.5))]
    assert [len(part) for part in agree(NOBODY, both, OPTIONS)] == [1, 0]
    same_teacher_twice = [answer("a", (FACE, 0.45)), answer("a", (FACE, 0.5))]
    assert [len(part) for part in agree(NOBODY, same_teacher_twice, OPTIONS)] == [0, 1]
    one_sure = [answer("a", (FACE, 0.85))]
    assert [len(part) for part in agree(NOBODY, one_sure, OPTIONS)] == [1, 0]
    faint = [answer("a", (FACE, 0.3)), answer("b", (FACE, 0.3))]
    assert [len(part) for part in agree(NOBODY, faint, OPTIONS)] == [0, 0]


def test_a_doubt_inside_a_known_face_is_none() -> None:
    """Else a nose that one teacher takes for a face would be blurred out of the face."""
    faces, doubtful = agree(np.array([FACE]), [answer("a", ([25.0, 30, 35, 42], 0.5), (ELSEWHERE, 0.5))], OPTIONS)
    assert len(faces) == 1
    np.testing.assert_array_equal(doubtful, [ELSEWHERE])


def test_unlabelled_pictures_get_what_a_teacher_is_sure_of(training_data: Path, tmp_path: Path) -> None:
    only_people = LabelOptions(validation="val.txt")
    with_teacher = LabelOptions(validation="val.txt", teachers=(TeacherOptions(kind="centerface"),))
    kept = tmp_path / "answers.jsonl"
    without = load_photographs(training_data, only_people, kept=kept, limit=40)
    taught = load_photographs(training_data, with_teacher, kept=kept, limit=40)
    unlabelled = [photo for photo in taught if not (training_data / "labels" / f"{photo.path.stem}.txt").exists()]
    unlabelled = [photo for photo in unlabelled if photo.path.parent.name == "images"]
    assert len(unlabelled) >= 2
    assert not {photo.path for photo in unlabelled} & {photo.path for photo in without}
    assert all(len(photo.faces) for photo in unlabelled if "dim" not in photo.path.name)
    before = kept.stat().st_size
    load_photographs(training_data, with_teacher, kept=kept, limit=40)
    assert kept.stat().st_size == before  # nobody was asked twice


def test_validation_pictures_are_not_learnt(training_data: Path, tmp_path: Path) -> None:
    options = LabelOptions(validation="val.txt")
    learnt = {photo.path.stem for photo in load_photographs(training_data, options, kept=tmp_path / "a")}
    kept_back = {picture.path.stem for picture in validation_pictures(training_data, options)}
    assert len(kept_back) >= 15
    assert not learnt & kept_back


def test_without_a_list_the_last_pictures_are_kept_back(training_data: Path, tmp_path: Path) -> None:
    options = LabelOptions(validation_share=0.1)
    labelled = sorted(path.stem for path in (training_data / "labels").iterdir())
    last = set(labelled[-round(0.1 * len(labelled)) :])
    assert {picture.path.stem for picture in validation_pictures(training_data, options)} == last
    learnt = {photo.path.stem for photo in load_photographs(training_data, options, kept=tmp_path / "t.jsonl")}
    assert set(labelled) - learnt == last
    assert validation_pictures(training_data, LabelOptions()) == []


def test_pictures_without_a_face_can_be_kept_back_too(training_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(training_data, data)
    (data / "val.txt").write_text("3.jpg\n")
    options = LabelOptions(validation="val.txt")
    learnt = {photo.path.name for photo in load_photographs(data, options, kept=tmp_path / "a")}
    assert "3.jpg" not in learnt
    assert "4.jpg" in learnt


def test_bad_data_is_told_in_one_line(training_data: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no folder"):
        load_photographs(tmp_path, LabelOptions(), kept=tmp_path / "a")
    with pytest.raises(SourceError, match=r"missing\.txt cannot be read"):
        load_photographs(training_data, LabelOptions(validation="missing.txt"), kept=tmp_path / "a")
    with pytest.raises(UsageError, match="nothing to learn"):
        load_photographs(training_data, LabelOptions(folder="negatives"), kept=tmp_path / "a")
