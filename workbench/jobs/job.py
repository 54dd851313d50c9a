"""One job as others see it, and the files that belong to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workbench.jobs.states import FINISHED, State
from workbench.presets.model import Preset
from workbench.report import report_path
from workbench.video.part_file import part_path


@dataclass(frozen=True)
class Job:
    """A clip to be masked and how far that is.

    ``folder`` is private to the job. ``output`` lies there too unless another place was asked for; then the timeline
    and the preset are put beside it as well. ``timeline``: what to hide, given with the job; None: the detector looks.
    ``fps`` is the speed of the last seconds. Times are ISO 8601 in UTC. ``attempt`` counts how often it was begun.
    """

    id: str
    owner: str
    name: str
    source: Path
    output: Path
    preset: Preset
    timeline: Path | None
    folder: Path
    state: State
    message: str
    frames_done: int
    frames_expected: int | None
    faces: int
    fps: float
    submitted_at: str
    started_at: str | None
    finished_at: str | None
    attempt: int
    cancelling: bool = False

    @property
    def eta_seconds(self) -> float | None:
        """Time left at the present speed; None where nothing can be said."""
        if self.state != "running" or self.frames_expected is None or self.fps <= 0:
            return None
        return max(self.frames_expected - self.frames_done, 0) / self.fps

    @property
    def log(self) -> Path:
        return self.folder / "process.log"

    @property
    def live(self) -> Path:
        """The newest masked frame, small, while the job runs."""
        return self.folder / "live.jpg"

    @property
    def work(self) -> Path:
        """What is finished of a job that is not: seen frames and masked segments."""
        return self.folder / "work"

    @property
    def preset_file(self) -> Path:
        return self.folder / "preset.yaml"

    @property
    def made_timeline(self) -> Path:
        """What was hidden, once the job is done."""
        return self.folder / "timeline.csv"

    @property
    def beside_output(self) -> dict[str, Path]:
        """Where timeline and preset are put for whoever asked for an output outside of the job's folder."""
        if self.output.parent == self.folder:
            return {}
        return {kind: self.output.with_name(f"{self.output.name}.{kind}") for kind in ("timeline.csv", "preset.yaml")}

    def files(self) -> dict[str, Path]:
        """What there is to fetch, of ``output``, ``report``, ``timeline``, ``preset`` and ``log``."""
        found = {"preset": self.preset_file, "log": self.log}
        if self.state in FINISHED:
            found |= {"output": self.output, "report": report_path(self.output), "timeline": self.made_timeline}
        return {kind: path for kind, path in found.items() if path.is_file()}

    def discard_work(self) -> None:
        """Remove what a further attempt would go on with."""
        shutil.rmtree(self.work, ignore_errors=True)

    def discard_results(self) -> None:
        """Remove the output and all that goes with it, finished or not."""
        made = [self.output, report_path(self.output), self.made_timeline, self.live, *self.beside_output.values()]
        for path in made:
            for each in (path, part_path(path)):
                with suppress(OSError):
                    each.unlink()


UNREADABLE = Preset(name="of another version")
"""Stands for a preset with options that this version of the program does not know. Never worked with."""


def read_preset(row: sqlite3.Row) -> Preset | None:
    """The preset that a row of the queue holds, if this version of the program understands it."""
    try:
        return Preset.model_validate_json(row["preset"])
    except ValidationError:
        return None


def job_of(row: sqlite3.Row, root: Path) -> Job:
    """The job that a row of the queue tells of."""
    values: dict[str, Any] = dict(row)
    folder = root / "jobs" / values["id"]
    timeline = values["timeline"]
    return Job(
        source=Path(os.fsdecode(values["source"])),
        output=folder / os.fsdecode(values["output"]),
        timeline=None if timeline is None else folder / os.fsdecode(timeline),
        preset=read_preset(row) or UNREADABLE,
        folder=folder,
        cancelling=bool(values["cancel_asked"]) and values["state"] == "running",
        **{name: values[name] for name in PLAIN},
    )


PLAIN = (
    "id", "owner", "name", "state", "message", "frames_done", "frames_expected", "faces", "fps",
    "submitted_at", "started_at", "finished_at", "attempt",
)  # fmt: skip
"""Fields that are kept as they are."""
