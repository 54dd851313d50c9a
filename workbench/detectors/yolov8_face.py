"""YOLOv8 trained on faces: boxes, and five landmarks where the model has them.

Takes every layout such models are published in, told apart by the shapes of their outputs:

- (1, C, N): ultralytics' own export and its ``.pt``. C = 4 + 1 (+ 10 or 15): centre x, y, width, height in px of the
  input, the score, and five times x, y (, visibility).
- (1, N, 6 or 21): an export with suppression built in: x0, y0, x1, y1, score, class (, five times x, y, visibility).
- three of (1, 65 or 80, h, w): raw maps at strides 8, 16, 32, as in the published yolov8n-face.onnx: 4 × 16 logits of
  the distances from the cell's centre to the box's sides (Li et al., "Generalized Focal Loss", 2020, arXiv:2006.04388),
  the logit of the score, and five times x, y, visibility.
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

MIN_SCORE = 0.05  # the stages' promise: every candidate down to here
MAX_CANDIDATES = 400  # per picture, before suppression; several anchors answer to each face
BINS = 16  # of each distance's distribution
PIXELS_TO_UNIT = 1 / 255


def yolov8_face(session: Session, *, iou: float = 0.4) -> NetworkDetector:
    """A Detector. ``session`` runs the model; ``iou`` is the overlap above which two boxes are one face."""
    height = session.input_shape[2]
    read = partial(decode, height_px=height, max_iou=iou)
    return NetworkDetector("yolov8_face", session, read, scale=PIXELS_TO_UNIT)


def decode(outputs: Answer, *, height_px: int, max_iou: float) -> Detections:
    """Faces in pixels of the input, which is ``height_px`` high. Raises ModelError for any other layout."""
    shapes = [output.shape for output in outputs]
    first = shapes[0]
    if all(len(shape) == 4 and shape[1] in (4 * BINS + 1, 4 * BINS + 16) for shape in shapes):
        faces = _best(np.concatenate([_from_map(output[0], height_px) for output in outputs]), with_class=False)
    elif len(shapes) == 1 and len(first) == 3 and first[1] in (5, 15, 20):
        faces = _best(_corners(outputs[0][0].T), with_class=False)
    elif len(shapes) == 1 and len(first) == 3 and first[2] in (6, 21):
        faces = _best(outputs[0][0], with_class=True)
    else:
        raise ModelError(f"the model is no YOLOv8 face detector: its outputs measure {shapes}; use one with one class")
    return faces[geometry.nms(faces.boxes, faces.scores, max_iou)]


def _best(rows: NDArray[Any], *, with_class: bool) -> Detections:
    """The best rows as faces; a row is x0, y0, x1, y1, score (, class) (, five landmarks)."""
    order = np.argsort(-rows[:, 4], kind="stable")[:MAX_CANDIDATES]
    rows = rows[order[rows[order, 4] >= MIN_SCORE]].astype(np.float32)
    points = rows[:, 6 if with_class else 5 :]
    landmarks = points.reshape(len(rows), 5, points.shape[1] // 5)[..., :2] if points.shape[1] else None
    return Detections(rows[:, :4], rows[:, 4], landmarks)


def _corners(rows: NDArray[Any]) -> NDArray[Any]:
    """Rows that begin with centre and size as rows that begin with two corners. Only those worth it are returned."""
    rows = rows[rows[:, 4] >= MIN_SCORE]
    half = rows[:, 2:4] / 2
    return np.concatenate([rows[:, :2] - half, rows[:, :2] + half, rows[:, 4:]], axis=1)


def _from_map(grid: NDArray[Any], height_px: int) -> NDArray[Any]:
    """Rows x0, y0, x1, y1, score (, landmarks) of one raw map (65 or 80, h, w)."""
    channels, height, _ = grid.shape
    stride = height_px / height
    scores = 1 / (1 + np.exp(-grid[4 * BINS].astype(np.float64)))
    rows, columns = np.nonzero(scores >= MIN_SCORE)
    values = grid[:, rows, columns].T  # (N, channels)
    cell = np.stack([columns, rows], axis=1)

    logits = values[:, : 4 * BINS].reshape(-1, 4, BINS)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    distances = weights @ np.arange(BINS) / weights.sum(axis=2)  # (N, 4) left, top, right, bottom, in cells
    centre = cell + 0.5
    boxes = np.concatenate([centre - distances[:, :2], centre + distances[:, 2:]], axis=1) * stride
    parts = [boxes, scores[rows, columns][:, None]]
    if channels > 4 * BINS + 1:
        points = values[:, 4 * BINS + 1 :].reshape(-1, 5, 3)
        points[..., :2] = (points[..., :2] * 2 + cell[:, None]) * stride
        parts.append(points.reshape(-1, 15))
    return np.concatenate(parts, axis=1)
