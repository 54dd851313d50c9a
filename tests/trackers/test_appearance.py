"""The appearance model: the package's own network, and what it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from workbench.data import Detections, Picture
from workbench.errors import OutputError
from workbench.evaluate import load_truth
from workbench.trackers.appearance import EMBEDDING_SIZE, INPUT_PX, AppearanceModel, ambiguous, crop_boxes
from workbench.weights import find


def faces(*boxes: tuple[float, float, float, float], scores: list[float] | None = None) -> Detections:
    """Detections from x, y, w, h."""
    corners = np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32).reshape(-1, 4)
    return Detections(corners, np.array([0.9] * len(boxes) if scores is None else scores, np.float32))


@pytest.fixture(scope="module")
def model() -> AppearanceModel:
    return AppearanceModel(device="cpu")


@pytest.fixture(scope="module")
def people(sample: Callable[[str], Path]) -> tuple[list[Picture], np.ndarray]:
    """Crops of the four people of the meeting on three frames, and who is on each."""
    clip = sample("meeting_grid")
    truth = load_truth(clip.with_suffix(".gt.csv"))
    crops, who = [], []
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index > 40:
                break
            if index % 20:
                continue
            pixels, there = frame.to_ndarray(format="rgb24"), truth[truth["frame"] == index]
            boxes = faces(*there[["x", "y", "w", "h"]].itertuples(index=False, name=None)).boxes
            for (x0, y0, x1, y1), person in zip(crop_boxes(boxes, 1280, 720), there["person"], strict=True):
                crops.append(pixels[y0:y1, x0:x1])
                who.append(person)
    return crops, np.array(who)


@pytest.mark.usefixtures("full_precision")
def test_the_shipped_file_is_the_packages_network(people: tuple[list[Picture], np.ndarray]) -> None:
    import torch

    from workbench.trackers.export import IMAGENET_MEAN, IMAGENET_STD, package_network, random_projection

    crops = people[0][:4]
    sized = [cv2.resize(c, (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA) for c in crops]
    normal = (np.stack(sized).astype(np.float32) - IMAGENET_MEAN) / IMAGENET_STD
    with torch.inference_mode():
        features = package_network()(torch.from_numpy(normal.transpose(0, 3, 1, 2)).float()).numpy()
    expected = features @ random_projection()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert (AppearanceModel(device="cpu").embed(crops) * expected).sum(axis=1).min() > 0.999


def test_exporting_again_gives_the_shipped_network(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    from workbench.trackers.export import export_appearance

    export_appearance(tmp_path / "again.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["again.onnx"]
    shipped, again = (
        {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
        for path in (find("appearance"), tmp_path / "again.onnx")
    )
    assert shipped.keys() == again.keys()
    for name, values in shipped.items():
        np.testing.assert_allclose(again[name], values, rtol=2e-3, atol=1e-6)
    with pytest.raises(OutputError, match=r"nowhere.*cannot be written"):
        export_appearance(tmp_path / "nowhere" / "x.onnx")


def test_vectors_are_of_unit_length_for_crops_of_any_size(model: AppearanceModel) -> None:
    rng = np.random.default_rng(0)
    sizes = [(1, 1), (7, 300), (300, 200), (96, 96)]
    vectors = model.embed([rng.integers(0, 255, (*size, 3), np.uint8) for size in sizes])
    assert vectors.shape == (4, EMBEDDING_SIZE) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-2)
    assert model.embed([]).shape == (0, EMBEDDING_SIZE)


def test_the_nearest_look_is_the_same_persons(model: AppearanceModel, people: tuple[list[Picture], np.ndarray]) -> None:
    crops, who = people
    vectors = model.embed(crops)
    likeness = vectors @ vectors.T - 2 * np.eye(len(who))
    assert (who[likeness.argmax(axis=1)] == who).all()
    assert likeness[who[:, None] != who].max() < 1 - 0.15  # others stay apart


def test_crops_reach_beyond_the_box_and_stay_inside_the_picture() -> None:
    boxes = np.array([[100, 100, 180, 200], [-40, -50, 20, 30], [190, 90, 260, 300], [500, 500, 520, 520]], float)
    cut = crop_boxes(boxes, 200, 220)
    assert cut.tolist() == [[80, 75, 200, 220], [0, 0, 35, 50], [172, 38, 200, 220], [199, 219, 200, 220]]


A, B = (100, 100, 80, 100), (400, 100, 80, 100)
A_MOVED, BESIDE_A = (110, 104, 80, 100), (190, 100, 80, 100)


@pytest.mark.parametrize(
    ("previous", "current", "needed"),
    [
        (None, faces(A, B), [True, True]),  # the first picture
        (faces(A, B), faces(A_MOVED, B), [False, False]),  # everyone is where they were
        (faces(B), faces(B, A), [False, True]),  # one is new
        (faces(A), faces((170, 100, 80, 100)), [True]),  # moved too far to be sure
        (faces(A, (120, 100, 80, 100)), faces((110, 100, 80, 100)), [True]),  # two were there, which one is it?
        (faces(A, BESIDE_A, B), faces(A, BESIDE_A, B), [True, True, False]),  # neighbours nearly touch
        (None, faces(A, B, scores=[0.9, 0.1]), [True, False]),  # junk needs nothing
        (faces(A, B), faces(A, (120, 90, 80, 100), scores=[0.9, 0.1]), [False, False]),  # and disturbs nobody
        (faces(A, scores=[0.1]), faces(A), [True]),  # what was junk before has no vector to inherit
        (faces(A), Detections.empty(), []),
    ],
)
def test_which_faces_need_a_vector(previous: Detections | None, current: Detections, needed: list[bool]) -> None:
    assert ambiguous(previous, current, confidence_floor=0.3).tolist() == needed


@pytest.mark.parametrize("name", ["consultation", "meeting_grid", "profile_and_occlusion", "ward_round_1080p"])
def test_few_faces_of_the_sample_clips_need_one(name: str, sample: Callable[[str], Path]) -> None:
    truth = load_truth(sample(name).with_suffix(".gt.csv")).query("frame % 3 == 0 and visibility >= 0.3")
    previous, asked, frames = None, 0, 0
    for _, there in truth.groupby("frame"):
        current = faces(*there[["x", "y", "w", "h"]].itertuples(index=False, name=None))
        asked += int(ambiguous(previous, current, confidence_floor=0.3).sum())
        previous, frames = current, frames + 1
    assert asked / frames < 0.7
