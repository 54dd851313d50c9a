"""Workers: take jobs from a queue, give each a process of its own, and look after these processes."""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, get_args

from workbench.errors import UsageError
from workbench.jobs.logs import LogOptions, job_log, service_log
from workbench.jobs.order import Order
from workbench.jobs.queue import Job, JobQueue
from workbench.jobs.states import State
from workbench.stages import ProgressUpdate

LOOK_SECONDS = 0.25  # how often the queue and the processes are looked at: cancelling takes about this long
SEGMENT_SECONDS = 20.0
LAST_WORDS = 20  # lines of stderr that are kept for the log of a job whose process died
LEAVE_SECONDS = 10.0  # a process that has told its end has nothing left to do
PACKAGE_PLACE = Path(__file__).parents[2]


def work(
    queue: JobQueue,
    *,
    jobs_at_once: int = 1,
    until_empty: bool = False,
    stop: threading.Event | None = None,
    logs: LogOptions = LogOptions(),  # noqa: B008  (frozen)
    segment_seconds: float = SEGMENT_SECONDS,
) -> None:
    """Do the queue's jobs, ``jobs_at_once`` side by side, until ``stop`` is set or, with ``until_empty``, none waits.

    A job that is under way when this ends, in whatever way, goes back into the queue and is gone on with later.
    ``segment_seconds``: how much of a clip is done at least before a killed job is gone on with behind it.

    >>> with JobQueue(folder / "work") as queue:
    ...     job = queue.submit(clip)
    ...     work(queue, until_empty=True)
    ...     queue.get(job.id).state, sorted(queue.get(job.id).files())
    ('done', ['log', 'output', 'preset', 'report', 'timeline'])
    """
    if jobs_at_once < 1:
        raise UsageError(f"{jobs_at_once} jobs at once: must be at least 1")
    stop = stop or threading.Event()
    worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    log = service_log(queue.root, logs)
    log.info("worker %s begins, %d at once", worker, jobs_at_once)
    runs: list[Run] = []
    try:
        while not stop.is_set():
            runs = [run for run in runs if not _ended(queue, run, worker, log=log)]
            while len(runs) < jobs_at_once and (job := queue.claim(worker)):
                log.info("job %s: attempt %d", job.id, job.attempt)
                log.log(logs.name_level, "job %s: %s", job.id, job.source)
                try:
                    runs.append(Run(job, Order(str(queue.root), job.id, segment_seconds, logs)))
                except OSError as error:  # no memory for a further process
                    log.error("job %s: no process could be started (%s)", job.id, error.strerror)  # noqa: TRY400
                    queue.interrupted(job.id, worker, "no process could be started")
                    break
            if until_empty and not runs:
                return
            stop.wait(LOOK_SECONDS)
    finally:
        for run in runs:
            run.kill()
            queue.release(run.job.id, worker)
        log.info("worker %s ends", worker)


class Run:
    """The process of one job. ``update``, ``fps``: how far it says it is. ``ending``: how it says it ended."""

    def __init__(self, job: Job, order: Order) -> None:
        self.job = job
        self.logs = order.logs
        self.update: ProgressUpdate | None = None
        self.fps = 0.0
        self.ending: tuple[State, str] | None = None
        self.last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workbench.jobs.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", errors="replace",
            cwd=PACKAGE_PLACE,  # a package that was not installed is found there, and nothing of the user's is
            start_new_session=True,  # Ctrl-C is for the worker, which then ends this
        )  # fmt: skip
        self._readers = [
            _reading(self._process.stdout, self._heard),
            _reading(self._process.stderr, self.last_words.append),
        ]
        assert self._process.stdin is not None
        with suppress(OSError):  # it died at once: its exit code tells
            self._process.stdin.write(order.line())
            self._process.stdin.flush()  # and stays open: its end is what tells the process that the worker is gone

    @property
    def over(self) -> bool:
        """Whether the process has told its end, or died."""
        return self.ending is not None or self._process.poll() is not None

    def leave(self) -> int:
        """The exit code of a process that is over, all it said having been read."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVE_SECONDS)
        return self.kill()

    def kill(self) -> int:
        """End the process, whatever it does. Its exit code."""
        self._process.kill()
        code = self._process.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):  # unsent words to a dead process
                    pipe.close()
        return code

    def _heard(self, line: str) -> None:
        """One line of the process. What is none, because it died in the middle, says nothing."""
        with suppress(ValueError, KeyError):
            said = json.loads(line)
            if "state" in said:
                assert said["state"] in get_args(State)
                self.ending = said["state"], said["message"]
            else:
                self.fps = said.pop("fps")
                self.update = ProgressUpdate(**said)


def _ended(queue: JobQueue, run: Run, worker: str, *, log: logging.Logger) -> bool:
    """Look after one process: pass on how far it is, end it where that is asked for. True: the job is not ours now."""
    over = run.over
    goes_on = queue.beat(run.job.id, worker, run.update, fps=run.fps)
    if not over and goes_on:
        return False
    if not over:
        run.kill()
        job = queue.finish(run.job.id, "cancelled", worker=worker)
    else:
        code = run.leave()
        if run.ending is not None:
            queue.beat(run.job.id, worker, run.update, fps=run.fps)  # the last figures came with the end
            job = queue.finish(run.job.id, *run.ending, worker=worker)
        else:
            _tell_of_death(run, code)
            job = queue.interrupted(run.job.id, worker, _cause(code))
    log.info("job %s: %s", job.id, job.state)
    log.log(run.logs.name_level, "job %s: %s %s", job.id, job.source, job.message)
    return True


def _tell_of_death(run: Run, code: int) -> None:
    job_logger = job_log(run.job, run.logs)
    job_logger.error("the process died: %s", _cause(code))
    for line in run.last_words:
        job_logger.error("  it said: %s", line.rstrip())


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _reading(pipe: IO[str] | None, heard: Callable[[str], None]) -> threading.Thread:
    """A thread that hands on each line of a pipe until it ends."""

    def read(lines: Iterator[str]) -> None:
        for line in lines:
            heard(line)

    assert pipe is not None
    thread = threading.Thread(target=read, args=(pipe,), daemon=True)
    thread.start()
    return thread
