"""What every mask must do, and how little the blurring ones leave."""

import csv
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from workbench import colour
from workbench.data import Colour, FaceCrop, Frame
from workbench.maskers import MaskOptions, open_masker
from workbench.regions import hide

KINDS = ["gaussian", "mosaic", "solid", "gan", "diffusion"]
SECRET = b"a job's own"
SIZES = [(1, 1), (2, 3), (3, 200), (200, 2), (12, 16), (57, 71), (320, 412)]


def crop_of(pixels, face_width_px=None):
    """A crop whose face fills most of it, or is as wide as told."""
    height, width = pixels.shape[:2]
    face = face_width_px or 0.7 * width
    x0, y0 = (width - face) / 2, (height - 1.25 * face) / 2
    rows, columns = np.mgrid[:height, :width]
    hidden = (np.abs(columns - width / 2) < 0.7 * face) & (np.abs(rows - height / 2) < 0.9 * face)
    return FaceCrop(pixels, (x0, y0, x0 + face, y0 + 1.25 * face), track=1, hidden=hidden)


def noise(width, height, seed=3):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def real_face(sample):
    """The largest face of a sample clip's first frame with its surroundings, 420 px wide, the face 300 px."""
    path = sample("consultation")
    with path.with_suffix(".gt.csv").open(newline="") as rows:
        first = [row for row in csv.DictReader(rows) if row["frame"] == "1"]
    x, y, w, h = max(([float(row[key]) for key in "xywh"] for row in first), key=lambda box: box[2] * box[3])
    with av.open(path) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    part = picture[round(y - 0.2 * h) : round(y + 1.2 * h), round(x - 0.2 * w) : round(x + 1.2 * w)]
    return cv2.resize(part, (420, round(420 * part.shape[0] / part.shape[1])), interpolation=cv2.INTER_CUBIC)


def scaled_face(real_face, face_width_px):
    """The real face at a size, as a crop."""
    width = round(face_width_px * 1.4)
    height = round(real_face.shape[0] * width / real_face.shape[1])
    is_smaller = width < real_face.shape[1]
    pixels = cv2.resize(real_face, (width, height), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC)
    return crop_of(pixels, face_width_px)


def frame_of(crop):
    """A frame that shows nothing but the crop."""
    height, width = crop.pixels.shape[:2]
    shapes = ((height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2)
    frame = Frame(0, 0, Fraction(1, 25), tuple(np.zeros(shape, np.uint8) for shape in shapes), Colour())
    opaque = np.full((height, width), colour.OPAQUE, np.int16)
    colour.paste(frame, crop.pixels, (0, 0, width, height), weight=opaque)
    return frame


def masked(crop, **options):
    """The frame of the crop, all of it masked."""
    chosen = MaskOptions(shape="box", growth=1.0, **options)
    frame = frame_of(crop)
    hide(frame, np.array([crop.box]), open_masker(chosen), chosen)
    return frame


def luma(frame):
    return frame.planes[0].astype(int)


def shown(frame):
    return colour.crop(frame, 0, 0, frame.width_px, frame.height_px)


def detail(frame, face_width_px):
    """Standard deviation of what is finer than an eighth of the face."""
    grey = luma(frame).astype(np.float32)
    inner = slice(len(grey) // 5, -len(grey) // 5)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), face_width_px / 16)
    return float(fine[inner, grey.shape[1] // 5 : -grey.shape[1] // 5].std())


@pytest.mark.parametrize("kind", KINDS)
def test_fills_are_new_pictures_and_the_crops_stay_as_they_were(kind):
    crops = [crop_of(noise(*size)) for size in SIZES]
    copies = [crop.pixels.copy() for crop in crops]
    fills = open_masker(MaskOptions(kind=kind, colour="#10e020")).fill(crops)
    assert len(fills) == len(crops)
    for crop, copy, fill in zip(crops, copies, fills, strict=True):
        assert (fill.ndim, fill.shape[2], fill.dtype) == (3, 3, np.uint8)
        assert not np.shares_memory(fill, crop.pixels)
        assert np.array_equal(crop.pixels, copy)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [size for size in SIZES if min(size) > 3])
def test_a_masked_picture_is_another_one(kind, size):
    crop = crop_of(noise(*size))
    change = np.abs(luma(masked(crop, kind=kind, colour="#10e020")) - luma(frame_of(crop)))
    assert change.mean() > 25  # noise has a standard deviation of 49 here


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_single_crops_give(kind):
    masker = open_masker(MaskOptions(kind=kind), secret=SECRET)
    crops = [crop_of(noise(*size)) for size in SIZES]
    for crop, together in zip(crops, masker.fill(crops), strict=True):
        assert np.array_equal(masker.fill([crop])[0], together)
    assert masker.fill([]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_masker_carries_the_name_of_its_kind(kind):
    assert open_masker(MaskOptions(kind=kind)).name == kind


@pytest.mark.parametrize("kind", ["gaussian", "mosaic"])
def test_the_effect_follows_the_size_of_the_face(kind, real_face):
    small, large = (shown(masked(scaled_face(real_face, width), kind=kind)) for width in (100, 600))
    shrunk = cv2.resize(large, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(int) - small).mean() < (2 if kind == "gaussian" else 4)


@pytest.mark.parametrize("face_width_px", [60, 200, 600])
def test_the_default_blur_leaves_no_detail_at_any_size(real_face, face_width_px):
    crop = scaled_face(real_face, face_width_px)
    assert detail(masked(crop), face_width_px) < 0.12 * detail(frame_of(crop), face_width_px)


@pytest.mark.parametrize("face_width_px", [60, 200, 600])
@pytest.mark.parametrize(("strength", "most_cells"), [(10.0, 12), (15.0, 8), (20.0, 6), (30.0, 4)])
def test_a_mosaic_has_no_more_cells_across_a_face_than_its_strength_allows(
    real_face, face_width_px, strength, most_cells
):
    crop = scaled_face(real_face, face_width_px)
    squares = luma(masked(crop, kind="mosaic", strength=strength))
    steps = np.flatnonzero(np.abs(np.diff(squares, axis=1)).max(axis=0))
    x0, _, x1, _ = crop.box
    assert most_cells - 2 <= ((steps >= x0) & (steps < x1 - 1)).sum() <= most_cells + 1
    runs = [np.count_nonzero(np.diff(squares, axis=axis).any(axis=1 - axis)) + 1 for axis in (0, 1)]
    assert np.prod(runs) <= np.ceil(1.4 * most_cells + 1) * np.ceil(1.4 * 1.4 * most_cells + 1)


def test_a_narrow_box_hides_as_much_as_the_head_it_belongs_to():
    pixels = noise(100, 200)
    frontal = FaceCrop(pixels, (0, 0, 100, 130))
    profile = FaceCrop(pixels, (30, 0, 70, 130))
    masker = open_masker(MaskOptions(kind="mosaic"))
    assert np.array_equal(*masker.fill([frontal, profile]))


@pytest.mark.parametrize("kind", ["gaussian", "mosaic"])
def test_a_face_of_twelve_pixels_is_reduced_too(kind):
    crop = crop_of(noise(17, 21), face_width_px=12)
    assert luma(masked(crop, kind=kind, strength=1.0)).std() < 0.5 * luma(frame_of(crop)).std()


@pytest.mark.parametrize("kind", ["gaussian", "mosaic"])
def test_more_strength_leaves_less(kind, real_face):
    crop = scaled_face(real_face, 200)
    left = [luma(masked(crop, kind=kind, strength=strength)).std() for strength in (5.0, 10.0, 15.0, 20.0, 30.0)]
    assert left == sorted(left, reverse=True)


def test_the_blur_has_no_visible_blocks(real_face):
    soft = luma(masked(scaled_face(real_face, 600)))
    for axis in (0, 1):
        assert np.abs(np.diff(soft, axis=axis)).max() <= 4  # a cell is 75 px wide: contrast 255 over one would be 3.4


@pytest.mark.parametrize("kind", ["gaussian", "mosaic"])
def test_the_mask_keeps_the_mean_colour(kind, real_face):
    crop = scaled_face(real_face, 200)
    before, after = (shown(frame).mean(axis=(0, 1)) for frame in (frame_of(crop), masked(crop, kind=kind)))
    assert np.abs(after - before).max() < 4


@pytest.mark.parametrize("kind", ["gaussian", "mosaic"])
@pytest.mark.parametrize("strength", [10.0, 15.0, 30.0])
def test_stripes_that_are_finer_than_a_cell_leave_flat_grey(kind, strength):
    period = round(480 * strength / 120 / 6)  # six to a cell of a face of 480 px
    stripes = np.zeros((840, 672, 3), np.uint8)
    stripes[:, np.arange(672) % period < period / 2] = 255
    crop = crop_of(stripes, 480)
    assert luma(masked(crop, kind=kind, strength=strength)).std() < 0.1 * luma(frame_of(crop)).std()


def test_the_solid_mask_sees_no_face():
    class Watched:
        name = "watched"
        mask = open_masker(MaskOptions(kind="solid"))
        face_width_px = mask.face_width_px

        def fill(self, crops):
            assert not any(crop.pixels.any() for crop in crops)
            return self.mask.fill(crops)

    crop = crop_of(noise(60, 80))
    hide(frame_of(crop), np.array([crop.box]), Watched(), MaskOptions())


def test_solid_paints_its_colour():
    frame = masked(crop_of(noise(30, 20)), kind="solid", colour="#1E90FF")
    assert [np.unique(plane).tolist() for plane in frame.planes] == [
        [code] for code in colour.to_yuv((0x1E, 0x90, 0xFF), frame.colour)
    ]


@pytest.mark.parametrize("value", ["red", "#12345", "1e90ff", "#1e90fg", "", "#1e90ff00"])
def test_a_wrong_colour_is_told_how_to_write_one(value):
    with pytest.raises(ValidationError, match="#rrggbb"):
        MaskOptions(colour=value)


@pytest.mark.parametrize("wrong", [{"strength": 0.5}, {"strength": 31}, {"kind": "pixel"}, {"growth": -0.1}, {"x": 1}])
def test_options_out_of_bounds_are_refused(wrong):
    with pytest.raises(ValidationError):
        MaskOptions(**wrong)


def test_every_option_speaks_english_and_chinese():
    for name, field in MaskOptions.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert field.json_schema_extra["title_zh"], name
        assert field.json_schema_extra["help_zh"], name
