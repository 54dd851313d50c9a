"""Pictures to quantise a detector on: what its network sees of real frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from workbench import colour
from workbench.data import Frame
from workbench.detectors.finder import picture_size
from workbench.detectors.letterbox import network_input
from workbench.detectors.options import DetectorOptions
from workbench.detectors.yolov8_face import PIXELS_TO_UNIT


def calibration_inputs(frames: Iterable[Frame], options: DetectorOptions) -> Iterator[NDArray[np.float32]]:
    """(1, 3, h, w) for ``weights.convert(…, int8=True)``, all of the first frame's detection size. A few dozen do."""
    size: tuple[int, int] | None = None
    scale = PIXELS_TO_UNIT if options.kind == "yolov8_face" else 1.0
    for frame in frames:
        size = size or picture_size(options, width_px=frame.width_px, height_px=frame.height_px)
        yield network_input(colour.picture(frame, *size), scale=scale)
