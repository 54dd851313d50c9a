"""One process at a time, on every system, and never stuck behind a dead one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import OutputError

PATIENCE_SECONDS = 30.0


@contextmanager
def alone(path: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Nobody else, in this process or another one, is inside with the same ``path``, an empty file made for this.

    It is a lock of SQLite on that file, because that is portable and goes when its process goes, however it ends.
    Raises OutputError when the others take longer than ``patience_seconds``, or the file cannot be made.
    """
    lock: sqlite3.Connection | None = None
    try:
        lock = sqlite3.connect(path, timeout=patience_seconds, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock is not None:
            lock.close()
        raise OutputError(f"{path}: another process holds it, or it cannot be written ({error}); try again") from error
    try:
        yield
    finally:
        lock.close()
