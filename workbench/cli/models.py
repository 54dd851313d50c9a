"""``workbench models``: list, fetch, convert."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


@click.group()
def models() -> None:
    """List, fetch and convert model files."""


@models.command("list")
def list_() -> None:
    """The known models: which are here, whether they are undamaged, under which licence."""
    from workbench.weights import list_models

    for state in list_models():
        click.echo(str(state))


@models.command()
@click.argument("name")
@click.option("--url", help="Fetch from here instead of the address in the manifest; the checksum must still fit.")
def fetch(name: str, url: str | None) -> None:
    """Download the model NAME, resuming where an earlier try stopped; its SHA-256 is checked."""
    from workbench.weights import fetch as fetch_model

    path = fetch_model(name, url=url)
    click.echo(f"{path}: fetched and verified", err=True)


@models.command()
@click.argument("name")
@click.option("--format", "format_", required=True, type=click.Choice(["onnx", "openvino", "engine"]))
@click.option("--half", is_flag=True, help="16-bit weights.")
@click.option("--int8", is_flag=True, help="8-bit weights and activations.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write it; default: beside the model.")
def convert(
    *, name: str, format_: Literal["onnx", "openvino", "engine"], half: bool, int8: bool, output: Path | None
) -> None:
    """Convert the model NAME (or a file) for another engine."""
    from workbench.weights import convert as convert_model

    click.echo(f"{convert_model(name, format=format_, half=half, int8=int8, out=output)}: written", err=True)
