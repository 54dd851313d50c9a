"""HDR10's description of the screen a film was graded on: read from a frame, handed to an encoder."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction

from av.video.frame import VideoFrame

from workbench.video.planes import side_data

CHROMATICITY_UNIT = Fraction(1, 50_000)
LUMINANCE_UNIT = Fraction(1, 10_000)
"""Units of SMPTE ST 2086 as H.264 and HEVC write it: 0.00002, and 0.0001 candela per square metre."""

CARRIERS: Mapping[str, tuple[str, str, str]] = {
    "libx264": ("x264-params", "mastering-display", "cll"),
    "libx265": ("x265-params", "master-display", "max-cll"),
}
"""Encoders that take the description: the option and its two keys."""


def hdr_description(native: VideoFrame) -> tuple[str | None, str | None]:
    """(mastering display, light level) of a frame as x264 and x265 write them, None where the frame says nothing."""
    mastering, light = (side_data(native, name) for name in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"))
    return _mastering(mastering) if mastering else None, "{},{}".format(
        *struct.unpack_from("=2I", light)
    ) if light else None


def hdr_options(native: VideoFrame, *, codec: str, options: Mapping[str, str]) -> dict[str, str]:
    """``options`` with the frame's HDR description added for an encoder that takes it."""
    mastering, light = hdr_description(native)
    if codec not in CARRIERS or (mastering is None and light is None):
        return dict(options)
    option, mastering_key, light_key = CARRIERS[codec]
    given = [options.get(option), mastering and f"{mastering_key}={mastering}", light and f"{light_key}={light}"]
    return {**options, option: ":".join(part for part in given if part)}


def _mastering(data: bytes) -> str | None:
    """From AVMasteringDisplayMetadata: ten fractions (R, G, B and white as x, y; least and most light), two flags."""
    numbers = struct.unpack_from("=22i", data)
    has_primaries, has_luminance = numbers[20:22]
    if not (has_primaries and has_luminance) or 0 in numbers[1:20:2]:
        return None
    values = [Fraction(top, bottom) for top, bottom in zip(numbers[:20:2], numbers[1:20:2], strict=True)]
    rx, ry, gx, gy, bx, by, wx, wy = (round(value / CHROMATICITY_UNIT) for value in values[:8])
    least, most = (round(value / LUMINANCE_UNIT) for value in values[8:])
    return f"G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({most},{least})"
