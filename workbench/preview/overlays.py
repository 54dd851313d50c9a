"""What is drawn over a frame for the operator: scores, tracks, trails. All pictures are RGB."""

from __future__ import annotations

import colorsys
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench import colour
from workbench.data import Detections, Frame, HiddenFaces, Picture, Plane
from workbench.regions import RegionOptions, hide
from workbench.stages import Masker

Rgb = tuple[int, int, int]
Box = tuple[float, float, float, float]

PREVIEW_SECRET = secrets.token_bytes()
"""Whose faces masks invent in previews: the same ones as long as the program runs, and no job's."""

SHOWN_SCORE = 0.15  # lower candidates are noise even to an operator who looks for a missed face
WEAK_COLOUR: Rgb = (168, 174, 184)
HIDDEN_COLOUR: Rgb = (58, 62, 70)
HIDDEN_STRIPES: Rgb = (72, 77, 87)
GOLDEN = 0.618034  # of the colour circle: neighbouring ids get colours far apart
FONT = cv2.FONT_HERSHEY_SIMPLEX


def small_picture(frame: Frame, width_px: int | None) -> Picture:
    """The frame at most ``width_px`` wide, in its own proportions."""
    return colour.picture(frame, *picture_size(frame.width_px, frame.height_px, width_px))


def picture_size(width_px: int, height_px: int, wanted_width_px: int | None) -> tuple[int, int]:
    """Width and height of a picture at most ``wanted_width_px`` wide; it is never enlarged."""
    if wanted_width_px is None or wanted_width_px >= width_px:
        return width_px, height_px
    wanted = max(1, wanted_width_px)
    return wanted, max(1, round(height_px * wanted / width_px))


def masked_picture(
    frame: Frame, faces: HiddenFaces, masker: Masker, options: RegionOptions, *, width_px: int | None
) -> Picture:
    """The frame with its faces hidden, as the render pass hides them, and only then made smaller.

    Raises MaskingError; the frame itself stays as it is.
    """
    return small_picture(masked_copy(frame, faces, masker, options), width_px)


def masked_copy(frame: Frame, faces: HiddenFaces, masker: Masker, options: RegionOptions) -> Frame:
    """The frame with its faces hidden as in the full job; the frame itself stays as it is. Raises MaskingError."""
    copied = copy_of(frame)
    hide(copied, faces.boxes, masker, options, tracks=faces.tracks, poses=faces.poses)
    return copied


def hidden_picture(width_px: int, height_px: int) -> Picture:
    """What is shown instead of a frame that could not be masked: nothing of it."""
    across, down = np.meshgrid(np.arange(width_px), np.arange(height_px))
    band = max(8, height_px // 24)
    striped = (across + down) // band % 2
    shades = np.array([HIDDEN_COLOUR, HIDDEN_STRIPES], np.uint8)
    return shades[striped.astype(np.intp)]


def draw_detections(picture: Picture, found: Detections, *, scale: float, confidence: float) -> None:
    """Each candidate's box and score, in place: coloured by the score, grey and dashed below ``confidence``."""
    for box, score in sorted(zip(found.boxes.tolist(), found.scores.tolist(), strict=True), key=lambda each: each[1]):
        if score < SHOWN_SCORE:
            continue
        sure = score >= confidence
        shade = score_colour(score, confidence) if sure else WEAK_COLOUR
        _draw_box(picture, _scaled(box, scale), shade, label=f"{score:.2f}", dashed=not sure)


@dataclass(frozen=True, eq=False)
class ShownTrack:
    """A track as drawn on one frame. ``trail`` (N, 2) are the face's centres up to now; ``box`` x0, y0, x1, y1 px."""

    name: str
    colour: Rgb
    box: Box
    trail: NDArray[np.floating]
    seen: bool = True


def draw_tracks(picture: Picture, tracks: Sequence[ShownTrack], *, scale: float) -> None:
    """Trails, then boxes with ids, in place. Dashed: the detector did not see the face there."""
    for track in tracks:
        points = np.rint(track.trail * scale).astype(np.int32).reshape(-1, 1, 2)
        if len(points) > 1:
            width = _line_width(picture)
            cv2.polylines(picture, [points], False, _dark(track.colour), width + 2, cv2.LINE_AA)
            cv2.polylines(picture, [points], False, track.colour, width, cv2.LINE_AA)
    for track in tracks:
        _draw_box(picture, _scaled(track.box, scale), track.colour, label=track.name, dashed=not track.seen)


def track_colour(track: int) -> Rgb:
    """A colour of its own for each track id."""
    return _bright(hue=track * GOLDEN % 1.0)


def score_colour(score: float, confidence: float) -> Rgb:
    """From orange at the threshold to green at a score of 1."""
    sureness = min(max((score - confidence) / max(1 - confidence, 1e-6), 0.0), 1.0)
    return _bright(hue=(30 + 110 * sureness) / 360)


def _bright(*, hue: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.68, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def _draw_box(picture: Picture, box: tuple[int, int, int, int], shade: Rgb, *, label: str, dashed: bool) -> None:
    x0, y0, x1, y1 = box
    width = _line_width(picture)
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        for first, last in _dashes(start, end, 4 * width + 6) if dashed else [(start, end)]:
            cv2.line(picture, first, last, _dark(shade), width + 2, cv2.LINE_AA)
            cv2.line(picture, first, last, shade, width, cv2.LINE_AA)
    _draw_label(picture, label, (x0, y0), shade)


def _draw_label(picture: Picture, text: str, corner: tuple[int, int], shade: Rgb) -> None:
    """A small plate with dark letters above the corner, inside the picture."""
    size = max(0.42, picture.shape[0] / 950)
    thickness = max(1, round(size * 1.6))
    (width, height), base = cv2.getTextSize(text, FONT, size, thickness)
    pad = max(2, round(4 * size))
    wide, high = width + 2 * pad, height + base + pad
    left = int(np.clip(corner[0] - _line_width(picture), 0, max(0, picture.shape[1] - wide)))
    top = int(np.clip(corner[1] - high, 0, max(0, picture.shape[0] - high)))
    cv2.rectangle(picture, (left, top), (left + wide, top + high), shade, cv2.FILLED)
    cv2.putText(picture, text, (left + pad, top + pad // 2 + height), FONT, size, (16, 18, 22), thickness, cv2.LINE_AA)


def _dashes(start: tuple[int, int], end: tuple[int, int], length: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    span = np.subtract(end, start)
    count = max(1, round(float(np.hypot(*span)) / (2 * length)))
    ends = [(np.add(start, span * k / count), np.add(start, span * (k + 0.5) / count)) for k in range(count)]
    return [((round(a[0]), round(a[1])), (round(b[0]), round(b[1]))) for a, b in ends]


def _scaled(box: Sequence[float], scale: float) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (round(float(np.clip(side * scale, -1e5, 1e5))) for side in box)
    return x0, y0, x1, y1


def _line_width(picture: Picture) -> int:
    return max(1, round(int(picture.shape[0]) / 360))


def _dark(shade: Rgb) -> Rgb:
    red, green, blue = (value // 4 for value in shade)
    return red, green, blue


def copy_of(frame: Frame) -> Frame:
    """Writable planes that lie in memory as the frame's do, turned views as turned views: masks come out alike."""
    y, u, v = (_copy(plane) for plane in frame.planes)
    return Frame(frame.index, frame.pts, frame.time_base, (y, u, v), frame.colour)


def _copy(plane: Plane) -> Plane:
    rows, columns = (-1 if step < 0 else 1 for step in plane.strides)
    return plane[::rows, ::columns].copy(order="K")[::rows, ::columns]
