"""YOLOv8 face models: our decoding of every published layout against what ultralytics itself finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench import boxes as geometry
from workbench.data import Detections
from workbench.detectors.yolov8_face import decode, yolov8_face
from workbench.errors import ModelError
from workbench.weights import convert, open_session
from workbench.weights.quiet import import_ultralytics

WIDTH, HEIGHT = 128, 96
SHAPE = (1, 3, HEIGHT, WIDTH)
TASKS = ("detect", "pose")


def _ultralytics_faces(pt: Any, picture: Any) -> Detections:
    """What ``YOLO.predict`` says, with the same bounds as ours."""
    model = import_ultralytics().YOLO(str(pt))
    found = model.predict(picture[..., ::-1], imgsz=[HEIGHT, WIDTH], conf=0.05, iou=0.4, device="cpu", verbose=False)[0]
    marks = None if found.keypoints is None else found.keypoints.xy.numpy()
    return Detections(found.boxes.xyxy.numpy(), found.boxes.conf.numpy(), marks)


def _clipped(faces: Detections) -> Any:
    return faces.boxes.clip(0, [WIDTH, HEIGHT, WIDTH, HEIGHT])


@pytest.mark.parametrize("kind", ["pt", "onnx"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.usefixtures("full_precision")
def test_finds_what_ultralytics_finds(tiny_yolo: Any, noise: Any, task: str, kind: str) -> None:
    picture = noise(WIDTH, HEIGHT)
    expected = _ultralytics_faces(tiny_yolo(task).pt, picture)
    session = open_session(getattr(tiny_yolo(task), kind), device="cpu", input_shape=SHAPE)
    found = yolov8_face(session).detect([picture])[0]
    assert len(expected) >= 5
    assert len(found) == len(expected)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
    np.testing.assert_allclose(_clipped(found), expected.boxes, atol=1)
    if task == "pose":
        inside = ((expected.landmarks > 0) & (expected.landmarks < [WIDTH, HEIGHT])).all(axis=2)
        assert inside.any()
        np.testing.assert_allclose(found.landmarks[inside], expected.landmarks[inside], atol=1)
    else:
        assert found.landmarks is None


@pytest.mark.parametrize("task", TASKS)
def test_raw_maps_mean_the_same_as_the_export(tiny_yolo: Any, noise: Any, task: str) -> None:
    """The published yolov8n-face.onnx gives the head's three raw maps, which ultralytics would decode in the graph."""
    session = open_session(tiny_yolo(task).pt, device="cpu", input_shape=SHAPE)
    import torch

    picture = noise(WIDTH, HEIGHT).transpose(2, 0, 1)[None].astype(np.float32) / 255
    network = import_ultralytics().YOLO(str(tiny_yolo(task).pt)).model.eval()
    head = network.model[-1]
    grabbed: list[Any] = []
    head.register_forward_pre_hook(lambda _module, inputs: grabbed.extend(inputs[0]))
    with torch.inference_mode():
        network(torch.from_numpy(picture))
        features = [feature.clone() for feature in grabbed]
        branches = (head.cv2, head.cv3, *((head.cv4,) if task == "pose" else ()))
        maps = [
            torch.cat([branch[level](feature) for branch in branches], 1).numpy()
            for level, feature in enumerate(features)
        ]
    assert [each.shape[1:] for each in maps] == [
        (80 if task == "pose" else 65, HEIGHT // s, WIDTH // s) for s in (8, 16, 32)
    ]
    ours = decode(maps, height_px=HEIGHT, max_iou=0.4)
    theirs = decode(session.run([picture])[0], height_px=HEIGHT, max_iou=0.4)
    assert len(ours) == len(theirs) >= 5
    np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=0.1)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-3)
    if task == "pose":
        np.testing.assert_allclose(ours.landmarks, theirs.landmarks, atol=0.1)


def test_an_export_with_suppression_built_in_is_read() -> None:
    rows = np.zeros((1, 300, 21), np.float32)
    rows[0, 0, :6] = [10, 20, 50, 60, 0.9, 0]
    rows[0, 0, 6:] = np.arange(15)
    rows[0, 1, :6] = [70, 20, 90, 60, 0.4, 0]
    faces = decode([rows], height_px=HEIGHT, max_iou=0.4)
    np.testing.assert_allclose(faces.boxes, [[10, 20, 50, 60], [70, 20, 90, 60]])
    np.testing.assert_allclose(faces.scores, [0.9, 0.4])
    assert faces.landmarks is not None
    np.testing.assert_allclose(faces.landmarks[0], [[0, 1], [3, 4], [6, 7], [9, 10], [12, 13]])


def test_a_model_of_many_classes_is_refused() -> None:
    with pytest.raises(ModelError, match="one class"):
        decode([np.zeros((1, 84, 8400), np.float32)], height_px=640, max_iou=0.4)


@pytest.mark.usefixtures("full_precision")
def test_openvino_export_finds_what_its_onnx_finds(tiny_yolo: Any, noise: Any, tmp_path: Any) -> None:
    onnx = tiny_yolo("detect").onnx
    xml = convert(onnx, format="openvino", half=True, out=tmp_path / "face.xml")
    picture = noise(WIDTH, HEIGHT)
    full, half = (
        yolov8_face(open_session(p, device="cpu", input_shape=SHAPE)).detect([picture])[0] for p in (onnx, xml)
    )
    sure = full[full.scores > 0.2]
    assert len(sure)
    assert (geometry.iou(sure.boxes, half.boxes).max(axis=1) > 0.8).all()
