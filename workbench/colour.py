"""Between the YUV planes of a frame and RGB pixels: the whole picture small, a piece of it, and back.

The numbers follow ITU-R BT.601, BT.709 and BT.2020 (non-constant luminance): limited range puts Y in 16..235 and U, V
in 16..240 (times 4 at 10 bits), full range uses every code. A chroma sample is taken to sit in the middle of its four
luma pixels; that some codecs put it half a luma pixel aside makes no visible difference here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.data import Colour, Frame, Picture, Plane

Window = tuple[int, int, int, int]
"""The pixels x0 ≤ x < x1, y0 ≤ y < y1 of a picture, as (x0, y0, x1, y1); x0 and y0 are even."""

OPAQUE = 128  # as fine as the eye needs, and a difference of two bytes times this fits 16 bits

_LUMA_OF_RED_AND_BLUE = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


def picture(frame: Frame, width_px: int, height_px: int, *, window: Window | None = None) -> Picture:
    """The frame, or the ``window`` of it, as an RGB picture of the given size (the caller keeps the proportions).

    Made for detectors, masks and thumbnails: the planes are shrunk first, so that only the small picture is converted.
    """
    planes = frame.planes if window is None else _windows(frame, window)
    turn = _Turn.of(planes[0])
    size = (height_px, width_px) if turn.swaps_axes else (width_px, height_px)
    small = [_resized(turn.stored(plane), size) for plane in planes]
    return turn.redone(_rgb_from_codes(small, frame.colour))


def crop(frame: Frame, x0: int, y0: int, x1: int, y1: int) -> Picture:
    """The pixels x0 ≤ x < x1, y0 ≤ y < y1 of the frame as RGB, clipped to the picture.

    Raises ValueError when nothing of it lies inside the picture.
    """
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, frame.width_px), min(y1, frame.height_px)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"the crop lies outside of the {frame.width_px}x{frame.height_px} picture")
    left, top = x0 // 2, y0 // 2
    luma, *chroma = frame.planes
    full = [luma[2 * top : y1, 2 * left : x1]]
    height, width = full[0].shape
    for plane in chroma:
        half = plane[top : (y1 + 1) // 2, left : (x1 + 1) // 2]
        doubled = cv2.resize(half, (2 * half.shape[1], 2 * half.shape[0]), interpolation=cv2.INTER_LINEAR)
        full.append(doubled[:height, :width])
    return _rgb_from_codes(full, frame.colour)[y0 - 2 * top :, x0 - 2 * left :]


def paste(frame: Frame, pixels: Picture, window: Window, *, weight: NDArray[np.int16], sharp: bool = False) -> None:
    """Stretch RGB ``pixels`` of any size over the ``window`` of the frame and mix them in, in place.

    ``weight`` has the window's shape: OPAQUE replaces a pixel, 0 leaves its bytes as they are. U and V are mixed by the
    mean of their four pixels. ``sharp`` makes each of ``pixels`` a block of one colour; else colours run together.
    Raises ValueError when the window is not inside the picture or the weight does not fit it.
    """
    luma, *chroma = _windows(frame, window)
    if weight.shape != luma.shape:
        raise ValueError(f"a weight of shape {weight.shape} does not fit the window {window}")
    turn = _Turn.of(luma)
    weight = turn.undone(weight)
    # Converted before they are stretched: a filling is mostly far smaller than its window.
    codes = cv2.split(_codes_from_rgb(turn.undone(pixels), frame.colour))
    stretched = _repeated if sharp else _resized
    _mix(turn.stored(luma), stretched(codes[0], weight.shape[::-1]), weight)
    weight = _halved(weight)
    for plane, values in zip(chroma, codes[1:], strict=True):
        _mix(turn.stored(plane), stretched(values, weight.shape[::-1]), weight)


def on_whole_samples(chosen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """255 for the chosen pixels of a window and all that share a chroma sample with one of them, else 0."""
    height, width = chosen.shape
    # The least that a mean of four with a chosen one among them can be is a quarter of 255.
    samples = np.where(_halved(chosen.astype(np.uint8) * 255) > 0, np.uint8(255), np.uint8(0))
    return np.asarray(samples.repeat(2, axis=0).repeat(2, axis=1)[:height, :width])


def blanked(frame: Frame, window: Window, hidden: NDArray[np.uint8]) -> Frame:
    """The ``window`` as a frame of its own, black where ``hidden`` (its shape, on whole chroma samples) is not 0.

    Raises ValueError as ``paste``.
    """
    luma, *chroma = _windows(frame, window)
    if hidden.shape != luma.shape:
        raise ValueError(f"hidden pixels of shape {hidden.shape} do not fit the window {window}")
    black = to_yuv((0, 0, 0), frame.colour)
    planes = [
        np.where(mask > 0, plane.dtype.type(code), plane)
        for plane, mask, code in zip([luma, *chroma], (hidden, hidden[::2, ::2], hidden[::2, ::2]), black, strict=True)
    ]
    return Frame(frame.index, frame.pts, frame.time_base, (planes[0], planes[1], planes[2]), frame.colour)


def to_yuv(rgb: tuple[int, int, int], colour: Colour) -> tuple[int, int, int]:
    """The code values (Y, U, V) that a frame's planes hold for one colour, 0..255 per channel."""
    matrix = _matrices(colour)[0]
    exact = np.rint(matrix @ np.array([*rgb, 1.0])).clip(0, 2**colour.bit_depth - 1)
    y, u, v = (int(value) for value in exact)
    return y, u, v


@lru_cache(maxsize=16)
def _matrices(colour: Colour) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(3, 4) from RGB (0..255, 1) to the codes of Y, U, V, and (3, 4) back."""
    red, blue = _LUMA_OF_RED_AND_BLUE[colour.matrix]
    luma = np.array([red, 1 - red - blue, blue])
    blue_difference = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    red_difference = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    step = 2 ** (colour.bit_depth - 8)
    top = 2**colour.bit_depth - 1
    spans, black = ((top, top), 0) if colour.full_range else ((219 * step, 224 * step), 16 * step)
    scale = np.array([spans[0], spans[1], spans[1]]) / 255
    forward = np.stack([luma, blue_difference, red_difference]) * scale[:, None]
    offset = np.array([black, 128 * step, 128 * step])
    back = np.linalg.inv(forward)
    return np.column_stack([forward, offset]), np.column_stack([back, -back @ offset])


def _rgb_from_codes(planes: list[Plane], colour: Colour) -> Picture:
    """Three planes of one size as RGB."""
    codes = cv2.merge(planes)
    back = _matrices(colour)[1]
    if colour.bit_depth == 8:
        return np.asarray(cv2.transform(codes, back), np.uint8)
    values = np.asarray(cv2.transform(codes.astype(np.float32), back))
    return np.asarray(np.rint(values.clip(0, 255)), np.uint8)


def _codes_from_rgb(pixels: Picture, colour: Colour) -> NDArray[Any]:
    """(h, w, 3) codes of Y, U, V in the planes' own type."""
    forward = _matrices(colour)[0]
    if colour.bit_depth == 8:
        return np.asarray(cv2.transform(pixels, forward))
    values = np.asarray(cv2.transform(pixels.astype(np.float32), forward))
    # Full-range chroma of a pure colour is 1023.5: it must not become 1024.
    return np.rint(values).clip(0, 1023).astype(np.uint16)


def _windows(frame: Frame, window: Window) -> list[Plane]:
    """Each plane's part of the window. Raises ValueError unless it lies inside the picture, on whole chroma samples."""
    x0, y0, x1, y1 = window
    if not (0 <= x0 < x1 <= frame.width_px and 0 <= y0 < y1 <= frame.height_px) or x0 % 2 or y0 % 2:
        raise ValueError(f"the window {window} does not fit the picture, or its corner is not even")
    luma, *chroma = frame.planes
    halves = [plane[y0 // 2 : (y1 + 1) // 2, x0 // 2 : (x1 + 1) // 2] for plane in chroma]
    return [luma[y0:y1, x0:x1], *halves]


def _mix(target: Plane, values: Plane, weight: NDArray[np.int16]) -> None:
    """Move ``target`` towards ``values`` by ``weight``, in place, in whole numbers: exact at 0 and at OPAQUE."""
    old = target.astype(np.int16 if target.dtype == np.uint8 else np.int32)
    mixed = values - old
    mixed *= weight
    mixed += OPAQUE // 2
    mixed >>= OPAQUE.bit_length() - 1
    mixed += old
    target[...] = mixed


def _halved(plane: NDArray[Any]) -> NDArray[Any]:
    """Means of 2x2 pixels; a last odd row or column counts twice."""
    height, width = plane.shape
    if height % 2 or width % 2:
        plane = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(plane, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA))


def _resized(plane: Plane, size: tuple[int, int]) -> Plane:
    """``plane`` at ``size`` (width, height), by halving while that is not too small, then one linear step.

    Linear interpolation that shrinks by two is the mean of 2x2 pixels, so nothing is skipped on the way; the general
    area interpolation gives the same look and is four times slower.
    """
    while plane.shape[1] >= 2 * size[0] and plane.shape[0] >= 2 * size[1]:
        half = (plane.shape[1] // 2, plane.shape[0] // 2)
        plane = cv2.resize(plane, half, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR))


def _repeated(plane: Plane, size: tuple[int, int]) -> Plane:
    """``plane`` at ``size`` (width, height), each pixel a block. A single pixel stays one: it mixes with any size."""
    if plane.size == 1:
        return plane
    width, height = size
    columns = np.arange(width) * plane.shape[1] // width
    rows = np.arange(height) * plane.shape[0] // height
    return np.asarray(plane[:, columns][rows])  # copies whole rows: many times faster than INTER_NEAREST


@dataclass(frozen=True)
class _Turn:
    """How a view lies over the stored plane: flipped first, then rows and columns swapped.

    Resizing reads rows of neighbouring bytes; of any other view it would first make a full-size copy.
    """

    flips_rows: bool
    flips_columns: bool
    swaps_axes: bool

    @classmethod
    def of(cls, plane: Plane) -> _Turn:
        row_step, column_step = plane.strides
        swaps = abs(row_step) < abs(column_step)
        if swaps:
            row_step, column_step = column_step, row_step
        return cls(row_step < 0, column_step < 0, swaps)

    def stored(self, plane: Plane) -> Plane:
        """The view turned back: the same memory as it lies in the stored plane."""
        swapped = plane.T if self.swaps_axes else plane
        return swapped[:: -1 if self.flips_rows else 1, :: -1 if self.flips_columns else 1]

    def undone(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Pixels of the view as they lie in the stored plane: a copy in which rows are neighbouring bytes again."""
        return self._flipped(np.asarray(cv2.transpose(pixels)) if self.swaps_axes else pixels)

    def redone(self, pixels: Picture) -> Picture:
        """Pixels of the stored plane as the view shows them."""
        flipped = self._flipped(pixels)
        return np.asarray(cv2.transpose(flipped), np.uint8) if self.swaps_axes else flipped

    def _flipped(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if not (self.flips_rows or self.flips_columns):
            return pixels
        around = -1 if self.flips_rows and self.flips_columns else int(self.flips_columns)
        return np.asarray(cv2.flip(pixels, around))
