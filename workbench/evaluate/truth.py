"""Ground truth: where every face of a clip really is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import TimelineError

NEEDED = ("frame", "id", "x", "y", "w", "h")
OPTIONAL = {"visibility": 1.0, "yaw": math.nan}
FORMAT = "a truth file is a CSV with the header frame,id,x,y,w,h,visibility,yaw, its frames counted from 1"


@dataclass(frozen=True, eq=False)
class TrueFaces:
    """The faces of one frame: ``people`` (N,), ``boxes`` (N, 4) x0, y0, x1, y1 px, ``visible`` (N,) enough to count."""

    people: NDArray[np.int64]
    boxes: NDArray[np.float64]
    visible: NDArray[np.bool_]


NOBODY = TrueFaces(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0, np.bool_))


def load_truth(path: Path) -> pd.DataFrame:
    """Read a truth file (MOT style CSV, frames from 1).

    Returns ``frame`` (from 0, as in a timeline), ``person``, ``x, y, w, h`` px (also where hidden or outside of the
    picture), ``visibility`` 0..1 (1 where the file has none), ``yaw`` degrees (NaN where it has none). Raises
    TimelineError.

    >>> list(load_truth(sample("consultation").truth).columns)
    ['frame', 'person', 'x', 'y', 'w', 'h', 'visibility', 'yaw']
    """
    try:
        table = pd.read_csv(path, dtype=str, skip_blank_lines=False, skipinitialspace=True, keep_default_na=False)
    except (OSError, UnicodeDecodeError) as error:
        raise TimelineError(f"{path}: cannot be read as a truth file ({type(error).__name__}); {FORMAT}") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise TimelineError(f"{path}: is no truth file ({' '.join(str(error).split())}); {FORMAT}") from error
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise TimelineError(f"{path}: the column {missing[0]!r} is missing; {FORMAT}")
    rows = pd.DataFrame({name: _numbers(table[name], path) for name in NEEDED})
    for name, default in OPTIONAL.items():
        rows[name] = _numbers(table[name], path) if name in table.columns else default
    _check(rows, table, path)
    rows["frame"] = rows["frame"].astype(np.int64) - 1
    rows["person"] = rows.pop("id").astype(np.int64)
    return rows[["frame", "person", "x", "y", "w", "h", *OPTIONAL]]


def faces_by_frame(truth: pd.DataFrame, min_visibility: float) -> Mapping[int, TrueFaces]:
    """The true faces of every frame that has some."""
    corner, size = truth[["x", "y"]].to_numpy(np.float64), truth[["w", "h"]].to_numpy(np.float64)
    boxes = np.concatenate([corner, corner + size], axis=1)
    people = truth["person"].to_numpy(np.int64)
    visible = truth["visibility"].to_numpy() >= min_visibility
    frames, first = np.unique(truth["frame"].to_numpy(np.int64), return_inverse=True)
    by_frame = np.split(np.argsort(first, kind="stable"), np.cumsum(np.bincount(first))[:-1])
    return {
        int(frame): TrueFaces(people[rows], boxes[rows], visible[rows])
        for frame, rows in zip(frames, by_frame, strict=False)
    }


def _numbers(column: pd.Series[str], path: Path) -> pd.Series[float]:
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    _refuse(~np.isfinite(numbers.to_numpy()), column, path, "is not a number")
    return numbers


def _check(rows: pd.DataFrame, texts: pd.DataFrame, path: Path) -> None:
    for name in ("frame", "id"):
        _refuse((rows[name] % 1 != 0).to_numpy(), texts[name], path, "is not a whole number")
    _refuse((rows["frame"] < 1).to_numpy(), texts["frame"], path, "is below 1")
    for name in ("w", "h"):
        _refuse((rows[name] <= 0).to_numpy(), texts[name], path, "is not above 0")
    if "visibility" in texts.columns:
        _refuse(~rows["visibility"].between(0, 1).to_numpy(), texts["visibility"], path, "is not between 0 and 1")
    _refuse(rows.duplicated(["frame", "id"]).to_numpy(), texts["id"], path, "stands twice on its frame")


def _refuse(bad: NDArray[np.bool_], texts: pd.Series[str], path: Path, problem: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        line = row + 2  # the header is line 1
        raise TimelineError(f"{path}, line {line}: {texts.name} {texts.iloc[row]!r} {problem}; {FORMAT}")
