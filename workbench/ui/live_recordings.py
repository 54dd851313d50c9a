"""What live streams recorded: each user's own folder, listed, fetched and deleted by name."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workbench.errors import UsageError
from workbench.workspace import Workspace, private_folder

FOLDER = "recordings"
ENDING = ".mp4"
STEM_LETTERS = 60  # of a stream's name in that of its recordings
_VIDEO_ENDING = re.compile(r"\.(avi|m4v|mkv|mov|mp4|ts|webm)$", re.IGNORECASE)
_NAME = re.compile(r"[\w\-. ]{1,120}\.mp4")


@dataclass(frozen=True)
class Recording:
    """A file of a user. ``made_at``: seconds since 1970 of its last byte."""

    name: str
    size_bytes: int
    made_at: float


class Recordings:
    """The recordings of one user. Masked pictures only: nothing else ever leaves a stream."""

    def __init__(self, workspace: Workspace, user: str) -> None:
        self._folder = private_folder(workspace.space(user).presets_folder.parent / FOLDER)

    def new_path(self, stream: str) -> Path:
        """A path that is free, named after the stream and the time."""
        words = re.sub(r"[^\w\- ]+", " ", _VIDEO_ENDING.sub("", stream)).split()
        name = " ".join(words)[:STEM_LETTERS].strip() or "live"
        base = f"{name} {datetime.now():%Y-%m-%d %H-%M-%S}"
        numbered = (self._folder / f"{base}{f' {number}' * bool(number)}{ENDING}" for number in range(1000))
        return next(path for path in numbered if not path.exists())

    def all(self) -> list[Recording]:
        """Every recording, the newest first."""
        found = []
        for path in self._folder.glob(f"*{ENDING}"):
            try:
                facts = path.lstat()
            except OSError:  # deleted just now
                continue
            found.append(Recording(path.name, facts.st_size, facts.st_mtime))
        return sorted(found, key=lambda each: -each.made_at)

    def path(self, name: str) -> Path:
        """The file of that name. Raises UsageError where there is none."""
        path = self._folder / name
        if not _NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise UsageError("there is no such recording (any more)")
        return path

    def remove(self, name: str) -> None:
        """Delete one. Raises UsageError where there is none."""
        self.path(name).unlink(missing_ok=True)


def clean_recordings(workspace: Workspace, before: float) -> None:
    """Delete every user's recordings that were last written before that time, in seconds since 1970."""
    for path in workspace.root.glob(f"users/*/{FOLDER}/*{ENDING}"):
        with suppress(OSError):
            if path.lstat().st_mtime < before:
                path.unlink()
