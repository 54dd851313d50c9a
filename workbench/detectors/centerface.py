"""CenterFace: faces as points of a heat map (Xu, Yan, Yang, Tang: "CenterFace: Joint Face Detection and Alignment Using
Face as Point", 2019, arXiv:1911.03599).

The network sees RGB 0..255 with sides that are multiples of 32 px and answers on a grid of 4 px: a heat map of face
centres, the logarithm of each face's height and width, the centre's offset inside its cell, and five landmarks.

**Scores are calibrated.** CenterFace's raw scores are low: on the six sample clips raw 0.2 and above finds 98–100 % of
the faces with 0.01 false ones a frame, so its users set the threshold there. The score returned is the square root of
the raw one: raw 0.25 is 0.5, where an operator expects a detector's threshold to be.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from workbench import boxes as geometry
from workbench.data import Detections
from workbench.detectors.network import Answer, NetworkDetector
from workbench.weights import Session

STRIDE = 4  # pixels of the input per cell of the heat map
MIN_SCORE = 0.1  # raw 0.01: what lies below is noise, a hundred boxes in an empty picture
MAX_CANDIDATES = 200  # per picture: bounds the time that a noisy one takes
PEAK = np.ones((3, 3), np.uint8)  # a face is a cell that none of its eight neighbours outdoes


def centerface(session: Session, *, iou: float = 0.4) -> NetworkDetector:
    """A Detector. ``session`` runs centerface.onnx; ``iou`` is the overlap above which two boxes are one face."""
    return NetworkDetector("centerface", session, partial(decode, max_iou=iou))


def face_small(session: Session, *, iou: float = 0.4) -> NetworkDetector:
    """A Detector. ``session`` runs a face-small.onnx: a narrower CenterFace (``workbench.training.points``) whose heat
    was calibrated when it was written, so that it is the score.
    """
    return NetworkDetector("face_small", session, partial(decode, max_iou=iou, exponent=1.0))


def decode(answer: Answer, *, max_iou: float, exponent: float = 0.5) -> Detections:
    """Faces in pixels of the input; their score is the heat to the power of ``exponent``.

    ``answer``: heat (1, 1, h, w), size and offset (1, 2, h, w) with the vertical value first, marks (1, 10, h, w): y, x
    of each landmark from the box's corner, in units of the box's height and width.
    """
    heat, size, offset, marks = answer
    scores = np.clip(heat[0, 0], 0, 1) ** exponent
    is_peak = (scores >= MIN_SCORE) & (scores >= cv2.dilate(scores, PEAK))
    rows, columns = np.nonzero(is_peak)
    best = np.argsort(-scores[rows, columns], kind="stable")[:MAX_CANDIDATES]
    rows, columns = rows[best], columns[best]

    extent = np.exp(size[0, ::-1, rows, columns]) * STRIDE  # (N, 2) width, height
    centre = (np.stack([columns, rows], axis=1) + offset[0, ::-1, rows, columns] + 0.5) * STRIDE
    boxes = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1).astype(np.float32)
    points = marks[0, :, rows, columns].reshape(-1, 5, 2)[..., ::-1]  # (N, 5, 2) x, y
    landmarks = (points * extent[:, None] + boxes[:, None, :2]).astype(np.float32)

    faces = Detections(boxes, scores[rows, columns].astype(np.float32), landmarks)
    return faces[geometry.nms(faces.boxes, faces.scores, max_iou)]
