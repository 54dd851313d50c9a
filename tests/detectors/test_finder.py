"""From frames to faces in frame pixels: sizes, tiles, low light, thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from workbench import boxes as geometry
from workbench.data import Colour, Detections, Frame, Picture
from workbench.detectors import open_finder
from workbench.detectors.calibration import calibration_inputs
from workbench.detectors.finder import FaceFinder, picture_size
from workbench.detectors.lowlight import enhance
from workbench.detectors.options import DetectorOptions
from workbench.detectors.tiles import merge, tiles_of


def grey_frame(width: int, height: int, *, luma: int = 128) -> Frame:
    half = ((height + 1) // 2, (width + 1) // 2)
    planes = (np.full((height, width), luma, np.uint8), np.full(half, 128, np.uint8), np.full(half, 128, np.uint8))
    return Frame(0, 0, Fraction(1, 25), planes, Colour())


class WhiteSpots:
    """A detector whose faces are the bright rectangles of a picture."""

    name = "spots"
    engine = "none"

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        return [self._spots(picture) for picture in pictures]

    def _spots(self, picture: Picture) -> Detections:
        import cv2

        self.sizes.append((picture.shape[1], picture.shape[0]))
        stats = cv2.connectedComponentsWithStats((picture[..., 1] > 190).astype(np.uint8))[2][1:]
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in stats], np.float32).reshape(-1, 4)
        return Detections(boxes, np.full(len(boxes), 0.9, np.float32))


@pytest.mark.parametrize(
    ("frame", "wanted", "size"),
    [
        ((1920, 1080), "auto", (640, 384)),
        ((1080, 1920), "auto", (384, 640)),
        ((1280, 720), "auto", (640, 384)),
        ((3840, 2160), "auto", (960, 544)),
        ((1920, 1080), 1280, (1280, 736)),
        ((480, 270), "auto", (480, 288)),
        ((480, 270), 960, (480, 288)),  # never larger than the video …
        ((160, 120), "auto", (320, 256)),  # … unless it is small
        ((17, 33), "auto", (64, 96)),
        ((1, 1), "auto", (32, 32)),
    ],
)
def test_picture_size(frame: tuple[int, int], wanted: Any, size: tuple[int, int]) -> None:
    assert picture_size(DetectorOptions(image_size=wanted), width_px=frame[0], height_px=frame[1]) == size


def test_an_image_size_is_rounded_up_to_the_grid() -> None:
    assert DetectorOptions(image_size=641).image_size == 672
    for bad in (159, 1921, "640", True, 640.0):
        with pytest.raises(ValidationError):
            DetectorOptions(image_size=bad)


def test_every_option_has_words_in_both_languages() -> None:
    for name, field in DetectorOptions.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict), name
        assert all([field.title, field.description, extra["title_zh"], extra["help_zh"]]), name


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (7, 400), (64, 64), (33, 17)])
def test_tiny_and_odd_frames_have_no_faces(size: tuple[int, int]) -> None:
    options = DetectorOptions(device="cpu")
    faces = open_finder(options, width_px=size[0], height_px=size[1]).find([grey_frame(*size)])[0]
    assert (faces.scores < options.confidence).all()


@pytest.mark.parametrize("tiles", [1, 2, 4])
@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (333, 251)])
def test_boxes_come_back_in_frame_pixels(size: tuple[int, int], tiles: int) -> None:
    frame = grey_frame(*size)
    x0, y0 = size[0] // 2, size[1] // 3
    frame.planes[0][y0 : y0 + 60, x0 : x0 + 44] = 235
    finder = FaceFinder(WhiteSpots(), DetectorOptions(tiles=tiles), width_px=size[0], height_px=size[1])
    faces = finder.find([frame])[0]
    assert len(faces) == 1
    np.testing.assert_allclose(faces.boxes[0], [x0, y0, x0 + 44, y0 + 60], atol=5)


def test_no_frames_no_answers() -> None:
    assert FaceFinder(WhiteSpots(), DetectorOptions(), width_px=64, height_px=64).find([]) == []


def test_tiles_are_looked_at_in_full_detection_size() -> None:
    detector = WhiteSpots()
    finder = FaceFinder(detector, DetectorOptions(tiles=3), width_px=1920, height_px=1080)
    finder.find([grey_frame(1920, 1080)] * 2)
    assert detector.sizes == [(640, 384)] * 20


@settings(max_examples=60, deadline=None)
@given(width=st.integers(16, 4000), height=st.integers(16, 4000), count=st.integers(2, 4))
def test_tiles_cover_the_frame_without_a_gap(width: int, height: int, count: int) -> None:
    size = picture_size(DetectorOptions(), width_px=width, height_px=height)
    tiles = tiles_of(size, count, frame_size=(width, height))
    if not tiles:
        return
    seen = np.zeros(tiles[0].whole_size[::-1], bool)
    for tile in tiles:
        assert tile.cut(seen).shape == (size[1], size[0])
        tile.cut(seen)[...] = True
    assert seen.all()


def test_half_a_face_at_an_inner_border_gives_way_to_the_whole_one() -> None:
    size = (640, 384)
    tiles = tiles_of(size, 2, frame_size=(1920, 1080))
    at_right_border = Detections(np.array([[600, 100, 640, 160]], np.float32), np.array([0.9], np.float32))
    none = [Detections.empty() for _ in tiles[1:]]
    found = list(zip(tiles, [at_right_border, *none], strict=True))
    half = tiles[0].in_frame(at_right_border, (1920, 1080))
    wide = Detections(half.boxes + np.array([[0, 0, 60, 0]], np.float32), np.array([0.7], np.float32))

    assert len(merge(Detections.empty(), found, (1920, 1080), sure=0.5)) == 1  # nobody else has it: it stays
    kept = merge(wide, found, (1920, 1080), sure=0.5)
    np.testing.assert_allclose(kept.boxes, wide.boxes)
    faint = Detections(wide.boxes, np.array([0.1], np.float32))
    assert len(merge(faint, found, (1920, 1080), sure=0.5)) == 2  # a doubtful face does not remove a sure one


def test_tiles_find_small_faces_that_the_whole_picture_misses(truths: Any) -> None:
    """A 1080p clip with small faces, at a detection size that is too small for them."""
    known = truths("ward_round_1080p", every=40, end_seconds=3)
    hits = {}
    for tiles in (1, 2):
        options = DetectorOptions(device="cpu", image_size=320, tiles=tiles)
        finder = open_finder(options, width_px=1920, height_px=1080)
        found = finder.find([truth.frame for truth in known])
        hits[tiles] = sum(
            int((geometry.iou(truth.boxes, faces[faces.scores >= 0.5].boxes).max(axis=1, initial=0) >= 0.3).sum())
            for truth, faces in zip(known, found, strict=True)
        )
    assert hits[2] > hits[1]


def test_enhancement_brightens_the_dark_and_leaves_the_bright(noise: Any) -> None:
    bright = noise(320, 192)
    assert enhance(bright) is bright
    dark = (bright // 8).astype(np.uint8)
    better = enhance(dark)
    assert better.shape == dark.shape and better.dtype == np.uint8
    assert better.mean() > 3 * dark.mean()
    assert enhance(np.zeros((32, 32, 3), np.uint8)).max() == 0


def test_enhancement_makes_faces_in_the_dark_surer(truths: Any) -> None:
    """A night clip darkened to 15 % with sensor noise: the true faces' mean score rises."""
    random = np.random.default_rng(0)
    known = truths("dim_night_ward", every=20)
    frames = []
    for truth in known:
        luma, *chroma = truth.frame.planes
        dark = 16 + (luma.astype(np.float32) - 16) * 0.15 + random.normal(0, 4, luma.shape)
        faded = [np.rint(128 + (plane.astype(np.float32) - 128) * 0.15).astype(np.uint8) for plane in chroma]
        planes = (np.rint(dark.clip(0, 255)).astype(np.uint8), faded[0], faded[1])
        frames.append(Frame(truth.frame.index, 0, Fraction(1, 25), planes, truth.frame.colour))
    means = {}
    for enhanced in (False, True):
        options = DetectorOptions(device="cpu", enhance=enhanced)
        found = open_finder(options, width_px=frames[0].width_px, height_px=frames[0].height_px).find(frames)
        scores = [
            (faces.scores * (overlaps >= 0.3)).max(initial=0)
            for truth, faces in zip(known, found, strict=True)
            for overlaps in geometry.iou(truth.boxes, faces.boxes)
        ]
        means[enhanced] = float(np.mean(scores))
    assert means[True] > means[False] + 0.03


def test_calibration_inputs_are_what_the_network_sees() -> None:
    frames = [grey_frame(320, 180, luma=235)] * 2
    for kind, top in (("centerface", 255), ("yolov8_face", 1)):
        inputs = list(calibration_inputs(frames, DetectorOptions(kind=kind)))
        assert [each.shape for each in inputs] == [(1, 3, 192, 320)] * 2
        assert inputs[0].max() == pytest.approx(top, rel=0.01)
