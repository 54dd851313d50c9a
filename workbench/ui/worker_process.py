"""The process beside the page that does the jobs, and what keeps it alive as long as the page, and no longer.

The worker holds the end of a pipe whose other end is the page's: when the page ends, in whatever way, the pipe does
too, and the worker stops. Its jobs go back into the queue and are gone on with at the next start.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

STOP_SECONDS = 1.5  # given to the worker to put its jobs back
LOOK_SECONDS = 1.0
IDLE_SECONDS = 15.0
PAUSE_SECONDS = 5.0  # before a worker that died is started again
PACKAGE_PLACE = Path(__file__).parents[2]


class WorkerProcess:
    """A worker on the queue in ``root``, started again when it dies. A context manager.

    It starts once ``wanted()`` says that there is work, or after some seconds: until then the processors belong to
    whoever has just opened the page.
    """

    def __init__(self, root: Path, wanted: Callable[[], bool]) -> None:
        self._root = root
        self._wanted = wanted
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="worker", daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._keeper.join()
        self._stop()

    @property
    def pid(self) -> int | None:
        """The worker's process, once it is started."""
        return None if self._process is None else self._process.pid

    def _keep(self) -> None:
        at_latest = time.monotonic() + IDLE_SECONDS
        while time.monotonic() < at_latest and not self._wanted():
            if self._ended.wait(LOOK_SECONDS / 4):
                return
        while not self._ended.is_set():
            if self._process is None:
                self._process = self._start()
            elif self._process.poll() is not None:
                self._stop()
                self._process = None
                self._ended.wait(PAUSE_SECONDS)
            self._ended.wait(LOOK_SECONDS)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "workbench.ui.worker_process", str(self._root)],
            stdin=subprocess.PIPE,
            cwd=PACKAGE_PLACE,  # a package that was not installed is found there, and nothing of the user's is
            start_new_session=True,  # Ctrl-C is for the page, which then ends this
        )

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()


def main() -> None:
    """Do jobs until the page is gone. Run as ``python -m workbench.ui.worker_process ROOT``."""
    from workbench.jobs.queue import JobQueue
    from workbench.jobs.worker import work
    from workbench.ui.offline import stay_local

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _leave)
    stop = threading.Event()
    threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
    stay_local()
    with JobQueue(Path(sys.argv[1])) as queue:
        work(queue, stop=stop)


def _wait_for_end(stop: threading.Event) -> None:
    """Wait until the page's end of the pipe closes, then stop; by force where that takes too long."""
    sys.stdin.buffer.read()
    stop.set()
    time.sleep(STOP_SECONDS)
    os._exit(1)


def _leave(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
