"""Timelines, scores and sweeps as charts for a notebook or a paper: transparent, for light and dark pages alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import ScalarFormatter
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.preview.drawings import DPI, WIDTH_PX, Drawing
from workbench.preview.lanes import Lane, Problem, lanes_of
from workbench.preview.plots import COLOURS, FAINT, KNEE, style, sweep_figure
from workbench.preview.sweep import Sweep
from workbench.store import DetectionStore
from workbench.timeline import Timeline

LANE_PX, AXIS_PX, HISTOGRAM_PX = 30, 84, 230
BIN = 0.05  # of the score
FACE_IOU = 0.3  # a candidate is on a true face where they overlap this much: detectors' boxes differ at the chin
MIN_VISIBILITY = 0.3  # less visible faces do not count, as everywhere

SOURCE_COLOURS = {
    "detected": "#2878b8",
    "tracked": "#8cc4ec",
    "bridged": "#d98c00",
    "backfilled": "#b0568c",
    "manual": "#008f68",
}
"""Why a face is hidden, in the colours of the page's timeline."""


def draw_timeline(timelines: Timeline | Mapping[str, Timeline], *, problems: Sequence[Problem] = ()) -> Drawing:
    """A lane per track over the seconds of the clip, coloured by why the face is hidden there.

    Several timelines of one clip, by name, are drawn one above the other. ``problems`` (as of
    ``ClipSession.problems``, for a single timeline) are marked above their track's lane.

    >>> draw_timeline(session.timeline)
    Drawing(timeline of 4 tracks)
    """
    named = timelines if isinstance(timelines, Mapping) else {"": timelines}
    lanes = {name: lanes_of(timeline) for name, timeline in named.items()}
    heights = [max(1, len(each)) * LANE_PX + AXIS_PX for each in lanes.values()]
    with rc_context(style("en")):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH_PX / DPI, sum(heights) / DPI), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(named), 1, sharex=True, squeeze=False, height_ratios=heights)
        for ax, (name, timeline) in zip(axes.flat, named.items(), strict=True):
            _draw_lanes(ax, lanes[name], _clock(timeline), problems)
            ax.set_title(name, loc="left")
        axes.flat[-1].set_xlabel("seconds")
        used = {run.source for each in lanes.values() for lane in each for run in lane.runs}
        handles = [Patch(color=colour, label=source) for source, colour in SOURCE_COLOURS.items() if source in used]
        figure.legend(handles=handles, loc="outside upper right", ncols=len(SOURCE_COLOURS), frameon=False)
    count = " and ".join(str(len(each)) for each in lanes.values())
    return Drawing(figure, f"timeline of {count} tracks", "png")


def _draw_lanes(ax: Axes, lanes: Sequence[Lane], times: NDArray[np.float64], problems: Sequence[Problem]) -> None:
    place = {lane.track: number for number, lane in enumerate(lanes)}
    for lane in lanes:
        spans = [(times[run.first], times[run.last + 1] - times[run.first]) for run in lane.runs]
        colours = [SOURCE_COLOURS[run.source] for run in lane.runs]
        faded = 0.35 if lane.decision == "keep" else 1.0
        ax.broken_barh(spans, (place[lane.track] - 0.3, 0.6), facecolors=colours, alpha=faded, linewidth=0)
    words = {"mask": "", "keep": " (shown)", "review": " (please decide)"}
    ax.set_yticks(range(len(lanes)), [f"face {lane.name}{words[lane.decision]}" for lane in lanes])
    ax.set_ylim(max(len(lanes), 1) - 0.4, -0.6)
    ax.set_xlim(times[0], times[-1])
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", linewidth=0.8, color=FAINT)
    ax.set_axisbelow(True)
    marked = [problem for problem in problems if problem.track in place]
    at, rows = [times[one.frame] for one in marked], [place[one.track] - 0.42 for one in marked]
    ax.scatter(at, rows, marker="v", s=42, color=KNEE, linewidths=0, zorder=4)


def _clock(timeline: Timeline) -> NDArray[np.float64]:
    """(F + 1,) seconds at which the frames begin and the clip ends: from the rows, evenly where they are silent."""
    known = timeline.rows.drop_duplicates("frame").dropna(subset="time_seconds").sort_values("frame")
    at, seconds = known["frame"].to_numpy(float), known["time_seconds"].to_numpy(float)
    frames = max(timeline.frames, int(at.max(initial=0)) + 1)
    wanted = np.arange(frames + 1, dtype=float)
    pace = (seconds[-1] - seconds[0]) / (at[-1] - at[0]) if len(at) > 1 else 0.04
    first = seconds[0] - at[0] * pace if len(at) else 0.0
    inside = np.interp(wanted, at, seconds) if len(at) else wanted
    outside = (wanted < at[0]) | (wanted > at[-1]) if len(at) else np.ones(len(wanted), bool)
    return np.where(outside, first + wanted * pace, inside)


def draw_scores(
    stores: Mapping[str, DetectionStore], *, truth: pd.DataFrame | None = None, threshold: float | None = None
) -> Drawing:
    """How many candidates have which score, a histogram for each named store.

    With ``truth`` (as from ``load_truth``) candidates on a true face are told from those on anything else.

    >>> draw_scores({"as recorded": session.detections}, threshold=0.5)
    Drawing(scores of 1 analyses)
    """
    size = (WIDTH_PX / DPI, (HISTOGRAM_PX + AXIS_PX) / DPI)
    with rc_context(style("en")):  # type: ignore[arg-type]
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(stores), sharey=True, squeeze=False)
        for ax, (name, store) in zip(axes.flat, stores.items(), strict=True):
            _draw_histogram(ax, candidates(store, truth=truth), threshold)
            ax.set_title(name, loc="left")
        axes.flat[0].set_ylabel("candidates")
        labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(*labels, loc="outside upper right", ncols=4, frameon=False)
    return Drawing(figure, f"scores of {len(stores)} analyses", "png")


def candidates(store: DetectionStore, *, truth: pd.DataFrame | None = None) -> pd.DataFrame:
    """A row per candidate: ``frame``, ``score``, and ``face``, whether it is on a true face (all, without truth)."""
    faces = {} if truth is None else dict(list(truth[truth["visibility"] >= MIN_VISIBILITY].groupby("frame")))
    parts = [pd.DataFrame({"frame": [], "score": [], "face": []})]
    for frame in store.frames:
        if frame.detections is None or not len(frame.detections):
            continue
        on_face: NDArray[np.bool_] = np.ones(len(frame.detections), bool)
        if truth is not None:
            here = faces.get(frame.index, truth.iloc[:0])[["x", "y", "w", "h"]].to_numpy(float)
            boxes = np.concatenate([here[:, :2], here[:, :2] + here[:, 2:]], axis=1)
            on_face = np.any(geometry.iou(frame.detections.boxes, boxes) >= FACE_IOU, axis=1)
        parts.append(pd.DataFrame({"frame": frame.index, "score": frame.detections.scores, "face": on_face}))
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def _draw_histogram(ax: Axes, table: pd.DataFrame, threshold: float | None) -> None:
    bins = np.arange(0, 1 + BIN / 2, BIN).tolist()
    on_face = table["face"].astype(bool)
    parts = [table.loc[on_face, "score"], table.loc[~on_face, "score"]]
    ax.hist(parts, bins=bins, color=[COLOURS[False], COLOURS[True]], label=["on a face", "elsewhere"])
    ax.set(xlabel="score", xlim=(0, 1), yscale="symlog")  # a few false candidates must be seen beside many true ones
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.grid(axis="y", linewidth=0.8, color=FAINT)
    if threshold is not None:
        ax.axvline(threshold, color=KNEE, linewidth=1.4, label=f"threshold {threshold:.2f}")


def draw_sweep(result: Sweep) -> Drawing:
    """The curves of a sweep, with the advised and the present threshold marked.

    >>> draw_sweep(sweep(session, thresholds=[0.3, 0.5, 0.7]))
    Drawing(sweep of 3 thresholds, advised 0.50)
    """
    text = f"sweep of {result.table['threshold'].nunique()} thresholds, advised {result.knee:.2f}"
    return Drawing(sweep_figure(result, "en"), text, "png")
