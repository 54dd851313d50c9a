"""The process of one job: ``python -m workbench.jobs.child``, started by a worker, never outliving it.

One JSON line on stdin says which job; JSON lines on stdout say how far it is and how it ended. Nothing of it is on the
command line, where every user of the machine could read it.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from workbench.errors import WorkbenchError
from workbench.jobs.job import Job
from workbench.jobs.live import LiveView
from workbench.jobs.locks import alone
from workbench.jobs.logs import SharedLog, names_of
from workbench.jobs.order import Order
from workbench.jobs.queue import JobQueue
from workbench.jobs.states import State
from workbench.presets.files import save_preset
from workbench.report import Report
from workbench.segments import process_in_segments
from workbench.stages import ProgressUpdate
from workbench.timeline import load_timeline, save_timeline

TELL_SECONDS = 0.25
RATE_SECONDS = 5.0  # over this much of the last time the speed is measured
NICENESS = 5  # the page answers first where both want the processor
OOM_SCORE = "500"  # where memory runs out, this process goes, not the page (Linux: 0 to 1000)

log = logging.getLogger(__name__)


class Telling:
    """Lines to the worker: progress now and then, the end for certain."""

    def __init__(self, channel: TextIO) -> None:
        self._channel = channel
        self._due = 0.0
        self._seen: deque[tuple[float, int]] = deque()

    def progress(self, update: ProgressUpdate) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        if not self._seen:
            log.info("begins at frame %d of %s", update.frames_done, update.frames_expected or "?")
        self._due = now + TELL_SECONDS
        self._seen.append((now, update.frames_done))
        while now - self._seen[0][0] > RATE_SECONDS:
            self._seen.popleft()
        seconds, frames = now - self._seen[0][0], update.frames_done - self._seen[0][1]
        self._send({**asdict(update), "fps": round(frames / seconds, 2) if seconds > 0 else 0.0})

    def ended(self, state: State, message: str) -> None:
        self._send({"state": state, "message": message})

    def done(self, report: Report) -> None:
        update = ProgressUpdate(report.frames, report.frames, report.hidden_boxes)
        self._send({**asdict(update), "fps": report.frames_per_second})
        self.ended("needs_review" if report.needs_review else "done", "; ".join(_to_do(report)))

    def _send(self, values: dict[str, object]) -> None:
        self._channel.write(json.dumps(values) + "\n")
        self._channel.flush()


def main() -> None:
    """Do what stdin says."""
    faulthandler.enable()  # a crash in a library shows where, on stderr, which the worker keeps the end of
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not come between the lines
    order = Order.of(sys.stdin.readline())
    threading.Thread(target=_end_with_worker, daemon=True).start()
    _give_way()
    with JobQueue(Path(order.root)) as queue:
        job = queue.get(order.id)
    logging.basicConfig(level=order.logs.level, handlers=[SharedLog(job.log, order.logs, names=names_of(job))])
    logging.captureWarnings(True)
    with alone(job.folder / ".lock"):  # after a pause of the whole machine, the process before this one may still live
        _do(job, order, Telling(channel))
    os._exit(0)  # a library that fails while it shuts down must not undo a finished job


def _do(job: Job, order: Order, telling: Telling) -> None:
    """Mask the clip and tell how that ended."""
    log.info("attempt %d with the preset %s", job.attempt, job.preset.name)
    log.log(order.logs.name_level, "%s → %s", job.source, job.output)
    try:
        report = _mask(job, order, telling)
    except Exception as error:
        log.log(logging.ERROR, "failed: %s", error, exc_info=not isinstance(error, WorkbenchError))
        telling.ended("failed", _message(error))
        return
    log.info(
        "done: %d frames, %d tracks, %d faces hidden, %.1f fps (%s; %s)",
        report.frames, report.tracks, report.hidden_boxes, report.frames_per_second, report.encoder,
        report.engine or "no detector",
    )  # fmt: skip
    for note in report.notes:
        log.info("note: %s", note)
    telling.done(report)


def _mask(job: Job, order: Order, telling: Telling) -> Report:
    report, timeline = process_in_segments(
        job.source,
        job.output,
        job.preset,
        folder=job.work,
        timeline=None if job.timeline is None else load_timeline(job.timeline),
        segment_seconds=order.segment_seconds,
        progress=telling.progress,
        shown=LiveView(job.live).show,
    )
    save_timeline(timeline, job.made_timeline)
    beside = job.beside_output
    if beside:
        save_timeline(timeline, beside["timeline.csv"])
        save_preset(job.preset, beside["preset.yaml"])
    return report


def _to_do(report: Report) -> Iterator[str]:
    """What the operator should look at, and what a second look found."""
    if report.review:
        yield f"{_counted(len(report.review), 'track')} to look at"
    if report.audit is None:
        return
    showing = report.audit["showing"]
    if showing:
        first = showing[0]
        yield f"{_counted(len(showing), 'face')} may show: {first['first_seconds']:.2f}–{first['last_seconds']:.2f} s"
    elif report.audit["passed"]:
        yield f"looked again: no face shows on {_counted(report.audit['looked'], 'frame')}"
    if not report.audit["times_kept"]:
        yield "frames are missing or moved"
    if report.audit["sound"] in ("missing", "shortened"):
        yield f"the sound is {report.audit['sound']}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _message(error: Exception) -> str:
    """What went wrong, for the user."""
    if isinstance(error, WorkbenchError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory; use detector.tiles=1 or a machine with more"
    if isinstance(error, OSError):
        return f"{error.filename or 'the output'} failed: {error.strerror}"
    return f"a defect of the program ({type(error).__name__}: {error}); the job's log shows where"


def _end_with_worker() -> None:
    """The worker holds the other end of stdin: when it is gone, another worker is going to do this job."""
    os.read(0, 1)
    os._exit(1)


def _give_way() -> None:
    """To the page and to the worker, for the processor and for memory."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


if __name__ == "__main__":
    main()
