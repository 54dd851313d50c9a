"""The progress bar on stderr: frames a second, faces, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from workbench import stages
from workbench.cli.lines import one_line
from workbench.cli.stopping import heed
from workbench.stages import ProgressUpdate

REFRESH_SECONDS = 0.2
LOG_SECONDS = 10.0  # where stderr is a file, a line this often is enough


@contextmanager
def shown(label: str, *, quiet: bool = False) -> Iterator[stages.Progress]:
    """A function to call after each frame. It shows nothing when ``quiet``."""
    label = one_line(label)
    if quiet:
        yield lambda _: heed()
    elif sys.stderr.isatty():
        with _bar(label) as update:
            yield update
    else:
        yield _log(label)


@contextmanager
def _bar(label: str) -> Iterator[stages.Progress]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed} frames · {task.fields[fps]:.0f} fps · {task.fields[faces]} faces · ETA"),
        TimeRemainingColumn(),
    )
    start = time.perf_counter()
    due = start
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=5) as bar:
        task = bar.add_task(label, total=None, fps=0.0, faces=0)

        def update(now: ProgressUpdate) -> None:
            nonlocal due
            heed()
            clock = time.perf_counter()
            last = now.frames_expected is not None and now.frames_done >= now.frames_expected
            if clock < due and not last:
                return
            due = clock + REFRESH_SECONDS
            total = None if now.frames_expected is None else max(now.frames_expected, now.frames_done)
            fps = now.frames_done / max(clock - start, 1e-6)
            bar.update(task, completed=now.frames_done, total=total, fps=fps, faces=now.faces)

        yield update


def _log(label: str) -> stages.Progress:
    start: float | None = None
    due = 0.0

    def update(now: ProgressUpdate) -> None:
        nonlocal due, start
        heed()
        clock = time.perf_counter()
        if start is None:  # models have been loaded by now: the rate is that of the work itself
            start, due = clock, clock + LOG_SECONDS
        if clock < due:
            return
        due = clock + LOG_SECONDS
        fps = now.frames_done / (clock - start)
        left = (
            "" if now.frames_expected is None else f", {max(now.frames_expected - now.frames_done, 0) / fps:.0f} s left"
        )
        print(f"{label}: {now.frames_done} frames, {fps:.1f} fps, {now.faces} faces{left}", file=sys.stderr, flush=True)

    return update
