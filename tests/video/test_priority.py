"""No encoder changes how the program's threads are scheduled. (As root SVT-AV1 does: it makes them real-time ones.)"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.video.files import VideoFile
from workbench.video.options import OutputOptions
from workbench.video.synthetic import Clip, write_clip
from workbench.video.writer import VideoWriter

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="threads have no policies here")


@pytest.fixture(autouse=True)
def _quiet_av1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "0")


def policies() -> set[int]:
    return {os.sched_getscheduler(int(thread.name)) for thread in Path("/proc/self/task").iterdir()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mkv", Clip(codec="libsvtav1", pixel_format="yuv420p10le"))


def test_writing_a_clip_leaves_it(source: Path) -> None:
    assert source.is_file()
    assert policies() == {os.SCHED_OTHER}


def test_every_thread_keeps_it_while_av1_is_written(source: Path, tmp_path: Path) -> None:
    seen = []
    with VideoFile(source, writable=True) as video:
        options = OutputOptions(container="webm")
        with VideoWriter(tmp_path / "out.webm", source=source, info=video.info, options=options) as sink:
            for frame in video.frames():
                sink.write(frame)
                seen.append(policies())
    assert "svtav1" in sink.encoder
    assert seen
    assert set.union(*seen) == {os.SCHED_OTHER}
