"""Where a notebook puts what it makes: a private folder, never beside the notebook."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.errors import UsageError
from workbench.workspace.private import default_root, private_folder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def results_folder(name: str) -> Path:
    """The private folder of that name among the user's data, made where there is none; what it holds stays.

    ``$WORKBENCH_WORKSPACE`` names another place. Raises UsageError for a name that is none, OutputError for a place
    that cannot be written.

    >>> results_folder("my-ward").name
    'my-ward'
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a folder of results: use letters, digits, - and _")
    return private_folder(private_folder(default_root() / "notebooks") / name)
