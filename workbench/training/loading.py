"""Scenes on their way to what learns: composed by processes of their own, in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from workbench.data import Picture
from workbench.training.options import Recipe
from workbench.training.scenes import Scene, SceneMaker
from workbench.training.spoiling import spoil

DrawnScene = tuple[Scene, Picture]
"""A scene, and its pixels after they were spoilt."""


class DrawnScenes:
    """``count`` scenes as torch's loader asks for them: another one every time, whatever the number."""

    def __init__(self, maker: SceneMaker, recipe: Recipe, count: int) -> None:
        self._maker, self._options, self._count = maker, recipe.scenes, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, _number: int) -> DrawnScene:
        random = np.random.default_rng()
        scene = self._maker.scene(random)
        return scene, spoil(scene.pixels, self._options, random)


def scene_loader(scenes: DrawnScenes, recipe: Recipe, collate: Callable[[Sequence[DrawnScene]], Any]) -> Any:
    """Torch's loader of whole batches, each what ``collate`` makes of its scenes."""
    from torch.utils.data import DataLoader

    return DataLoader(
        scenes,  # type: ignore[arg-type]
        batch_size=recipe.batch,
        num_workers=recipe.workers,
        collate_fn=collate,
        drop_last=True,
        persistent_workers=recipe.workers > 0,
        worker_init_fn=_one_thread,
        multiprocessing_context="spawn" if recipe.workers else None,  # OpenCV's threads do not survive a fork
    )


def _one_thread(_worker: int) -> None:
    """The other threads are needed to learn from the scenes."""
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
