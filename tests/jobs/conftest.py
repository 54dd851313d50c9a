"""A queue in a private place, small clips to put into it, and workers that are processes of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ShortClip
from workbench.jobs.queue import JobQueue
from workbench.presets import load_preset, with_settings
from workbench.presets.model import Preset
from workbench.timeline import COLUMNS, KeyBox, Timeline, add_manual, decide_track

LEASE_SECONDS = 1.5
QUICK = ("detector.every=10", "detector.threads=1", "mask.kind=solid", "output.speed=ultrafast")

WORKER = """
import sys
from pathlib import Path
from workbench.jobs.queue import JobQueue
from workbench.jobs.worker import work
queue = JobQueue(Path(sys.argv[1]), lease_seconds=float(sys.argv[2]))
work(queue, segment_seconds=0.5, until_empty=sys.argv[3] == "until empty")
"""

StartWorker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def queue(root: Path) -> Iterator[JobQueue]:
    with closing(JobQueue(root, lease_seconds=LEASE_SECONDS)) as opened:
        yield opened


@pytest.fixture(scope="session")
def preset() -> Preset:
    """A preset that costs little."""
    return with_settings(load_preset("balanced"), QUICK)


@pytest.fixture(scope="session")
def clip(short_clip: ShortClip) -> Path:
    return short_clip("consultation", frames=5)


@pytest.fixture
def start_worker(root: Path) -> Iterator[StartWorker]:
    """``start_worker()``: a worker in a process of its own, killed after the test if it is still there."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*, until_empty: bool = False) -> subprocess.Popen[bytes]:
        ending = "until empty" if until_empty else "for ever"
        command = [sys.executable, "-c", WORKER, str(root), str(LEASE_SECONDS), ending]
        started.append(subprocess.Popen(command))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def until(is_so: Callable[[], object], *, seconds: float = 120.0) -> None:
    """Wait for something that has to come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"did not come within {seconds:g} s"
        time.sleep(0.02)


def drawn_timeline() -> Timeline:
    """A face on the first frame, drawn by hand, to be looked at again."""
    empty = Timeline(pd.DataFrame(columns=list(COLUMNS)), frames=5, width_px=1280, height_px=720)
    return decide_track(add_manual(empty, [KeyBox(0, 600, 200, 90, 120)], [0.0]), 1, "review")
