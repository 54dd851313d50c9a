"""A small picture of each track's face, to know it by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workbench import colour
from workbench.data import Frame, Picture
from workbench.errors import UsageError
from workbench.timeline import Timeline

SIDE_PX = 96
MARGIN = 0.15  # of the box: hair and chin make a face easier to know


@dataclass(frozen=True)
class FacePlace:
    """Where a face is to be seen: the frame and its box (x, y, w, h) px."""

    frame: int
    box: tuple[float, float, float, float]


def best_place(timeline: Timeline, track: int) -> FacePlace:
    """Where the track is seen best: large and sure, wholly in the picture. Raises UsageError for an unknown track."""
    rows = timeline.rows[timeline.rows["track"] == track]
    if rows.empty:
        raise UsageError(f"track {track}: the timeline has no such track")
    seen = rows[rows["source"].isin(["detected", "manual"])]
    rows = seen if len(seen) else rows
    x, y, w, h = rows[["x", "y", "w", "h"]].to_numpy(np.float64).T
    width, height = timeline.width_px, timeline.height_px
    inside = np.clip(np.minimum(x + w, width) - np.maximum(x, 0), 0, w)
    inside *= np.clip(np.minimum(y + h, height) - np.maximum(y, 0), 0, h)
    worth = rows["score"].fillna(1.0).to_numpy() * np.sqrt(inside) * (inside / np.maximum(w * h, 1e-6))
    best = int(np.argmax(worth))
    return FacePlace(int(rows["frame"].iloc[best]), (x[best], y[best], w[best], h[best]))


def face_picture(frame: Frame, place: FacePlace) -> Picture:
    """The face with a margin, ``SIDE_PX`` square; beyond the picture's rim it is cut off evenly."""
    x, y, w, h = place.box
    half = min(max(w, h, 2.0) * (0.5 + MARGIN), min(frame.width_px, frame.height_px) / 2)
    left = _even(min(max(x + w / 2 - half, 0), frame.width_px - 2 * half))
    top = _even(min(max(y + h / 2 - half, 0), frame.height_px - 2 * half))
    right, bottom = min(frame.width_px, left + math.ceil(2 * half)), min(frame.height_px, top + math.ceil(2 * half))
    return colour.picture(frame, SIDE_PX, SIDE_PX, window=(left, top, right, bottom))


def _even(value: float) -> int:
    return 2 * math.floor(value / 2)
