"""The network of points: the same as CenterFace's own file, narrower without learning, and what its losses ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from workbench.colour import picture
from workbench.detectors.centerface import decode
from workbench.errors import ModelError, UsageError
from workbench.training.points.learning import (
    PointLearner,
    SceneBatch,
    heat_of,
    point_losses,
    rate_share,
)
from workbench.training.points.narrowing import narrow
from workbench.training.points.network import ANSWERS, BLOCKS, CELL_PX, PointNetwork, read_network, write_network
from workbench.training.points.run import LEARNT, network_of
from workbench.video.files import VideoFile
from workbench.weights import find, open_session

MISSED = 0.3
SIDE = 96
SHAPE = (1, 3, SIDE, 160)


@pytest.fixture(scope="module")
def centerface() -> PointNetwork:
    return read_network(find("centerface"))


@pytest.fixture(scope="module")
def scene(sample: Callable[[str], Path]) -> torch.Tensor:
    """(1, 3, 192, 320): two people in a consultation."""
    with VideoFile(sample("consultation")) as video:
        frame = next(iter(video.frames()))
        pixels = picture(frame, 320, 192)
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float()


@pytest.mark.usefixtures("full_precision")
@pytest.mark.parametrize("written", [False, True])
def test_the_network_answers_as_its_file_does(centerface: PointNetwork, tmp_path: Path, written: bool) -> None:
    file, network = find("centerface"), centerface
    if written:
        file = tmp_path / "again.onnx"
        write_network(centerface, file)
        network = read_network(file)
        assert network.widths == centerface.widths
    pixels = np.random.default_rng(2).uniform(0, 255, SHAPE).astype(np.float32)
    with torch.inference_mode():
        heat, *others = network(torch.from_numpy(pixels)).split(list(ANSWERS.values()), dim=1)
    expected = open_session(file, device="cpu", input_shape=SHAPE).run([pixels])[0]
    for ours, theirs in zip([torch.sigmoid(heat), *others], expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-3)


def test_another_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"^[^\n]*is no CenterFace network[^\n]*$"):
        read_network(path)
    with pytest.raises(ModelError, match="is no CenterFace network"):
        read_network(find("appearance"))


def test_what_is_left_out_is_made_up_for_by_the_rest(centerface: PointNetwork, scene: torch.Tensor) -> None:
    """Three quarters of the channels: refitted, the network is far nearer to the whole one than merely cut."""
    widths = tuple(width * 3 // 4 for width in centerface.widths)
    lost: dict[int, float] = {}
    fitted = narrow(centerface, widths, [scene], done=lost.__setitem__)
    assert fitted.widths == widths
    assert sorted(lost) == list(range(len(BLOCKS)))
    assert max(lost.values()) < 0.05
    cut = PointNetwork(widths)
    cut.load_state_dict(
        {
            name: values[tuple(slice(side) for side in cut.state_dict()[name].shape)]
            for name, values in centerface.state_dict().items()
        }
    )
    with torch.inference_mode():
        whole, near, far = (network.features(scene) for network in (centerface, fitted, cut))
    assert ((near - whole) ** 2).mean() < 0.3 * ((far - whole) ** 2).mean()


def test_all_channels_leave_nothing_out(centerface: PointNetwork, scene: torch.Tensor) -> None:
    same = narrow(centerface, centerface.widths, [scene])
    with torch.inference_mode():
        torch.testing.assert_close(same(scene), centerface(scene), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("widths", [(16,), (64,) * 17])
def test_widths_that_do_not_fit_are_refused(centerface: PointNetwork, scene: torch.Tensor, widths: tuple[int]) -> None:
    with pytest.raises(UsageError, match="do not fit"):
        narrow(centerface, widths, [scene])


def test_a_network_that_answers_as_asked_is_read_as_the_faces_and_loses_little() -> None:
    faces = [np.array([[12.0, 20, 44, 68], [70.0, 30, 90, 57]]), np.zeros((0, 4))]
    heat, peaks = heat_of(faces, height=24, width=24)
    assert heat.amax(dim=(1, 2)).tolist() == [1, 0]
    answers = torch.zeros(2, 15, 24, 24)
    answers[:, 0] = torch.logit(heat, eps=1e-4)
    answers[peaks.scene, 1:5, peaks.row, peaks.column] = torch.from_numpy(peaks.box)
    read = [answers[:1, :1].sigmoid(), answers[:1, 1:3], answers[:1, 3:5], answers[:1, 5:]]
    found = decode([each.numpy() for each in read], max_iou=0.4, exponent=1.0)
    best = found[found.scores > 0.9]
    np.testing.assert_allclose(best.boxes[np.argsort(best.boxes[:, 0])], faces[0], atol=1e-3)


def test_the_teacher_is_followed_and_people_where_it_misses_a_face() -> None:
    faces = [np.array([[12.0, 20, 44, 68]]), np.zeros((0, 4))]
    losses = partial(point_losses, faces=faces, missed=MISSED)
    heat, peaks = heat_of(faces, height=24, width=24)
    view = torch.zeros(2, 15, 24, 24)
    view[:, 0] = torch.logit(heat, eps=1e-4)
    right, wrong = losses(view, view), losses(torch.full_like(view, 0.5), view)
    assert right["heat"] < 0.01 * wrong["heat"]
    assert right["box"] == right["marks"] == right["missed"] == 0
    assert wrong["box"] > 0.01
    assert wrong["marks"] > 0.01

    view[:, 0] = -9  # it sees nobody
    told = view.clone()
    told[:, 0] = torch.logit(MISSED * heat, eps=1e-4)
    told[peaks.scene, 1:5, peaks.row, peaks.column] = torch.from_numpy(peaks.box)
    right, wrong = losses(told, view), losses(view, view)
    assert right["heat"] < 0.01 * wrong["heat"]
    assert right["missed"] < 1e-5 < wrong["missed"]
    alone = point_losses(view, view, faces, missed=0)
    assert max(alone.values()) < 1e-5  # people's boxes do not count


class _Everywhere:
    """Stands in for a teacher: takes every cell for a face."""

    def look(self, pictures: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
        cells = pictures.shape[2] // CELL_PX, pictures.shape[3] // CELL_PX
        return torch.ones(len(pictures), 24, *cells), torch.full((len(pictures), 15, *cells), 3.0)


@pytest.mark.parametrize("is_empty", [False, True])
def test_what_a_teacher_takes_for_a_face_where_nobody_is_is_not_learnt(is_empty: bool) -> None:
    torch.manual_seed(1)
    teacher: Any = _Everywhere()
    learner = PointLearner(PointNetwork((8,) * 17), teacher, rate=0.01, steps=200, missed=MISSED)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 3, 64, 64), np.uint8)
    batch = SceneBatch(pictures, pictures, [np.zeros((0, 4))] * 4, np.full(4, is_empty))
    losses = [learner.step(batch, done=100)["heat"] for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
    with torch.inference_mode():
        heat = torch.sigmoid(learner.network(torch.from_numpy(pictures).float())[:, 0]).mean()
    assert heat < 0.3 if is_empty else heat > 0.7


def test_a_checkpoint_stands_for_a_network_between_its_beginning_and_what_was_learnt(tmp_path: Path) -> None:
    before, learnt = PointNetwork((8,) * 17), PointNetwork((8,) * 17)
    parts = {"steps": 1, "beginning": before.state_dict(), "averaged": learnt.state_dict()}
    torch.save(parts, tmp_path / "last.pt")
    between = network_of(tmp_path / "last.pt")
    for name, values in between.state_dict().items():
        first, last = before.state_dict()[name], learnt.state_dict()[name]
        torch.testing.assert_close(values, first + LEARNT * (last - first))
    del parts["beginning"]
    torch.save(parts, tmp_path / "last.pt")
    with pytest.raises(ModelError, match="another kind of run"):
        network_of(tmp_path / "last.pt")


def test_the_rate_rises_and_falls() -> None:
    assert rate_share(0, 1000) == pytest.approx(0.01)
    assert rate_share(99, 1000) > 0.95
    assert rate_share(1000, 1000) == pytest.approx(0.02)
