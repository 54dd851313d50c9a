"""Scores of cases small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.data import Detections
from workbench.detector_evaluation.metrics import Scores, Truth, score

Box = tuple[float, float, float, float]
NOTHING = np.zeros((0, 4))


def found(*rows: tuple[Box, float]) -> Detections:
    return Detections(
        np.array([box for box, _ in rows], np.float32).reshape(-1, 4), np.array([s for _, s in rows], np.float32)
    )


def truth(*faces: Box, ignored: tuple[Box, ...] = ()) -> Truth:
    return Truth(np.array(faces).reshape(-1, 4), np.array(ignored).reshape(-1, 4))


def square(x: float, size: float = 40) -> Box:
    return (x, 0, x + size, size)


def test_everything_found_exactly_is_one() -> None:
    scores = score([found((square(0), 0.9), (square(100), 0.3))], [truth(square(0), square(100))])
    assert (scores.images, scores.faces) == (1, 2)
    assert (scores.ap50, scores.ap50_95, scores.recalls) == (pytest.approx(1), pytest.approx(1), (1, 1))
    assert scores.curve.tolist() == [[0.5, 1], [1, 1]]


def test_recall_stops_where_false_detections_become_too_many() -> None:
    """Ten pictures: one false detection is 0.1 a picture, two are too many for that."""
    answers = [found((square(0), 0.9 - 0.05 * number)) for number in range(10)]  # 0.9, 0.85, … 0.45
    answers[0] = found((square(0), 0.9), (square(200), 0.8))
    answers[1] = found((square(0), 0.85), (square(200), 0.62))
    scores = score(answers, [truth(square(0))] * 10)
    assert scores.recalls == (pytest.approx(0.6), 1)  # 0.9 … 0.65 lie above the second false one
    assert scores.confidences == (pytest.approx(0.62), 0)


def test_the_interval_says_how_much_the_choice_of_pictures_counts() -> None:
    """100 pictures of one face, of which 80 are found: the interval is nearly that of 80 throws of a coin in 100. Where
    each picture has ten faces, found or not together, ten times as many faces say no more."""
    found_here = [found((square(0), 0.9))] * 80 + [Detections.empty()] * 20
    (low, high), _ = score(found_here, [truth(square(0))] * 100).intervals
    margin = 1.96 * (0.8 * 0.2 / 100) ** 0.5
    assert (low, high) == (pytest.approx(0.8 - margin, abs=0.02), pytest.approx(0.8 + margin, abs=0.02))
    ten = [square(50 * number) for number in range(10)]
    crowds = [found(*((box, 0.9) for box in ten))] * 80 + [Detections.empty()] * 20
    assert score(crowds, [truth(*ten)] * 100).intervals[0] == (pytest.approx(low), pytest.approx(high))


def test_the_interval_knows_that_false_detections_are_drawn_too() -> None:
    """One false detection of 0.95 a tenth of the pictures: where chance draws more of them, the limit is above 0.9."""
    answers = [found((square(0), 0.9), (square(200), 0.95))] * 2 + [found((square(0), 0.9))] * 18
    scores = score(answers, [truth(square(0))] * 20)
    assert scores.recalls == (1, 1)
    assert scores.intervals == ((0, 1), (1, 1))


def test_too_few_pictures_have_no_interval() -> None:
    assert score([found((square(0), 0.9))], [truth(square(0))]).intervals == (None, None)
    assert score([found((square(0), 0.9)), Detections.empty()], [truth(square(0)), truth()]).intervals[0] is None
    assert score([Detections.empty()] * 3, [truth()] * 3).intervals == (None, None)


def test_what_the_default_confidence_finds_is_told() -> None:
    """Of three faces 0.5 finds two, with one false one in two pictures; the one scored 0.49 stays out."""
    answers = [found((square(0), 0.9), (square(100), 0.5), (square(200), 0.49)), found((square(300), 0.6))]
    scores = score(answers, [truth(square(0), square(100), square(200)), truth()])
    assert (scores.default_recall, scores.default_false) == (pytest.approx(2 / 3), 0.5)
    nobody = score(answers[1:], [truth()])
    assert (nobody.default_recall, nobody.default_false) == (None, 1)


def test_a_detection_scored_like_a_false_one_too_many_does_not_count() -> None:
    scores = score([found((square(0), 0.5), (square(200), 0.5))], [truth(square(0))])
    assert scores.recalls == (0, 1)


def test_a_second_detection_of_a_face_is_false() -> None:
    scores = score([found((square(0), 0.9), (square(1), 0.8), (square(100), 0.7))], [truth(square(0), square(100))])
    assert scores.recalls == (0.5, 1)
    assert scores.curve[-1].tolist() == [1, pytest.approx(2 / 3)]


def test_average_precision_is_the_area_under_the_curve() -> None:
    """Right, false, right of two faces: precision 1 up to a recall of 0.5 and 2/3 beyond."""
    scores = score([found((square(0), 0.9), (square(300), 0.8), (square(100), 0.7))], [truth(square(0), square(100))])
    assert scores.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_the_overlap_asked_for_decides_what_is_found() -> None:
    """Moved by 30 of 80 px the overlap is 50 / 110 = 0.45; AP starts at 0.5 whatever is asked for."""
    answers, truths = [found((square(30, 80), 0.9))], [truth(square(0, 80))]
    loose, strict = score(answers, truths, iou=0.4), score(answers, truths, iou=0.5)
    assert (loose.recalls, strict.recalls) == ((1, 1), (0, 0))
    assert loose.ap50 == strict.ap50 == 0


def test_what_is_ignored_is_neither_a_miss_nor_false() -> None:
    region = (100.0, 0.0, 300.0, 100.0)
    inside = found((square(0), 0.5), (square(120), 0.9), (square(200), 0.8))  # two in one region
    assert score([inside], [truth(square(0), ignored=(region,))]).recalls == (1, 1)
    assert score([inside], [truth(square(0))]).recalls == (0, 0)
    assert score([found((square(0), 0.5))], [truth(square(0), ignored=(region,))]).faces == 1


def test_small_faces_do_not_count() -> None:
    truths = [truth(square(0, 11), square(100))]
    seen = [found((square(0, 11), 0.9), (square(50, 10), 0.8), (square(100), 0.7))]
    scores = score(seen, truths, min_size=12)
    assert (scores.faces, scores.recalls, scores.ap50) == (1, (1, 1), pytest.approx(1))
    assert score([found((square(100), 0.7))], truths, min_size=12).recalls == (1, 1)
    assert score([found((square(100), 0.7))], truths).recalls == (0.5, 0.5)


def test_recall_by_size_uses_the_confidence_of_all_sizes() -> None:
    sizes = (12.0, 20.0, 40.0, 100.0, 200.0)
    truths = [truth(square(0, size)) for size in sizes]
    answers = [found((square(0, size), 0.9)) for size in sizes]
    answers[1] = found((square(500, 90), 0.5), (square(0, 20), 0.4))  # a large false one above the small right one
    scores = score(answers, truths, min_size=12)
    assert [(part.start, part.end, part.faces) for part in scores.parts["size"]] == [
        (12, 16, 1), (16, 32, 1), (32, 64, 1), (64, 128, 1), (128, None, 1),
    ]  # fmt: skip
    assert [part.recalls for part in scores.parts["size"]] == [(1, 1), (0, 1), (1, 1), (1, 1), (1, 1)]
    assert [part.default_recall for part in scores.parts["size"]] == [1, 0, 1, 1, 1]


def test_recall_by_another_property_is_of_the_faces_of_which_it_is_known() -> None:
    """0.9 finds the faces turned by 10 and 60 degrees, nothing those of 59, 90 and an unknown angle."""
    faces = np.array([square(100 * number) for number in range(5)])
    turned = Truth(faces, NOTHING, {"yaw": np.array([10, 59, 60, 90, np.nan])})
    scores = score([found((square(0), 0.9), (square(200), 0.9))], [turned])
    assert [(part.start, part.end, part.faces) for part in scores.parts["yaw"]] == [
        (0, 30, 1), (30, 60, 1), (60, None, 2),
    ]  # fmt: skip
    assert [part.recalls[0] for part in scores.parts["yaw"]] == [1, 0, 0.5]
    assert scores.faces == sum(part.faces for part in scores.parts["size"]) == 5


def test_properties_known_of_no_face_and_ranges_without_one() -> None:
    answers = [found((square(0), 0.9))]
    assert set(score(answers, [truth(square(0))]).parts) == {"size"}
    unknown = Truth(np.array([square(0)]), NOTHING, {"yaw": np.array([np.nan]), "skin": np.array([45.0])})
    parts = score(answers, [unknown]).parts
    assert set(parts) == {"size", "skin"}
    assert {part.name: part.recalls[0] for part in parts["skin"] if part.faces} == {"light": 1}
    assert all(part.recalls == (None, None) and part.default_recall is None for part in parts["skin"] if not part.faces)


@pytest.mark.parametrize(
    ("answers", "truths", "faces", "recalls"),
    [
        ([Detections.empty()], [truth()], 0, (None, None)),
        ([found((square(0), 0.9))], [truth()], 0, (None, None)),
        ([Detections.empty()], [truth(square(0))], 1, (0, 0)),
    ],
)
def test_nothing_there_and_nothing_found(
    answers: list[Detections], truths: list[Truth], faces: int, recalls: tuple[float | None, ...]
) -> None:
    scores: Scores = score(answers, truths)
    assert (scores.faces, scores.recalls) == (faces, recalls)
    assert scores.ap50 == (0 if faces else None)
