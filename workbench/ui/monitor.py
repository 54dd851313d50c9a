"""What the corner of the page shows: how fast it goes, how many faces, and what the machine is doing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from workbench.jobs.queue import JobQueue
from workbench.ui.live_streams import LiveStreams
from workbench.ui.open_clips import OpenClips

KEPT_SECONDS = 0.8  # the processor's load is measured between two samples: many open pages must not shorten that
MEGABYTE = 1 << 20

GpuLoad = Callable[[], float | None]


class Monitor:
    """Samples the machine and the work of a user. Asking for it often costs nothing."""

    def __init__(
        self, clips: OpenClips, queue: JobQueue, *, live: LiveStreams | None = None, gpu: GpuLoad | None = None
    ) -> None:
        self._clips = clips
        self._queue = queue
        self._live = live
        self._gpu = gpu
        self._lock = threading.Lock()
        self._process = psutil.Process(os.getpid())
        self._machine: dict[str, float | None] = {}
        self._sampled = -KEPT_SECONDS
        psutil.cpu_percent()  # the first call has nothing to compare with

    def sample(self, user: str) -> dict[str, float | None]:
        """``fps`` and ``faces`` in view (None: nothing is worked on), ``cpu_percent`` of the whole machine,
        ``memory_mb`` of this program with its workers, ``gpu_percent`` (None: no NVIDIA GPU)."""
        with self._lock:
            if time.monotonic() - self._sampled >= KEPT_SECONDS:
                self._machine = self._sample_machine()
                self._sampled = time.monotonic()
            machine = dict(self._machine)
        return self._work(user) | machine

    def _work(self, user: str) -> dict[str, float | None]:
        """The user's live streams, else the running job, else the clip being analysed."""
        if self._live is not None and (speed := self._live.speed(user)) is not None:
            return {"fps": round(speed[0], 1), "faces": speed[1]}
        for job in self._queue.jobs(user):
            if job.state == "running":
                return {"fps": round(job.fps, 1), "faces": round(job.faces / max(job.frames_done, 1))}
        analysis = self._clips.speed(user)
        if analysis is None:
            return {"fps": None, "faces": None}
        return {"fps": round(analysis.fps, 1), "faces": analysis.faces}

    def _sample_machine(self) -> dict[str, float | None]:
        if self._gpu is None:
            self._gpu = gpu_load()
        return {
            "cpu_percent": psutil.cpu_percent(),
            "memory_mb": round(self._memory() / MEGABYTE),
            "gpu_percent": self._gpu(),
        }

    def _memory(self) -> int:
        total = 0
        for process in [self._process, *self._process.children(recursive=True)]:
            with suppress(psutil.Error):  # it ended just now
                total += process.memory_info().rss
        return total


def gpu_load() -> GpuLoad:
    """What tells the load of the busiest NVIDIA GPU in percent; always None where there is none."""
    import pynvml  # type: ignore[import-untyped]

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        handles = []

    def load() -> float | None:
        try:
            return max((float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) for handle in handles), default=None)
        except pynvml.NVMLError:
            return None

    return load
