"""``workbench process``, ``analyze`` and ``render``: the passes over a clip."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click

from workbench.cli.findings import audit_lines
from workbench.cli.lines import tell
from workbench.cli.options import chosen_preset, named_apart, with_preset, with_stretch
from workbench.cli.progress import shown
from workbench.errors import UsageError
from workbench.presets.model import Preset
from workbench.process import analyze_clip, decide_store, render_clip
from workbench.process import process as process_clip
from workbench.report import Report, describe_file, report_path
from workbench.store import DetectionStore, load_store, save_store
from workbench.timeline import Timeline, load_timeline, save_timeline
from workbench.video.stretch import WHOLE, Stretch

ANY_PATH = click.Path(path_type=Path)
NEEDS_REVIEW = 3


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=ANY_PATH, metavar="INPUT...")
@click.option("-o", "--output", required=True, type=ANY_PATH, help="The masked clip; a folder for several inputs.")
@with_preset
@with_stretch
@click.option("--timeline", type=ANY_PATH, metavar="T.csv", help="Hide what this timeline says instead of looking.")
@click.option("--save-timeline", "kept", type=ANY_PATH, metavar="T.csv", help="Write what was hidden as a timeline.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout, and nothing else.")
def process(
    *,
    inputs: tuple[Path, ...],
    output: Path,
    preset: str,
    settings: tuple[str, ...],
    start: float | None,
    end: float | None,
    timeline: Path | None,
    kept: Path | None,
    as_json: bool,
) -> int:
    """Mask every face of INPUT and write OUTPUT, with OUTPUT.report.json beside it.

    A folder or several inputs are written to a folder; clips that are done already are skipped.
    """
    chosen = chosen_preset(preset, settings)
    stretch = _stretch(start, end)
    if len(inputs) > 1 or inputs[0].is_dir():
        if timeline or kept or stretch != WHOLE:
            raise UsageError("--timeline, --save-timeline, --start and --end are for one clip; give one input")
        return _batch(inputs, output, chosen, as_json=as_json)
    source = inputs[0]
    named_apart(reads=[source, timeline], writes=[output, kept])
    with shown(source.name, quiet=as_json) as progress:
        if timeline is None:
            report, made = process_clip(source, output, chosen, stretch=stretch, progress=progress)
        else:
            made = load_timeline(timeline)
            report = render_clip(source, made, output, chosen, stretch=stretch, progress=progress)
    if kept is not None:
        save_timeline(made, kept)
    return _tell(report, output, as_json=as_json)


@click.command()
@click.argument("source", type=ANY_PATH, metavar="INPUT")
@click.option("-o", "--output", required=True, type=ANY_PATH, metavar="T.csv", help="The timeline to write.")
@with_preset
@with_stretch
@click.option("--mot", is_flag=True, help="Write MOT CSV, which other tools read, instead of the full timeline.")
@click.option(
    "--detections",
    type=ANY_PATH,
    metavar="D.npz",
    help="Keep everything the detector saw here; if the file is there, decide again from it without looking anew.",
)
def analyze(
    *,
    source: Path,
    output: Path,
    preset: str,
    settings: tuple[str, ...],
    start: float | None,
    end: float | None,
    mot: bool,
    detections: Path | None,
) -> int:
    """Find and track the faces of INPUT; write the timeline (one row per face and frame)."""
    chosen = chosen_preset(preset, settings)
    stretch = _stretch(start, end)
    named_apart(reads=[source], writes=[output, detections])
    if detections is not None and detections.exists():
        store = _kept_detections(detections, source, chosen, stretch)
    else:
        with shown(source.name) as progress:
            store = analyze_clip(source, chosen, stretch=stretch, progress=progress)
        if detections is not None:
            save_store(store, detections)
    timeline = decide_store(store, chosen)
    save_timeline(timeline, output, mot=mot)
    tell(f"{output}: {_summary(timeline)}")
    return NEEDS_REVIEW if "review" in timeline.decisions.values() else 0


@click.command()
@click.argument("source", type=ANY_PATH, metavar="INPUT")
@click.option("--timeline", required=True, type=ANY_PATH, metavar="T.csv", help="What to hide: a timeline or MOT CSV.")
@click.option("-o", "--output", required=True, type=ANY_PATH, help="The masked clip.")
@with_preset
@with_stretch
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout, and nothing else.")
def render(
    *,
    source: Path,
    timeline: Path,
    output: Path,
    preset: str,
    settings: tuple[str, ...],
    start: float | None,
    end: float | None,
    as_json: bool,
) -> int:
    """Hide in INPUT what the timeline says; write OUTPUT, with OUTPUT.report.json beside it."""
    chosen = chosen_preset(preset, settings)
    named_apart(reads=[source, timeline], writes=[output])
    with shown(source.name, quiet=as_json) as progress:
        report = render_clip(
            source, load_timeline(timeline), output, chosen, stretch=_stretch(start, end), progress=progress
        )
    return _tell(report, output, as_json=as_json)


def _stretch(start: float | None, end: float | None) -> Stretch:
    if start is not None and end is not None and end <= start:
        raise UsageError(f"--end {end:g} lies before --start {start:g}; give a later end")
    return Stretch(start, end)


def _kept_detections(path: Path, source: Path, preset: Preset, stretch: Stretch) -> DetectionStore:
    """What an earlier run saw, if it looked at the same clip in the same way. The clip itself may be gone."""
    store = load_store(path)
    made_by = preset.detector.model_dump(mode="json") | {"confidence": None}
    if store.facts["options"] | {"confidence": None} != made_by:
        raise UsageError(f"{path}: was made with other detector options; remove it or use the same options")
    if store.facts["stretch"] != asdict(stretch):
        raise UsageError(f"{path}: was made with another --start or --end; remove it or use the same")
    if source.exists() and store.facts["source_sha256"] != describe_file(source)["sha256"]:
        raise UsageError(f"{path}: was made from another clip than {source}; remove it or name another file")
    return store


def _summary(timeline: Timeline) -> str:
    asked = sum(decision == "review" for decision in timeline.decisions.values())
    return (
        f"{timeline.frames} frames, {timeline.rows['track'].nunique()} tracks, {len(timeline.rows)} boxes"
        + f", {asked} tracks to review" * bool(asked)
    )


def _tell(report: Report, output: Path, *, as_json: bool) -> int:
    """Print what was done; the exit code."""
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2, allow_nan=False))
        return NEEDS_REVIEW if report.needs_review else 0
    tell(
        f"{output}: {report.frames} frames, {report.tracks} tracks, {report.hidden_boxes} faces hidden, "
        f"{report.frames_per_second:.1f} fps ({report.encoder}; {report.engine or 'no detector'})"
    )
    for note in report.notes:
        tell(f"  note: {note}")
    for track in report.review:
        first, last, score = (_number(track[key]) for key in ("first_seconds", "last_seconds", "mean_score"))
        tell(f"  please look: track {track['track']}, {first}–{last} s, mean confidence {score} (it is hidden)")
    for line in audit_lines(report.audit) if report.audit is not None else ():
        tell(f"  looked again: {line}")
    tell(f"  report: {report_path(output)}")
    return NEEDS_REVIEW if report.needs_review else 0


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _batch(inputs: Sequence[Path], folder: Path, preset: Preset, *, as_json: bool) -> int:
    """Several clips; the exit code is the worst of them."""
    from workbench import batch
    from workbench.errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}); choose another place") from error
    tasks = batch.plan(inputs, folder, preset)
    outcomes = []
    with ExitStack() as bars:
        for outcome in batch.run(
            tasks, preset, progress_for=lambda task: bars.enter_context(shown(task.source.name, quiet=as_json))
        ):
            bars.close()
            outcomes.append(outcome)
            if not as_json:
                tell(f"{outcome.task.source.name}: {outcome.status} {outcome.message}".rstrip())
    counts = Counter(outcome.status for outcome in outcomes)
    if as_json:
        rows = [
            {"source": str(o.task.source), "output": str(o.task.output), "status": o.status, "message": o.message}
            for o in outcomes
        ]
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo("summary: " + (", ".join(f"{n} {status}" for status, n in counts.items()) or "no clips"), err=True)
    if counts["failed"]:
        return 1
    return NEEDS_REVIEW if counts["needs review"] else 0
