"""The learning curve of a run: a table that grows by a line now and then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

CURVE = "learning_curve.csv"


def add_to_curve(folder: Path, row: Mapping[str, float]) -> None:
    """Add ``row`` to the run's curve. Its first value counts how far the run is: what was noted beyond that, before the
    run was broken off and resumed from an earlier checkpoint, is forgotten. New columns are welcome.
    """
    path = folder / CURVE
    table = pd.DataFrame([row])
    if path.exists():
        before = pd.read_csv(path)
        far = table.columns[0]
        table = pd.concat([before[before[far] < row[far]], table])
    table.to_csv(path, index=False, float_format="%.6g")
