"""Where a mask lies: what it must cover, what it must leave, and what makes it stop."""

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import colour
from workbench.data import Colour, Frame
from workbench.errors import MaskingError
from workbench.head_pose import HeadPose
from workbench.maskers import MaskOptions, open_masker
from workbench.regions import RegionOptions, hide

GREEN = (0, 255, 0)
COLOURS = [Colour(m, r, d) for m, r, d in product(("bt601", "bt709", "bt2020"), (False, True), (8, 10))]


def noisy_frame(width, height, setting=None, seed=5):
    setting = setting or Colour()
    random = np.random.default_rng(seed)
    dtype = np.uint8 if setting.bit_depth == 8 else np.uint16
    half = ((height + 1) // 2, (width + 1) // 2)
    top = 2**setting.bit_depth
    planes = tuple(random.integers(0, top, shape).astype(dtype) for shape in ((height, width), half, half))
    return Frame(7, 7, Fraction(1, 25), planes, setting)


def paint(frame, boxes, **options):
    chosen = MaskOptions(kind="solid", colour="#00ff00", **options)
    hide(frame, np.asarray(boxes, float).reshape(-1, 4), open_masker(chosen), chosen)


def inscribed(frame, box):
    """Pixels whose centre lies in the ellipse inscribed in ``box``."""
    x0, y0, x1, y1 = box
    y, x = np.mgrid[: frame.height_px, : frame.width_px] + 0.5
    return ((2 * x - x0 - x1) / (x1 - x0)) ** 2 + ((2 * y - y0 - y1) / (y1 - y0)) ** 2 <= 1


def within(frame, box):
    x0, y0, x1, y1 = box
    y, x = np.mgrid[: frame.height_px, : frame.width_px] + 0.5
    return (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)


def grown(box, fraction, margin_px=0.0):
    x0, y0, x1, y1 = box
    dx, dy = fraction * (x1 - x0) + margin_px, fraction * (y1 - y0) + margin_px
    return x0 - dx, y0 - dy, x1 + dx, y1 + dy


def is_green(frame, tolerance=2):
    expected = np.array(colour.to_yuv(GREEN, frame.colour))
    codes = [frame.planes[0], *(p.repeat(2, 0).repeat(2, 1) for p in frame.planes[1:])]
    codes = np.stack([c[: frame.height_px, : frame.width_px].astype(int) for c in codes], axis=-1)
    return np.abs(codes - expected).max(axis=-1) <= tolerance


@pytest.mark.parametrize("setting", COLOURS)
@pytest.mark.parametrize("size", [(160, 120), (161, 121)])
@pytest.mark.parametrize("soft_edge", [0.0, 0.1, 0.5])
def test_the_grown_ellipse_is_covered_and_the_rest_is_untouched(setting, size, soft_edge):
    frame = noisy_frame(*size, setting)
    before = [plane.copy() for plane in frame.planes]
    box = (60.3, 41.7, 93.1, 82.2)
    paint(frame, [box], growth=0.2, soft_edge=soft_edge)
    assert is_green(frame)[inscribed(frame, grown(box, 0.2))].all()
    # The safe rim of the shape, its own fade and the chroma samples cut by it come on top.
    outside = ~within(frame, grown(box, 0.2 + soft_edge, margin_px=5))
    assert outside.any()
    assert np.array_equal(frame.planes[0][outside], before[0][outside])
    for plane, old in zip(frame.planes[1:], before[1:], strict=True):
        far = outside[::2, ::2]
        assert np.array_equal(plane[far], old[far])


@settings(max_examples=150, deadline=None)
@given(
    x=st.floats(-60, 120),
    y=st.floats(-60, 100),
    width=st.floats(0, 150),
    height=st.floats(0, 150),
    shape=st.sampled_from(["ellipse", "box"]),
    growth=st.floats(0, 1),
    soft_edge=st.floats(0, 0.5),
)
def test_whatever_the_options_the_face_is_covered(x, y, width, height, shape, growth, soft_edge):
    frame = noisy_frame(97, 75)
    box = (x, y, x + width + 1e-6, y + height + 1e-6)
    paint(frame, [box], shape=shape, growth=growth, soft_edge=soft_edge)
    face = within(frame, box) if shape == "box" else inscribed(frame, box)
    assert is_green(frame)[face].all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotated_views_are_masked_in_the_stored_picture(turns):
    stored = noisy_frame(121, 81)
    view = Frame(0, 0, stored.time_base, tuple(np.rot90(plane, turns) for plane in stored.planes), stored.colour)
    box = (20.0, 15.0, 50.0, 55.0)
    paint(view, [box])
    turned_back = np.rot90(inscribed(view, box), -turns)
    assert is_green(stored)[turned_back].all()


@pytest.mark.parametrize("setting", [Colour(), Colour("bt2020", bit_depth=10)])
def test_a_box_larger_than_the_picture_covers_all_of_it(setting):
    for reach in (1e3, 1e9, 1e100):
        frame = noisy_frame(50, 40, setting)
        paint(frame, [(-reach, -reach, reach, reach)])
        assert is_green(frame).all()


@pytest.mark.parametrize("box", [(-100, -100, -50, -50), (200, 20, 260, 90), (30, 200, 60, 300), (1e9, 0, 2e9, 5)])
def test_a_box_outside_of_the_picture_changes_nothing(box):
    frame = noisy_frame(64, 48)
    before = [plane.copy() for plane in frame.planes]
    paint(frame, [box])
    for plane, old in zip(frame.planes, before, strict=True):
        assert np.array_equal(plane, old)


def test_no_boxes_ask_nothing_of_the_masker():
    class NeverAsked:
        name = "never"

        def fill(self, crops):
            raise AssertionError

    hide(noisy_frame(16, 16), np.zeros((0, 4)), NeverAsked(), RegionOptions())


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (17, 33)])
@pytest.mark.parametrize("kind", ["gaussian", "mosaic", "solid", "gan"])
def test_tiny_pictures_can_be_masked(size, kind):
    frame = noisy_frame(*size)
    options = MaskOptions(kind=kind, colour="#00ff00")
    hide(frame, np.array([[0.0, 0.0, *size]]), open_masker(options), options)
    if kind == "solid":
        assert is_green(frame).all() or size == (17, 33)


@pytest.mark.parametrize("x", [20.0, 20.5, 20.9, 21.0, 21.4])
def test_a_point_still_hides_a_chroma_sample_and_its_pixels(x):
    frame = noisy_frame(40, 40)
    paint(frame, [(x, x, x, x)], growth=0.0, soft_edge=0.0)
    green = is_green(frame)
    at = int(x) // 2 * 2
    assert green[at : at + 2, at : at + 2].all()
    assert green.sum() < 100


def test_where_faces_overlap_both_stay_hidden():
    frame = noisy_frame(160, 120)
    boxes = [(30.0, 30.0, 70.0, 80.0), (60.0, 40.0, 110.0, 100.0), (65.0, 45.0, 75.0, 58.0)]
    paint(frame, boxes, soft_edge=0.5)
    for box in boxes:
        assert is_green(frame)[inscribed(frame, box)].all()


def test_a_small_box_inside_a_large_face_does_not_show_it_finer():
    large, small = (20.0, 10.0, 120.0, 110.0), (60.0, 50.0, 72.0, 65.0)
    options = MaskOptions(kind="mosaic")
    alone, both = noisy_frame(140, 120), noisy_frame(140, 120)
    hide(alone, np.array([large]), open_masker(options), options)
    hide(both, np.array([large, small]), open_masker(options), options)
    for one, other in zip(alone.planes, both.planes, strict=True):
        assert np.array_equal(one, other)


def test_the_masker_is_asked_once_and_told_everything():
    class Remembers:
        name = "remembers"
        context_fraction = 0.5

        def __init__(self):
            self.calls = []

        def fill(self, crops):
            self.calls.append(crops)
            return [np.zeros_like(crop.pixels) for crop in crops]

    frame, masker = noisy_frame(200, 160), Remembers()
    boxes = np.array([[20.0, 30.0, 60.0, 90.0], [-80.0, 0.0, -60.0, 20.0], [100.0, 41.0, 140.0, 80.0]])
    poses = np.array([[0.1, 0.6, -5.0], [0, 0, 0], [np.nan, np.nan, np.nan]])
    options = RegionOptions(growth=0.1, soft_edge=0.05)
    hide(frame, boxes, masker, options, tracks=np.array([4, 5, 6]), poses=poses)
    (crops,) = masker.calls
    assert sorted(crop.track for crop in crops) == [4, 6]
    for crop in crops:
        x0, y0, x1, y1 = crop.box
        assert (x1 - x0, y1 - y0) == ((40, 60) if crop.track == 4 else (40, 39))
        assert crop.pixels.shape[1] >= 40 * 2  # half a box of context on each side
        assert crop.pose == (HeadPose(0.1, 0.6, -5.0) if crop.track == 4 else None)
        assert crop.hidden is None
        assert crop.time_seconds == frame.time_seconds


WRONG_ANSWERS = {
    "no list": lambda crops: None,
    "too few": lambda crops: [],
    "too many": lambda crops: [crop.pixels.copy() for crop in crops] * 2,
    "another shape": lambda crops: [crop.pixels[:-2].copy() for crop in crops],
    "grey": lambda crops: [crop.pixels[..., 0].copy() for crop in crops],
    "floats": lambda crops: [crop.pixels.astype(np.float32) for crop in crops],
    "nothing": lambda crops: [None for _ in crops],
    "grey in a third axis": lambda crops: [crop.pixels[..., :1].copy() for crop in crops],
    "no pixel": lambda crops: [crop.pixels[:0].copy() for crop in crops],
    "the face itself": lambda crops: [crop.pixels for crop in crops],
    "a piece of the face": lambda crops: [crop.pixels[::-1] for crop in crops],
    "a copy of the face": lambda crops: [crop.pixels.copy() for crop in crops],
    "only the first right": lambda crops: [crops[0].pixels * 0, *(crop.pixels[1:] for crop in crops[1:])],
}
TAKEN_WHEN_COARSE = {"another shape", "only the first right"}  # a masker that asks for few pixels answers in any size


@pytest.mark.parametrize(
    ("answer", "finest"),
    [*product(WRONG_ANSWERS, [None]), *product(sorted({*WRONG_ANSWERS} - TAKEN_WHEN_COARSE), [16])],
)
def test_a_wrong_answer_stops_before_any_pixel_is_written(answer, finest):
    class Broken:
        name = "broken"
        face_width_px = finest

        def fill(self, crops):
            return WRONG_ANSWERS[answer](crops)

    frame = noisy_frame(120, 80)
    before = [plane.copy() for plane in frame.planes]
    boxes = np.array([[10.0, 10.0, 40.0, 50.0], [60.0, 20.0, 90.0, 60.0]])
    with pytest.raises(MaskingError, match=r"^frame 7: the mask 'broken' returned [^\n]+$"):
        hide(frame, boxes, Broken(), RegionOptions())
    for plane, old in zip(frame.planes, before, strict=True):
        assert np.array_equal(plane, old)


@pytest.mark.parametrize("kind", ["gaussian", "mosaic", "solid", "gan"])
@pytest.mark.parametrize("level", [0, 16, 255])
def test_a_picture_of_one_colour_can_be_masked(kind, level):
    frame = noisy_frame(200, 160)
    for plane in frame.planes:
        plane[:] = level
    options = MaskOptions(kind=kind)
    hide(frame, np.array([[50.0, 40.0, 90.0, 95.0], [-9.0, -9.0, 2.0, 2.0]]), open_masker(options), options)


@pytest.mark.parametrize("shape", ["ellipse", "box"])
def test_context_is_shown_to_the_masker_but_not_painted(shape):
    class Green:
        name = "green"
        context_fraction = 3.0

        def fill(self, crops):
            return [np.full_like(crop.pixels, GREEN) for crop in crops]

    frame = noisy_frame(900, 800)
    before = frame.planes[0].copy()
    box = (400.0, 350.0, 500.0, 450.0)
    hide(frame, np.array([box]), Green(), RegionOptions(shape=shape, growth=0.0, soft_edge=0.0))
    outside = ~within(frame, grown(box, 0.0, margin_px=5))
    assert np.array_equal(frame.planes[0][outside], before[outside])


def test_a_masker_gets_as_many_pixels_as_it_asks_for():
    class Remembers:
        name = "remembers"

        def __init__(self, face_width_px):
            self.face_width_px = face_width_px

        def fill(self, crops):
            self.crops = crops
            return [np.zeros((1, 1, 3), np.uint8) for _ in crops]

    box = np.array([[100.0, 60.0, 300.0, 320.0]])
    for finest, width in ((0, 0), (16, 16), (64, 64), (200, 200), (900, 200)):
        masker = Remembers(finest)
        hide(noisy_frame(480, 400), box, masker, RegionOptions())
        (crop,) = masker.crops
        if finest:
            assert crop.face_width_px == pytest.approx(width, rel=0.05)
            assert crop.box[3] - crop.box[1] == pytest.approx(1.3 * width, rel=0.05)
        else:
            assert crop.pixels.tolist() == [[[0, 0, 0]]]


@pytest.mark.parametrize("extra", [{"tracks": np.zeros(2, int)}, {"poses": np.zeros((1, 4))}])
def test_tracks_and_poses_are_as_many_as_the_boxes(extra):
    frame = noisy_frame(64, 48)
    before = frame.planes[0].copy()
    options = MaskOptions()
    with pytest.raises(MaskingError, match=r"^frame 7: (tracks|poses) of shape [^\n]+ for 1 boxes"):
        hide(frame, np.array([[10.0, 10.0, 20.0, 20.0]]), open_masker(options), options, **extra)
    assert np.array_equal(frame.planes[0], before)


@pytest.mark.parametrize("setting", [Colour(), Colour("bt2020", bit_depth=10)])
@pytest.mark.parametrize("shape", ["ellipse", "box"])
@pytest.mark.parametrize("soft_edge", [0.0, 0.004, 0.5])
def test_a_face_larger_than_most_pictures_is_covered_too(setting, shape, soft_edge):
    frame = noisy_frame(1400, 1500, setting)
    box = (150.3, 99.6, 1251.2, 1402.9)
    paint(frame, [box], shape=shape, growth=0.0, soft_edge=soft_edge)
    assert is_green(frame)[within(frame, box) if shape == "box" else inscribed(frame, box)].all()


@pytest.mark.parametrize(
    "boxes",
    [
        [[10, 10, float("nan"), 20]],
        [[10, 10, 20, 20], [float("-inf"), 0, 5, 5]],
        [[20, 10, 10, 20]],
        [[10, 20, 20, 10]],
        [[10, 10, 20]],
        [10, 10, 20, 20],
    ],
)
def test_what_is_no_box_stops_before_any_pixel_is_written(boxes):
    frame = noisy_frame(64, 48)
    before = [plane.copy() for plane in frame.planes]
    options = MaskOptions()
    with pytest.raises(MaskingError, match=r"^frame 7: [^\n]+$"):
        hide(frame, np.asarray(boxes, float), open_masker(options), options)
    for plane, old in zip(frame.planes, before, strict=True):
        assert np.array_equal(plane, old)


def test_the_fade_falls_evenly_and_has_no_corner():
    frame = noisy_frame(400, 300)
    frame.planes[0][:] = 16
    paint(frame, [(150.0, 100.0, 250.0, 200.0)], growth=0.2, soft_edge=0.3)
    edge = frame.planes[0][150, 200:].astype(int)
    steps = np.diff(edge)
    assert (steps <= 0).all()
    assert (edge[0], edge[-1]) == (173, 16)
    assert np.abs(steps).max() <= 10


def in_a_mask(frame, boxes, options):
    """For each plane, what lies in a mask's shape."""
    inside = inscribed if options.shape == "ellipse" else within
    luma = np.any([inside(frame, grown(box, options.growth)) for box in boxes], axis=0)
    height, width = luma.shape
    even = np.pad(luma, ((0, height % 2), (0, width % 2)), mode="edge")
    samples = even[::2, ::2] & even[1::2, ::2] & even[::2, 1::2] & even[1::2, 1::2]
    return luma, samples, samples


class Invents:
    """Copies what it was shown, inverted, so that every pixel that went in comes out."""

    name = "invents"
    invents = True
    context_fraction = 0.6

    def fill(self, crops):
        self.crops = crops
        return [255 - crop.pixels for crop in crops]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    shape=st.sampled_from(["ellipse", "box"]),
    growth=st.floats(0, 1),
    finest=st.sampled_from([None, 12, 30]),
    turns=st.integers(0, 3),
    bit_depth=st.sampled_from([8, 10]),
)
def test_what_invents_never_sees_a_hidden_pixel_of_any_face(seed, shape, growth, finest, turns, bit_depth):
    options = RegionOptions(shape=shape, growth=growth)
    boxes = np.array([[20.0, 25.0, 50.0, 64.0], [44.3, 20.1, 80.7, 66.9], [130.0, 90.0, 171.0, 130.0]])
    frames = [noisy_frame(161, 121, Colour(bit_depth=bit_depth), seed=1) for _ in range(2)]
    frames = [replace(each, planes=tuple(np.rot90(plane, turns) for plane in each.planes)) for each in frames]
    random = np.random.default_rng(seed)
    for plane, where in zip(frames[1].planes, in_a_mask(frames[1], boxes, options), strict=True):
        plane[where] = random.integers(0, 2**bit_depth, where.sum())
    maskers = Invents(), Invents()
    for frame, masker in zip(frames, maskers, strict=True):
        if finest:
            masker.face_width_px = finest
        hide(frame, boxes, masker, options)
    for one, other in zip(*(masker.crops for masker in maskers), strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert np.array_equal(one.hidden, other.hidden)
        assert not one.pixels[one.hidden].any()
    assert any(crop.hidden.any() for crop in maskers[0].crops)
    for one, other in zip(*(frame.planes for frame in frames), strict=True):
        assert np.array_equal(one, other)
