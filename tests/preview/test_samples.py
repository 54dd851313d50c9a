"""The sample clips that the page offers."""

from __future__ import annotations

import re

import cv2
import pytest

from workbench.errors import UsageError
from workbench.evaluate import load_truth
from workbench.preview.samples import DEMO, DIM, sample, samples
from workbench.video.probing import probe

CHINESE = re.compile("[\u4e00-\u9fff]")


def test_every_sample_can_be_shown_and_judged() -> None:
    found = samples()
    assert len(found) == 6
    for each in found:
        assert each.title and each.description
        assert CHINESE.search(each.title_zh) and CHINESE.search(each.description_zh)
        assert each.truth is not None and len(load_truth(each.truth)) > 100


def test_a_thumbnail_has_the_clips_shape() -> None:
    for each in samples():
        picture = cv2.imread(str(each.thumbnail))
        info = probe(each.path)
        assert picture is not None and max(picture.shape) == 480
        assert picture.shape[1] / picture.shape[0] == pytest.approx(info.width_px / info.height_px, rel=0.01)


def test_the_demo_comes_first_and_the_guided_clip_is_there() -> None:
    assert samples()[0] == sample(DEMO)
    assert "dim" in sample(DIM).title.lower()


def test_an_unknown_sample_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="meeting_grid"):
        sample("holiday")
