"""What is drawn over a frame, and that masks are the render pass's own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from workbench.data import Colour, Detections, Frame, HiddenFaces, Picture
from workbench.maskers import open_masker
from workbench.maskers.options import MaskOptions
from workbench.preview.overlays import (
    WEAK_COLOUR,
    ShownTrack,
    draw_detections,
    draw_tracks,
    hidden_picture,
    masked_picture,
    picture_size,
    score_colour,
    small_picture,
    track_colour,
)
from workbench.regions import hide

GREY = 100


def grey(width: int = 320, height: int = 240) -> Picture:
    return np.full((height, width, 3), GREY, np.uint8)


def has(picture: Picture, colour: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(colour, np.uint8)).all(axis=2).any())


def textured_frame(*, turned: str = "") -> Frame:
    random = np.random.default_rng(1)
    y = random.integers(16, 235, (96, 128), np.uint8)
    u, v = (random.integers(16, 240, (48, 64), np.uint8) for _ in range(2))
    planes = {
        "": (y, u, v),
        "rotated": tuple(plane.T[:, ::-1] for plane in (y, u, v)),
        "upside down": tuple(plane[::-1, ::-1] for plane in (y, u, v)),
    }[turned]
    return Frame(0, 0, Fraction(1, 25), planes, Colour())  # type: ignore[arg-type]


def found(*rows: tuple[float, float, float, float, float]) -> Detections:
    table = np.array(rows, np.float32)
    return Detections(table[:, :4], table[:, 4])


def test_a_detection_is_drawn_where_it_is_in_its_scores_colour() -> None:
    picture = grey()
    draw_detections(picture, found((200, 160, 400, 320, 0.9)), scale=0.5, confidence=0.5)
    changed = np.argwhere((picture != GREY).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert abs(left - 100) <= 3 and abs(right - 200) <= 3 and abs(bottom - 160) <= 3
    assert 55 <= top < 80  # the label stands on the box
    assert has(picture, score_colour(0.9, 0.5))
    assert (picture[100:140, 120:180] == GREY).all()  # the face itself is not painted over


def test_below_the_threshold_it_is_dashed_and_grey_and_noise_is_left_out() -> None:
    sure, weak, noise = grey(), grey(), grey()
    draw_detections(sure, found((100, 100, 200, 200, 0.6)), scale=1, confidence=0.5)
    draw_detections(weak, found((100, 100, 200, 200, 0.4)), scale=1, confidence=0.5)
    draw_detections(noise, found((100, 100, 200, 200, 0.06)), scale=1, confidence=0.5)
    assert has(weak, WEAK_COLOUR)
    assert (weak[110:190, 198:203] != GREY).mean() < 0.75 * (sure[110:190, 198:203] != GREY).mean()
    assert (noise == GREY).all()


def test_boxes_beyond_the_picture_are_no_error() -> None:
    picture = grey(64, 48)
    draw_detections(picture, found((-500, -500, 9000, 9000, 0.9), (60, 40, 70, 60, 0.8)), scale=1, confidence=0.5)
    draw_detections(picture, Detections.empty(), scale=1, confidence=0.5)


def test_a_track_has_its_own_colour_and_a_trail() -> None:
    picture = grey()
    trail = np.array([[40.0, 200.0], [120.0, 200.0], [240.0, 160.0]])
    draw_tracks(picture, [ShownTrack("3", track_colour(3), (200, 120, 280, 200), trail)], scale=1)
    assert np.abs(picture[200, 80].astype(int) - track_colour(3)).max() < 32  # its rim is smoothed into it
    assert has(picture[100:125], track_colour(3))
    assert len({track_colour(number) for number in range(200)}) == 200


@pytest.mark.parametrize("turned", ["", "rotated", "upside down"])
@pytest.mark.parametrize("kind", ["gaussian", "mosaic", "solid", "gan"])
def test_a_mask_has_the_pixels_of_the_render_pass(kind: str, turned: str) -> None:
    options = MaskOptions(kind=kind)  # type: ignore[arg-type]
    masker = open_masker(options)
    boxes, tracks = np.array([[30.3, 20.8, 71.2, 66.1], [60, 50, 90, 80]]), np.array([1, 2])
    faces = HiddenFaces(boxes, tracks, np.full((2, 3), np.nan))
    frame, expected = textured_frame(turned=turned), textured_frame(turned=turned)
    hide(expected, boxes, masker, options, tracks=tracks)
    before = [plane.copy() for plane in frame.planes]
    drawn = masked_picture(frame, faces, masker, options, width_px=None)
    assert np.array_equal(drawn, small_picture(expected, None))
    assert not np.array_equal(drawn, small_picture(frame, None))
    assert all(np.array_equal(was, now) for was, now in zip(before, frame.planes, strict=True))


def test_a_picture_keeps_its_proportions_and_is_never_enlarged() -> None:
    assert picture_size(1280, 720, 640) == (640, 360)
    assert picture_size(1280, 720, 4000) == (1280, 720)
    assert picture_size(1280, 720, None) == (1280, 720)
    assert picture_size(2000, 3, 1) == (1, 1)


def test_a_hidden_picture_tells_nothing() -> None:
    picture = hidden_picture(160, 90)
    assert picture.shape == (90, 160, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 2
