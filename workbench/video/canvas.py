"""Frames that are no frame of a file: an empty picture to lay others into, shown at the time of one of them."""

from __future__ import annotations

from dataclasses import replace

from av.video.frame import VideoFrame

from workbench.colour import to_yuv
from workbench.data import Frame
from workbench.video.planes import copy_tags, stored_planes


def blank_frame(width_px: int, height_px: int, *, like: Frame) -> Frame:
    """A black 8-bit frame that a VideoWriter takes, with the time and the colours' meaning of ``like``.

    Its planes may be written. ``like`` must come from a video file.
    """
    if not isinstance(like.native, VideoFrame):
        raise TypeError("blank_frame takes the frames of a VideoFile")
    native = VideoFrame(width_px, height_px, "yuv420p")
    copy_tags(like.native, native)
    y, u, v = stored_planes(native)
    colour = replace(like.colour, bit_depth=8)
    for plane, black in zip((y, u, v), to_yuv((0, 0, 0), colour), strict=True):
        plane[:] = black
    return Frame(like.index, like.pts, like.time_base, (y, u, v), colour, native)
