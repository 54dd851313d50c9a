"""YuNet's answers, read as its paper gives them. Its weights do not come along: answers are made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.detectors import open_detector
from workbench.detectors.options import DetectorOptions
from workbench.detectors.yunet import STRIDES, decode
from workbench.errors import ModelError

WIDTH, HEIGHT = 64, 32


def blank() -> list[NDArray[Any]]:
    """Class, object, box and landmark maps of the three strides, in the network's order; nothing seen."""
    cells = [WIDTH * HEIGHT // stride**2 for stride in STRIDES]
    return [np.zeros((1, count, values), np.float32) for values in (1, 1, 4, 10) for count in cells]


def test_a_cell_is_read_as_the_paper_says() -> None:
    """Stride 8, row 2, column 3: centre a quarter and a half cell on, two cells wide, one high."""
    answer, cell = blank(), 2 * (WIDTH // 8) + 3
    answer[0][0, cell], answer[3][0, cell] = 0.81, 0.49
    answer[6][0, cell] = [0.25, 0.5, np.log(2), 0]
    answer[9][0, cell, :2] = [1, -1]
    faces = decode(answer, width_px=WIDTH, max_iou=0.4)
    np.testing.assert_allclose(faces.scores, [np.sqrt(0.81 * 0.49)], atol=1e-6)
    np.testing.assert_allclose(faces.boxes, [[26 - 8, 20 - 4, 26 + 8, 20 + 4]], atol=1e-4)
    assert faces.landmarks is not None
    np.testing.assert_allclose(faces.landmarks[0, 0], [(3 + 1) * 8, (2 - 1) * 8], atol=1e-4)


def test_one_face_seen_at_two_strides_is_one() -> None:
    answer = blank()
    for level, (stride, score) in enumerate(zip(STRIDES[:2], (0.9, 0.8), strict=True)):
        cell = (16 // stride) * (WIDTH // stride) + 32 // stride
        answer[level][0, cell] = answer[3 + level][0, cell] = score
        answer[6 + level][0, cell] = [0, 0, *np.log([16 / stride, 16 / stride])]
    faces = decode(answer, width_px=WIDTH, max_iou=0.4)
    np.testing.assert_allclose(faces.scores, [0.9], atol=1e-6)
    np.testing.assert_allclose(faces.boxes, [[24, 8, 40, 24]], atol=1e-4)


def test_nothing_seen_is_no_face() -> None:
    assert len(decode(blank(), width_px=WIDTH, max_iou=0.4)) == 0


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelError, match="no YuNet"):
        decode([np.zeros((1, 5, 100), np.float32)], width_px=WIDTH, max_iou=0.4)


def test_without_weights_the_error_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"detector\.weights"):
        open_detector(DetectorOptions(kind="yunet", device="cpu"), width_px=WIDTH, height_px=HEIGHT)
