"""YuNet: boxes and five landmarks from 75,000 parameters (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face
Detector", Machine Intelligence Research 20, 2023). A yardstick and a teacher; its weights do not come along.

The network sees BGR 0..255 with sides that are multiples of 32 px. On grids of 8, 16 and 32 px it answers with a class
and an object probability, whose geometric mean is the score; the box's centre, from the cell's corner, and the
logarithm of its size, both in cells; and the landmarks, from the cell's corner in cells.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.data import Detections
from workbench.detectors.network import Answer, NetworkDetector
from workbench.errors import ModelError
from workbench.weights import Session

STRIDES = (8, 16, 32)
MIN_SCORE = 0.05  # the stages' promise: every candidate down to here
MAX_CANDIDATES = 400  # per picture, before suppression


def yunet(session: Session, *, iou: float = 0.4) -> NetworkDetector:
    """A Detector. ``session`` runs a YuNet; ``iou`` is the overlap above which two boxes are one face."""
    width = session.input_shape[3]
    return NetworkDetector("yunet", session, partial(decode, width_px=width, max_iou=iou), is_bgr=True)


def decode(answer: Answer, *, width_px: int, max_iou: float) -> Detections:
    """Faces in pixels of the input, which is ``width_px`` wide. ``answer``: class, object, box and landmark maps, each
    (1, cells, values) at the three strides. Raises ModelError for any other layout.
    """
    shapes = [output.shape for output in answer]
    if [shape[-1] for shape in shapes] != [1] * 6 + [4] * 3 + [10] * 3:
        raise ModelError(f"the model is no YuNet: its outputs measure {shapes}; use face_detection_yunet_*.onnx")
    levels = [
        _level(*(output[0] for output in answer[number::3]), stride=stride, width_px=width_px)
        for number, stride in enumerate(STRIDES)
    ]
    boxes, scores, marks = (np.concatenate(parts).astype(np.float32) for parts in zip(*levels, strict=True))
    best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    faces = Detections(boxes[best], scores[best], marks[best])
    return faces[geometry.nms(faces.boxes, faces.scores, max_iou)]


def _level(
    klass: NDArray[Any], objectness: NDArray[Any], box: NDArray[Any], marks: NDArray[Any], *, stride: int, width_px: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Boxes (N, 4), scores (N,) and landmarks (N, 5, 2) of one map, a row per cell worth it."""
    scores = np.sqrt(np.clip(klass[:, 0], 0, 1) * np.clip(objectness[:, 0], 0, 1))
    kept = np.flatnonzero(scores >= MIN_SCORE)
    columns = -(-width_px // stride)
    corner = np.stack([kept % columns, kept // columns], axis=1)
    centre = (corner + box[kept, :2]) * stride
    half = np.exp(box[kept, 2:]) * stride / 2
    points = (marks[kept].reshape(-1, 5, 2) + corner[:, None]) * stride
    return np.concatenate([centre - half, centre + half], axis=1), scores[kept], points
