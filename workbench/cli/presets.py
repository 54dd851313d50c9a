"""``workbench presets``: list, show, check, diff."""

from __future__ import annotations

import json
from typing import Any

import click

from workbench.errors import UsageError
from workbench.presets import files
from workbench.presets.settings import diff_presets


@click.group()
def presets() -> None:
    """List, show, check and compare presets."""


@presets.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(as_json: bool) -> None:
    """The shipped presets."""
    found = files.list_presets()
    if as_json:
        rows = [{"name": each.name, "description": each.description} for each in found]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(each.name) for each in found)
    for each in found:
        click.echo(f"{each.name:<{width}}  {each.description}")


@presets.command()
@click.argument("preset")
def show(preset: str) -> None:
    """Print PRESET (a name or a file) as a complete YAML file."""
    click.echo(files.preset_text(files.load_preset(preset)), nl=False)


@presets.command()
@click.argument("names", nargs=-1, required=True, metavar="FILE...")
def check(names: tuple[str, ...]) -> None:
    """Check preset files: every problem on a line of its own, exit code 2 if there is one."""
    problems = [problem for name in names for problem in files.check_preset(name)]
    for problem in problems[:-1]:
        click.echo(f"workbench: {problem}", err=True)
    if problems:
        raise UsageError(problems[-1])
    click.echo(f"{len(names)} ok", err=True)


@presets.command()
@click.argument("first")
@click.argument("second")
def diff(first: str, second: str) -> None:
    """The options in which two presets differ."""
    rows: list[tuple[str, Any, Any]] = diff_presets(files.load_preset(first), files.load_preset(second))
    if not rows:
        click.echo("no difference", err=True)
        return
    width = max(len(key) for key, _, _ in rows)
    for key, mine, theirs in rows:
        click.echo(f"{key:<{width}}  {mine} → {theirs}")
