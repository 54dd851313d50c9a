"""``workbench models``: list, fetch, convert."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import click

from workbench.errors import UsageError

ANY_PATH = click.Path(path_type=Path)
Kind = Literal["face_small", "centerface", "yolov8_face"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CALIBRATION_PICTURES = 50  # enough for a stable range of every layer


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
@click.option("--int8", is_flag=True, help="8-bit weights and activations; needs --calibrate.")
@click.option("--calibrate", type=ANY_PATH, metavar="CLIP", help="A typical recording: int8 is fitted to its pictures.")
@click.option("--kind", type=click.Choice(KINDS), help="Which detector the model is for.")
@click.option("-o", "--output", type=ANY_PATH, help="Where to write it; default: beside the model.")
def convert(
    *,
    name: str,
    format_: Literal["onnx", "openvino", "engine"],
    half: bool,
    int8: bool,
    calibrate: Path | None,
    kind: Kind | None,
    output: Path | None,
) -> None:
    """Convert the model NAME (or a file) for another engine."""
    from workbench.weights import convert as convert_model

    if int8 and calibrate is None:
        raise UsageError("--int8 needs --calibrate CLIP, a recording like those that will be masked")
    inputs = None if calibrate is None else _calibration(calibrate, kind or _kind_of(name))
    path = convert_model(name, format=format_, half=half, int8=int8, out=output, calibration=inputs)
    click.echo(f"{path}: written", err=True)


def _kind_of(name: str) -> Kind:
    stem = Path(name).stem.lower().replace("-", "_")
    return next((kind for kind in KINDS if kind in stem), "yolov8_face")


def _calibration(clip: Path, kind: Kind) -> list[Any]:
    """The detector's view of some pictures spread over a clip."""
    from workbench.detectors.calibration import calibration_inputs
    from workbench.detectors.options import DetectorOptions
    from workbench.video.files import VideoFile

    with VideoFile(clip) as video:
        every = max(1, (video.info.frames_in_header or CALIBRATION_PICTURES) // CALIBRATION_PICTURES)
        return list(calibration_inputs(video.frames(every=every), DetectorOptions(kind=kind)))
