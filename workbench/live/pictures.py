"""Pictures of any source as a live stream has them: 8-bit 4:2:0, upright, writable, owned by whoever gets them."""

from __future__ import annotations

import time

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from workbench.data import Frame
from workbench.live.frames import LiveFrame
from workbench.video.planes import (
    SCALER_THREADS,
    Orientation,
    as_420,
    colour_of,
    copy_tags,
    display_planes,
    is_deep,
    stored_planes,
)

BT601 = 6
"""AVColorSpace of what OpenCV makes of RGB."""


def upright(native: VideoFrame, *, reformatter: VideoReformatter) -> VideoFrame:
    """A decoded picture turned for display, with 8 bits a sample. A picture that the decoder still needs is copied."""
    orientation = Orientation.of(native)
    picture = as_420(native, width=native.width, height=native.height, reformatter=reformatter)
    if is_deep(picture):
        picture = _shallow(picture, reformatter)
    if orientation == Orientation():
        picture.make_writable()
        return picture
    turned = VideoFrame(*orientation.size(picture.width, picture.height), picture.format.name)
    for source, target in zip(stored_planes(picture), stored_planes(turned), strict=True):
        target[:] = orientation.turn(source)
    copy_tags(picture, turned)
    return turned


def from_bgr(pixels: NDArray[np.uint8]) -> VideoFrame:
    """OpenCV's picture (H, W, 3) as 4:2:0 in BT.601, limited range. An odd last row or column is left out."""
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    packed = cv2.cvtColor(np.ascontiguousarray(pixels[:height, :width]), cv2.COLOR_BGR2YUV_I420)
    picture = VideoFrame(width, height, "yuv420p")
    picture.colorspace, picture.color_range = BT601, ColorRange.MPEG
    samples, begin = packed.reshape(-1), 0
    for plane in stored_planes(picture):
        plane[:] = samples[begin : begin + plane.size].reshape(plane.shape)
        begin += plane.size
    return picture


def live_frame(picture: VideoFrame, *, pts: int, index: int = 0) -> LiveFrame:
    """An upright picture that arrives now, at ``pts`` in its own time base."""
    planes = display_planes(picture, Orientation(), writable=True)
    assert picture.time_base is not None, "a live picture has a time base"
    frame = Frame(index, pts, picture.time_base, planes, colour_of(picture), picture)
    return LiveFrame(frame, time.monotonic())


def _shallow(picture: VideoFrame, reformatter: VideoReformatter) -> VideoFrame:
    full = ColorRange.JPEG if picture.color_range == ColorRange.JPEG else ColorRange.MPEG
    result = reformatter.reformat(
        picture,
        format="yuv420p",
        src_color_range=full,
        dst_color_range=full,
        interpolation=Interpolation.POINT,
        threads=SCALER_THREADS,
    )
    result.pts, result.time_base = picture.pts, picture.time_base
    copy_tags(picture, result)
    return result
