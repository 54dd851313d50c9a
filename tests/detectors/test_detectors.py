"""What every detector must do, over all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workbench import colour
from workbench.detectors.centerface import centerface, face_small
from workbench.detectors.yolov8_face import yolov8_face
from workbench.stages import Detector
from workbench.weights import find, open_session

WIDTH, HEIGHT = 128, 96
SIZES = [(128, 96), (640, 360), (96, 128), (17, 33), (1, 1), (300, 2)]


@pytest.fixture(scope="module", params=["face_small", "centerface", "yolov8_face", "yolov8_face with landmarks"])
def detector(request: pytest.FixtureRequest, tiny_yolo: Callable[[str], Any]) -> Detector:
    shape = (1, 3, HEIGHT, WIDTH)
    if request.param == "face_small":
        return face_small(open_session(find("face-small"), device="cpu", input_shape=shape))
    if request.param == "centerface":
        return centerface(open_session(find("centerface"), device="cpu", input_shape=shape))
    model = tiny_yolo("pose" if "landmarks" in request.param else "detect")
    return yolov8_face(open_session(model.onnx, device="cpu", input_shape=shape))


def test_says_what_it_is_and_what_runs_it(detector: Detector) -> None:
    assert detector.name in ("face_small", "centerface", "yolov8_face")
    assert detector.engine.startswith("openvino ")


def test_no_pictures_no_answers(detector: Detector) -> None:
    assert detector.detect([]) == []


@pytest.mark.parametrize("size", SIZES)
def test_any_size_gives_well_formed_faces_best_first(detector: Detector, noise: Any, size: tuple[int, int]) -> None:
    faces = detector.detect([noise(*size)])[0]
    assert (np.diff(faces.scores) <= 0).all()
    assert ((faces.scores >= 0.05) & (faces.scores <= 1)).all()
    assert np.isfinite(faces.boxes).all()
    assert (faces.boxes[:, 2:] > faces.boxes[:, :2]).all()
    assert faces.boxes.dtype == faces.scores.dtype == np.float32
    if faces.landmarks is not None:
        assert np.isfinite(faces.landmarks).all()


def test_a_batch_is_its_pictures_one_by_one(detector: Detector, noise: Any) -> None:
    pictures = [noise(WIDTH, HEIGHT), noise(640, 360), np.zeros((HEIGHT, WIDTH, 3), np.uint8), noise(40, 40)] * 2
    together = detector.detect(pictures)
    assert len(together) == len(pictures)
    for picture, faces in zip(pictures, together, strict=True):
        alone = detector.detect([picture])[0]
        np.testing.assert_allclose(faces.boxes, alone.boxes, atol=0.01)
        np.testing.assert_allclose(faces.scores, alone.scores, atol=1e-4)


def test_boxes_are_in_pixels_of_the_picture_given(detector: Detector, truths: Any) -> None:
    """A picture twice as large in both directions has the same faces, twice as large."""
    frame = truths("consultation", every=10, end_seconds=0.2)[0].frame
    small = colour.picture(frame, WIDTH, HEIGHT)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    once, twice = detector.detect([small, large])
    assert len(once) == len(twice) > 0
    np.testing.assert_allclose(once.boxes * 2, twice.boxes, rtol=0.01, atol=0.5)


def test_the_picture_is_not_touched(detector: Detector, noise: Any) -> None:
    picture = noise(WIDTH, HEIGHT)
    before = picture.copy()
    detector.detect([picture])
    assert (picture == before).all()
