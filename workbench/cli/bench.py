"""``workbench bench``: measure the speed on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import click

SAMPLE = Path(__file__).parents[2] / "sample_videos" / "ward_round_1080p.mp4"


@click.command()
@click.argument("clip", type=click.Path(path_type=Path), required=False)
@click.option("--preset", default="balanced", show_default=True, metavar="NAME|FILE")
@click.option("--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help="Change one option of the preset.")
@click.option("--against", multiple=True, metavar="PEER", help="Run this peer on the same clip; known: deface.")
@click.option("--rounds", type=click.IntRange(1, 20), default=1, show_default=True, help="Repeat; the best counts.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON on stdout.")
def bench(
    *, clip: Path | None, preset: str, settings: tuple[str, ...], against: tuple[str, ...], rounds: int, as_json: bool
) -> None:
    """Measure CLIP (default: the 1080p sample clip). For figures worth quoting let nothing else run."""
    from workbench.bench import Measurement, measure

    def tell(run: Measurement) -> None:
        cost = f"{run.cpu_ms_per_frame:8.1f} CPU-ms/frame  {run.peak_megabytes:6.0f} MB"
        click.echo(f"{run.name:<26} {run.fps:7.1f} fps  {cost}", err=True)

    found = measure(clip or SAMPLE, preset=preset, settings=settings, against=against, rounds=rounds, tell=tell)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    detector = found.detector
    click.echo(f"detector {detector.name}, 640x384, one thread, {detector.engine}: {detector.cpu_ms:.1f} CPU-ms")
    click.echo(f"re-deciding ten minutes: {found.redecide_ten_minutes_seconds:.3f} s")
    for name, value in found.ratios().items():
        click.echo(f"{name}: {value:.2f}")
