"""Folders that their owner alone can enter."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path

from workbench.errors import OutputError
from workbench.weights.quiet import APP

ROOT_VARIABLE = "WORKBENCH_WORKSPACE"


def default_root() -> Path:
    """``$WORKBENCH_WORKSPACE``, or a folder among the user's data. It need not exist yet."""
    chosen = os.environ.get(ROOT_VARIABLE)
    return Path(chosen).absolute() if chosen else user_data_path(APP, appauthor=False) / "workspace"


def private_folder(path: Path) -> Path:
    """``path`` as a folder that its owner alone can enter; made if need be. Raises OutputError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise OutputError(f"{path}: cannot be made a private folder: {error.strerror}; choose another place") from error
    return path


def delete(path: Path) -> None:
    """Remove a file, a link or a folder, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
