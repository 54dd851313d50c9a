"""A folder or several clips at once: what to write where, what is done already, and how each clip ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.errors import SourceError, UsageError, WorkbenchError
from workbench.presets.model import Preset
from workbench.process import process
from workbench.report import describe_file, load_report, report_path
from workbench.stages import Progress
from workbench.video.naming import masked_name
from workbench.video.probing import probe

Status = Literal["done", "needs review", "skipped", "not a video", "failed"]


@dataclass(frozen=True)
class Task:
    """One clip of a batch and where its masked copy goes. ``named``: by itself, not found in a folder."""

    source: Path
    output: Path
    named: bool = False


@dataclass(frozen=True)
class Outcome:
    """How one clip of a batch ended; ``message`` says why where that needs a word."""

    task: Task
    status: Status
    message: str = ""


def plan(sources: Sequence[Path], folder: Path, preset: Preset) -> list[Task]:
    """The tasks for files and folders (their files, sorted; not their sub-folders).

    A clip ``NAME.mov`` becomes ``NAME.masked.mp4``: the kind of file is kept where it can be written. Masked copies
    of earlier runs, which have a report beside them, are left out, and a file that is named twice is done once.
    Raises UsageError for a missing source, and for two that would have the same output.
    """
    files: dict[Path, bool] = {}  # to whether it was named by itself
    for source in sources:
        if source.is_dir():
            files |= {file: False for file in _listed(source) if file not in files}
        elif source.exists():
            files[source] = True
        else:
            raise UsageError(f"{source}: no such file or folder")
    short = Counter(masked_name(file, preset.output).casefold() for file in files)
    tasks: dict[str, Task] = {}
    for file, named in files.items():
        name = masked_name(file, preset.output)
        if short[name.casefold()] > 1:
            name = masked_name(file, preset.output, with_ending=True)
        task = Task(file, folder / name, named)
        other = tasks.setdefault(name.casefold(), task)  # casefold: on some systems A.mp4 and a.mp4 are one file
        if other is not task and not other.source.samefile(file):
            raise UsageError(f"{other.source} and {file} would both be written to {name}: use two folders")
    inputs = {file.resolve() for file in files}
    for task in tasks.values():
        if task.output.resolve() in inputs:
            raise UsageError(f"{task.output} is an input, and the output of {task.source}: use another folder")
    return list(tasks.values())


def run(
    tasks: Sequence[Task], preset: Preset, *, progress_for: Callable[[Task], Progress | None] = lambda _: None
) -> Iterator[Outcome]:
    """Work through the tasks; one that fails does not stop the others. Yields each outcome as it comes."""
    for task in tasks:
        try:
            yield _run_one(task, preset, progress_for(task))
        except WorkbenchError as error:
            if error.exit_code == 130:
                raise
            yield Outcome(task, "failed", str(error))


def _run_one(task: Task, preset: Preset, progress: Progress | None) -> Outcome:
    try:
        probe(task.source)
    except SourceError as error:
        if task.named:
            raise
        return Outcome(task, "not a video", str(error))
    if _is_done(task, preset):
        return Outcome(task, "skipped", "already done with these options")
    report, _ = process(task.source, task.output, preset, progress=progress)
    if report.needs_review:
        return Outcome(task, "needs review", f"{len(report.review)} tracks to look at")
    return Outcome(task, "done")


def _is_done(task: Task, preset: Preset) -> bool:
    """Whether the output is there, unchanged, and made from this source with these options."""
    report = load_report(task.output)
    if report is None or not task.output.is_file() or report["preset"] != preset.model_dump(mode="json"):
        return False
    return bool(
        report["source"]["sha256"] == describe_file(task.source)["sha256"]
        and report["output"]["sha256"] == describe_file(task.output)["sha256"]
    )


def _listed(folder: Path) -> list[Path]:
    """The files of a folder that may be clips, sorted."""
    try:
        return sorted(file for file in folder.iterdir() if file.is_file() and not _is_ours(file))
    except OSError as error:
        raise UsageError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def _is_ours(file: Path) -> bool:
    return file.name.endswith((".report.json", ".part")) or file.name.startswith(".") or report_path(file).exists()
