"""The sweep as a figure: small panels over one axis, for light and dark pages alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from workbench.preview.fonts import Language, chinese_font, writable_language
from workbench.preview.sweep import Sweep

WIDTH_PX, ROW_PX, REST_PX, DPI = 700, 152, 64, 100
INK, FAINT = "#7a7f87", "#9aa0a833"  # greys with about the same contrast on white and on near-black
COLOURS = {False: "#0b84c6", True: "#e07b00"}  # blue and orange: told apart with every kind of colour blindness
MARKS = {False: "o", True: "s"}
KNEE = "#c2407e"
FLAT = 1e-9


@dataclass(frozen=True)
class _Panel:
    """One column of the sweep's table. ``least_top`` keeps noise of a quantity that hardly moves from filling it."""

    column: str
    title_en: str
    title_zh: str
    factor: float = 1.0
    least_top: float = 1.0
    most: float | None = None


_WITH_TRUTH = (
    _Panel("recall", "True faces hidden (%)", "真实人脸遮挡率（%）", 100.0, 100.0, 100.0),
    _Panel("leak_seconds", "Faces left visible (s)", "人脸露出时长（秒）"),
)
_ALWAYS = (
    _Panel("faces", "Faces surely seen per frame", "每帧确定检出的人脸数"),
    _Panel("gap_seconds", "Gaps that tracking has to close (s)", "需靠跟踪弥补的间隔（秒）"),
    _Panel("low_score_share", "Masks on a faint sighting (%)", "低置信度遮挡占比（%）", 100.0, 10.0, 100.0),
    _Panel("doubtful_seconds", "Doubtful masks (s)", "存疑遮挡时长（秒）"),
)

_WORDS = {
    "threshold": ("Detection threshold", "检测阈值"),
    False: ("without enhancement", "未开启低光增强"),
    True: ("with enhancement", "开启低光增强"),
    "knee": ("advised: {0:.2f}", "建议值：{0:.2f}"),
    "current": ("present: {0:.2f}", "当前值：{0:.2f}"),
    "both": ("advised and present: {0:.2f}", "建议值与当前值：{0:.2f}"),
}


def sweep_figure(sweep: Sweep, language: Language) -> Figure:
    """The sweep's curves, with the advised and the present threshold marked: a transparent figure, 700 px wide.

    Where the machine has no font with Chinese characters, the figure is in English.
    """
    language = writable_language(language)
    panels = (*_WITH_TRUTH, *_ALWAYS) if sweep.has_truth else _ALWAYS
    rows = len(panels) // 2
    size = (WIDTH_PX / DPI, (ROW_PX * rows + REST_PX) / DPI)
    with rc_context(style(language)):  # type: ignore[arg-type]
        layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.05, wspace=0.04, hspace=0.03)
        figure = Figure(figsize=size, dpi=DPI, layout=layout)
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, 2, sharex=True, squeeze=False)
        for panel, ax in zip(panels, axes.flat, strict=True):
            _draw(ax, panel, sweep, language)
        for ax in axes[-1]:
            ax.set_xlabel(_word("threshold", language))
            ax.xaxis.set_major_locator(MultipleLocator(0.1))
        figure.legend(handles=_handles(sweep, language), loc="outside upper center", ncols=4, frameon=False)
    return figure


def _draw(ax: Axes, panel: _Panel, sweep: Sweep, language: Language) -> None:
    ax.set_title(panel.title_zh if language == "zh" else panel.title_en, loc="left")
    ax.grid(axis="y", linewidth=0.8)
    if sweep.current != sweep.knee:
        ax.axvline(sweep.current, color=INK, linewidth=1, linestyle=(0, (2, 2)))
    ax.axvline(sweep.knee, color=KNEE, linewidth=1.4, alpha=0.9)
    for enhance, rows in sweep.table.groupby("enhance"):
        values = rows[panel.column] * panel.factor
        setting = bool(enhance)
        ax.plot(
            rows["threshold"], values, color=COLOURS[setting], marker=MARKS[setting], markersize=4, linewidth=1.8,
            markerfacecolor="none" if setting else COLOURS[setting], clip_on=False, zorder=3,
        )  # fmt: skip
    low, high = _limits(sweep.table[panel.column] * panel.factor, panel)
    ax.set_ylim(low, high)
    ax.locator_params(axis="y", nbins=4)
    _ring(ax, panel, sweep)


def _ring(ax: Axes, panel: _Panel, sweep: Sweep) -> None:
    """Marks the point that is advised."""
    at = sweep.table[(sweep.table["enhance"] == sweep.knee_enhance) & (sweep.table["threshold"] == sweep.knee)]
    ax.plot(
        at["threshold"], at[panel.column] * panel.factor, marker="o", markersize=9, markerfacecolor="none",
        markeredgecolor=KNEE, markeredgewidth=1.6, linestyle="none", clip_on=False, zorder=4,
    )  # fmt: skip


def _limits(values: pd.Series[float], panel: _Panel) -> tuple[float, float]:
    """From zero on, except for a share near all: there the difference to all is what matters."""
    top = max(float(values.max()), panel.least_top)
    if panel.most is None:
        return 0.0, top * 1.08
    if panel.column == "recall":
        low = min(float(values.min()), panel.most - 2.0)
        return max(0.0, low - 0.08 * (panel.most - low)), panel.most
    return 0.0, min(top * 1.08, panel.most)


def _handles(sweep: Sweep, language: Language) -> list[Line2D]:
    settings = sorted(bool(setting) for setting in sweep.table["enhance"].unique())
    handles = [
        Line2D(
            [], [], color=COLOURS[setting], marker=MARKS[setting], markersize=5, linewidth=1.8,
            markerfacecolor="none" if setting else COLOURS[setting], label=_word(setting, language),
        )
        for setting in settings
    ]  # fmt: skip
    same = abs(sweep.knee - sweep.current) < FLAT
    knee = _word("both" if same else "knee", language).format(sweep.knee)
    handles.append(
        Line2D(
            [], [], color=KNEE, linewidth=1.4, marker="o", markersize=7, markerfacecolor="none", label=knee
        )
    )  # fmt: skip
    if not same:
        current = _word("current", language).format(sweep.current)
        handles.append(Line2D([], [], color=INK, linewidth=1, linestyle=(0, (2, 2)), label=current))
    return handles


def _word(key: Any, language: Language) -> str:
    return _WORDS[key][language == "zh"]


def style(language: Language) -> dict[str, Any]:
    """matplotlib settings that read well on light and dark pages, in a font that has the language."""
    found = chinese_font() if language == "zh" else None
    families = [*([found[0]] if found is not None else []), "DejaVu Sans"]
    return {
        "font.family": families,
        "font.size": 9,
        "axes.titlesize": 9.5,
        "axes.labelsize": 9,
        "axes.titlepad": 7,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.edgecolor": INK,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "axes.unicode_minus": False,
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "grid.color": FAINT,
        "legend.fontsize": 9,
        "xtick.color": INK,
        "ytick.color": INK,
    }
