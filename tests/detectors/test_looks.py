"""What a detector is shown, and what two looks say together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pytest

from workbench import boxes as geometry
from workbench.colour import picture
from workbench.data import Detections, Picture
from workbench.detectors import open_detector
from workbench.detectors.looks import Looking, mirrored, together
from workbench.detectors.lowlight import enhance
from workbench.detectors.options import DetectorOptions

LIT = np.random.default_rng(1).integers(90, 200, (64, 96, 3), np.uint8)
DARK = np.random.default_rng(2).integers(0, 50, (64, 96, 3), np.uint8)


class _Noting:
    """Finds nothing, and notes what it saw."""

    name = engine = "noting"

    def __init__(self) -> None:
        self.seen: list[Picture] = []

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        self.seen += pictures
        return [Detections.empty() for _ in pictures]


@pytest.mark.parametrize("enhances", [True, False])
@pytest.mark.parametrize("second_look", ["never", "dark", "always"])
def test_the_options_decide_what_the_detector_sees(
    enhances: bool, second_look: Literal["never", "dark", "always"]
) -> None:
    detector = _Noting()
    looking = Looking(detector, DetectorOptions(enhance=enhances, second_look=second_look))
    assert looking.detect([]) == []
    assert [len(faces) for faces in looking.detect([DARK, LIT])] == [0, 0]
    dark = enhance(DARK) if enhances else DARK
    expected = {
        "never": [dark, LIT],
        "dark": [dark, dark[:, ::-1], LIT],
        "always": [dark, dark[:, ::-1], LIT, LIT[:, ::-1]],
    }[second_look]
    assert len(detector.seen) == len(expected)
    for seen, wanted in zip(detector.seen, expected, strict=True):
        np.testing.assert_array_equal(seen, wanted)
        assert seen.flags["C_CONTIGUOUS"]
    assert (looking.name, looking.engine) == ("noting", "noting")


def _faces(*found: tuple[float, float], marks: bool = True) -> Detections:
    """Faces of 20 x 30 px with these left sides and scores."""
    boxes = np.array([[x, 10, x + 20, 40] for x, _ in found], np.float32).reshape(-1, 4)
    points = np.repeat(boxes[:, None, :2], 5, axis=1) + np.array([[5, 8], [15, 8], [10, 15], [6, 22], [14, 22]])
    scores = np.array([score for _, score in found], np.float32)
    return Detections(boxes, scores, points.astype(np.float32) if marks else None)


def test_a_mirror_image_of_a_mirror_image_is_the_picture() -> None:
    faces = _faces((4, 0.9), (50, 0.3))
    there = mirrored(faces, width_px=96)
    np.testing.assert_allclose(there.boxes[:, [0, 2]], [[72, 92], [26, 46]])
    assert there.landmarks is not None
    assert (there.landmarks[:, 0, 0] < there.landmarks[:, 1, 0]).all()  # the left eye is still the left one
    back = mirrored(there, width_px=96)
    np.testing.assert_allclose(back.boxes, faces.boxes)
    np.testing.assert_allclose(back.landmarks, faces.landmarks)  # type: ignore[arg-type]


@pytest.mark.parametrize("marks", [True, False])
def test_two_looks_meet_in_the_middle(marks: bool) -> None:
    both = together(_faces((10, 0.9), marks=marks), _faces((14, 0.6), marks=marks), max_iou=0.4)
    np.testing.assert_allclose(both.boxes, _faces((12, 1.0)).boxes)
    odds = np.sqrt(0.9 / 0.1 * 0.6 / 0.4)
    np.testing.assert_allclose(both.scores, [odds / (1 + odds)], rtol=1e-5)
    assert (both.landmarks is not None) == marks


@pytest.mark.parametrize(("alone", "score"), [(0.95, 0.686), (0.8, 0.5), (0.5, 0.333), (0.2, 0.2), (0.06, 0.06)])
def test_a_face_that_one_look_is_sure_of_stays_a_face(alone: float, score: float) -> None:
    """Whichever look it is, and whether the other one sees nothing or next to nothing there."""
    none, faint = Detections.empty(), _faces((10, 0.03))
    for first, second in ((_faces((10, alone)), none), (none, _faces((10, alone))), (_faces((10, alone)), faint)):
        found = together(first, second, max_iou=0.4)
        assert found.scores.tolist() == pytest.approx([score], abs=0.001)


def test_every_face_comes_once_and_the_surest_first() -> None:
    first, second = _faces((10, 0.5), (60, 0.9), (110, 0.7)), _faces((62, 0.9), (11, 0.6), (160, 0.4))
    found = together(first, second, max_iou=0.4)
    assert found.boxes[:, 0].tolist() == [61, 10.5, 110, 160]
    assert (np.diff(found.scores) <= 0).all()
    assert geometry.iou(found.boxes, found.boxes).sum() == len(found)


@pytest.mark.parametrize("kind", ["face_small", "centerface"])
def test_a_second_look_finds_the_same_faces_in_a_clip(truths: Any, kind: Literal["face_small", "centerface"]) -> None:
    known = truths("consultation", every=10, end_seconds=0.2)[0]
    frame, boxes = known.frame, known.boxes
    pixels = picture(frame, 640, 384)
    scale = np.array([640 / frame.width_px, 384 / frame.height_px] * 2)
    found = {}
    for second_look in ("never", "always"):
        options = DetectorOptions(kind=kind, device="cpu", second_look=second_look)  # type: ignore[arg-type]
        faces = open_detector(options, width_px=640, height_px=384).detect([pixels])[0]
        found[second_look] = faces[faces.scores >= 0.5]
    for faces in found.values():
        assert len(faces) == len(boxes)
        assert geometry.iou(boxes * scale, faces.boxes).max(axis=1).min() > 0.5
