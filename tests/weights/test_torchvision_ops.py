"""torchvision can be imported beside any torch, and its nms is right."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import importlib.util, pathlib, torch
from workbench.torchvision_ops import ensure_torchvision

folder = pathlib.Path(importlib.util.find_spec("torchvision").origin).parent
try:
    torch.ops.load_library(str(next(folder.glob("_C.*"))))
    own = True
except (OSError, StopIteration):
    own = False
assert ensure_torchvision() is not own, "stands in only where torchvision's own operators cannot be loaded"

import torchvision
assert ensure_torchvision() is not own, "a second call changes nothing"
boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [0, 0, 10, 10], [6, 0, 16, 10]])
scores = torch.tensor([0.5, 0.9, 0.3, 0.9, 0.4])
assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == [1, 4, 2]
assert torchvision.ops.nms(boxes[:0], scores[:0], 0.5).tolist() == []
"""


def test_torchvision_is_imported_and_suppresses() -> None:
    result = subprocess.run([sys.executable, "-c", CODE], check=False, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
