"""What faces are told apart by."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from workbench.detector_evaluation.properties import SIZE, SKIN, skin_angles

FACE = np.array([[10.0, 10.0, 50.0, 60.0]])


def skin_of(lightness: float, red: float, yellow: float) -> np.ndarray:
    """An RGB picture of one colour of CIELAB."""
    lab = np.full((80, 60, 3), (lightness, red, yellow), np.float32)
    return (cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255).round().astype(np.uint8)


@pytest.mark.parametrize(
    ("lightness", "yellow", "name"),
    [(75, 15, "very light"), (68, 16, "light"), (62, 17, "intermediate"), (56, 18, "tan"), (48, 18, "brown"),
     (35, 16, "dark")],
)  # fmt: skip
def test_the_angle_of_a_known_colour(lightness: float, yellow: float, name: str) -> None:
    """arctan((L* - 50) / b*), and the ranges by Chardon and Del Bino."""
    angle = skin_angles(skin_of(lightness, 12, yellow), FACE)[0]
    assert angle == pytest.approx(np.degrees(np.arctan((lightness - 50) / yellow)), abs=3)
    assert [
        each for each, (low, high) in zip(SKIN.names, SKIN.ranges(SKIN.least), strict=True) if low <= angle < high
    ] == [name]


def test_hair_and_background_do_not_count() -> None:
    picture = skin_of(68, 12, 16)
    alone = skin_angles(picture, FACE)
    picture[:18] = 0
    picture[:, :14] = picture[:, 47:] = 255
    assert np.array_equal(skin_angles(picture, FACE), alone)


def test_where_no_skin_can_be_told() -> None:
    assert np.isnan(skin_angles(skin_of(60, 0, 0), FACE)).all()
    faces = np.array([[10.0, 10.0, 24.0, 24.0], [100.0, 10.0, 150.0, 60.0], [-80.0, -80.0, -40.0, -40.0]])
    assert np.isnan(skin_angles(skin_of(68, 12, 16), faces)).all()
    assert skin_angles(skin_of(68, 12, 16), np.zeros((0, 4))).shape == (0,)


def test_ranges_begin_with_the_least_that_counts() -> None:
    assert SIZE.ranges(12) == [(12, 16), (16, 32), (32, 64), (64, 128), (128, np.inf)]
    assert SIZE.ranges(40) == [(40, 64), (64, 128), (128, np.inf)]
