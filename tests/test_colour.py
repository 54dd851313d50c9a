"""Colours mean the same in planes and in RGB, in every setting and orientation."""

from fractions import Fraction
from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import colour
from workbench.data import Colour, Frame

COLOURS = [
    Colour(matrix, full_range, bit_depth)
    for matrix, full_range, bit_depth in product(("bt601", "bt709", "bt2020"), (False, True), (8, 10))
]
ORIENTATIONS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


def oriented(plane, turns, mirrored):
    return np.rot90(plane[:, ::-1] if mirrored else plane, turns)


def solid_frame(rgb, setting, width=33, height=17):
    dtype = np.uint8 if setting.bit_depth == 8 else np.uint16
    shapes = [(height, width), ((height + 1) // 2, (width + 1) // 2), ((height + 1) // 2, (width + 1) // 2)]
    codes = colour.to_yuv(rgb, setting)
    planes = tuple(np.full(shape, code, dtype) for shape, code in zip(shapes, codes, strict=True))
    return Frame(0, 0, Fraction(1, 25), planes, setting)


def smooth_frame(width, height, setting=None, seed=1):
    setting = setting or Colour()
    random = np.random.default_rng(seed)
    step = 2 ** (setting.bit_depth - 8)
    dtype = np.uint8 if setting.bit_depth == 8 else np.uint16

    def plane(low, high, w, h):
        rough = random.uniform(low * step, high * step, (5, 5)).astype(np.float32)
        return cv2.resize(rough, (w, h), interpolation=cv2.INTER_LINEAR).round().astype(dtype)

    half = ((width + 1) // 2, (height + 1) // 2)
    planes = (plane(80, 170, width, height), plane(110, 146, *half), plane(110, 146, *half))
    return Frame(0, 0, Fraction(1, 25), planes, setting)


def lay(frame, pixels, window, weight=None, *, sharp=False):
    """Pastes, by default opaquely."""
    x0, y0, x1, y1 = window
    opaque = np.full((y1 - y0, x1 - x0), colour.OPAQUE, np.int16)
    colour.paste(frame, pixels, window, weight=opaque if weight is None else weight, sharp=sharp)


# Published code values of the 100 % colour bars.
@pytest.mark.parametrize(
    ("setting", "rgb", "codes"),
    [
        (Colour("bt601"), (255, 0, 0), (81, 90, 240)),
        (Colour("bt601"), (0, 255, 0), (145, 54, 34)),
        (Colour("bt601"), (0, 0, 255), (41, 240, 110)),
        (Colour("bt709"), (255, 0, 0), (63, 102, 240)),
        (Colour("bt709"), (0, 255, 0), (173, 42, 26)),
        (Colour("bt709"), (0, 0, 255), (32, 240, 118)),
        (Colour("bt601", full_range=True), (255, 0, 0), (76, 85, 255)),
        (Colour("bt709", bit_depth=10), (255, 255, 255), (940, 512, 512)),
        (Colour("bt2020", bit_depth=10), (0, 0, 0), (64, 512, 512)),
        (Colour("bt2020", full_range=True, bit_depth=10), (255, 255, 255), (1023, 512, 512)),
    ],
)
def test_codes_are_the_published_ones(setting, rgb, codes):
    assert colour.to_yuv(rgb, setting) == codes


@settings(max_examples=60, deadline=None)
@given(rgb=st.tuples(*[st.integers(0, 255)] * 3), setting=st.sampled_from(COLOURS))
def test_a_colour_survives_the_way_to_the_planes_and_back(rgb, setting):
    frame = solid_frame(rgb, setting)
    assert np.abs(colour.crop(frame, 0, 0, 33, 17).astype(int) - rgb).max() <= 3  # 8-bit codes are that coarse
    assert np.abs(colour.picture(frame, 16, 8).astype(int) - rgb).max() <= 3


def test_bt601_agrees_with_opencv():
    frame = smooth_frame(64, 48, Colour("bt601"))
    flat = np.concatenate([plane.ravel() for plane in frame.planes]).reshape(72, 64)
    theirs = cv2.cvtColor(flat, cv2.COLOR_YUV2RGB_I420).astype(int)
    assert (
        np.abs(colour.crop(frame, 0, 0, 64, 48).astype(int) - theirs).max() <= 8
    )  # they repeat chroma, we interpolate
    assert np.abs(colour.crop(frame, 0, 0, 64, 48).astype(int) - theirs).mean() < 1.5


@pytest.mark.parametrize("setting", [Colour(), Colour("bt2020", bit_depth=10)])
@pytest.mark.parametrize("size", [(640, 384), (101, 57), (1, 1), (17, 900)])
def test_pictures_have_the_size_asked_for_and_the_frames_mean_colour(size, setting):
    frame = smooth_frame(333, 217, setting)
    small = colour.picture(frame, *size)
    assert small.shape == (size[1], size[0], 3)
    assert small.dtype == np.uint8
    if min(size) > 10:
        whole = colour.crop(frame, 0, 0, 333, 217)
        assert np.abs(small.mean(axis=(0, 1)) - whole.mean(axis=(0, 1))).max() < 1.5


def test_things_stay_where_they_are_in_a_picture():
    frame = solid_frame((0, 0, 0), Colour(), 1281, 723)
    lay(frame, np.full((90, 120, 3), 255, np.uint8), (400, 500, 520, 590))
    small = colour.picture(frame, 320, 192)[..., 1].astype(float)
    x = (small.sum(axis=0) * (np.arange(320) + 0.5)).sum() / small.sum() * 1281 / 320
    y = (small.sum(axis=1) * (np.arange(192) + 0.5)).sum() / small.sum() * 723 / 192
    assert (x, y) == pytest.approx((460, 545), abs=1.5)


@pytest.mark.parametrize(("turns", "mirrored"), ORIENTATIONS)
def test_rotated_views_give_the_rotated_picture(turns, mirrored):
    frame = smooth_frame(301, 203)
    view = Frame(0, 0, frame.time_base, tuple(oriented(p, turns, mirrored) for p in frame.planes), frame.colour)
    size = (64, 96) if turns % 2 else (96, 64)
    expected = oriented(colour.picture(frame, 96, 64), turns, mirrored).astype(int)
    assert np.abs(colour.picture(view, *size).astype(int) - expected).max() <= 2


@pytest.mark.parametrize(("turns", "mirrored"), ORIENTATIONS)
def test_crop_and_paste_work_in_the_orientation_of_the_view(turns, mirrored):
    frame = smooth_frame(64, 48)
    view = Frame(0, 0, frame.time_base, tuple(oriented(p, turns, mirrored) for p in frame.planes), frame.colour)
    whole = oriented(colour.crop(frame, 0, 0, 64, 48), turns, mirrored).astype(int)
    assert (
        np.abs(colour.crop(view, 0, 0, view.width_px, view.height_px).astype(int) - whole).max() <= 3
    )  # chroma's rounding
    lay(view, np.full((10, 12, 3), (250, 20, 20), np.uint8), (8, 6, 20, 16))
    stored = colour.crop(frame, 0, 0, 64, 48)
    upright = oriented(stored, turns, mirrored)
    assert np.abs(upright[8:14, 10:18].astype(int) - (250, 20, 20)).max() <= 3


@settings(max_examples=60, deadline=None)
@given(x0=st.integers(-5, 40), y0=st.integers(-5, 30), width=st.integers(1, 60), height=st.integers(1, 50))
def test_a_crop_is_that_part_of_the_picture(x0, y0, width, height):
    frame = smooth_frame(41, 31)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x0 + width, 41), min(y0 + height, 31)
    if left >= right or top >= bottom:
        with pytest.raises(ValueError, match="outside"):
            colour.crop(frame, x0, y0, x0 + width, y0 + height)
        return
    part = colour.crop(frame, x0, y0, x0 + width, y0 + height).astype(int)
    whole = colour.crop(frame, 0, 0, 41, 31)[top:bottom, left:right]
    assert part.shape == whole.shape
    assert np.abs(part - whole).max() <= 6  # chroma at the crop's border has one neighbour less


@pytest.mark.parametrize("setting", COLOURS)
@pytest.mark.parametrize("size", [(40, 30), (41, 31)])
def test_paste_replaces_blends_and_leaves(setting, size):
    width, height = size
    frame = smooth_frame(*size, setting)
    before = [plane.copy() for plane in frame.planes]
    new = (200, 90, 40)
    weight = np.zeros((height, width), np.int16)
    weight[10:20] = colour.OPAQUE
    weight[20:24] = colour.OPAQUE // 2
    old = colour.crop(frame, 0, 0, width, height).astype(int)
    lay(frame, np.full((height, width, 3), new, np.uint8), (0, 0, width, height), weight)
    after = colour.crop(frame, 0, 0, width, height).astype(int)
    assert np.abs(after[12:18] - new).max() <= 3
    assert np.abs(after[21:23] - (old[21:23] + new) / 2).max() <= 4
    for plane, untouched, end in zip(frame.planes, before, (10, 5, 5), strict=True):
        assert np.array_equal(plane[:end], untouched[:end])
        assert np.array_equal(plane[24 * end // 10 :], untouched[24 * end // 10 :])


@pytest.mark.parametrize("setting", COLOURS)
@pytest.mark.parametrize("sharp", [False, True])
def test_a_small_filling_is_stretched_over_all_of_the_window(setting, sharp):
    frame = smooth_frame(61, 47, setting)
    halves = np.array([[[240, 30, 30], [30, 30, 240]]], np.uint8)
    lay(frame, halves, (8, 6, 48, 46), sharp=sharp)
    shown = colour.crop(frame, 8, 6, 48, 46).astype(int)
    assert np.abs(shown[:, :8] - halves[0, 0]).max() <= 3
    assert np.abs(shown[:, -8:] - halves[0, 1]).max() <= 3
    steps = np.abs(np.diff(frame.planes[1][3:23, 4:24].astype(int), axis=1)).max(axis=0)
    assert (np.count_nonzero(steps) == 1) == sharp


@pytest.mark.parametrize("sharp", [False, True])
@pytest.mark.parametrize(("turns", "mirrored"), ORIENTATIONS)
def test_a_filling_lies_upright_in_a_rotated_view(turns, mirrored, sharp):
    stored = solid_frame((0, 0, 0), Colour(), 64, 48)
    view = Frame(0, 0, stored.time_base, tuple(oriented(p, turns, mirrored) for p in stored.planes), stored.colour)
    corners = np.array([[[250, 20, 20], [20, 250, 20]], [[20, 20, 250], [250, 250, 20]]], np.uint8)
    weight = np.full((40, 24), colour.OPAQUE, np.int16)
    weight[-12:] = 0
    lay(view, corners, (6, 4, 30, 44), weight, sharp=sharp)
    shown = colour.crop(view, 0, 0, view.width_px, view.height_px).astype(int)
    assert np.abs(shown[6:10, 7:10] - corners[0, 0]).max() <= 6
    assert np.abs(shown[6:10, 26:29] - corners[0, 1]).max() <= 6
    assert shown[34:].max() <= 3


def test_a_window_of_the_picture_can_be_had_small():
    frame = smooth_frame(301, 203)
    part = colour.crop(frame, 40, 20, 240, 180)
    small = colour.picture(frame, 50, 40, window=(40, 20, 240, 180))
    assert np.abs(cv2.resize(part, (50, 40), interpolation=cv2.INTER_AREA).astype(int) - small).max() <= 3


def test_paste_of_what_was_cropped_changes_next_to_nothing():
    frame = smooth_frame(60, 44, Colour("bt2020", bit_depth=10))
    before = [plane.astype(int) for plane in frame.planes]
    lay(frame, colour.crop(frame, 10, 8, 50, 40), (10, 8, 50, 40))
    for plane, old in zip(frame.planes, before, strict=True):
        assert np.abs(plane - old).max() <= 8  # of 1023: RGB has 8 bits and chroma is interpolated between


@pytest.mark.parametrize("corner", [(1, 0), (0, 3), (-2, 0), (18, 0), (0, 18)])
def test_a_window_must_lie_inside_the_picture_on_even_pixels(corner):
    frame, (x0, y0) = smooth_frame(20, 20), corner
    with pytest.raises(ValueError, match="fit"):
        lay(frame, np.zeros((4, 4, 3), np.uint8), (x0, y0, x0 + 4, y0 + 4))
    with pytest.raises(ValueError, match="fit"):
        colour.picture(frame, 2, 2, window=(x0, y0, x0 + 4, y0 + 4))


def test_a_weight_must_have_the_shape_of_the_window():
    with pytest.raises(ValueError, match="fit"):
        lay(smooth_frame(20, 20), np.zeros((4, 4, 3), np.uint8), (0, 0, 4, 4), np.zeros((5, 4), np.int16))


def test_no_code_leaves_its_ten_bits():
    frame = solid_frame((0, 0, 0), Colour("bt709", full_range=True, bit_depth=10))
    lay(frame, np.full((1, 1, 3), (255, 0, 0), np.uint8), (0, 0, 32, 16))
    assert frame.planes[2].max() == 1023
