"""Names of masked clips: what kind of file a clip becomes, and what it is called."""

from __future__ import annotations

from pathlib import Path

from workbench.video.encoders import ContainerName
from workbench.video.options import OutputOptions

KEPT: dict[str, ContainerName] = {".webm": "webm", ".avi": "avi", ".mkv": "mkv"}
"""Endings whose kind of file is kept; all others become MP4."""


def output_container(source: Path, options: OutputOptions) -> ContainerName:
    """The kind of file that ``source`` becomes: the options' own, else the source's where it can be written."""
    return KEPT.get(source.suffix.lower(), "mp4") if options.container == "auto" else options.container


def masked_name(source: Path, options: OutputOptions, *, with_ending: bool = False) -> str:
    """``clip.mov`` becomes ``clip.masked.mp4``; ``with_ending``: ``clip.mov.masked.mp4``."""
    return f"{source.name if with_ending else source.stem}.masked.{output_container(source, options)}"
