"""Makes ``import torchvision`` work where its compiled operators do not fit the installed torch.

The registry's torchvision is built for CUDA. Beside a CPU-only torch its library cannot be loaded, and the import dies
with *operator torchvision::nms does not exist*, which takes ultralytics and parts of diffusers down with it. Nothing
here needs an operator of torchvision but ``nms``, so that one is given in plain torch.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from typing import Any

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""Operators that ``import torchvision`` looks up by name and must find."""


def ensure_torchvision() -> bool:
    """Call before the first import of torchvision. True where the stand-in is in place, False where none is needed."""
    extension: Any = sys.modules.get("torchvision.extension")
    if extension is not None:
        return hasattr(extension, "stand_in")
    if importlib.util.find_spec("torchvision") is None or _own_operators_load():
        return False
    torch: Any = importlib.import_module("torch")
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    library.impl("nms", nms, "CPU")

    extension = importlib.import_module("torchvision.extension")
    extension._has_ops = lambda: True
    extension.stand_in = library  # torch forgets the operators once the Library object is gone
    return True


def nms(dets: Any, scores: Any, iou_threshold: float) -> Any:
    """Greedy suppression as torchvision has it: (N, 4) x0, y0, x1, y1 and (N,) scores → kept indices, best first."""
    import torch

    area = (dets[:, 2] - dets[:, 0]) * (dets[:, 3] - dets[:, 1])
    order = scores.argsort(descending=True, stable=True)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(dets[best, :2], dets[order, :2])
        high = torch.minimum(dets[best, 2:], dets[order, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        order = order[shared <= iou_threshold * (area[best] + area[order] - shared)]
    return torch.stack(kept) if kept else order


def _own_operators_load() -> bool:
    """Whether torchvision's compiled library can be loaded beside this torch. Does not import torchvision."""
    torch: Any = importlib.import_module("torch")
    spec = importlib.util.find_spec("torchvision")
    folders = list(spec.submodule_search_locations or []) if spec else []
    endings = (".so", ".pyd", *importlib.machinery.EXTENSION_SUFFIXES)
    library = next(
        (file for folder in folders for end in endings if (file := Path(folder) / f"_C{end}").exists()), None
    )
    if library is None:
        return False
    try:
        torch.ops.load_library(str(library))
    except OSError:
        return False
    return True
