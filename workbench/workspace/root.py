"""The root of the workspace: who holds it, whose parts it has, what goes when it is old."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.errors import OutputError, UsageError
from workbench.video.part_file import lock
from workbench.workspace.clips import UserSpace
from workbench.workspace.private import delete, private_folder

LOCAL_USER = "local"
"""Who works on a machine where nobody logs in. No account can have this name."""

USER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_OWN_ENTRIES = ("users", "users.json", "jobs", "jobs.sqlite", "gradio", ".lock")


class Workspace:
    """All that the page and its jobs keep. Raises OutputError, or UsageError for a folder that holds other things."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        _refuse_foreign(self.root)
        private_folder(self.root)
        self._users = private_folder(self.root / "users")
        self.gradio_cache = private_folder(self.root / "gradio")

    @property
    def queue_root(self) -> Path:
        """Where the queue keeps its table and its jobs."""
        return self.root

    def space(self, user: str) -> UserSpace:
        """The clips and presets of ``user``. Raises UsageError for what is no user's name."""
        if not USER_NAME.fullmatch(user):
            raise UsageError("that is no user's name: small letters, digits, dot, dash and underline, at most 32")
        return UserSpace(self._users / user)

    def clean(self, older_than_hours: float, *, in_use: Collection[Path] = ()) -> int:
        """Delete the clips nobody used for so long, and the page's cache of that age. Returns how many clips went.

        ``in_use``: files that jobs still need.
        """
        before = time.time() - older_than_hours * 3600
        for path in self.gradio_cache.rglob("*"):
            with suppress(OSError):
                if path.is_file() and path.lstat().st_ctime < before:
                    path.unlink()
        return sum(self.space(user).clean(before, in_use) for user in self._names())

    def clear_leftovers(self) -> None:
        """Delete what a page that was killed left half done. Only for the one who holds the workspace."""
        for path in self.gradio_cache.iterdir():
            delete(path)
        for user in self._names():
            self.space(user).clear_incoming()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps every other page out while inside. Raises UsageError where another one is at work."""
        with os.fdopen(os.open(self.root / ".lock", os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            if not lock(file.fileno()):
                raise UsageError(
                    f"another workbench page uses {self.root}: end it first, or choose another --workspace"
                )
            yield

    def _names(self) -> list[str]:
        return [path.name for path in self._users.iterdir() if path.is_dir() and USER_NAME.fullmatch(path.name)]


def _refuse_foreign(root: Path) -> None:
    """A folder that already holds other things is not made private and cleaned."""
    try:
        entries = {path.name for path in root.iterdir()} if root.exists() else set()
    except OSError as error:
        raise OutputError(f"{root}: cannot be used as workspace: {error.strerror}; choose another folder") from error
    if entries and not entries & set(_OWN_ENTRIES):
        raise UsageError(f"{root} holds other things: name a new or empty folder as workspace")
