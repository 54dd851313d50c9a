"""The results as tables and plots, and these as files."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.detector_evaluation.metrics import DEFAULT_CONFIDENCE, FALSE_PER_IMAGE, Scores
from workbench.detector_evaluation.properties import PROPERTIES, Property
from workbench.detector_evaluation.run import Result
from workbench.errors import OutputError
from workbench.video.part_file import write_private

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("-", "-", "--", ":")  # by severity; 0 and 1 never meet in one plot
PANEL_INCHES = 4.5
PANELS_PER_ROW = 3
DIGITS = 4


def result_table(results: Sequence[Result]) -> pd.DataFrame:
    """A row per detector and kind of picture: AP; recall, its 95 % interval and the confidence at each rate of false
    detections; and recall and false detections per picture at the default confidence.

    >>> pictures = label_clip(clip, truth, folder / "table")
    >>> found = evaluate_detectors(load_dataset(folder / "table"), [candidate("centerface", image_size=640)])
    >>> list(result_table(found)["faces"])
    [8]
    """
    rows = []
    for result in results:
        scores = result.scores
        row = _key(result) | {"engine": result.engine, "images": scores.images, "faces": scores.faces}
        row |= {"ap50": scores.ap50, "ap50_95": scores.ap50_95}
        by_rate = zip(FALSE_PER_IMAGE, scores.recalls, scores.intervals, scores.confidences, strict=True)
        for rate, recall, interval, confidence in by_rate:
            low, high = interval or (None, None)
            row |= {f"recall_at_{rate:g}_false": recall, f"low_at_{rate:g}_false": low, f"high_at_{rate:g}_false": high}
            row[f"confidence_at_{rate:g}_false"] = confidence
        row |= {
            f"recall_at_confidence_{DEFAULT_CONFIDENCE:g}": scores.default_recall,
            f"false_at_confidence_{DEFAULT_CONFIDENCE:g}": scores.default_false,
        }
        rows.append(row)
    return pd.DataFrame(rows).round(DIGITS)


def part_tables(results: Sequence[Result]) -> dict[str, pd.DataFrame]:
    """For each property that is known of any face a row per detector, kind of picture and range (no end: empty).

    Sizes are in px of the network's picture.
    """
    return {f"recall_by_{kind.name}": _part_table(results, kind) for kind in _known(results)}


def _known(results: Sequence[Result]) -> list[Property]:
    return [kind for kind in PROPERTIES if any(kind.name in result.scores.parts for result in results)]


def _part_table(results: Sequence[Result], kind: Property) -> pd.DataFrame:
    rows = [
        _key(result)
        | ({kind.name: part.name} if part.name else {})
        | {f"from_{kind.unit}": part.start, f"to_{kind.unit}": part.end, "faces": part.faces}
        | {f"recall_at_{rate:g}_false": value for rate, value in zip(FALSE_PER_IMAGE, part.recalls, strict=True)}
        | {f"recall_at_confidence_{DEFAULT_CONFIDENCE:g}": part.default_recall}
        for result in results
        for part in result.scores.parts[kind.name]
    ]
    return pd.DataFrame(rows).round(DIGITS)


def check_folder(folder: Path) -> None:
    """Raises OutputError where results could not be written to ``folder``; makes nothing."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise OutputError(f"{there} is no folder: choose another place for the results")
    if not os.access(there, os.W_OK):
        raise OutputError(f"{there} cannot be written: choose another place for the results")


def save_results(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write the tables and plots into ``folder``, which is made where it is missing. Raises OutputError."""
    contents = {
        "results.csv": result_table(results).to_csv(index=False).encode(),
        "precision_recall.png": _png(_panels(results, _draw_curve, across="recall", up="precision")),
        "recall_by_corruption.png": _png(_by_corruption(results)),
    }
    contents |= {f"{name}.csv": table.to_csv(index=False).encode() for name, table in part_tables(results).items()}
    for kind in _known(results):
        draw = partial(_draw_parts, kind=kind)
        contents[f"recall_by_{kind.name}.png"] = _png(_panels(results, draw, across=kind.title, up=_recall_words()))
    paths = [folder / name for name in contents]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, contents.values(), strict=True):
            write_private(path, content)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}") from error
    return paths


def _key(result: Result) -> dict[str, Any]:
    return {"detector": result.detector, "corruption": result.corruption.kind, "severity": result.corruption.severity}


def _panels(results: Sequence[Result], draw: Callable[..., None], *, across: str, up: str) -> Figure:
    """A panel per kind of corruption, in it a line per detector and severity."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(result.corruption.kind for result in results))
    columns, rows = min(len(kinds), PANELS_PER_ROW), -(-len(kinds) // PANELS_PER_ROW)
    figure = Figure(figsize=(PANEL_INCHES * columns, PANEL_INCHES * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for unused in panels[len(kinds) :]:
        unused.set_visible(False)
    colours = _colours(results)
    for axes, kind in zip(panels, kinds, strict=False):
        for result in (each for each in results if each.corruption.kind == kind):
            level = result.corruption.severity
            label = f"{result.detector}, severity {level}" if level else result.detector
            draw(axes, result.scores, label=label, color=colours[result.detector], linestyle=LINES[level])
        axes.set(title=kind, xlabel=across, ylabel=up, ylim=(0, 1.02))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="lower left" if draw is _draw_curve else "lower right")
    return figure


def _draw_curve(axes: Axes, scores: Scores, **style: Any) -> None:
    axes.plot(scores.curve[:, 0], scores.curve[:, 1], **style)
    axes.set_xlim(0, 1.02)


def _draw_parts(axes: Axes, scores: Scores, *, kind: Property, **style: Any) -> None:
    parts = [part for part in scores.parts[kind.name] if part.faces]
    names = [
        part.name or (f"{part.start:g}–{part.end:g}" if part.end is not None else f"{part.start:g}+") for part in parts
    ]
    axes.plot(names, [part.recalls[0] or 0.0 for part in parts], marker="o", **style)


def _by_corruption(results: Sequence[Result]) -> Figure:
    """Recall at the lowest rate of false detections: a group of bars per kind of picture, a bar per detector."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(str(result.corruption) for result in results))
    colours = _colours(results)
    figure = Figure(
        figsize=(max(PANEL_INCHES, 0.7 * len(kinds) * len(colours) ** 0.5), PANEL_INCHES), layout="constrained"
    )
    axes = figure.subplots()
    width = 0.8 / len(colours)
    for number, (name, colour) in enumerate(colours.items()):
        own = {str(each.corruption): each.scores.recalls[0] or 0.0 for each in results if each.detector == name}
        at = [place + (number + 0.5) * width - 0.4 for place in range(len(kinds))]
        axes.bar(at, [own[kind] for kind in kinds], width, label=name, color=colour)
    axes.set_xticks(range(len(kinds)), kinds, rotation=45, ha="right")
    axes.set(ylim=(0, 1.02), ylabel=_recall_words())
    axes.grid(axis="y", alpha=0.3)
    figure.legend(fontsize="small", loc="outside upper center", ncols=PANELS_PER_ROW)
    return figure


def _colours(results: Sequence[Result]) -> dict[str, str]:
    """matplotlib's own series, in the order of the detectors."""
    names = dict.fromkeys(result.detector for result in results)
    return {name: f"C{number % 10}" for number, name in enumerate(names)}


def _recall_words() -> str:
    return f"recall at {FALSE_PER_IMAGE[0]:g} false detections per picture"


def _png(figure: Figure) -> bytes:
    packed = io.BytesIO()
    figure.savefig(packed, format="png", dpi=120)
    return packed.getvalue()
