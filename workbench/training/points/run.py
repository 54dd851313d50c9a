"""A run that trains ``face-small``: where it begins, the scenes it sees, the file it makes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from workbench.errors import ModelError
from workbench.training.loading import DrawnScene, DrawnScenes, scene_loader
from workbench.training.loop import CHECKPOINT, learn, load_parts, require_device
from workbench.training.options import Recipe, StepsDone
from workbench.training.points.learning import PointLearner, SceneBatch
from workbench.training.points.narrowing import narrow
from workbench.training.points.network import PointNetwork, read_network, write_network
from workbench.training.points.teacher import Teacher
from workbench.training.scenes import Photograph, SceneMaker
from workbench.training.spoiling import spoil
from workbench.weights import find

DETECTOR = "face_small"
TEACHER = "centerface"
EXAMPLES = 64  # scenes that a network is narrowed on
AT_ONCE = 16

LEARNT = 0.6
"""Weights between those before and after learning keep more of what was known, and know what was learnt (Wortsman et
al., "Robust fine-tuning of zero-shot models", 2022). From 0.4 to 0.8 the recalls differ by little.
"""


def train(
    photographs: list[Photograph],
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "cpu",
    resume: bool = False,
    epoch_done: StepsDone | None = None,
) -> Path:
    """Train by ``recipe`` into ``folder``; returns the checkpoint. ``resume`` goes on where ``folder`` was left.

    ``device`` is ``cpu`` or the number of an NVIDIA GPU. Raises ModelError where there is nothing to resume or to begin
    with, EngineError for a GPU that is not there.
    """
    require_device(device)
    torch.manual_seed(recipe.seed)
    checkpoint = folder / CHECKPOINT
    epoch_steps = max(1, recipe.scenes_per_epoch // recipe.batch)
    steps = recipe.epochs * epoch_steps
    maker = SceneMaker(photographs, recipe.scenes, size_px=recipe.image_size)
    if resume and load_parts(checkpoint)["steps"] >= steps:
        raise ModelError(f"the run in {folder} is finished; to learn on, begin another one with start {checkpoint}")
    network = network_of(checkpoint) if resume else _beginning(recipe, maker)
    learner = PointLearner(
        network,
        Teacher(read_network(find(TEACHER)), side_px=recipe.image_size, device="cpu" if device == "cpu" else "cuda"),
        rate=recipe.learning_rate,
        steps=steps,
        missed=recipe.labels.missed,
        device="cpu" if device == "cpu" else f"cuda:{device}",
    )
    scenes = DrawnScenes(maker, recipe, steps * recipe.batch)
    learn(
        learner,
        partial(next, iter(scene_loader(scenes, recipe, _collate))),
        folder,
        steps=steps,
        resume=resume,
        told=None if epoch_done is None else lambda done, losses: epoch_done(done // epoch_steps, losses),
        line_every=epoch_steps,
        checkpoint_every=epoch_steps,
    )
    return checkpoint


def export(checkpoint: Path, target: Path, *, slope: float = 1.0, shift: float = 0.0) -> Path:
    """Write the network of ``checkpoint`` as ONNX to ``target``; ``slope`` · logit + ``shift`` calibrates its
    scores. Raises ModelError, OutputError.
    """
    network = network_of(checkpoint)
    with torch.no_grad():
        network.answer.weight[0] *= slope
        assert network.answer.bias is not None
        network.answer.bias[0] = network.answer.bias[0] * slope + shift
    write_network(network, target)
    return target


def network_of(checkpoint: Path) -> PointNetwork:
    """The network that a run's checkpoint stands for: ``LEARNT`` of the way from its beginning to its averaged weights.
    Raises ModelError.
    """
    stored = load_parts(checkpoint)
    learnt, beginning = stored.get("averaged", {}), stored.get("beginning", {})
    widths = [len(values) for name, values in learnt.items() if name.endswith("filter.weight")]
    try:
        network = PointNetwork(tuple(widths))
        network.load_state_dict({name: beginning[name].lerp(values, LEARNT) for name, values in learnt.items()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{checkpoint} is of another kind of run; name the {CHECKPOINT} of a face-small") from error
    return network


def _beginning(recipe: Recipe, maker: SceneMaker) -> PointNetwork:
    """What the run begins with, as narrow as the recipe says."""
    start = Path(recipe.start or TEACHER)
    network = network_of(start) if start.suffix == ".pt" else read_network(find(str(start)))
    if network.widths == recipe.widths:
        return network
    random = np.random.default_rng(recipe.seed)
    scenes = [maker.scene(random).pixels for _ in range(EXAMPLES)]
    scenes[::2] = [spoil(each, recipe.scenes, random) for each in scenes[::2]]  # what it will see, lit and dark
    examples = torch.from_numpy(np.stack(scenes).transpose(0, 3, 1, 2).copy()).float()
    return narrow(network, recipe.widths, examples.split(AT_ONCE))


def _collate(drawn: Sequence[DrawnScene]) -> SceneBatch:
    clean = np.stack([scene.pixels.transpose(2, 0, 1) for scene, _ in drawn])
    spoilt = np.stack([pixels.transpose(2, 0, 1) for _, pixels in drawn])
    faces, are_empty = [scene.faces for scene, _ in drawn], np.array([scene.is_empty for scene, _ in drawn])
    return SceneBatch(clean, spoilt, faces, are_empty)
