"""Several presets against the truth of one clip: what a new preset has to be better than."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.evaluate import evaluate_timeline
from workbench.presets.model import Preset
from workbench.preview.session import ClipSession
from workbench.process import decide_store
from workbench.stages import Progress


def measure_presets(
    session: ClipSession, presets: Mapping[str, Preset], truth: pd.DataFrame, *, progress: Progress | None = None
) -> pd.DataFrame:
    """A row per named preset: what it hides of the session's clip, without the operator's edits.

    ``faces`` visible true faces over all frames · ``recall`` hidden share of them, 0..1 · ``leak_seconds`` time that a
    face is visible, summed over people · ``false_area_percent`` mean share of the picture masked away from faces ·
    ``idf1`` 0..1 how well identities are kept · ``review`` tracks that the operator is asked about. ``truth`` as from
    ``load_truth``. The clip is looked at again where a preset needs other detections; the session is left alone.
    Raises UsageError for no preset, and as ``ClipSession.analyze``.

    >>> table = measure_presets(session, {"mine": session.preset, "bright": load_preset("bright")}, truth)
    >>> float(table.loc["mine", "recall"])
    1.0
    """
    if not presets:
        raise UsageError("no preset to measure: name at least one")
    rows = {name: _figures(session, preset, truth, progress) for name, preset in presets.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("preset")


def _figures(session: ClipSession, preset: Preset, truth: pd.DataFrame, progress: Progress | None) -> dict[str, object]:
    """One row, from what a session of its own in the same folder sees, or has seen before."""
    with ClipSession(session.source, preset, folder=session.folder, cache_mb=0) as beside:
        beside.analyze(progress)
        timeline, times = decide_store(beside.detections, preset), beside.times.tolist()
    within = truth[truth["frame"] < timeline.frames]
    found = evaluate_timeline(timeline, within, growth=preset.mask.growth, shape=preset.mask.shape, times=times)
    return {
        "faces": found.faces,
        "recall": np.nan if found.recall is None else round(found.recall, 4),
        "leak_seconds": round(float(found.leak_seconds), 2),
        "false_area_percent": round(100 * found.false_area, 2),
        "idf1": np.nan if found.idf1 is None else round(found.idf1, 3),
        "review": int((timeline.tracks()["decision"] == "review").sum()),
    }
