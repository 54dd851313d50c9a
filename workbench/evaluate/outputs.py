"""A masked output against ground truth: what its pixels show, whatever the program thought."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from workbench.colour import picture
from workbench.data import Frame
from workbench.errors import SourceError, UsageError
from workbench.evaluate.result import Evaluation, Tally
from workbench.evaluate.truth import NOBODY, faces_by_frame
from workbench.maskers.options import MaskOptions
from workbench.video.files import VideoFile

TOLERANCE = 70
"""How far each of R, G, B may be from the mask's colour (0..255): lossy coding moves colours, mostly near edges."""


def evaluate_output(
    path: Path,
    truth: pd.DataFrame,
    *,
    colour: str = "#00ff00",
    min_visibility: float = 0.3,
    cover: float = 0.95,
    tolerance: int = TOLERANCE,
) -> Evaluation:
    """Measure a video that was masked with one solid ``colour`` which occurs nowhere else in it.

    ``truth`` as from ``load_truth``. Faces less visible than ``min_visibility`` do not count; a face is hidden when at
    least ``cover`` of the ellipse inscribed in its box (its part inside the picture) has the colour.
    Raises UsageError for a colour that is none, SourceError for a video that cannot be read.

    >>> green = with_settings(load_preset("balanced"), ["mask.kind=solid", "mask.colour=#00ff00"])
    >>> report, timeline = process_clip(clip, folder / "green.mp4", green)
    >>> evaluate_output(folder / "green.mp4", truth).recall
    1.0
    """
    try:
        target = np.array(MaskOptions(colour=colour).rgb)
    except ValidationError as error:
        raise UsageError(f"colour {colour!r}: write it as #rrggbb, for example #00ff00") from error
    faces = faces_by_frame(truth, min_visibility)
    tally, times = Tally(cover), []
    with VideoFile(path) as video:
        for index, frame in enumerate(video.frames()):
            tally.add(index, _masked(frame, target, tolerance), faces.get(index, NOBODY))
            times.append(frame.time_seconds)
    if not times:
        raise SourceError(f"{path}: has no pictures to evaluate; give a masked video")
    return tally.evaluation(times, truth_frames=int(truth["frame"].max()) + 1 if len(truth) else 0)


def _masked(frame: Frame, target: NDArray[np.integer], tolerance: int) -> NDArray[np.bool_]:
    """(H, W) which pixels have the colour."""
    pixels = picture(frame, frame.width_px, frame.height_px)
    low, high = (np.clip(target + offset, 0, 255).astype(np.uint8) for offset in (-tolerance, tolerance))
    return np.asarray(cv2.inRange(pixels, low, high) > 0)
