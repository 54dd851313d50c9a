"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from workbench.errors import OutputError
from workbench.presets.model import Preset
from workbench.video.part_file import is_same_file

Function = TypeVar("Function", bound=Callable[..., Any])


def with_preset(function: Function) -> Function:
    """Adds ``--preset`` and ``--set``; read them with ``chosen_preset``."""
    function = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Change one option of the preset; may be repeated. Example: --set mask.kind=solid",
    )(function)
    return click.option(
        "--preset", default="balanced", show_default=True, metavar="NAME|FILE", help="A shipped preset or a YAML file."
    )(function)


def with_stretch(function: Function) -> Function:
    """Adds ``--start`` and ``--end``."""
    function = click.option("--end", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop before this time.")(
        function
    )
    return click.option("--start", type=click.FloatRange(min=0), metavar="SECONDS", help="Begin at this time.")(
        function
    )


def chosen_preset(preset: str, settings: tuple[str, ...]) -> Preset:
    """The preset with the changes of ``--set``."""
    from workbench.presets.files import load_preset
    from workbench.presets.settings import with_settings

    return with_settings(load_preset(preset), settings)


def named_apart(*, reads: Sequence[Path | None], writes: Sequence[Path | None]) -> None:
    """Raises OutputError where a file to write is one of those to read, or named twice."""
    taken = [path for path in reads if path is not None]
    for path in (path for path in writes if path is not None):
        if any(path.absolute() == other.absolute() or is_same_file(path, other) for other in taken):
            raise OutputError(f"{path} is named for two things: give every file a name of its own")
        taken.append(path)
