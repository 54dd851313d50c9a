"""An output file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from workbench.errors import OutputError


class PartFile:
    """``NAME.part`` beside the target, readable by its owner alone: ``complete`` names it, ``discard`` removes it.

    Raises OutputError where the target cannot be written, is a folder, or is the source itself under any name.
    """

    def __init__(self, target: Path, *, source: Path, overwrite: bool = True) -> None:
        self.target = target.absolute()
        self.path = self.target.with_name(self.target.name + ".part")
        self._refuse(source, overwrite=overwrite)
        try:
            with suppress(FileNotFoundError):
                self.path.unlink()  # what a killed run left behind
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except OSError as error:
            raise OutputError(f"{self.target} cannot be written: {error.strerror}") from error
        with os.fdopen(handle):
            self._final_mode = stat.S_IMODE(self.path.stat().st_mode)  # what the user's umask leaves of 0666
        self.path.chmod(0o600)

    def _refuse(self, source: Path, *, overwrite: bool) -> None:
        if self.target.is_dir():
            raise OutputError(f"{self.target} is a folder: name a file in it")
        if not self.target.parent.is_dir():
            raise OutputError(f"the folder {self.target.parent} does not exist: make it first")
        for path in (self.target, self.path):
            if path.exists() and source.exists() and path.samefile(source):
                raise OutputError(f"{path} is the source itself: choose another name for the output")
        if self.target.exists() and not overwrite:
            raise OutputError(f"{self.target} exists already: choose another name or allow overwriting")

    def complete(self) -> None:
        """Flush to the disk and rename. Raises OutputError, leaving nothing, when either fails."""
        try:
            with self.path.open("rb+") as handle:
                os.fsync(handle.fileno())
            self.path.chmod(self._final_mode)
            self.path.replace(self.target)
        except OSError as error:
            self.discard()
            raise OutputError(f"{self.target} cannot be completed: {error.strerror}") from error

    def discard(self) -> None:
        """Remove the unfinished file; nothing happens if it is gone."""
        with suppress(OSError):
            self.path.unlink()
