"""What each corruption does to pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from workbench.data import Picture
from workbench.detector_evaluation.corruptions import CLEAN, SEVERITIES, Corruption, Kind, corruptions_of
from workbench.detector_evaluation.dataset import load_dataset

SPOILERS: tuple[Kind, ...] = ("dim", "noise", "blur", "jpeg")


@pytest.fixture(scope="module")
def picture(labelled: Path) -> Picture:
    return load_dataset(labelled, limit=1)[0].pixels()


def test_the_names_stand_for_copies() -> None:
    assert corruptions_of(("none",)) == [CLEAN]
    assert [str(each) for each in corruptions_of(("blur", "dark"))] == ["clean", "dark", "blur 1", "blur 2", "blur 3"]
    assert len(corruptions_of(("all",))) == 1 + 1 + len(SPOILERS) * len(SEVERITIES)


def test_clean_is_the_picture_itself(picture: Picture) -> None:
    assert CLEAN.apply(picture, seed=1) is picture


@pytest.mark.parametrize("kind", SPOILERS)
def test_each_severity_is_worse_than_the_one_before(kind: Kind, picture: Picture) -> None:
    before = picture.copy()
    errors = []
    for severity in SEVERITIES:
        spoilt = Corruption(kind, severity).apply(picture, seed=1)
        assert spoilt.shape == picture.shape
        assert spoilt.dtype == np.uint8
        errors.append(float(np.abs(spoilt.astype(float) - picture).mean()))
    assert 0.5 < errors[0] < errors[1] < errors[2]
    assert np.array_equal(picture, before)


def test_the_same_seed_gives_the_same_pixels(picture: Picture) -> None:
    dark = Corruption("dark")
    assert np.array_equal(dark.apply(picture, seed=1), dark.apply(picture, seed=1))
    assert not np.array_equal(dark.apply(picture, seed=1), dark.apply(picture, seed=2))


def test_the_dark_copy_follows_its_formula() -> None:
    grey = np.full((200, 200, 3), 200, np.uint8)
    dark = Corruption("dark").apply(grey, seed=3).astype(float)
    assert dark.mean() == pytest.approx((200 / 255) ** 1.5 * 42, abs=0.1)
    assert dark.std() == pytest.approx(5, abs=0.1)


def test_blur_grows_with_the_picture(picture: Picture) -> None:
    """The same scene at twice the size loses the same detail."""
    large = np.asarray(cv2.resize(picture, None, fx=2, fy=2), np.uint8)
    blur = Corruption("blur", 3)
    shrunk = cv2.resize(blur.apply(large, seed=0), picture.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(float) - blur.apply(picture, seed=0)).mean() < 1.0


def test_colours_keep_their_places() -> None:
    orange = np.full((64, 64, 3), (240, 120, 20), np.uint8)
    for each in (Corruption("jpeg", 1), Corruption("blur", 1), Corruption("noise", 1)):
        assert np.allclose(each.apply(orange, seed=0).mean(axis=(0, 1)), (240, 120, 20), atol=6)
