"""Where the masked clip of a job goes."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import OutputError
from workbench.presets.model import Preset
from workbench.video.part_file import refuse_source

LIKE_SOURCE = {".webm": "webm", ".avi": "avi", ".mkv": "mkv"}


def masked_name(source: Path, preset: Preset) -> str:
    """``clip.mov`` becomes ``clip.masked.mp4``; the kind of file is kept where it can be written."""
    chosen = preset.output.container
    kind = LIKE_SOURCE.get(source.suffix.lower(), "mp4") if chosen == "auto" else chosen
    return f"{source.stem}.masked.{kind}"


def check_place(output: Path, source: Path) -> None:
    """Raises OutputError where ``output`` cannot be written, is the source, or is there already.

    A cancelled or failed job removes its output, so what lies there has to be the job's own.
    """
    if not output.parent.is_dir():
        raise OutputError(f"the folder {output.parent} does not exist: make it first")
    refuse_source(output, source)
    if output.exists():
        raise OutputError(f"{output} exists already: choose another folder, or remove it")
