"""Which faces of a timeline are seen steadily, and what a threshold makes of them. Reads no pixels and no truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.timeline import Timeline

STEADY_FLOOR = 0.25  # the threshold of the timeline that steadiness is judged by: everything that is tracked
STEADY_SECONDS = 1.5  # shorter ones may be a face or not: nothing speaks for either
STEADY_SHARE = 0.85  # of the time from first to last sighting, in which the detector did not miss it


@dataclass(frozen=True)
class Figures:
    """One threshold's row of a sweep; see ``sweep.Sweep``."""

    threshold: float
    faces: float
    gaps: int
    gap_seconds: float
    open_seconds: float
    low_score_share: float
    doubtful_seconds: float
    steady_seconds: float


def steady_rows(base: Timeline, lasting: NDArray[np.float64]) -> pd.DataFrame:
    """The rows of ``base`` that are certainly a face: steady tracks, from their first to their last sighting.

    ``lasting`` (F,) are the seconds for which each frame is shown.
    """
    rows = base.rows[["frame", "track", "score", "source"]]
    seen = rows[rows["source"] == "detected"].groupby("track")["frame"]
    first, last = rows["track"].map(seen.min()), rows["track"].map(seen.max())
    inner = rows[(rows["frame"] >= first) & (rows["frame"] <= last)]
    ends = np.concatenate([[0.0], np.cumsum(lasting)])
    spans = ends[seen.max() + 1] - ends[seen.min()]
    looked = inner[inner["source"] != "bridged"]
    held = pd.Series(lasting[looked["frame"]], index=looked.index).groupby(looked["track"]).sum()
    span = pd.Series(spans, index=seen.min().index)
    steady = span.index[(span >= STEADY_SECONDS) & (held.reindex(span.index, fill_value=0.0) >= STEADY_SHARE * span)]
    return inner[inner["track"].isin(steady)].sort_values(["track", "frame"], ignore_index=True)


def figures(timeline: Timeline, steady: pd.DataFrame, threshold: float, lasting: NDArray[np.float64]) -> Figures:
    """What a threshold, which hides ``timeline``, makes of the ``steady`` faces and of everything else."""
    rows = timeline.rows
    seconds = lasting[rows["frame"]]
    scores = rows["score"].to_numpy()
    doubtful = ~rows["track"].isin(steady["track"].unique()).to_numpy()
    frames, tracks = steady["frame"].to_numpy(np.int64), steady["track"].to_numpy(np.int64)
    unseen = (steady["score"].to_numpy() < threshold) | (steady["source"] == "bridged").to_numpy()
    begins = unseen & ~(np.r_[False, unseen[:-1]] & (np.diff(tracks, prepend=-1) == 0))
    hidden = pd.MultiIndex.from_frame(rows[["track", "frame"]])
    lost = ~pd.MultiIndex.from_arrays([tracks, frames]).isin(hidden)
    return Figures(
        threshold=threshold,
        faces=float((scores >= threshold).sum() / max(len(lasting), 1)),
        gaps=int(begins.sum()),
        gap_seconds=float(lasting[frames[unseen]].sum()),
        open_seconds=float(lasting[frames[lost]].sum()),
        low_score_share=float((scores < threshold).mean()) if len(scores) else 0.0,
        doubtful_seconds=float(seconds[doubtful].sum()),
        steady_seconds=float(lasting[frames].sum()),
    )
