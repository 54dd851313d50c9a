"""Which pixels of a face are replaced, and how a filling is laid into the picture.

box ── grown ──▶ shape, fully covered ── soft edge ──▶ fade to the picture, outside of the shape
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench import colour
from workbench.data import FaceCrop, Frame, Picture
from workbench.errors import MaskingError
from workbench.head_pose import HeadPose
from workbench.stages import Masker, Options, option

SMALLEST_SHAPE_PX = 4.0  # two chroma samples a side: less would leave a tiny face its colour
SAFETY_PX = 2.0  # reaches every pixel that shares a chroma sample with the shape, so that its rim gets the full colour
FLAT = 16  # levels of 255 from the darkest to the brightest: of less than that a mask may well leave what was there
THINNEST_FADE = 0.01  # of the half axes: invisible, and keeps the slopes of a weight within 16 bits
LOWEST_LEVEL = -(2**14)  # two of them just fit 16 bits; a pixel so far outside stays untouched


class RegionOptions(Options):
    """Where a mask lies: its shape, how far it reaches beyond the face's box, how softly it ends."""

    shape: Literal["ellipse", "box"] = option(
        "ellipse",
        title="Shape",
        title_zh="形状",
        help="Ellipse follows the head; box covers the corners as well.",
        help_zh="椭圆贴合头部轮廓；矩形连同四角一并遮盖。",
    )
    growth: float = option(
        0.3,
        ge=0.0,
        le=1.0,
        title="Growth",
        title_zh="外扩比例",
        help="How far the mask reaches beyond the face's box on each side, as a fraction of the box's size.",
        help_zh="遮罩在人脸框每一侧向外扩展的距离，以框的宽、高为单位的比例。",
    )
    soft_edge: float = option(
        0.08,
        ge=0.0,
        le=0.5,
        title="Soft edge",
        title_zh="边缘羽化",
        help="Width of the fade as a fraction of the box's size; it lies outside the mask, so it never uncovers.",
        help_zh="羽化带的宽度，以框的大小为单位的比例；位于遮罩之外，不会露出人脸。",
    )


@dataclass(frozen=True)
class _Region:
    """One face's place, in pixels of the picture: its shape, and the window of the picture that a masker gets."""

    face: tuple[float, float, float, float]  # x0, y0, x1, y1
    centre: tuple[float, float]
    covered: tuple[float, float]  # half axes of what is fully covered
    fade: float  # the fade ends at 1 + fade times these half axes
    window: tuple[int, int, int, int]  # x0, y0, x1, y1; x0 and y0 are even

    @property
    def is_visible(self) -> bool:
        x0, y0, x1, y1 = self.window
        return x0 < x1 and y0 < y1


def hide(
    frame: Frame,
    boxes: NDArray[np.floating],
    masker: Masker,
    options: RegionOptions,
    *,
    tracks: NDArray[np.integer] | None = None,
    poses: NDArray[np.floating] | None = None,
) -> None:
    """Replace the faces in ``boxes`` (N, 4) in the planes of ``frame``; ``tracks`` (N,), ``poses`` (N, 3).

    A pose is turn, nod and roll (``workbench.head_pose``), NaN where unknown. The masker is called once, with the crops
    of all faces that reach into the picture. Raises MaskingError, with the frame untouched, when a box is not a box, an
    argument has another length or the masker's answer does not fit.
    """
    boxes = _checked_boxes(boxes, frame)
    for name, given, shape in (("tracks", tracks, (len(boxes),)), ("poses", poses, (len(boxes), 3))):
        if given is not None and given.shape != shape:
            raise MaskingError(f"frame {frame.index}: {name} of shape {given.shape} for {len(boxes)} boxes")
    context = float(getattr(masker, "context_fraction", 0.0))
    regions = [_region(box, frame, options, context) for box in boxes]
    # Largest last: where faces overlap the coarsest filling stays on top, so a small (perhaps false) box inside a large
    # face cannot show that face finer than its own mask does.
    order = [i for i in np.argsort(geometry.area(boxes), kind="stable") if regions[i].is_visible]
    if not order:
        return
    face_width_px = getattr(masker, "face_width_px", None)
    weights = {i: _weight(regions[i], options.shape) for i in order}
    hidden = _hidden(frame, regions, weights) if getattr(masker, "invents", False) else None
    crops = [
        _crop(
            frame,
            regions[i],
            face_width_px,
            hidden,
            track=-1 if tracks is None else int(tracks[i]),
            pose=None if poses is None or not np.isfinite(poses[i]).all() else HeadPose(*map(float, poses[i])),
        )
        for i in order
    ]
    fillings = masker.fill(crops)
    _check_fillings(fillings, crops, masker.name, frame, any_size=face_width_px is not None)
    sharp = bool(getattr(masker, "sharp", False))
    for i, filling in zip(order, fillings, strict=True):
        colour.paste(frame, filling, regions[i].window, weight=weights[i], sharp=sharp)


def _checked_boxes(boxes: NDArray[np.floating], frame: Frame) -> NDArray[np.float64]:
    exact = np.asarray(boxes, np.float64)
    if exact.ndim != 2 or exact.shape[1] != 4:
        raise MaskingError(
            f"frame {frame.index}: boxes have the shape {exact.shape} instead of (N, 4); nothing was hidden"
        )
    wrong = ~np.isfinite(exact).all(axis=1) | (exact[:, 2:] < exact[:, :2]).any(axis=1)
    if wrong.any():
        first = exact[wrong][0].tolist()
        raise MaskingError(f"frame {frame.index}: {first} is not a box x0, y0, x1, y1; check the timeline's rows")
    return exact


def _region(box: NDArray[np.float64], frame: Frame, options: RegionOptions, context: float) -> _Region:
    x0, y0, x1, y1 = (float(value) for value in box)
    width, height = max(x1 - x0, SMALLEST_SHAPE_PX), max(y1 - y0, SMALLEST_SHAPE_PX)
    reach = 0.5 + options.growth
    covered = (width * reach + SAFETY_PX, height * reach + SAFETY_PX)
    # At least a pixel of fade: a hard edge without steps.
    fade = max(options.soft_edge / reach, 1 / min(covered), THINNEST_FADE)
    centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    left, right = _even_span(centre[0], max(covered[0] * (1 + fade), width * (0.5 + context)), frame.width_px)
    top, bottom = _even_span(centre[1], max(covered[1] * (1 + fade), height * (0.5 + context)), frame.height_px)
    return _Region(face=(x0, y0, x1, y1), centre=centre, covered=covered, fade=fade, window=(left, top, right, bottom))


def _even_span(centre: float, reach: float, length_px: int) -> tuple[int, int]:
    """The pixels within ``reach`` of ``centre``, widened to even numbers, inside 0..length_px."""
    low, high = (min(max(value, 0.0), float(length_px)) for value in (centre - reach, centre + reach))
    return 2 * math.floor(low / 2), min(2 * math.ceil(high / 2), length_px)


def _hidden(frame: Frame, regions: Sequence[_Region], weights: Mapping[int, NDArray[np.int16]]) -> NDArray[np.uint8]:
    """(H, W) 255 wherever a mask changes the frame, the fade included, on whole chroma samples; else 0."""
    hidden = np.zeros(frame.planes[0].shape, np.uint8)
    for i, weight in weights.items():
        x0, y0, x1, y1 = regions[i].window
        hidden[y0:y1, x0:x1] |= colour.on_whole_samples(weight > 0)
    return hidden


def _crop(
    frame: Frame,
    region: _Region,
    face_width_px: int | None,
    hidden: NDArray[np.uint8] | None,
    *,
    track: int,
    pose: HeadPose | None,
) -> FaceCrop:
    """The window as a masker gets it: shrunk to ``face_width_px``, or one black pixel where that is 0.

    With ``hidden``, what any mask of the frame hides is blank before anything is computed from the pixels.
    """
    x0, y0, x1, y1 = region.window
    left, top, right, bottom = region.face
    scale = 1.0 if face_width_px is None else min(1.0, face_width_px / max(right - left, 1.0))
    width, height = max(1, math.ceil((x1 - x0) * scale)), max(1, math.ceil((y1 - y0) * scale))
    across, down = width / (x1 - x0), height / (y1 - y0)
    blank: NDArray[np.bool_] | None = None
    if face_width_px == 0:
        pixels = np.zeros((1, 1, 3), np.uint8)
    elif hidden is None:
        pixels = colour.picture(frame, width, height, window=region.window)
    else:
        here = hidden[y0:y1, x0:x1]
        pixels = colour.picture(colour.blanked(frame, region.window, here), width, height)
        # A pixel of the small picture that any hidden one went into is hidden.
        blank = np.asarray(cv2.resize(here, (width, height), interpolation=cv2.INTER_AREA)) > 0
        pixels[blank] = 0
    return FaceCrop(
        pixels=pixels,
        box=((left - x0) * across, (top - y0) * down, (right - x0) * across, (bottom - y0) * down),
        track=track,
        time_seconds=frame.time_seconds,
        pose=pose,
        hidden=blank,
    )


def _check_fillings(
    fillings: Sequence[Picture], crops: Sequence[FaceCrop], name: str, frame: Frame, *, any_size: bool
) -> None:
    problem = ""
    if not isinstance(fillings, list | tuple) or len(fillings) != len(crops):
        problem = f"no list of {len(crops)} fillings, one for each face"
        fillings = []
    for filling, crop in zip(fillings, crops, strict=False):
        if not isinstance(filling, np.ndarray) or filling.dtype != np.uint8:
            problem = f"{getattr(filling, 'dtype', type(filling).__name__)} pixels instead of uint8"
        elif filling.ndim != 3 or filling.shape[2] != 3 or not filling.size:
            problem = f"a filling of shape {filling.shape}, which is no RGB picture"
        elif not any_size and filling.shape != crop.pixels.shape:
            problem = f"a filling of shape {filling.shape} for a crop of shape {crop.pixels.shape}"
        elif np.may_share_memory(filling, crop.pixels) or _shows(filling, crop.pixels):
            problem = "the face itself"
    if problem:
        raise MaskingError(f"frame {frame.index}: the mask {name!r} returned {problem}; choose another mask.kind")


def _shows(filling: Picture, face: Picture) -> bool:
    """Whether the filling is the face. Of a nearly flat picture, such as a black one, any mask leaves the same."""
    return np.array_equal(filling, face) and int(np.ptp(face, axis=(0, 1)).max()) > FLAT


def _weight(region: _Region, shape: Literal["ellipse", "box"]) -> NDArray[np.int16]:
    """How much of each pixel of the window is replaced: OPAQUE on the shape, falling to 0 over the fade."""
    x0, y0, x1, y1 = region.window
    outer = 1 + region.fade
    columns = (np.arange(x0, x1) + (0.5 - region.centre[0])) / region.covered[0]
    rows = (np.arange(y0, y1) + (0.5 - region.centre[1])) / region.covered[1]
    if shape == "box":
        across, down = (_levels((outer - np.abs(axis)) / region.fade) for axis in (columns, rows))
        weight = np.minimum.outer(down, across)
    else:
        # On an ellipse 1 + d of the covered one's size, x²/a² + y²/b² = (1 + d)²: no root is needed to fade along it.
        slope = 1 / (outer**2 - 1)
        across, down = _levels(-slope * columns**2), _levels(slope * (outer**2 - rows**2))
        weight = np.add.outer(down, across)
    return np.clip(weight, 0, colour.OPAQUE, out=weight)


def _levels(shares: NDArray[np.floating]) -> NDArray[np.int16]:
    """Shares as whole parts of OPAQUE, rounded up: what is covered is covered wholly. Two of them fit 16 bits."""
    return np.asarray(np.maximum(np.ceil(colour.OPAQUE * shares), LOWEST_LEVEL), np.int16)
