"""Where the masked clip of a job goes."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import OutputError
from workbench.video.part_file import refuse_source


def check_place(output: Path, source: Path) -> None:
    """Raises OutputError where ``output`` cannot be written, is the source, or is there already.

    A cancelled or failed job removes its output, so what lies there has to be the job's own.
    """
    if not output.parent.is_dir():
        raise OutputError(f"the folder {output.parent} does not exist: make it first")
    refuse_source(output, source)
    if output.exists():
        raise OutputError(f"{output} exists already: choose another folder, or remove it")
