"""Planes of a decoded picture: views of them in display orientation, and any pixel format made 4:2:0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from workbench.data import Colour, Plane

DIRECT_FORMATS = frozenset({"yuv420p", "yuvj420p", "yuv420p10le"})
"""Pixel formats whose planes are used as they are: yuvj420p is FFmpeg's old name for full-range yuv420p."""

HD_HEIGHT_PX = 720
"""From this height on, material that does not say so is taken as BT.709, below as BT.601 (the players' rule)."""

MATRIX_OF_TAG: Mapping[int, Literal["bt601", "bt709", "bt2020"]] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    7: "bt709",
    9: "bt2020",
    10: "bt2020",
}
"""AVColorSpace to matrix: 4 (FCC) and 7 (SMPTE 240M) have no name here and get their nearest neighbour."""

SCALER_THREADS = 1
"""swscale writes a few samples past the end of a line and mends them with the next line: with several threads it now
and then leaves the wrong ones (seen with 10 bits and a width of 17)."""

_SWSCALE_MATRIX = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709, "bt2020": Colorspace.BT2020}
_TAG_OF_MATRIX = {"bt601": 6, "bt709": 1, "bt2020": 9}


@dataclass(frozen=True)
class Orientation:
    """How the stored picture is turned for display: swapped along its diagonal first, then flipped."""

    transposed: bool = False
    rows_flipped: bool = False
    columns_flipped: bool = False

    @classmethod
    def of(cls, native: VideoFrame) -> Orientation:
        """From the frame's display matrix (libavutil/display.h: x' = ax + cy, y' = bx + dy); turns by 90° only."""
        matrix = display_matrix(native)
        if matrix is None:
            return cls()
        a, b, _, c, d = matrix[:5]
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(transposed=False, rows_flipped=d < 0, columns_flipped=a < 0)
        return cls(transposed=True, rows_flipped=b < 0, columns_flipped=c < 0)

    @property
    def rotation_degrees(self) -> Literal[0, 90, 180, 270]:
        """Clockwise turn of the stored picture; a mirrored picture gives the turn that is left of it."""
        if self.transposed:
            return 90 if self.columns_flipped else 270
        return 180 if self.rows_flipped else 0

    def turn(self, plane: Plane) -> Plane:
        """The plane as displayed: a view."""
        turned = plane.T if self.transposed else plane
        return turned[:: -1 if self.rows_flipped else 1, :: -1 if self.columns_flipped else 1]

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Displayed (width, height) of a stored size, and the other way round."""
        return (height, width) if self.transposed else (width, height)


def side_data(native: VideoFrame, name: str) -> bytes | None:
    """What the file says about the frame under one of FFmpeg's names, e.g. ``DISPLAYMATRIX``; None if nothing."""
    for data in cast(Iterable[Any], native.side_data):
        if data.type.name == name:
            return bytes(data)
    return None


def display_matrix(native: VideoFrame) -> list[int] | None:
    """The nine numbers of the frame's display matrix, or None if it is shown as stored."""
    data = side_data(native, "DISPLAYMATRIX")
    return None if data is None else [int(number) for number in np.frombuffer(data, np.int32)]


def is_deep(native: VideoFrame) -> bool:
    """Whether the samples have more than 8 bits."""
    return max(component.bits for component in native.format.components) > 8


def stored_planes(native: VideoFrame) -> list[Plane]:
    """Y, U and V of a 4:2:0 picture as stored, (H, W) each: writable views without the padding of the lines."""
    dtype = np.uint16 if native.format.name.endswith("10le") else np.uint8
    views: list[Plane] = []
    for plane in native.planes[:3]:
        stride = abs(plane.line_size) // np.dtype(dtype).itemsize
        rows = np.frombuffer(cast(Any, plane), dtype).reshape(plane.height, stride)[:, : plane.width]
        views.append(rows if plane.line_size > 0 else rows[::-1])
    return views


def display_planes(native: VideoFrame, orientation: Orientation, *, writable: bool) -> tuple[Plane, Plane, Plane]:
    """Y, U and V as displayed: views of the frame's own memory, which they keep alive."""
    y, u, v = (orientation.turn(plane) for plane in stored_planes(native))
    for view in (y, u, v):
        view.flags.writeable = writable
    return y, u, v


def colour_of(native: VideoFrame) -> Colour:
    """How the numbers of a 4:2:0 picture mean light; what the file does not say is taken as players take it."""
    fallback: Literal["bt709", "bt601"] = "bt709" if native.height >= HD_HEIGHT_PX else "bt601"
    return Colour(
        matrix=MATRIX_OF_TAG.get(native.colorspace, fallback),
        full_range=native.color_range == ColorRange.JPEG or native.format.name.startswith("yuvj"),
        bit_depth=10 if is_deep(native) else 8,
    )


def as_420(native: VideoFrame, *, width: int, height: int, reformatter: VideoReformatter) -> VideoFrame:
    """The picture as 4:2:0 of the given stored size: 8 bits for 8-bit material, else 10. Itself where it already is.

    Range and matrix of YUV material stay; RGB becomes limited range in the matrix usual for its size.
    """
    same_size = (native.width, native.height) == (width, height)
    if same_size and native.format.name in DIRECT_FORMATS:
        return native
    if same_size and native.format.name in {"gray", "gray10le"}:
        return _from_grey(native)
    target = "yuv420p10le" if is_deep(native) else "yuv420p"
    colour = colour_of(native)
    if native.format.is_rgb or native.format.has_palette:
        matrix: int = _SWSCALE_MATRIX[colour.matrix]
        source_range, target_range, tag = ColorRange.JPEG, ColorRange.MPEG, _TAG_OF_MATRIX[colour.matrix]
    else:
        matrix = Colorspace.ITU709  # the same on both sides: nothing is converted
        source_range = target_range = ColorRange.JPEG if colour.full_range else ColorRange.MPEG
        tag = native.colorspace
    result = reformatter.reformat(
        native,
        width,
        height,
        target,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=source_range,
        dst_color_range=target_range,
        interpolation=Interpolation.BICUBIC,
        threads=SCALER_THREADS,
    )
    result.colorspace, result.color_range = tag, target_range
    return result


def _from_grey(native: VideoFrame) -> VideoFrame:
    """Grey as 4:2:0 with neutral colour, sample for sample: swscale would stretch its range."""
    deep = is_deep(native)
    result = VideoFrame(native.width, native.height, "yuv420p10le" if deep else "yuv420p")
    y, u, v = stored_planes(result)
    y[:] = stored_planes(native)[0]
    u[:] = v[:] = 512 if deep else 128
    result.pts, result.dts, result.time_base = native.pts, native.dts, native.time_base
    copy_tags(native, result)
    return result


def copy_tags(source: VideoFrame, target: VideoFrame) -> None:
    """Copy the colour tags: range, matrix, primaries, transfer."""
    target.color_range, target.colorspace = source.color_range, source.colorspace
    target.color_primaries, target.color_trc = source.color_primaries, source.color_trc
