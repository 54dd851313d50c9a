"""The learning curve's table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from workbench.training.curves import CURVE, add_to_curve


def test_what_was_noted_beyond_the_checkpoint_is_forgotten_and_columns_may_come(tmp_path: Path) -> None:
    for steps in (50, 100, 150):
        add_to_curve(tmp_path, {"steps": steps, "pixels": 1 / steps})
    add_to_curve(tmp_path, {"steps": 100, "pixels": 0.5, "critic": 2.0})  # resumed after 50
    table = pd.read_csv(tmp_path / CURVE)
    assert table["steps"].tolist() == [50, 100]
    assert table["pixels"].tolist() == [0.02, 0.5]
    assert table["critic"].isna().tolist() == [True, False]
