"""Who is who in two neighbouring pictures, where position alone leaves no doubt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry

CLEAR_IOU = 0.4
"""A face that overlaps its former place this much has moved less than half its width since."""

CONTEST_IOU = 0.1
"""A second face that overlaps the same place this much might be the one that was there."""


def clear_partners(previous: geometry.Boxes, current: geometry.Boxes) -> NDArray[np.int64]:
    """For each box of ``current`` (N, 4) the row of its partner in ``previous`` (M, 4), or -1 where there is doubt.

    Partners overlap by ``CLEAR_IOU`` and neither of them overlaps any other box of the other picture noticeably.
    """
    if not len(previous) or not len(current):
        return np.full(len(current), -1, np.int64)
    overlap = geometry.iou(current, previous)
    partner = np.argmax(overlap, axis=1)
    contested = overlap >= CONTEST_IOU
    alone = (contested.sum(axis=1) == 1) & (contested.sum(axis=0)[partner] == 1)
    clear = alone & (overlap[np.arange(len(current)), partner] >= CLEAR_IOU)
    return np.where(clear, partner, -1)
