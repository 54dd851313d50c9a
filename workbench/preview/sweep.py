"""The sweep: what every detection threshold would hide in a clip, and which one to take.

The detector does not run again: each threshold is decided from what it saw before. Only for the comparison with and
without low-light enhancement the clip is looked at once more; what is seen then is kept as well.

**What is counted.** A face is *steady* when it is seen at nearly every look for a while: that is how faces behave,
while patterns that are taken for one come and go. On the sample clips, also darkened and blurred, true faces were seen
at 89 to 100 % of the looks, false ones, but for one, at 27 to 77 %. So without any ground truth there is a measure for
faces that a threshold would miss (time in which a steady face is seen too faintly for it: gaps) and one for places that
it would hide for nothing (time in which anything else is hidden: doubtful masks).

**The knee.** (1) No leak may be bought: only thresholds that lose no steady face are looked at; where truth is known,
those within 0.2 points of the best recall. (2) Of these, only those with hardly more doubtful masks (with truth: false
ones) than the fewest. (3) Of what is left, the one nearest to the present value: where several do equally well on this
clip, it says nothing against a value that was chosen with other clips in mind. A curve's geometric elbow was tried
instead, and moves with the range that is swept and with a single long-lived false face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import UsageError
from workbench.presets.model import Preset
from workbench.preview.judging import Judged, judge
from workbench.preview.session import ClipSession
from workbench.preview.steadiness import STEADY_FLOOR, figures, steady_rows
from workbench.regions import RegionOptions
from workbench.stages import Progress
from workbench.timeline import Timeline

THRESHOLDS = tuple(round(0.25 + 0.05 * step, 2) for step in range(15))
"""Up to 0.95. Below 0.25 nothing more is found: fainter candidates are not tracked."""

RECALL_POINTS = 0.002  # what counts as equally good: a frame or two of a face in ten seconds
ALLOWED_DOUBT = 0.1  # doubtful masks, as a share of the steady faces' time: some of them are faces seen briefly
ALLOWED_FALSE = 0.02  # the same where truth says that they are none
CLEARLY_MORE = 1.02  # steady faces with the other enhancement than with the present one, to advise a change


@dataclass(frozen=True, eq=False)
class Sweep:
    """What was found. ``knee`` is the advised threshold and ``knee_enhance`` the enhancement to go with it.

    ``table`` has a row per ``enhance`` and ``threshold``: ``faces`` mean number surely seen on a frame · ``gaps`` and
    ``gap_seconds`` stretches in which a steady face is not surely seen · ``open_seconds`` the part of them that is not
    hidden either · ``low_score_share`` of the masks that rest on a sighting below the threshold · ``doubtful_seconds``
    masks on anything but steady faces, summed over masks · with truth (else NaN) ``recall`` 0..1 and ``leak_seconds``
    as ``evaluate`` says them, and ``false_seconds`` of masks away from true faces.
    """

    table: pd.DataFrame
    current: float
    knee: float
    knee_enhance: bool
    reason_en: str
    reason_zh: str
    has_truth: bool

    def __repr__(self) -> str:
        return f"Sweep({len(self.table)} thresholds, knee={self.knee}, enhance={self.knee_enhance})"


def sweep(
    session: ClipSession,
    *,
    enhance: bool = False,
    thresholds: Sequence[float] = THRESHOLDS,
    truth: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Try ``thresholds`` with the session's preset; ``enhance`` tries them with and without low-light enhancement.

    ``truth`` as from ``load_truth``. The operator's edits are left out: it is the detector that is judged. Waits for
    the session's analysis where it is not finished. Raises UsageError for thresholds that are none.

    >>> found = sweep(session, thresholds=[0.3, 0.5, 0.7], truth=truth)
    >>> found.knee, list(found.table["recall"])
    (0.5, [1.0, 1.0, 1.0])
    """
    wanted = sorted({round(float(threshold), 4) for threshold in thresholds})
    if not wanted or not 0.05 <= wanted[0] <= wanted[-1] <= 0.95:
        raise UsageError("thresholds to sweep: give at least one number between 0.05 and 0.95")
    session.analyze(progress)
    preset = session.preset
    current = preset.detector.enhance
    parts = []
    for setting in (current, not current) if enhance else (current,):
        tried = _with(preset, enhance=setting, confidence=wanted[0])
        base, *timelines = _decided(session, tried, [min(STEADY_FLOOR, wanted[0]), *wanted], progress)
        by_threshold = dict(zip(wanted, timelines, strict=True))
        part = sweep_table(base, by_threshold, times=session.times, truth=truth, mask=preset.mask)
        parts.append(part.assign(enhance=setting))
    table = pd.concat(parts, ignore_index=True)
    table = table[["enhance", *(name for name in table.columns if name != "enhance")]]
    return advised(table, current=preset.detector.confidence, enhance=current, has_truth=truth is not None)


def _with(preset: Preset, *, enhance: bool, confidence: float) -> Preset:
    detector = preset.detector.model_copy(update={"enhance": enhance, "confidence": confidence})
    return preset.model_copy(update={"detector": detector})


def _decided(
    session: ClipSession, preset: Preset, thresholds: Sequence[float], progress: Progress | None
) -> list[Timeline]:
    """What each threshold hides, without the operator's edits. The session itself is left alone."""
    timelines = []
    with ClipSession(session.source, preset, folder=session.folder, cache_mb=0) as beside:
        beside.analyze(progress)
        for threshold in thresholds:
            beside.set_preset(_with(preset, enhance=preset.detector.enhance, confidence=threshold))
            timeline = beside.timeline
            found = timeline.rows["source"] != "manual"
            timelines.append(
                Timeline(
                    timeline.rows[found].reset_index(drop=True),
                    {},
                    timeline.frames,
                    session.info.width_px,
                    session.info.height_px,
                )
            )
    return timelines


def sweep_table(
    base: Timeline,
    timelines: Mapping[float, Timeline],
    *,
    times: NDArray[np.float64],
    truth: pd.DataFrame | None,
    mask: RegionOptions,
) -> pd.DataFrame:
    """One row per threshold and what it hides; ``base`` hides everything that was tracked at all.

    ``times`` are the seconds of all frames, ``truth`` as from ``load_truth``, ``mask`` says how far a mask reaches.
    """
    lasting = _durations(times)
    steady = steady_rows(base, lasting)
    table = pd.DataFrame([figures(timeline, steady, threshold, lasting) for threshold, timeline in timelines.items()])
    judged = [Judged()] * len(timelines)
    if truth is not None:
        judged = judge(list(timelines.values()), truth, lasting, mask=mask)
    return pd.concat([table, pd.DataFrame(judged)], axis=1)


def _durations(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds (F,) for which each frame is shown; the last as long as one is on average."""
    if len(times) < 2:
        return np.full(len(times), 0.04)
    steps = np.diff(times)
    return np.append(steps, steps.mean())


def advised(table: pd.DataFrame, *, current: float, enhance: bool, has_truth: bool) -> Sweep:
    """The knee by the rule at the top of this file, and why, in words. ``current`` and ``enhance`` are the present."""
    setting = _advised_enhance(table, enhance, has_truth=has_truth)
    rows = table[table["enhance"] == setting]
    safe = rows[_safe(rows, has_truth=has_truth)]
    waste, allowed = ("false_seconds", ALLOWED_FALSE) if has_truth else ("doubtful_seconds", ALLOWED_DOUBT)
    allowance = allowed * float(rows["steady_seconds"].iloc[0])
    tidy = safe[safe[waste] <= safe[waste].min() + allowance]
    distance = (tidy["threshold"] - current).abs().round(4)
    chosen = tidy.loc[distance.idxmin()]
    reason_en, reason_zh = _reason(chosen, rows, safe, has_truth=has_truth)
    if setting != enhance:
        reason_en, reason_zh = _with_change(setting, reason_en, reason_zh)
    return Sweep(table, current, float(chosen["threshold"]), setting, reason_en, reason_zh, has_truth)


def _advised_enhance(table: pd.DataFrame, present: bool, *, has_truth: bool) -> bool:
    """With or without enhancement: the present setting unless the other one finds clearly more."""
    if has_truth:
        best = table.groupby("enhance")["recall"].max()
        other_wins = best.get(not present, 0.0) > best[present] + RECALL_POINTS
    else:
        steady = table.groupby("enhance")["steady_seconds"].max()
        other_wins = steady.get(not present, 0.0) > steady[present] * CLEARLY_MORE
    return present != bool(other_wins)


def _safe(rows: pd.DataFrame, *, has_truth: bool) -> pd.Series[bool]:
    """Which thresholds (a boolean for each row) leave no more to be seen than the best one."""
    if has_truth:
        recall = rows["recall"].fillna(1.0)
        return recall.ge(recall.max() - RECALL_POINTS - 1e-9)
    missed = rows["open_seconds"]
    return missed.le(missed.min() + RECALL_POINTS * rows["steady_seconds"] + 1e-9)


def _reason(chosen: pd.Series[float], rows: pd.DataFrame, safe: pd.DataFrame, *, has_truth: bool) -> tuple[str, str]:
    value = f"{chosen['threshold']:.2f}"
    if has_truth:
        share, waste = f"{100 * chosen['recall']:.1f}", f"{chosen['false_seconds']:.1f}"
        return (
            f"{value} hides {share} % of the true faces, as much as any threshold here (within 0.2 points), with "
            f"{waste} s of false masks.",
            f"{value} 遮挡了 {share}% 的真实人脸，与最佳阈值相差不超过 0.2 个百分点，误遮挡共 {waste} 秒。",
        )
    if not chosen["steady_seconds"]:
        return (
            f"No face is seen steadily at any threshold, so {value} stays: where there are faces, try the low-light "
            "enhancement or a larger detection picture.",
            f"任何阈值下都没有稳定检出的人脸，因此保留 {value}：若画面中有人脸，请尝试低光增强或更大的检测图像尺寸。",
        )
    waste, limit = f"{chosen['doubtful_seconds']:.1f}", f"{safe['threshold'].max():.2f}"
    if len(safe) == len(rows):
        upper_en, upper_zh = "no threshold loses one", "其他阈值也不会漏掉"
    else:
        upper_en, upper_zh = f"above {limit} some are lost", f"高于 {limit} 会开始漏掉"
    return (
        f"{value} loses no face that is seen steadily ({upper_en}), with {waste} s of doubtful masks.",
        f"{value} 不会漏掉稳定出现的人脸（{upper_zh}），存疑遮挡共 {waste} 秒。",
    )


def _with_change(setting: bool, reason_en: str, reason_zh: str) -> tuple[str, str]:
    switch_en, switch_zh = ("on", "开启") if setting else ("off", "关闭")
    return (
        f"Turn the low-light enhancement {switch_en}: it finds more. {reason_en}",
        f"建议{switch_zh}低光增强，检出更多。{reason_zh}",
    )
