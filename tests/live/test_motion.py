"""What changed between two pictures: a face that nobody has looked for yet is found by having come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.data import Frame
from workbench.evaluate import load_truth
from workbench.live.motion import change, changed_areas, thumbnail
from workbench.video.files import VideoFile

NOTHING = np.zeros((0, 4))


@pytest.fixture(scope="module")
def frames(sample: Callable[[str], Path]) -> dict[int, Frame]:
    """Frames of the clip in which somebody comes in from the right, at frame 122."""
    wanted = {116, 118, 119, 124, 126, 128}
    with VideoFile(sample("profile_and_occlusion"), start_seconds=4.5, end_seconds=5.3) as video:
        return {frame.index: frame for frame in video.frames() if frame.index in wanted}


def areas(before: Frame, now: Frame, hidden: NDArray[np.floating] = NOTHING) -> NDArray[np.float64] | None:
    return changed_areas(thumbnail(before), thumbnail(now), hidden, width_px=now.width_px, height_px=now.height_px)


def covered(areas: NDArray[np.floating], box: NDArray[np.floating]) -> float:
    """How much of the box, inside the picture, the areas cover."""
    canvas = np.zeros((720, 1280), bool)
    for x0, y0, x1, y1 in areas.astype(int).tolist():
        canvas[max(y0, 0) : y1, max(x0, 0) : x1] = True
    x0, y0, x1, y1 = np.clip(box, 0, [1280, 720, 1280, 720]).astype(int).tolist()
    return float(canvas[y0:y1, x0:x1].mean())


@pytest.mark.parametrize("number", [124, 126, 128])
def test_a_face_that_came_into_sight_lies_in_what_changed(
    frames: dict[int, Frame], sample: Callable[[str], Path], number: int
) -> None:
    truth = load_truth(sample("profile_and_occlusion").with_suffix(".gt.csv"))
    known = truth[(truth["frame"] == number) & (truth["person"] != 3)]
    corner, size = known[["x", "y"]].to_numpy(), known[["w", "h"]].to_numpy()
    hidden = np.concatenate([corner - 0.3 * size, corner + 1.3 * size], axis=1)
    new = truth[(truth["frame"] == number) & (truth["person"] == 3)].iloc[0]
    found = areas(frames[118], frames[number], hidden)
    assert found is not None
    assert covered(found, np.array([new.x, new.y, new.x + new.w, new.y + new.h])) > 0.95


def test_nothing_changed_in_the_same_picture(frames: dict[int, Frame]) -> None:
    found = areas(frames[118], frames[118])
    assert found is not None
    assert len(found) == 0


def test_what_is_hidden_already_does_not_count(frames: dict[int, Frame]) -> None:
    everything = np.array([[0.0, 0.0, 1280.0, 720.0]])
    found = areas(frames[118], frames[128], everything)
    assert found is not None
    assert len(found) == 0


def test_where_the_whole_picture_changed_it_is_too_much(frames: dict[int, Frame]) -> None:
    bright = frames[118]
    dark = replace(bright, planes=(bright.planes[0] // 3, *bright.planes[1:]))
    assert areas(bright, dark) is None
    assert change(thumbnail(bright), thumbnail(dark)) > 28


def test_pictures_of_different_size_have_nothing_in_common(frames: dict[int, Frame]) -> None:
    frame = frames[118]
    y, u, v = frame.planes
    smaller = replace(frame, planes=(y[:360], u[:180], v[:180]))
    assert areas(frame, smaller) is None
    assert change(thumbnail(frame), thumbnail(smaller)) == 255


def test_noise_is_no_movement(sample: Callable[[str], Path]) -> None:
    """The dim clip is noisy; between neighbouring frames of it hardly anything moves but the face."""
    with VideoFile(sample("dim_night_ward"), end_seconds=0.2) as video:
        shown = list(video.frames())
    found = areas(shown[0], shown[1])
    assert found is not None
    assert ((found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])).sum() < 0.1 * 1280 * 720


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (33, 17), (320, 24)])
def test_pictures_of_any_size_can_be_compared(frames: dict[int, Frame], size: tuple[int, int]) -> None:
    width, height = size
    half = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = frames[118].planes
    small = replace(frames[118], planes=(y[:height, :width], u[: half[0], : half[1]], v[: half[0], : half[1]]))
    assert change(thumbnail(small), thumbnail(small)) == 0
