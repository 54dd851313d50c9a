"""``workbench audit``: look again at a masked clip."""

from __future__ import annotations

import json
from pathlib import Path

import click

from workbench.audit import EYES, audit_output, audit_path, hide_too, save_audit
from workbench.cli.findings import audit_lines
from workbench.cli.lines import tell
from workbench.cli.options import chosen_preset, named_apart, with_stretch
from workbench.cli.progress import shown
from workbench.cli.video import ANY_PATH, NEEDS_REVIEW
from workbench.detectors.options import DetectorOptions
from workbench.errors import UsageError
from workbench.timeline import load_timeline, save_timeline
from workbench.video.stretch import Stretch


@click.command()
@click.argument("output", type=ANY_PATH, metavar="OUT")
@click.option("--source", required=True, type=ANY_PATH, metavar="INPUT", help="The recording that OUT was made from.")
@click.option("--timeline", "hidden", type=ANY_PATH, metavar="T.csv", help="What was hidden: each box is checked too.")
@click.option(
    "--save-timeline", "mended", type=ANY_PATH, metavar="T.csv", help="Write it with the faces that show hidden too."
)
@click.option("--sheet", type=ANY_PATH, metavar="FILE.png", help="Draw the faces that show, or the weakest masks.")
@click.option("--preset", metavar="NAME|FILE", help="Whose detector looks.  [default: the most thorough one]")
@click.option(
    "--every", type=click.IntRange(1, 10), default=EYES.every, show_default=True, help="Look at every n-th frame."
)
@click.option(
    "--confidence",
    type=click.FloatRange(0.05, 0.95),
    default=EYES.confidence,
    show_default=True,
    help="From which confidence a sighting counts.",
)
@with_stretch
@click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON on stdout, and nothing else.")
def audit(
    *,
    output: Path,
    source: Path,
    hidden: Path | None,
    mended: Path | None,
    sheet: Path | None,
    preset: str | None,
    every: int,
    confidence: float,
    start: float | None,
    end: float | None,
    as_json: bool,
) -> int:
    """Look again at the masked clip OUT: does a face of INPUT still show, are time and sound the same?

    Writes OUT.audit.json. Exit code 3 when something is to be looked at. With --save-timeline, "workbench render INPUT
    --timeline T.csv" then hides what was found.
    """
    if mended is not None and hidden is None:
        raise UsageError("--save-timeline adds to what was hidden: name that with --timeline")
    named_apart(reads=[output, source, hidden], writes=[mended, sheet, audit_path(output)])
    looks = EYES if preset is None else chosen_preset(preset, ()).detector
    looks = DetectorOptions(**looks.model_dump() | {"every": every, "confidence": confidence})
    timeline = None if hidden is None else load_timeline(hidden)
    with shown(output.name, quiet=as_json) as progress:
        found = audit_output(
            output, source, timeline=timeline, detector=looks, stretch=Stretch(start, end), progress=progress
        )
    if mended is not None and timeline is not None:
        save_timeline(hide_too(timeline, found), mended)
    if sheet is not None:
        from workbench.preview.audits import draw_audit

        draw_audit(found, output).save(sheet)
    told = found.as_dict()
    written = save_audit(told, output, source=source)
    if as_json:
        click.echo(json.dumps(told, indent=2, allow_nan=False))
    else:
        for number, line in enumerate(audit_lines(told)):
            tell(f"  {line}" if number else f"{output}: {line}")
        tell(f"  audit: {written}")
    return 0 if found.passed else NEEDS_REVIEW
