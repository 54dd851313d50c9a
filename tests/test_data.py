"""What travels between the stages refuses to be misshapen and never prints pixels."""

from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data import Colour, Detections, FaceCrop, Frame


def frame(height, width, half_height, half_width):
    shapes = ((height, width), (half_height, half_width), (half_height, half_width))
    return Frame(3, 2500, Fraction(1, 1000), tuple(np.zeros(shape, np.uint8) for shape in shapes), Colour())


def detections(count, landmarks=True):
    boxes = np.arange(count * 4, dtype=np.float32).reshape(count, 4)
    marks = np.arange(count * 10, dtype=np.float32).reshape(count, 5, 2)
    scores = np.linspace(0.9, 0.1, count, dtype=np.float32)
    return Detections(boxes, scores, marks if landmarks else None)


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_frame_knows_its_size_and_time(height, width):
    made = frame(height, width, (height + 1) // 2, (width + 1) // 2)
    assert (made.height_px, made.width_px) == (height, width)
    assert made.time_seconds == 2.5


@pytest.mark.parametrize("half", [(3, 3), (2, 3), (5, 7)])
def test_a_frame_refuses_planes_that_are_not_four_two_zero(half):
    with pytest.raises(ValueError, match="4:2:0"):
        frame(5, 7, *half)


def test_data_is_frozen_and_prints_no_pixels():
    made = frame(4, 6, 2, 3)
    with pytest.raises(FrozenInstanceError):
        made.pts = 0
    assert repr(made).startswith("Frame(index=3, time=2.500 s, 6x4")
    crop = FaceCrop(np.zeros((8, 6, 3), np.uint8), (1.0, 2.0, 5.0, 7.0), track=9)
    assert crop.face_width_px == 4.0
    assert repr(crop) == "FaceCrop(6x8, face 4 px, track 9)"
    assert repr(detections(2)) == "Detections(2 faces, landmarks=yes)"


@pytest.mark.parametrize(
    ("boxes", "scores", "marks"), [((2, 4), (3,), None), ((2, 5), (2,), None), ((2, 4), (2,), (2, 4, 2))]
)
def test_detections_refuse_arrays_that_do_not_fit(boxes, scores, marks):
    with pytest.raises(ValueError, match="do not fit"):
        Detections(np.zeros(boxes), np.zeros(scores), None if marks is None else np.zeros(marks))


@given(st.integers(0, 6), st.booleans())
def test_rows_are_taken_together(count, landmarks):
    all_faces = detections(count, landmarks)
    for which in (slice(None, None, -1), all_faces.scores > 0.4, np.arange(count)[:2]):
        some = all_faces[which]
        assert np.array_equal(some.boxes, all_faces.boxes[which])
        assert np.array_equal(some.scores, all_faces.scores[which])
        assert (some.landmarks is None) == (not landmarks)
        if landmarks:
            assert np.array_equal(some.landmarks, all_faces.landmarks[which])


@given(st.sampled_from([0.25, 0.5, 2.0, 3.0]), st.sampled_from([0.5, 1.0, 4.0]))
def test_scaling_there_and_back_is_the_same(x_factor, y_factor):
    faces = detections(4)
    scaled = faces.scaled(x_factor, y_factor)
    assert np.allclose(scaled.boxes[:, 0::2], faces.boxes[:, 0::2] * x_factor)
    assert np.allclose(scaled.landmarks[..., 1], faces.landmarks[..., 1] * y_factor)
    back = scaled.scaled(1 / x_factor, 1 / y_factor)
    assert np.allclose(back.boxes, faces.boxes)
    assert np.allclose(back.landmarks, faces.landmarks)


def test_empty_is_empty():
    assert len(Detections.empty()) == 0
    assert len(Detections.empty().scaled(2, 2)) == 0
