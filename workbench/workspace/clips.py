"""The clips of one user: taken in by content, kept under a number, shown under a harmless name."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import OutputError, UsageError, WorkbenchError
from workbench.presets import Preset, load_preset
from workbench.presets.files import DEFAULT_PRESET
from workbench.video.part_file import write_private
from workbench.video.probing import probe
from workbench.workspace.private import delete, private_folder

CLIP_ID = re.compile(r"[0-9a-f]{32}")
NAME_LETTERS = 120
TOUCH_SECONDS = 60.0  # how exactly it is known when a clip was last used
_ENDING = re.compile(r"\.[a-z0-9]{1,5}")


def display_name(text: str) -> str:
    """What a file is called on the page: its last part, printable letters only, cut to 120 of them."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", text))[-1]
    shown = "".join(" " if letter.isspace() else letter for letter in last if letter.isprintable() or letter.isspace())
    name = " ".join(shown.split()).strip(". ")
    if len(name) <= NAME_LETTERS:
        return name or "clip"
    ending = _ending(name)
    return name[: NAME_LETTERS - len(ending)].rstrip(". ") + ending


@dataclass(frozen=True)
class Clip:
    """A clip of one user. ``folder`` and ``previews`` are private places for what is computed from it.

    ``sample`` names the sample clip it was copied from; ``truth`` is that one's ground truth.
    """

    id: str
    name: str
    path: Path
    folder: Path
    sample: str | None = None
    truth: Path | None = None

    @property
    def previews(self) -> Path:
        """Where short clips and grids made for the page lie: the only files of a clip that are ever served."""
        return self.folder.parent / "previews"


class UserSpace:
    """What belongs to one user."""

    def __init__(self, folder: Path) -> None:
        self._clips = private_folder(private_folder(folder) / "clips")
        self._incoming = private_folder(folder / "incoming")
        self._settings = folder / "settings.json"
        self.presets_folder = private_folder(folder / "presets")

    @property
    def settings(self) -> Preset:
        """The settings in use; the default preset where none were kept that this version understands."""
        try:
            return Preset.model_validate_json(self._settings.read_bytes())
        except (OSError, ValueError):
            return load_preset(DEFAULT_PRESET)

    def keep_settings(self, preset: Preset) -> None:
        """Remember the settings in use. Raises OutputError where they cannot be kept."""
        try:
            write_private(self._settings, preset.model_dump_json().encode())
        except OSError as error:
            raise OutputError(f"the settings cannot be kept: {error.strerror}; free some space") from error

    def add_clip(
        self, path: Path, *, name: str, move: bool, sample: str | None = None, truth: Path | None = None
    ) -> Clip:
        """Take a video in, whatever its name says it is. A sample that is here already is not copied again.

        Raises SourceError for what is no readable video, OutputError where it cannot be kept; with ``move`` the file
        at ``path`` is gone then as well.
        """
        if sample is not None and (known := self._sample(sample)) is not None:
            return known
        new = self._incoming / secrets.token_hex(16)
        shown = display_name(name)
        try:
            probe(path)
            private_folder(new)
            kept = new / f"source{_ending(shown) or '.mp4'}"
            _take(path, kept, move=move)
            facts = {"name": shown, "file": kept.name, "sample": sample, "truth": None}
            if truth is not None:
                _take(truth, new / "truth.csv", move=False)
                facts["truth"] = "truth.csv"
            for part in ("cache", "previews"):
                private_folder(new / part)
            write_private(new / "clip.json", json.dumps(facts, ensure_ascii=False).encode())
            new.rename(self._clips / new.name)
        except WorkbenchError as error:
            _undo(new, path if move else None)
            raise type(error)(str(error).replace(str(path.absolute()), shown)) from error
        except OSError as error:
            _undo(new, path if move else None)
            raise OutputError(f"{shown} cannot be kept: {error.strerror}; free some space and try again") from error
        return self._read(self._clips / new.name)

    def clip(self, clip_id: str) -> Clip:
        """The clip with that id. Raises UsageError where this user has none."""
        if not CLIP_ID.fullmatch(clip_id):
            raise UsageError("that is no clip: open one from the list")
        folder = self._clips / clip_id
        try:
            clip = self._read(folder)
        except (OSError, ValueError, KeyError) as error:
            raise UsageError("there is no such clip (any more): open another one") from error
        _touch(folder / "clip.json")
        return clip

    def clips(self) -> list[Clip]:
        """Every clip of this user, the one used last first."""
        found: list[tuple[float, Clip]] = []
        for folder in self._clips.iterdir():
            with suppress(OSError, ValueError, KeyError):
                found.append((_used(folder), self._read(folder)))
        return [clip for _, clip in sorted(found, key=lambda pair: -pair[0])]

    def remove(self, clip_id: str) -> None:
        """Delete a clip and all that was computed from it. Raises UsageError where this user has none."""
        self.clip(clip_id)
        delete(self._clips / clip_id)

    def clean(self, before: float, in_use: Collection[Path]) -> int:
        """Delete the clips last used before that time (seconds since 1970), but none whose file is in use."""
        old = [folder for folder in self._clips.iterdir() if _used(folder) < before and not _holds(folder, in_use)]
        for folder in old:
            delete(folder)
        return len(old)

    def clear_incoming(self) -> None:
        """Delete what was being taken in when the program was killed."""
        for folder in self._incoming.iterdir():
            delete(folder)

    def _read(self, folder: Path) -> Clip:
        facts = json.loads((folder / "clip.json").read_text(encoding="utf-8"))
        truth = folder / facts["truth"] if facts["truth"] else None
        path = folder / facts["file"]
        return Clip(folder.name, facts["name"], path, folder / "cache", facts["sample"], truth)

    def _sample(self, sample: str) -> Clip | None:
        known = next((clip for clip in self.clips() if clip.sample == sample), None)
        return None if known is None else self.clip(known.id)


def _take(path: Path, target: Path, *, move: bool) -> None:
    if move:
        shutil.move(path, target)
    else:
        shutil.copyfile(path, target)
    target.chmod(0o600)


def _undo(folder: Path, upload: Path | None) -> None:
    delete(folder)
    if upload is not None:
        with suppress(OSError):
            upload.unlink()


def _ending(name: str) -> str:
    ending = Path(name).suffix.lower()
    return ending if _ENDING.fullmatch(ending) else ""


def _used(folder: Path) -> float:
    """When a clip was used last; 0 where its facts are missing."""
    try:
        return (folder / "clip.json").stat().st_mtime
    except OSError:
        return 0.0


def _touch(path: Path) -> None:
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > TOUCH_SECONDS:
            os.utime(path)


def _holds(folder: Path, files: Collection[Path]) -> bool:
    return any(folder in path.absolute().parents for path in files)
