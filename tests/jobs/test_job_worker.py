"""Workers with real processes and real clips: kills, restarts, cancels, two at once."""

from __future__ import annotations

import re
import signal
import stat
import subprocess
import time
from pathlib import Path

import cv2
import psutil
import pytest

from tests.conftest import ShortClip
from tests.jobs.conftest import StartWorker, drawn_timeline, until
from workbench.jobs.child import Telling
from workbench.jobs.queue import Job, JobQueue
from workbench.jobs.states import ENDED
from workbench.presets import load_preset, with_settings
from workbench.presets.model import Preset
from workbench.report import describe_file, load_report
from workbench.stages import ProgressUpdate
from workbench.timeline import load_timeline
from workbench.video.probing import probe

FRAMES = 240


@pytest.fixture(scope="module")
def long_clip(short_clip: ShortClip) -> Path:
    """Long enough to be met in the middle."""
    return short_clip("consultation", frames=FRAMES)


@pytest.fixture(scope="module")
def slow(preset: Preset) -> Preset:
    """A preset that takes seconds for that clip, however many processors there are."""
    return with_settings(preset, ["detector.every=1", "detector.image_size=960"])


def child_of(worker: subprocess.Popen[bytes]) -> psutil.Process:
    """The process of the job that the worker runs."""
    found: list[psutil.Process] = []
    until(lambda: found.extend(psutil.Process(worker.pid).children()) or found)
    return found[0]


def is_under_way(queue: JobQueue, id: str, *, frames: int = 1) -> None:
    until(lambda: queue.get(id).frames_done >= frames and queue.get(id).state == "running")


def ended(queue: JobQueue, id: str) -> Job:
    until(lambda: queue.get(id).state in ENDED)
    return queue.get(id)


def assert_complete(job: Job) -> None:
    """The output has every frame, and nothing but results lies in the folder."""
    assert (job.state, job.message) == ("done", "")
    report = load_report(job.output)
    assert report is not None
    assert report["frames"] == job.frames_done == FRAMES
    assert report["output"]["sha256"] == describe_file(job.output)["sha256"]
    assert probe(job.output).frames_in_header == FRAMES
    hidden = load_timeline(job.made_timeline).rows
    assert hidden.groupby("track")["frame"].nunique().tolist() == [FRAMES, FRAMES], "two people are always in view"
    assert set(job.files()) == {"output", "report", "timeline", "preset", "log"}
    assert not job.work.exists()
    assert not list(job.folder.rglob("*.part"))


def test_a_killed_process_and_a_killed_worker_are_gone_on_with(
    queue: JobQueue, long_clip: Path, slow: Preset, start_worker: StartWorker
) -> None:
    job = queue.submit(long_clip, None, slow)
    worker = start_worker()
    is_under_way(queue, job.id, frames=20)
    child_of(worker).kill()
    until(lambda: queue.get(job.id).attempt == 2)
    is_under_way(queue, job.id, frames=40)
    child = child_of(worker)
    worker.kill()  # SIGKILL: it can tidy nothing
    worker.wait()
    psutil.wait_procs([child], timeout=2)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the process outlived its worker"
    assert queue.get(job.id).state == "running"
    start_worker(until_empty=True)
    until(lambda: queue.get(job.id).attempt == 3)
    done = ended(queue, job.id)
    assert_complete(done)
    log = done.log.read_text()
    assert "the process died: SIGKILL" in log
    begins = [int(frame) for frame in re.findall(r"begins at frame (\d+)", log)]
    assert begins[0] <= 2 < 10 < begins[1] <= begins[2], "a later attempt began from the start"


def test_cancelling_takes_less_than_two_seconds_and_leaves_nothing(
    queue: JobQueue, long_clip: Path, slow: Preset, start_worker: StartWorker, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    job = queue.submit(long_clip, out / "o.mp4", slow)
    worker = start_worker()
    is_under_way(queue, job.id)
    until(job.live.exists)
    start = time.monotonic()
    assert queue.cancel(job.id).cancelling
    ended(queue, job.id)
    assert time.monotonic() - start < 2
    assert queue.get(job.id).state == "cancelled"
    assert list(out.iterdir()) == []
    assert not psutil.Process(worker.pid).children()
    left = {path.name for path in job.folder.iterdir() if not path.name.startswith(".")}
    assert left == {"preset.yaml", "process.log"}
    # And again, stopped in the middle as at the end of a day.
    queue.retry(job.id)
    is_under_way(queue, job.id)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(timeout=5) != 0
    assert queue.get(job.id).state == "queued"
    assert list(out.glob("*.mp4")) == []


def test_two_workers_do_each_job_once(
    queue: JobQueue, clip: Path, preset: Preset, start_worker: StartWorker, tmp_path: Path
) -> None:
    plain = queue.submit(clip, None, with_settings(preset, ["output.audit=true"]))
    out = tmp_path / "out"
    out.mkdir()
    asked = queue.submit(clip, out / "asked.mp4", preset, timeline=drawn_timeline())
    broken = queue.submit(clip, out / "broken.mp4", with_settings(preset, ["detector.kind=yolov8_face"]))
    workers = [start_worker(until_empty=True) for _ in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    plain = queue.get(plain.id)
    assert (plain.state, plain.frames_done, plain.frames_expected) == ("done", 5, 5)
    assert plain.message == "looked again: no face shows on 5 frames"
    assert plain.fps > 0
    assert cv2.imread(str(plain.live)).shape[1] == 480
    assert stat.S_IMODE(plain.live.stat().st_mode) == 0o600
    asked = queue.get(asked.id)
    assert (asked.state, asked.message) == ("needs_review", "1 track to look at")
    report = load_report(asked.output)
    assert report is not None
    assert report["detector"] is None, "the timeline was given: nothing should have looked"
    broken = queue.get(broken.id)
    assert broken.state == "failed"
    assert "workbench models fetch" in broken.message
    names = ["asked.mp4", "asked.mp4.preset.yaml", "asked.mp4.report.json", "asked.mp4.timeline.csv"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert load_preset(out / names[1]) == preset
    service = (queue.root / "service.log").read_text()
    for job in (plain, asked, broken):
        assert queue.get(job.id).attempt == 1
        assert job.id in service
        assert clip.stem not in job.log.read_text() + service, "a name is in a log"


def test_the_speed_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []

    class Channel:
        def write(self, text: str) -> None:
            lines.append(text)

        def flush(self) -> None:
            pass

    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    telling = Telling(Channel())  # type: ignore[arg-type]
    frames = 1000  # already done when the attempt began: no part of the speed
    for rate in (5, 50):
        for _ in range(100):
            clock[0] += 0.1
            frames += rate / 10
            telling.progress(ProgressUpdate(round(frames), 5000))
    assert '"fps": 50' in lines[-1]
    assert len(lines) <= 20 / 0.25 + 1
