"""``workbench evaluate-detector``: measure detectors on labelled pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import click

from workbench.cli.lines import tell
from workbench.cli.progress import shown
from workbench.detector_evaluation.corruptions import NAMES, corruptions_of
from workbench.detector_evaluation.dataset import load_dataset
from workbench.detector_evaluation.metrics import DEFAULT_CONFIDENCE, FALSE_PER_IMAGE
from workbench.detector_evaluation.outputs import check_folder, part_tables, result_table, save_results
from workbench.detector_evaluation.run import Result, candidate, evaluate_detectors
from workbench.detectors.options import DetectorOptions

ANY_PATH = click.Path(path_type=Path)
SECOND_LOOKS = get_args(DetectorOptions.model_fields["second_look"].annotation)


@click.command("evaluate-detector")
@click.option("--data", required=True, type=ANY_PATH, metavar="DIR", help="A folder with images/ and labels/ (YOLO).")
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    default=("centerface",),
    show_default=True,
    metavar="KIND[:WEIGHTS]",
    help="May be repeated. Example: --detector face_small:runs/mine/own-recordings.onnx",
)
@click.option(
    "--image-size",
    type=click.IntRange(160, 1920),
    default=640,
    show_default=True,
    help="Long side that every picture is brought to, px.",
)
@click.option(
    "--iou", type=click.FloatRange(0.1, 0.95), default=0.4, show_default=True, help="Overlap that makes a face found."
)
@click.option(
    "--min-size",
    type=click.FloatRange(0, 1000),
    default=12,
    show_default=True,
    help="Smaller faces do not count, px at --image-size.",
)
@click.option("--prefix", default="", help="Only pictures whose names begin so.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many pictures, spread over all.")
@click.option(
    "--corrupt",
    "copies",
    type=click.Choice(NAMES),
    multiple=True,
    default=("none",),
    show_default=True,
    help="Measure spoilt copies as well; may be repeated. dark: one fixed copy, the others at three severities.",
)
@click.option("--enhance", "enhanced", is_flag=True, help="With low-light enhancement, as detector.enhance has it.")
@click.option(
    "--second-look",
    type=click.Choice(SECOND_LOOKS),
    default="never",
    show_default=True,
    help="With the mirror image, as detector.second_look has it.",
)
@click.option("-o", "--output", type=ANY_PATH, metavar="DIR", help="Write tables (CSV) and plots (PNG) here.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON on stdout, and nothing else.")
def evaluate_detector(
    *,
    data: Path,
    detectors: tuple[str, ...],
    image_size: int,
    iou: float,
    min_size: float,
    prefix: str,
    limit: int | None,
    copies: tuple[str, ...],
    enhanced: bool,
    second_look: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Average precision and recall of face detectors on labelled pictures, side by side.

    Recall is told at 0.1 and at 1 false detections per picture, with its 95 % interval, and at the default confidence:
    of all faces, by size, by skin and, where DATA has yaw/, by how far the head is turned. Pictures are the clean ones
    and what --corrupt adds.
    """
    looks: dict[str, bool | str] = {"enhance": enhanced, "second_look": second_look}
    candidates = [candidate(text, image_size=image_size, looks=looks) for text in detectors]
    if output is not None:
        check_folder(output)
    pictures = load_dataset(data, prefix=prefix, limit=limit)
    kinds = corruptions_of(copies)
    with shown(data.name, quiet=as_json) as progress:
        results = evaluate_detectors(
            pictures, candidates, corruptions=kinds, iou=iou, min_size=min_size, progress=progress
        )
    if output is not None:
        save_results(results, output)
    if as_json:
        size = candidates[0].options.image_size  # rounded
        settings = {"data": str(data), "image_size": size, "iou": iou, "min_size_px": min_size}
        click.echo(json.dumps(settings | looks | _as_json(results), indent=2, allow_nan=False))
        return
    click.echo(_described(results))
    if output is not None:
        tell(f"tables and plots: {output}")


def _as_json(results: list[Result]) -> dict[str, object]:
    """The tables' rows under the tables' names."""
    tables = {"results": result_table(results)} | part_tables(results)
    return {name: json.loads(table.to_json(orient="records")) for name, table in tables.items()}


def _described(results: list[Result]) -> str:
    first = results[0].scores
    width = max(len(result.detector) for result in results)
    lines = [
        f"{first.images} pictures, {first.faces} faces",
        f"{'detector':<{width}}  pictures    AP50  AP50-95  {_rates():<66}"
        f"recall, false per picture at {DEFAULT_CONFIDENCE:g}",
    ]
    for result in results:
        scores = result.scores
        by_rate = zip(scores.recalls, scores.intervals, scores.confidences, strict=True)
        recalls = [f"{_share(recall)} {_range(interval)} ({above:.2f})" for recall, interval, above in by_rate]
        lines.append(
            f"{result.detector:<{width}}  {result.corruption!s:<8}  {_share(scores.ap50)}   {_share(scores.ap50_95)}"
            f"  {'   '.join(recalls):<66}{_share(scores.default_recall)}, {scores.default_false:.3f}"
        )
    return "\n".join(lines)


def _rates() -> str:
    return f"recall at {' and '.join(f'{rate:g}' for rate in FALSE_PER_IMAGE)} false per picture, 95 % interval (above)"


def _share(value: float | None) -> str:
    return f"{'-':>6}" if value is None else f"{value:6.3f}"


def _range(interval: tuple[float, float] | None) -> str:
    return f"{'-':^9}" if interval is None else f"{interval[0]:.2f}–{interval[1]:.2f}"
