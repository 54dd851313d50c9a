"""``workbench jobs``: submit clips, watch them, and the worker that masks them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from workbench.cli.lines import one_line, tell
from workbench.cli.options import chosen_preset, with_preset
from workbench.errors import OutputError, SourceError, UsageError

if TYPE_CHECKING:
    from workbench.jobs.queue import Job, JobQueue

Function = TypeVar("Function", bound=Callable[..., Any])

ANY_PATH = click.Path(path_type=Path)
EXIT_CODES = {"done": 0, "needs_review": 3, "failed": 1, "cancelled": 130}
SEVERITY = ("done", "needs_review", "cancelled", "failed")
SHORT_ID = 8  # of 32 letters: enough to tell a few thousand jobs apart
LOOK_SECONDS = 0.5
LINE_SECONDS = 2.0  # so often a line while nothing but the number of frames changes


def with_workspace(function: Function) -> Function:
    """Adds ``--workspace``; read it with ``_queue``."""
    return click.option(
        "--workspace", type=ANY_PATH, metavar="DIR", help="The private folder of page and queue; default: the user's."
    )(function)


def as_json_too(function: Function) -> Function:
    return click.option("--json", "as_json", is_flag=True, help="Print as JSON.")(function)


@click.group()
def jobs() -> None:
    """Queue clips and have them masked in the background. A job's ID may be cut to its first letters."""


@jobs.command()
@click.argument("clips", nargs=-1, required=True, type=ANY_PATH, metavar="CLIP...")
@with_preset
@click.option("-o", "--output", type=ANY_PATH, metavar="FOLDER", help="Where the masked clips go; default: the queue.")
@with_workspace
def submit(
    *, clips: tuple[Path, ...], preset: str, settings: tuple[str, ...], output: Path | None, workspace: Path | None
) -> None:
    """Queue each CLIP, and the clips of a folder. Prints the ID of each job."""
    from workbench.batch import plan

    chosen = chosen_preset(preset, settings)
    if output is None:  # each has a folder of its own, so no two can clash
        tasks = [task for clip in clips for task in plan([clip], _root(workspace), chosen)]
    else:
        tasks = plan(clips, output, chosen)
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{output}: the folder cannot be made ({error.strerror}); choose another place"
            raise OutputError(message) from error
    with _queue(workspace) as queue:
        for task in tasks:
            try:
                job = queue.submit(task.source, None if output is None else task.output, chosen)
            except SourceError as error:
                if task.named:
                    raise
                tell(f"left out: {error}")
                continue
            click.echo(job.id)
            tell(f"{job.name}: queued")


@jobs.command("list")
@as_json_too
@with_workspace
def list_(*, as_json: bool, workspace: Path | None) -> None:
    """All jobs, newest first."""
    with _queue(workspace) as queue:
        found = queue.jobs()
    if as_json:
        click.echo(json.dumps([_facts(job) for job in found], indent=2))
        return
    if not found:
        tell("no jobs")
    for job in found:
        click.echo(f"{job.id[:SHORT_ID]}  {_line(job)}")


@jobs.command()
@click.argument("id")
@as_json_too
@with_workspace
def show(*, id: str, as_json: bool, workspace: Path | None) -> None:
    """All about the job ID, with the places of its files."""
    with _queue(workspace) as queue:
        facts = _facts(_job(queue, id))
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    places = facts.pop("files")
    rows = {**facts, **{f"{kind} file": path for kind, path in places.items()}}
    width = max(len(key) for key in rows)
    for key, value in rows.items():
        click.echo(f"{key.replace('_', ' '):<{width}}  {'–' if value in (None, '') else one_line(str(value))}")


@jobs.command()
@click.argument("id")
@with_workspace
def cancel(*, id: str, workspace: Path | None) -> None:
    """Stop the job ID; no output of it is left."""
    with _queue(workspace) as queue:
        job = queue.cancel(_job(queue, id).id)
    tell(f"{job.name}: {'being stopped' if job.cancelling else job.state}")


@jobs.command()
@click.argument("id")
@with_workspace
def retry(*, id: str, workspace: Path | None) -> None:
    """Queue the failed or cancelled job ID again."""
    with _queue(workspace) as queue:
        job = queue.retry(_job(queue, id).id)
    tell(f"{job.name}: queued")


@jobs.command()
@click.argument("id")
@with_workspace
def remove(*, id: str, workspace: Path | None) -> None:
    """Forget the job ID and delete what the queue keeps of it. Clips that went to a folder of yours stay."""
    with _queue(workspace) as queue:
        job = _job(queue, id)
        queue.remove(job.id)
    tell(f"{job.name}: removed")


@jobs.command()
@click.argument("id", required=False)
@with_workspace
def watch(*, id: str | None, workspace: Path | None) -> int:
    """Tell how the job ID, or all that wait or run, get on until they have ended.

    Exit codes: 0 done, 1 failed, 3 needs review, 130 cancelled; of several jobs the worst.
    """
    from workbench.jobs.states import ACTIVE

    with _queue(workspace) as queue:
        watched = [_job(queue, id)] if id else [job for job in reversed(queue.jobs()) if job.state in ACTIVE]
        if not watched:
            tell("no job waits or runs")
        states = [_watched(queue, job) for job in watched]
    return EXIT_CODES[max(states, key=SEVERITY.index, default="done")]


@jobs.command()
@click.option("--jobs", "at_once", type=click.IntRange(1, 64), default=1, show_default=True, help="Jobs side by side.")
@click.option("--until-empty", is_flag=True, help="End when no job waits; otherwise wait for further ones.")
@click.option(
    "--hide-names/--show-names",
    default=True,
    show_default=True,
    envvar="WORKBENCH_PRIVACY_HIDE_NAMES",
    help="Keep the names of clips out of the logs, above debug level.",
)
@click.option("--debug", is_flag=True, help="Write debug lines to the logs.")
@with_workspace
def work(*, at_once: int, until_empty: bool, hide_names: bool, debug: bool, workspace: Path | None) -> None:
    """Do the jobs of the queue. What is under way when this is stopped is gone on with next time."""
    from workbench.jobs.logs import LogOptions
    from workbench.jobs.worker import work as work_through

    logs = LogOptions(hide_names=hide_names, level=logging.DEBUG if debug else logging.INFO)
    with _queue(workspace) as queue:
        work_through(queue, jobs_at_once=at_once, until_empty=until_empty, logs=logs)


def _root(workspace: Path | None) -> Path:
    from workbench.workspace import default_root

    return workspace or default_root()


def _queue(workspace: Path | None) -> JobQueue:
    from workbench.jobs.queue import JobQueue
    from workbench.workspace import Workspace

    return JobQueue(Workspace(_root(workspace)).queue_root)


def _job(queue: JobQueue, id: str) -> Job:
    """The job whose id begins like that. Raises UsageError where there is none, or more than one."""
    found = [job for job in queue.jobs() if job.id.startswith(id)] if id else []
    if len(found) > 1:
        raise UsageError(f"{len(found)} jobs begin with {id}: give more letters")
    return found[0] if found else queue.get(id)


def _watched(queue: JobQueue, job: Job) -> str:
    """Tell of a job until it has ended. Its last state."""
    from workbench.jobs.states import ACTIVE

    told, due = "", 0.0
    while True:
        now = time.monotonic()
        line = _line(job)
        if job.state != told or (now >= due and job.state == "running"):
            tell(line)
            told, due = job.state, now + LINE_SECONDS
        if job.state not in ACTIVE:
            return job.state
        time.sleep(LOOK_SECONDS)
        job = queue.get(job.id)


def _line(job: Job) -> str:
    """A job in one line: name, state, and how far it is."""
    return one_line(" · ".join(_parts(job)))


def _parts(job: Job) -> Iterable[str]:
    yield job.name
    yield "being stopped" if job.cancelling else job.state.replace("_", " ")
    if job.state == "running" and job.frames_done:
        expected = f" of {job.frames_expected}" if job.frames_expected else ""
        yield f"{job.frames_done}{expected} frames"
        yield f"{job.fps:.1f} fps"
        yield f"{job.faces} faces"
        if job.eta_seconds is not None:
            yield f"{job.eta_seconds:.0f} s left"
    if job.message:
        yield job.message


def _facts(job: Job) -> dict[str, Any]:
    """A job for JSON: plain values only."""
    names = ("id", "name", "owner", "state", "message", "frames_done", "frames_expected", "faces", "fps")
    times = ("eta_seconds", "submitted_at", "started_at", "finished_at", "attempt")
    facts: dict[str, Any] = {name: getattr(job, name) for name in (*names, *times)}
    facts |= {"preset": job.preset.name, "source": str(job.source)}
    return {**facts, "files": {kind: str(path) for kind, path in job.files().items()}}
