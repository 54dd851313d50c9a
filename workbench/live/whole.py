"""The whole picture hidden: a few soft blocks of its colours, or one colour, with a notice that says why."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench.colour import to_yuv
from workbench.data import Frame, Plane
from workbench.live.frames import REASONS, Reason
from workbench.maskers import MaskOptions

BLOCKS_ACROSS = 8  # of a face that fills the picture that leaves what the masks leave of any face
SOFTNESS_BLOCKS = 0.87  # as the Gaussian mask has it
NOTICE_SHARE = 0.045  # of the picture's shorter side: height of the letters
NOTICE_MARGIN = 0.6  # of that height, round the text
SMALLEST_LETTERS_PX = 8
TEXT_LUMA, BAND_LUMA = 235, 40
FONT = "uni"  # OpenCV's own, with Chinese letters: no file of the system is needed


def hidden_planes(frame: Frame, options: MaskOptions, reason: Reason) -> tuple[Plane, Plane, Plane]:
    """New planes of the frame's size in which nothing of it can be recognised; ``frame`` is not changed.

    A solid mask hides the whole picture in its colour as well: then nothing at all of the picture is left.
    """
    if options.kind == "solid":
        codes = to_yuv(options.rgb, frame.colour)
        y, u, v = (np.full(plane.shape, code, plane.dtype) for plane, code in zip(frame.planes, codes, strict=True))
    else:
        y, u, v = (_blocks(plane, frame.width_px, frame.height_px) for plane in frame.planes)
    _draw_notice(y, u, v, reason)
    return y, u, v


def _blocks(plane: Plane, width_px: int, height_px: int) -> Plane:
    """The plane averaged into a few blocks, blurred, and enlarged again."""
    across = BLOCKS_ACROSS if width_px >= height_px else max(1, round(BLOCKS_ACROSS * width_px / height_px))
    down = max(1, round(across * height_px / width_px))
    few = cv2.resize(np.ascontiguousarray(plane), (across, down), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(few, (0, 0), SOFTNESS_BLOCKS, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(soft, plane.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _draw_notice(y: Plane, u: Plane, v: Plane, reason: Reason) -> None:
    """Lay the notice over the bottom: light letters on a dark band, grey in colour."""
    notice = _notice(reason, y.shape[1], y.shape[0])
    height, width = notice.shape
    top, left = (y.shape[0] - height) // 2 * 2, (y.shape[1] - width) // 4 * 2
    y[top : top + height, left : left + width] = notice
    for plane in (u, v):
        plane[top // 2 : (top + height + 1) // 2, left // 2 : (left + width + 1) // 2] = 128


@lru_cache(maxsize=64)
def _notice(reason: Reason, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """(h, w) luma of the band with its words, which fits into a picture of that size."""
    english, chinese = REASONS.get(reason, ("", ""))
    lines = (f"Picture hidden: {english}", f"画面已遮挡：{chinese}")
    font = cv2.FontFace(FONT)
    size = max(SMALLEST_LETTERS_PX, round(NOTICE_SHARE * min(width_px, height_px)))
    while size > SMALLEST_LETTERS_PX and _width(lines, font, size) + 2 * size > width_px:
        size -= 1
    margin = round(NOTICE_MARGIN * size)
    width = min(width_px, _width(lines, font, size) + 2 * margin)
    height = min(height_px, 3 * size + 2 * margin)
    band = np.full((height, width), BAND_LUMA, np.uint8)
    for row, line in enumerate(lines, start=1):
        cv2.putText(band, line, (margin, margin + round(1.45 * size * row) - size // 3), TEXT_LUMA, font, size)
    return band


def _width(lines: tuple[str, ...], font: cv2.FontFace, size: int) -> int:
    return max(sum(cv2.getTextSize((0, 0), line, (0, 0), font, size)[::2]) for line in lines)
