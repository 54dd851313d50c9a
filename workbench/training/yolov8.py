"""A run that trains a YOLOv8 face detector: ultralytics' trainer on scenes that are composed while it learns."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.training.checkpoints import model_of, read_checkpoint
from workbench.training.curves import add_to_curve
from workbench.training.loading import DrawnScene, DrawnScenes, scene_loader
from workbench.training.options import Recipe, StepsDone
from workbench.training.scenes import Photograph, SceneMaker
from workbench.weights.converting import convert
from workbench.weights.quiet import import_ultralytics

ARCHITECTURES = "architectures"
LAST = "last.pt"
"""The checkpoint in the run's folder ``weights``: model, averaged model, optimiser."""

DETECTOR = "yolov8_face"


def architecture_file(name: str) -> Path:
    """Ultralytics' description of ``yolov8-small`` or ``face-nano``; the letter n chooses its only scale."""
    return Path(str(resources.files(__package__) / ARCHITECTURES / f"yolov8n-{name.partition('-')[2]}.yaml"))


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

    Raises ModelError where there is nothing to resume, or the run fails.
    """
    import_ultralytics()
    logging.getLogger("ultralytics").setLevel(logging.WARNING)
    last = folder / "weights" / LAST
    if resume:
        _require_unfinished(last)
    maker = SceneMaker(photographs, recipe.scenes, size_px=recipe.image_size)
    trainer = _trainer_class()(maker, recipe, epoch_done, overrides=_overrides(recipe, folder, device, resume))
    trainer.train()
    return last


def export(checkpoint: Path, target: Path, *, slope: float = 1.0, shift: float = 0.0) -> Path:
    """Write ``checkpoint`` as ONNX to ``target``; ``slope`` · logit + ``shift`` calibrates its scores. Raises
    ModelError.
    """
    import torch

    import_ultralytics()
    model = model_of(read_checkpoint(checkpoint))
    for branch in model.model[-1].cv3:
        last = branch[-1]
        last.weight.data *= slope
        last.bias.data = last.bias.data * slope + shift
    draft = target.with_suffix(".pt")
    torch.save({"model": model.half(), "ema": None, "epoch": -1, "train_args": {}}, draft)
    return convert(draft, format="onnx", out=target)


def _require_unfinished(last: Path) -> None:
    if not last.is_file():
        raise ModelError(f"{last.parents[1]} holds no run to resume: {last} is missing; start without resume")
    stored = read_checkpoint(last)
    if stored["epoch"] + 1 >= stored["train_args"]["epochs"]:
        raise ModelError(f"the run in {last.parents[1]} is finished; to learn on, begin another one with start {last}")


def _overrides(recipe: Recipe, folder: Path, device: str, resume: bool) -> dict[str, Any]:
    """Ultralytics' settings. Its own augmentation and validation are not used: scenes come augmented."""
    return {
        "model": str(folder / "weights" / LAST) if resume else str(architecture_file(recipe.architecture)),
        "resume": str(folder / "weights" / LAST) if resume else False,
        "task": "detect",
        "data": "scenes",
        "project": str(folder.parent.absolute()),
        "name": folder.name,
        "exist_ok": True,
        "device": device,
        "imgsz": recipe.image_size,
        "epochs": recipe.epochs,
        "time": recipe.hours,
        "batch": recipe.batch,
        "nbs": recipe.batch,
        "workers": recipe.workers,
        "optimizer": "AdamW",
        "lr0": recipe.learning_rate,
        "lrf": recipe.last_learning_rate_share,
        "cos_lr": True,
        "warmup_epochs": 1.0,
        "weight_decay": recipe.weight_decay,
        "seed": recipe.seed,
        "deterministic": False,
        "amp": device != "cpu",
        "val": False,
        "plots": False,
        "verbose": False,
        "patience": 0,
        "close_mosaic": 0,
        "box": 5.0,
        "cls": 1.0,
    }


def _trainer_class() -> Any:
    """Built here: the base class comes with torch, which takes seconds to import."""
    from ultralytics.models.yolo.detect import DetectionTrainer

    class ScenesTrainer(DetectionTrainer):
        """Learns from a SceneMaker instead of a folder."""

        def __init__(self, maker: SceneMaker, recipe: Recipe, epoch_done: StepsDone | None, **rest: Any) -> None:
            self._maker, self._recipe = maker, recipe
            super().__init__(**rest)
            self.add_callback("on_model_save", _write_curve)
            if epoch_done is not None:
                self.add_callback("on_model_save", lambda trainer: epoch_done(trainer.epoch + 1, _losses(trainer)))

        def get_dataset(self) -> dict[str, Any]:
            return {"train": "", "val": "", "nc": 1, "names": {0: "face"}, "channels": 3}

        def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
            model = super().get_model(cfg, weights, verbose)
            if weights is None and self._recipe.start is not None:
                take_fitting(model, self._recipe.start)
            return model

        def get_dataloader(self, dataset_path: Any, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:  # noqa: ARG002
            scenes = DrawnScenes(self._maker, self._recipe, self._recipe.scenes_per_epoch)
            return scene_loader(scenes, self._recipe, collate)

        def validate(self) -> tuple[dict[str, float], float]:
            return {}, 0.0  # models are compared by `workbench evaluate-detector`

        def final_eval(self) -> None: ...

        def save_metrics(self, metrics: Any) -> None: ...  # _write_curve writes what there is

    return ScenesTrainer


def take_fitting(model: Any, weights: str) -> int:
    """Copy those layers of a ``.pt`` whose names and shapes fit into ``model``; returns how many did."""
    source = model_of(read_checkpoint(weights)).state_dict()
    own = model.state_dict()
    fitting = {key: value for key, value in source.items() if key in own and own[key].shape == value.shape}
    model.load_state_dict(fitting, strict=False)
    return len(fitting)


def collate(drawn: Sequence[DrawnScene]) -> dict[str, Any]:
    """A batch as ultralytics' loss takes it: boxes are centre and extent, in shares of the side."""
    import torch

    pixels = np.stack([pixels for _, pixels in drawn])
    boxes = np.concatenate([scene.faces / scene.pixels.shape[0] for scene, _ in drawn])
    counts = [len(scene.faces) for scene, _ in drawn]
    centred = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)
    return {
        "img": torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()),
        "bboxes": torch.from_numpy(centred.astype(np.float32)),
        "cls": torch.zeros(len(boxes), 1),
        "batch_idx": torch.repeat_interleave(torch.arange(len(drawn)), torch.tensor(counts)).float(),
    }


def _losses(trainer: Any) -> dict[str, float]:
    return {name: float(value) for name, value in (trainer.tloss or {}).items()}


def _write_curve(trainer: Any) -> None:
    """One more line of the learning curve: epoch, scenes seen, learning rate, losses."""
    seen = (trainer.epoch + 1) * len(trainer.train_loader.dataset)
    row = {"epoch": trainer.epoch + 1, "scenes": seen, "learning_rate": next(iter(trainer.lr.values()))}
    row |= _losses(trainer)
    add_to_curve(Path(trainer.save_dir), row)
