"""Scenes: the boxes stay on the faces whatever is done to the pictures."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from workbench.training.options import SceneOptions
from workbench.training.scenes import Photograph, SceneMaker
from workbench.training.spoiling import spoil

SIZE = 256
NOBODY = np.zeros((0, 4))
CALM = dict.fromkeys(("occluded", "coloured", "grey", "blurred", "dark", "noisy", "compressed", "enhanced"), 0.0)
KINDS = [(1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Photograph]:
    """Two with red discs for faces on blue, one of them with a green disc that is doubtful; one of grey alone."""
    folder = tmp_path_factory.mktemp("photographs")
    first = np.full((300, 400, 3), (255, 0, 0), np.uint8)  # BGR, as OpenCV writes it
    faces = np.array([[50.0, 60, 110, 140], [250, 100, 310, 180]])
    for x0, y0, x1, y1 in faces.astype(int):
        cv2.ellipse(
            first, ((x0 + x1) // 2, (y0 + y1) // 2), ((x1 - x0) // 2, (y1 - y0) // 2), 0, 0, 360, (0, 0, 255), -1
        )
    second = first.copy()
    cv2.circle(second, (180, 250), 20, (0, 255, 0), -1)
    for name, pixels in (("a", first), ("b", second), ("c", np.full((300, 400, 3), 128, np.uint8))):
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    doubtful = np.array([[155.0, 225, 205, 275]])
    return [
        Photograph(folder / "a.png", 400, 300, faces, NOBODY),
        Photograph(folder / "b.png", 400, 300, faces, doubtful),
        Photograph(folder / "c.png", 400, 300, NOBODY, NOBODY),
    ]


@pytest.mark.parametrize("kinds", KINDS)
def test_every_box_is_on_a_face_and_every_face_has_a_box(
    photographs: list[Photograph], kinds: tuple[float, ...]
) -> None:
    maker = SceneMaker(photographs, SceneOptions.model_validate({**CALM, "kinds": kinds}), size_px=SIZE)
    random = np.random.default_rng(5)
    boxes = 0
    for _ in range(30):
        scene = maker.scene(random)
        red = (scene.pixels[..., 0] > 160) & (scene.pixels[..., 2] < 90)
        inside = np.zeros_like(red)
        for x0, y0, x1, y1 in scene.faces:
            middle = red[int(y0 + 0.3 * (y1 - y0)) : int(y0 + 0.7 * (y1 - y0)) + 1, int(x0 + 0.3 * (x1 - x0)) : int(x1)]
            assert middle[:, : max(1, int(0.4 * (x1 - x0)))].mean() > 0.9
            inside[max(0, int(y0) - 2) : int(y1) + 3, max(0, int(x0) - 2) : int(x1) + 3] = True
            boxes += 1
        # what has no box was cut at a tile's edge or is too small
        assert (red & ~inside).sum() <= 0.06 * red.size
    assert boxes >= 20


def test_a_doubtful_face_is_blurred_away(photographs: list[Photograph]) -> None:
    """Its colour runs into what lies around it."""
    options = SceneOptions.model_validate({**CALM, "kinds": (1.0, 0.0, 0.0, 0.0)})
    certain = dataclasses.replace(photographs[1], doubtful=NOBODY)
    pure = []
    for photograph in (photographs[1], certain):
        maker, random = SceneMaker([photograph], options, size_px=SIZE), np.random.default_rng(2)
        scenes = [maker.scene(random).pixels for _ in range(20)]
        pure.append(sum(((s[..., 1] > 200) & (s[..., 0] < 60) & (s[..., 2] < 60)).sum() for s in scenes))
    assert pure[0] <= pure[1] / 4  # the scene's edge may leave a part of it that has but one colour
    assert pure[1] >= 1000


def test_a_scene_is_called_empty_only_where_nobody_can_be_in_it(photographs: list[Photograph]) -> None:
    random = np.random.default_rng(4)
    for kinds in (*KINDS, (0.0, 0.0, 0.0, 1.0)):
        options = SceneOptions.model_validate({**CALM, "kinds": kinds})
        for known in (photographs, photographs[:2]):  # with a picture that shows nobody, and without one
            scenes = [SceneMaker(known, options, size_px=SIZE).scene(random) for _ in range(5)]
            assert {scene.is_empty for scene in scenes} == {kinds[3] == 1 and known is photographs}


def test_faces_have_the_sizes_asked_for(photographs: list[Photograph]) -> None:
    maker = SceneMaker(photographs, SceneOptions(least_face_px=9, occluded=0), size_px=SIZE)
    random = np.random.default_rng(8)
    boxes = np.concatenate([maker.scene(random).faces for _ in range(120)])
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    assert sides.min() >= 6
    assert np.percentile(sides, 10) < 16
    assert sides.max() > 0.4 * SIZE
    assert (boxes >= 0).all()
    assert (boxes <= SIZE).all()


def test_spoiling_keeps_shape_and_is_drawn_anew() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    random = np.random.default_rng(1)
    copies = [spoil(picture, SceneOptions(), random) for _ in range(60)]
    assert {copy.shape for copy in copies} == {picture.shape}
    assert {copy.dtype for copy in copies} == {picture.dtype}
    assert len({copy.tobytes() for copy in copies}) >= 40
    np.testing.assert_array_equal(spoil(picture, SceneOptions.model_validate(CALM), random), picture)


def test_darkness_reaches_a_room_at_night() -> None:
    """A lit picture falls to a mean of 20 and below, and never to nothing."""
    options = SceneOptions.model_validate({**CALM, "dark": 1.0})
    picture = np.full((64, 64, 3), 150, np.uint8)
    random = np.random.default_rng(4)
    means = [spoil(picture, options, random).mean() for _ in range(200)]
    assert min(means) < 20
    assert min(means) > 5
    assert max(means) < 110
