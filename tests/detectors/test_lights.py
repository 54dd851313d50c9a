"""Who looks at which picture, and what it then sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from workbench.data import Detections, Picture
from workbench.detectors.lights import LightAware
from workbench.detectors.lowlight import enhance

LIT = np.full((64, 96, 3), 120, np.uint8)
DARK = np.random.default_rng(0).integers(0, 50, (64, 96, 3), np.uint8)


class _Noting:
    """Finds one face in each picture, as sure as the picture is light, and notes what it saw."""

    engine = "none"

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[Picture] = []

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        self.seen += pictures
        box = np.array([[1, 1, 20, 20]], np.float32)
        return [Detections(box, np.array([picture.mean() / 255], np.float32)) for picture in pictures]


@pytest.mark.parametrize("enhances", [True, False])
@pytest.mark.parametrize("has_own", [True, False])
def test_dark_pictures_are_looked_at_by_their_own_detector(enhances: bool, has_own: bool) -> None:
    lit, dark = _Noting("lit"), _Noting("dark")
    detector = LightAware(lit, enhances=enhances, open_dark=(lambda: dark) if has_own else None)
    found = detector.detect([DARK, LIT, DARK])
    wanted = enhance(DARK) if enhances else DARK
    by_dark = dark.seen if has_own else lit.seen[1:]
    assert lit.seen[0] is LIT
    assert len(by_dark) == 2
    for picture in by_dark:
        np.testing.assert_array_equal(picture, wanted)
    expected = [each.mean() / 255 for each in (wanted, LIT, wanted)]  # in the pictures' own order
    assert [float(faces.scores[0]) for faces in found] == pytest.approx(expected)
    assert (detector.name, detector.engine) == ("lit", "none")


def test_the_dark_one_is_opened_once_and_only_when_it_is_dark() -> None:
    opened: list[Any] = []

    def open_dark() -> _Noting:
        opened.append(_Noting("dark"))
        return opened[-1]

    detector = LightAware(_Noting("lit"), enhances=True, open_dark=open_dark)
    assert detector.detect([]) == []
    detector.detect([LIT, LIT])
    assert not opened
    detector.detect([DARK])
    detector.detect([DARK, LIT])
    assert len(opened) == 1
    assert len(opened[0].seen) == 2
