"""What a job has finished so far, kept on the disk so that a kill loses little: analysed frames and encoded segments.

Every part is a file of its own that appears under its name when it is complete and on the disk, and ends with a check
sum over its content and the job's identity. So a part that is torn, damaged or another job's is never taken for one of
the job's. The files are their owner's alone.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from workbench.errors import OutputError
from workbench.maskers import People
from workbench.store import DetectionStore, packed, unpacked
from workbench.video.files import FramePoint
from workbench.video.joining import EncodedPacket, PacketFacts, SegmentIndex, reordering_delay
from workbench.video.part_file import CheckedFile, checked_length, lock

FOLDER = "segments"
"""The store's own folder within the one it is given."""

SECRET_BYTES = 32
_LENGTH_BYTES = 8


@dataclass(frozen=True, eq=False)
class Looked:
    """A finished part of the analysis. ``begin`` is where a later run reads from to go on behind it.

    ``is_last``: the clip ends with it; ``notes`` then says what was wrong with the clip.
    """

    store: DetectionStore
    begin: FramePoint | None
    is_last: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hidden:
    """What was hidden on the frames of a segment."""

    frames: int
    faces: int
    frames_with_faces: int


@dataclass(frozen=True)
class Segment:
    """A finished segment in the file ``path``: the frames from number ``first`` to the one at ``last``.

    ``header`` is its encoder's, ``length`` its bytes in the file. Fits ``joining.EncodedSegment``.
    """

    path: Path
    length: int
    first: int
    last: FramePoint
    header: bytes
    delay: int
    hidden: Hidden

    def index(self) -> SegmentIndex:
        """Its packets and the source times of its frames."""
        entries = _entries(self.path, self.length)
        time_base = Fraction(entries["time_base"])
        return SegmentIndex(
            [PacketFacts(*facts) for facts in entries["packets"]], [pts * time_base for pts in entries["pts"]]
        )

    def data(self) -> Iterator[bytes]:
        """The bytes of its packets. Raises OutputError when the file has changed."""
        try:
            with self.path.open("rb") as file:
                for facts in self.index().packets:
                    data = file.read(facts.size)
                    if len(data) != facts.size:
                        raise OutputError(f"{self.path} was cut off by another program; start again")
                    yield data
        except OSError as error:
            raise _failed(self.path, error) from error


class SegmentStore:
    """The parts of one job in ``folder``. A context manager: one run at a time, another one gets an OutputError.

    ``identity`` tells what makes the job; parts of any other are thrown away. It is asked only when the first part is
    kept or an earlier run kept some, since it may take a while. Raises OutputError where the disk refuses.
    """

    def __init__(self, folder: Path, *, identity: Callable[[], dict[str, Any]]) -> None:
        self.folder = folder / FOLDER
        self._identity = identity
        self._job = self.folder / "job"
        self._key = b""
        self._claiming = threading.Lock()  # analysis and encoding keep their parts from different threads
        self._lock: BinaryIO

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("wb")
        except OSError as error:
            raise _failed(self.folder, error) from error
        if not self._is_mine():
            self._lock.close()
            raise OutputError(f"{self.folder}: another run is at work on this job; wait for it to end")
        return self

    def _is_mine(self) -> bool:
        """Whether this run holds the lock, and the run before did not remove it just now."""
        try:
            return lock(self._lock.fileno()) and os.path.samestat(
                os.fstat(self._lock.fileno()), (self.folder / "lock").stat()
            )
        except FileNotFoundError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._job.exists():
            with suppress(OSError):
                for name in ("secret", "people"):
                    (self.folder / name).unlink(missing_ok=True)
                (self.folder / "lock").unlink()
                self.folder.rmdir()
        self._lock.close()

    def resume(self) -> None:
        """Throw away whatever is not a part of this job. To be called before anything is read or kept."""
        try:
            length = checked_length(self._job)
            kept = self._job.read_bytes()[:length] if length is not None else b""
        except OSError:
            kept = b""
        if not kept or kept != self._claim():
            self.clear()

    def clear(self) -> None:
        """Forget everything; an empty folder goes as well when the store is left."""
        try:
            self._job.unlink(missing_ok=True)  # first: without it, what a kill leaves behind belongs to no job
            for path in self.folder.iterdir():
                if path.name != "lock":
                    path.unlink()
        except OSError as error:
            raise _failed(self.folder, error) from error

    def secret(self) -> bytes:
        """The job's own random bytes, for masks that invent faces: the same ones after an interruption."""
        path = self.folder / "secret"
        try:
            if not path.exists() or checked_length(path) != SECRET_BYTES:
                with CheckedFile(path) as file:
                    file.write(secrets.token_bytes(SECRET_BYTES))
                    file.complete()
            return path.read_bytes()[:SECRET_BYTES]
        except OSError as error:
            raise _failed(self.folder, error) from error

    def people(self) -> People:
        """Who has an invented face in what was masked so far."""
        path = self.folder / "people"
        try:
            length = self._length(path) if path.exists() else None
            return People.from_json(path.read_bytes()[:length].decode()) if length else People()
        except OSError as error:
            raise _failed(path, error) from error

    def keep_people(self, people: People) -> None:
        """Keep who has an invented face, before what shows them is kept."""
        if not (people.invented or people.solid):
            return
        try:
            with CheckedFile(self.folder / "people") as file:
                file.write(people.to_json().encode())
                file.complete(self._begun())
        except OSError as error:
            raise _failed(self.folder, error) from error

    def begin_masking_again(self, people: People) -> None:
        """Forget what was masked, and keep for the next time who cannot have an invented face."""
        try:
            for path in self.folder.glob("video-*"):
                path.unlink()
        except OSError as error:
            raise _failed(self.folder, error) from error
        self.keep_people(people.begun_again())

    def keep_looked(self, number: int, looked: Looked) -> None:
        """Keep the ``number``-th part of the analysis."""
        begin = None if looked.begin is None else asdict(looked.begin)
        facts = {"of": looked.store.facts, "begin": begin, "is_last": looked.is_last, "notes": looked.notes}
        try:
            with CheckedFile(self.folder / f"looked-{number:06}") as file:
                file.write(packed(replace(looked.store, facts=facts), exact=True))
                file.complete(self._begun())
        except OSError as error:
            raise _failed(self.folder, error) from error

    def looked(self) -> list[Path]:
        """The kept parts of the analysis from the first on, as far as they are whole; the rest is removed."""
        paths = sorted(self.folder.glob("looked-??????"))
        whole = 0
        while whole < len(paths) and paths[whole].name == f"looked-{whole:06}" and self._length(paths[whole]):
            whole += 1
        for path in paths[whole:]:
            path.unlink()
        return paths[:whole]

    def load_looked(self, path: Path) -> Looked:
        """One of the parts that ``looked`` named."""
        store = unpacked(path.read_bytes()[: self._length(path)], path)
        begin = store.facts["begin"]
        return Looked(
            replace(store, facts=store.facts["of"]),
            None if begin is None else FramePoint(**begin),
            store.facts["is_last"],
            tuple(store.facts["notes"]),
        )

    def new_segment(self, first: int, *, header: bytes) -> SegmentFile:
        """The file for the segment that begins with frame ``first``."""
        return SegmentFile(self.folder / f"video-{first:012}", first, header=header, key=self._begun)

    def segments(self, *, header: bytes) -> list[Segment]:
        """The kept segments in order; what is damaged or has another encoder's ``header`` is removed."""
        kept: list[Segment] = []
        for path in sorted(self.folder.glob("video-????????????")):
            length = self._length(path)
            segment = load_segment(path, length) if length else None
            if segment is not None and segment.header == header and (not kept or segment.first > kept[-1].last.index):
                kept.append(segment)
            else:
                path.unlink()
        return kept

    def _length(self, path: Path) -> int | None:
        return checked_length(path, self._key)

    def _claim(self) -> bytes:
        """The job's key."""
        if not self._key:
            text = json.dumps(self._identity(), sort_keys=True)
            self._key = hashlib.sha256(text.encode()).digest()
        return self._key

    def _begun(self) -> bytes:
        """The job's key, after making sure that the folder's parts are known to be the job's."""
        with self._claiming:
            key = self._claim()
            if not self._job.exists():
                with CheckedFile(self._job) as file:
                    file.write(key)
                    file.complete()
            return key


class SegmentFile:
    """A segment while it is being encoded. A context manager: what is not completed when it is left is removed."""

    def __init__(self, path: Path, first: int, *, header: bytes, key: Callable[[], bytes]) -> None:
        self._path, self._first, self._header, self._key = path, first, header, key
        self._file = CheckedFile(path)
        self._packets: list[PacketFacts] = []

    def __enter__(self) -> Self:
        try:
            self._file.__enter__()
        except OSError as error:
            raise _failed(self._path, error) from error
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.__exit__(*exc_info)

    def add(self, packets: Iterable[EncodedPacket]) -> None:
        """Keep the next packets."""
        try:
            for packet in packets:
                self._file.write(packet.data)
                self._packets.append(packet.facts)
        except OSError as error:
            raise _failed(self._path, error) from error

    def complete(self, pts: Sequence[int], time_base: Fraction, *, last: FramePoint, hidden: Hidden) -> Segment:
        """Bring it to the disk, with the source ``pts`` of its frames."""
        entries = {
            "first": self._first,
            "last": asdict(last),
            "header": self._header.hex(),
            "delay": reordering_delay(self._packets),
            "hidden": asdict(hidden),
            "time_base": str(time_base),
            "pts": list(pts),
            "packets": self._packets,
        }
        text = json.dumps(entries).encode()
        try:
            self._file.write(text)
            self._file.write(len(text).to_bytes(_LENGTH_BYTES, "big"))
            self._file.complete(self._key())
        except OSError as error:
            raise _failed(self._path, error) from error
        length = sum(facts.size for facts in self._packets) + len(text) + _LENGTH_BYTES
        return load_segment(self._path, length)


def load_segment(path: Path, length: int) -> Segment:
    """The segment in ``length`` bytes of content, whose check sum is right."""
    entries = _entries(path, length)
    return Segment(
        path,
        length,
        first=entries["first"],
        last=FramePoint(**entries["last"]),
        header=bytes.fromhex(entries["header"]),
        delay=entries["delay"],
        hidden=Hidden(**entries["hidden"]),
    )


def _entries(path: Path, length: int) -> dict[str, Any]:
    """What stands behind the packets of a segment."""
    with path.open("rb") as file:
        file.seek(length - _LENGTH_BYTES)
        size = int.from_bytes(file.read(_LENGTH_BYTES), "big")
        file.seek(length - _LENGTH_BYTES - size)
        found: dict[str, Any] = json.loads(file.read(size))
    return found


def _failed(path: Path, error: OSError) -> OutputError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return OutputError(f"{path}: the disk is full; what was finished is kept, so make room and start again")
    return OutputError(f"{path}: the finished parts cannot be kept here ({error.strerror}); choose another folder")
