"""``workbench evaluate``: measure a timeline or a masked clip against ground truth."""

from __future__ import annotations

import json
from pathlib import Path

import click

from workbench.evaluate import Evaluation, evaluate_output, evaluate_timeline, load_truth
from workbench.timeline import load_timeline

ANY_PATH = click.Path(path_type=Path)
LEAKED = 1


@click.command()
@click.argument("subject", type=ANY_PATH, metavar="T.csv|OUT")
@click.option("--truth", required=True, type=ANY_PATH, metavar="GT.csv", help="MOT style: frame,id,x,y,w,h,visibility.")
@click.option("--growth", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Timelines: mask.growth.")
@click.option("--colour", default="#00ff00", show_default=True, help="Masked clips: the colour of the solid mask.")
@click.option(
    "--min-visibility", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Less does not count."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON on stdout.")
def evaluate(*, subject: Path, truth: Path, growth: float, colour: str, min_visibility: float, as_json: bool) -> int:
    """Recall, leaks, masked area beside faces and identities of a timeline, or of a clip masked with one solid colour.

    Exit code 1 when a visible face is not hidden.
    """
    faces = load_truth(truth)
    if subject.suffix.lower() == ".csv":
        found = evaluate_timeline(load_timeline(subject), faces, growth=growth, min_visibility=min_visibility)
    else:
        found = evaluate_output(subject, faces, colour=colour, min_visibility=min_visibility)
    click.echo(json.dumps(found.as_dict(), indent=2) if as_json else _described(found))
    return LEAKED if found.hidden < found.faces else 0


def _described(found: Evaluation) -> str:
    lines = [
        f"visible faces     {found.faces} in {found.frames} frames",
        "hidden            " + ("-" if found.recall is None else f"{found.hidden} ({found.recall:.2%})"),
        f"leaks             {found.leak_frames} face-frames, {found.leak_seconds:.2f} s, "
        f"longest {found.longest_leak_seconds:.2f} s",
        f"masked elsewhere  {found.false_area:.2%} of the picture",
    ]
    if found.idf1 is not None:
        lines.append(f"identities        IDF1 {found.idf1:.3f}, {found.id_switches} switches, MOTA {found.mota:.3f}")
    lines += [
        f"  person {leak.person}: frames {leak.first_frame}–{leak.last_frame} ({leak.seconds:.2f} s from "
        f"{leak.at_seconds:.2f} s), covered {leak.worst_cover:.0%} at worst"
        for leak in found.leaks
    ]
    return "\n".join(lines)
