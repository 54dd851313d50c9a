"""Face detectors, opened by their options. ``open_finder`` gives what runs one on frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.detectors.finder import FaceFinder
    from workbench.detectors.options import DetectorOptions
    from workbench.stages import Detector
    from workbench.weights import Session

__all__ = ["open_detector", "open_finder", "weights_of"]

DEFAULT_WEIGHTS = {"face_small": "face-small", "centerface": "centerface", "yolov8_face": "yolov8n-face"}
"""Name in the models' manifest by the detector's kind."""


def open_finder(options: DetectorOptions, *, width_px: int, height_px: int) -> FaceFinder:
    """What finds faces in frames of that size. Raises as ``open_detector``."""
    from workbench.detectors.finder import FaceFinder

    detector = open_detector(options, width_px=width_px, height_px=height_px)
    return FaceFinder(detector, options, width_px=width_px, height_px=height_px)


def open_detector(options: DetectorOptions, *, width_px: int, height_px: int) -> Detector:
    """The detector of ``options`` for frames of that size, on the engine that suits the machine.

    Raises ModelError where its weights are missing, damaged or of another kind, EngineError where ``options.device``
    does not work.
    """
    from workbench.detectors.finder import picture_size
    from workbench.detectors.looks import Looking
    from workbench.weights import open_session

    width, height = picture_size(options, width_px=width_px, height_px=height_px)
    path = weights_of(options)
    shape = (1, 3, height, width)
    session = open_session(path, device=options.device, threads=options.threads, input_shape=shape)
    return Looking(_reading(options, session), options)


def _reading(options: DetectorOptions, session: Session) -> Detector:
    """What reads the answers of a network of the options' kind into faces."""
    if options.kind in ("face_small", "centerface"):
        from workbench.detectors.centerface import centerface, face_small

        return (face_small if options.kind == "face_small" else centerface)(session, iou=options.iou)
    if options.kind == "yunet":
        from workbench.detectors.yunet import yunet

        return yunet(session, iou=options.iou)
    from workbench.detectors.yolov8_face import yolov8_face

    return yolov8_face(session, iou=options.iou)


def weights_of(options: DetectorOptions) -> Path:
    """The model file that ``options`` mean. Raises ModelError where there is none, or it is damaged."""
    from workbench.weights import find

    if options.weights is None and options.kind not in DEFAULT_WEIGHTS:
        raise ModelError(f"{options.kind} has no weights of its own here; name its file with detector.weights")
    return find(options.weights or DEFAULT_WEIGHTS[options.kind])
