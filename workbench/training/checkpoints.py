"""Checkpoints of ultralytics: ``.pt`` files that a run leaves behind, and that the next one may begin from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.errors import ModelError


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU. It is a pickle: only files that one trusts. Raises ModelError."""
    import torch

    try:
        stored = torch.load(path, map_location="cpu", weights_only=False)
    except (OSError, RuntimeError, EOFError) as error:
        raise ModelError(f"{path} cannot be read as weights; give a .pt file of ultralytics") from error
    if not isinstance(stored, dict) or "model" not in stored:
        raise ModelError(f"{path} holds no model; give a .pt file of ultralytics")
    return stored


def model_of(checkpoint: dict[str, Any]) -> Any:
    """The network in a checkpoint, float32: the averaged one where the run kept one."""
    return (checkpoint.get("ema") or checkpoint["model"]).float()
