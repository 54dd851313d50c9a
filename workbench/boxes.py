"""Pure box geometry. A box is x0, y0, x1, y1 in pixels; arrays of boxes are (N, 4) float."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating]


def area(boxes: Boxes) -> NDArray[np.floating]:
    """(N,) areas; a box turned inside out has none."""
    size = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return np.asarray(size[:, 0] * size[:, 1])


def intersection(first: Boxes, second: Boxes) -> NDArray[np.floating]:
    """(N, M) areas shared by each pair."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    size = np.clip(high - low, 0, None)
    return np.asarray(size[..., 0] * size[..., 1])


def iou(first: Boxes, second: Boxes) -> NDArray[np.floating]:
    """(N, M) intersection over union; 0 for boxes without area."""
    shared = intersection(first, second)
    union = area(first)[:, None] + area(second)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def union_box(first: Boxes, second: Boxes) -> Boxes:
    """Row by row the smallest box that holds both."""
    return np.concatenate([np.minimum(first[:, :2], second[:, :2]), np.maximum(first[:, 2:], second[:, 2:])], axis=1)


def grow(boxes: Boxes, fraction: float | NDArray[np.floating]) -> Boxes:
    """Each side moved outwards by ``fraction`` of the box's own width or height."""
    margin = (boxes[:, 2:] - boxes[:, :2]) * np.asarray(fraction, boxes.dtype).reshape(-1, 1)
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)


def widened(boxes: Boxes, least_aspect: float) -> Boxes:
    """Boxes at least ``least_aspect`` times as wide as high, about their centres."""
    wanted = least_aspect * (boxes[:, 3] - boxes[:, 1])
    margin = np.clip(wanted - (boxes[:, 2] - boxes[:, 0]), 0, None) / 2
    shift = np.stack([-margin, 0 * margin, margin, 0 * margin], axis=1)
    return np.asarray(boxes + shift, boxes.dtype)


def centres(boxes: Boxes) -> Boxes:
    """(N, 2) centres."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def nms(boxes: Boxes, scores: NDArray[np.floating], max_iou: float) -> NDArray[np.int64]:
    """Indices of the boxes kept by greedy non-maximum suppression, best first. Memory grows with N²: a few hundred."""
    order = np.argsort(-scores, kind="stable")
    overlaps = iou(boxes, boxes) > max_iou
    suppressed = np.zeros(len(boxes), bool)
    kept: list[int] = []
    for index in order.tolist():
        if not suppressed[index]:
            kept.append(index)
            suppressed |= overlaps[index]
    return np.asarray(kept, np.int64)
