"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from workbench.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

_BLOCK_BYTES = 1 << 20


class PartFile:
    """``NAME.part`` beside the target, readable by its owner alone: ``complete`` names it, ``discard`` removes it.

    Raises OutputError where the target cannot be written, is no plain file, is being written by another run, or is
    the source itself under any name.
    """

    def __init__(self, target: Path, *, source: Path, overwrite: bool = True) -> None:
        self.target = target.absolute()
        self.path = part_path(self.target)
        try:
            self._refuse(source, overwrite=overwrite)
            self._remove_leftover()
            self._handle = create(self.path, 0o666)
        except OSError as error:
            raise OutputError(f"{self.target} cannot be written: {error.strerror}") from error
        self._final_mode = stat.S_IMODE(os.fstat(self._handle).st_mode)  # what the user's umask leaves of 0666
        self.path.chmod(0o600)
        lock(self._handle)

    def _refuse(self, source: Path, *, overwrite: bool) -> None:
        if self.target.is_dir():
            raise OutputError(f"{self.target} is a folder: name a file in it")
        if self.target.exists() and not self.target.is_file():
            raise OutputError(f"{self.target} is no plain file: choose another name for the output")
        if not self.target.parent.is_dir():
            raise OutputError(f"the folder {self.target.parent} does not exist: make it first")
        refuse_source(self.target, source)
        if self.target.exists() and not overwrite:
            raise OutputError(f"{self.target} exists already: choose another name or allow overwriting")

    def _remove_leftover(self) -> None:
        """Remove what a killed run left behind; a run that is still at work holds a lock."""
        with suppress(FileNotFoundError):
            if self.path.is_file() and not self.path.is_symlink():
                with self.path.open("rb+") as leftover:
                    if not lock(leftover.fileno()):
                        raise OutputError(f"{self.target} is being written by another run: wait for it to end")
            self.path.unlink()

    def complete(self) -> None:
        """Flush to the disk and rename. Raises OutputError, leaving nothing, when either fails."""
        try:
            if not os.path.samestat(os.fstat(self._handle), self.path.stat()):
                raise OutputError(f"{self.target} is being written by another run: this one was dropped")
            os.fsync(self._handle)
            self.path.chmod(self._final_mode)
            self._close()
            self.path.replace(self.target)
        except OSError as error:
            self.discard()
            raise OutputError(f"{self.target} cannot be completed: {error.strerror}") from error

    def discard(self) -> None:
        """Remove the unfinished file; nothing happens if it is gone or another run's."""
        with suppress(OSError):
            if self._handle >= 0 and os.path.samestat(os.fstat(self._handle), self.path.stat()):
                self._close()
                self.path.unlink()
        self._close()

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def part_path(target: Path) -> Path:
    """Where ``target`` lies while it is being written."""
    return target.with_name(target.name + ".part")


def is_same_file(first: Path, second: Path) -> bool:
    """Whether two names are one file, by whatever link. False where one does not exist or cannot be looked at."""
    try:
        return first.samefile(second)
    except OSError:
        return False


def refuse_source(target: Path, source: Path) -> None:
    """Raises OutputError where writing ``target`` would replace ``source``, under whatever name."""
    for path in (target, part_path(target)):
        if is_same_file(path, source):
            raise OutputError(f"{path} is the source itself: choose another name for the output")


def write_private(target: Path, content: bytes) -> None:
    """Write a small file that its owner alone can read, all or nothing. Raises OSError."""
    part = part_path(target)
    part.unlink(missing_ok=True)
    handle = create(part, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class CheckedFile:
    """A private file that survives a crash of the machine, and of which damage is known: it ends with a check sum.

    The sum is taken over the content and a key, so that files of different keys do not pass for one another. A context
    manager: what is not completed when it is left is removed. Raises OSError.
    """

    def __init__(self, target: Path) -> None:
        self._target, self._part = target, part_path(target)
        self._digest = hashlib.sha256()
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._part.unlink(missing_ok=True)
        self._file = os.fdopen(create(self._part, 0o600), "wb")
        return self

    def __exit__(self, *exc_info: object) -> None:
        with suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self._digest.update(content)

    def complete(self, key: bytes = b"") -> None:
        """Bring it to the disk and name it."""
        self._digest.update(key)
        self._file.write(self._digest.digest())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._target)
        _sync_folder(self._target.parent)


def checked_length(path: Path, key: bytes = b"") -> int | None:
    """Bytes of content of what ``CheckedFile`` wrote with this key; None where it is damaged or not of the key."""
    digest = hashlib.sha256()
    length = left = path.stat().st_size - digest.digest_size
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            left -= len(block)
        digest.update(key)
        return length if left == 0 and file.read() == digest.digest() else None


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder survive a crash, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def create(path: Path, mode: int) -> int:
    """A new file's handle. Never an existing file, never through a link."""
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), mode)


def lock(handle: int) -> bool:
    """Whether this run now holds the file. True as well where files cannot be locked."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
