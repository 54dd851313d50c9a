"""The queue by itself: what is kept, for whom, in which order, and what many processes at once make of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.jobs.conftest import LEASE_SECONDS, drawn_timeline
from workbench.errors import OutputError, SourceError, UsageError, WorkbenchError
from workbench.jobs.job import Job
from workbench.jobs.locks import alone
from workbench.jobs.queue import MOST_CRASHES, JobQueue
from workbench.presets import load_preset
from workbench.presets.model import Preset
from workbench.report import report_path
from workbench.stages import ProgressUpdate
from workbench.timeline import load_timeline
from workbench.video.part_file import part_path


def test_a_job_is_kept_as_it_was_submitted(queue: JobQueue, clip: Path, preset: Preset, tmp_path: Path) -> None:
    queue.submit(clip, tmp_path / "out.mp4", preset, owner="mei", name="a/b\n病人.mp4", timeline=drawn_timeline())
    with closing(JobQueue(queue.root)) as other:
        (job,) = other.jobs()
    assert (job.owner, job.name, job.state, job.attempt) == ("mei", "b 病人.mp4", "queued", 0)
    assert (job.source, job.output, job.preset) == (clip, tmp_path / "out.mp4", preset)
    assert (job.frames_expected, job.frames_done, job.started_at, job.eta_seconds) == (5, 0, None, None)
    assert job.timeline is not None
    assert len(load_timeline(job.timeline).rows) == 1
    assert load_preset(job.folder / "preset.yaml") == preset


def test_what_lies_in_the_queue_is_its_owners_alone(queue: JobQueue, clip: Path) -> None:
    job = queue.submit(clip)
    for folder in (queue.root, queue.root / "jobs", job.folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in queue.root.glob("jobs.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 or path.suffix == ".lock"


def test_without_an_output_it_lies_in_the_jobs_folder(queue: JobQueue, clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path / "a.mov")
    job = queue.submit(tmp_path / "a.mov")
    assert job.output == job.folder / "a.masked.mp4"
    assert job.beside_output == {}


def test_a_file_name_that_is_no_text_is_kept(queue: JobQueue, clip: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9\n.mp4")
    shutil.copy(clip, odd)
    job = queue.submit(odd)
    assert job.source == odd
    assert job.name.isprintable()


def test_owners_are_kept_apart_and_the_newest_comes_first(queue: JobQueue, clip: Path) -> None:
    mine = [queue.submit(clip, owner="mei").id for _ in range(2)]
    theirs = queue.submit(clip, owner="tom").id
    assert [job.id for job in queue.jobs("mei")] == mine[::-1]
    assert [job.id for job in queue.jobs()] == [theirs, *mine[::-1]]
    assert queue.jobs("' OR 1=1 --") == []


def test_what_cannot_be_done_is_refused_at_once_and_leaves_nothing(
    queue: JobQueue, clip: Path, preset: Preset, tmp_path: Path
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    own = tmp_path / "own.mp4"
    shutil.copy(clip, own)
    taken = tmp_path / "taken.mp4"
    queue.submit(clip, taken, preset)
    before = own.read_bytes()
    for source, output, kind in (
        (text, None, SourceError),
        (tmp_path / "gone.mp4", None, SourceError),
        (own, own, OutputError),
        (own, tmp_path / "no folder" / "o.mp4", OutputError),
        (own, taken, OutputError),
        (own, text, OutputError),
    ):
        with pytest.raises(kind) as refusal:
            queue.submit(source, output, preset)
        assert "\n" not in str(refusal.value)
    assert len(queue.jobs()) == 1
    assert len(list((queue.root / "jobs").iterdir())) == 1
    assert own.read_bytes() == before


@pytest.mark.parametrize("id", ["", "nothing", "../../etc/passwd", "' OR ''='", "x" * 5000])
def test_an_unknown_job_is_named_in_one_short_line(id: str, queue: JobQueue, clip: Path) -> None:
    queue.submit(clip)
    for wish in (queue.get, queue.cancel, queue.retry, queue.remove):
        with pytest.raises(UsageError) as refusal:
            wish(id)
        assert len(str(refusal.value)) < 200


def test_the_oldest_comes_first_and_progress_is_seen(queue: JobQueue, clip: Path) -> None:
    first, second = queue.submit(clip), queue.submit(clip)
    claimed = queue.claim("w")
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.attempt) == (first.id, "running", 1)
    assert queue.beat(first.id, "w", ProgressUpdate(2, 5, 4), fps=1.5)
    seen = queue.get(first.id)
    assert (seen.frames_done, seen.frames_expected, seen.faces, seen.fps) == (2, 5, 4, 1.5)
    assert seen.eta_seconds == pytest.approx(2.0)
    assert not queue.beat(first.id, "somebody else", ProgressUpdate(5, 5, 0))
    assert queue.get(first.id).frames_done == 2
    other = queue.claim("v")
    assert other is not None
    assert other.id == second.id
    assert queue.claim("u") is None


def test_a_job_whose_worker_went_silent_is_given_to_another(queue: JobQueue, clip: Path) -> None:
    job = queue.submit(clip)
    queue.claim("first")
    assert queue.claim("second") is None
    time.sleep(LEASE_SECONDS + 0.1)
    again = queue.claim("second")
    assert again is not None
    assert (again.id, again.attempt) == (job.id, 2)
    assert not queue.beat(job.id, "first")
    assert queue.finish(job.id, "done", worker="first").state == "running"
    assert queue.interrupted(job.id, "first", "SIGKILL").state == "running"
    assert queue.finish(job.id, "done", worker="second").state == "done"


def test_a_cancelled_job_of_a_dead_worker_is_not_begun_again(queue: JobQueue, clip: Path) -> None:
    job = queue.submit(clip)
    queue.claim("first")
    queue.cancel(job.id)
    time.sleep(LEASE_SECONDS + 0.1)
    assert queue.claim("second") is None
    assert queue.get(job.id).state == "cancelled"


def test_a_clip_that_kills_its_process_in_one_place_fails(queue: JobQueue, clip: Path) -> None:
    job = queue.submit(clip)
    for crash in range(1, MOST_CRASHES + 1):
        assert queue.claim("w") is not None
        after = queue.interrupted(job.id, "w", "SIGKILL")
        assert after.state == ("failed" if crash == MOST_CRASHES else "queued")
    assert "SIGKILL" in after.message
    assert queue.claim("w") is None


def test_a_clip_that_gets_further_each_time_goes_on(queue: JobQueue, clip: Path) -> None:
    job = queue.submit(clip)
    for frames in range(1, 2 * MOST_CRASHES):
        assert queue.claim("w") is not None
        assert queue.beat(job.id, "w", ProgressUpdate(frames, 5))
        assert queue.interrupted(job.id, "w", "SIGKILL").state == "queued"


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_no_output_is_left_when_it_did_not_work_out(state: str, queue: JobQueue, clip: Path, tmp_path: Path) -> None:
    job = queue.submit(clip, tmp_path / "out.mp4")
    queue.claim("w")
    for path in everything_a_job_makes(job):
        path.parent.mkdir(exist_ok=True)
        path.write_text("faces")
    queue.finish(job.id, state, worker="w")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]
    kept = {"cancelled": ["preset.yaml"], "failed": ["preset.yaml", "work"]}[state]
    assert sorted(path.name for path in job.folder.iterdir()) == kept, "a failed one may be gone on with"
    assert queue.retry(job.id).frames_done == 0


def everything_a_job_makes(job: Job) -> list[Path]:
    finished = [job.output, report_path(job.output), job.made_timeline, *job.beside_output.values()]
    return [*finished, *map(part_path, finished), job.live, job.work / "0.mkv"]


def test_a_job_that_never_began_touches_no_file_of_that_name(queue: JobQueue, clip: Path, tmp_path: Path) -> None:
    job = queue.submit(clip, tmp_path / "out.mp4")
    (tmp_path / "out.mp4").write_text("made by somebody else since")
    queue.cancel(job.id)
    assert (tmp_path / "out.mp4").exists()
    with pytest.raises(OutputError):
        queue.retry(job.id)


def test_a_removed_job_is_gone_and_a_running_one_stays(queue: JobQueue, clip: Path) -> None:
    job = queue.submit(clip)
    queue.claim("w")
    with pytest.raises(UsageError):
        queue.remove(job.id)
    queue.finish(job.id, "done")
    queue.remove(job.id)
    assert not job.folder.exists()
    assert queue.jobs() == []


CLAIMER = """
import sys, time
from pathlib import Path
from workbench.jobs.queue import JobQueue
queue = JobQueue(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
while job := queue.claim(sys.argv[2]):
    print(job.id, flush=True)
    time.sleep(0.002)
"""


def test_no_two_processes_get_the_same_job(queue: JobQueue, clip: Path, preset: Preset) -> None:
    jobs = {queue.submit(clip, None, preset).id for _ in range(20)}
    command = [sys.executable, "-c", CLAIMER, str(queue.root)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen([*command, name], **pipes) for name in "ab"]  # type: ignore[call-overload]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    got = [set(racer.communicate(timeout=60)[0].split()) for racer in racers]
    assert sum(map(len, got)) == len(jobs)
    assert set.union(*got) == jobs
    assert all(got), "one took all: there was no race"


def test_threads_share_a_queue(queue: JobQueue, clip: Path, preset: Preset) -> None:
    with ThreadPoolExecutor(8) as threads:
        submitted = list(threads.map(lambda _: queue.submit(clip, None, preset).id, range(8)))
        claimed = list(threads.map(lambda n: queue.claim(str(n)), range(8)))
    assert {job.id for job in claimed if job} == set(submitted)


def test_many_may_open_a_new_queue_at_once(root: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(lambda _: JobQueue(root), range(8)))
    assert [queue.jobs() for queue in opened] == [[]] * 8
    for queue in opened:
        queue.close()


def test_a_queue_of_a_newer_version_or_no_queue_is_refused_in_one_line(queue: JobQueue, tmp_path: Path) -> None:
    with closing(sqlite3.connect(queue.root / "jobs.sqlite")) as database, database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(UsageError, match="newer version"):
        JobQueue(queue.root)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "jobs.sqlite").write_text("This is no database. " * 50)
    with pytest.raises(OutputError, match=r"cannot be used"):
        JobQueue(tmp_path / "other")


def test_a_preset_of_another_version_is_listed_and_never_worked_with(queue: JobQueue, clip: Path) -> None:
    job = queue.submit(clip)
    with closing(sqlite3.connect(queue.root / "jobs.sqlite")) as database, database:
        database.execute("UPDATE jobs SET preset = json_set(preset, '$.mask.sparkle', 3)")
    assert queue.jobs()[0].preset.name == "of another version"
    assert queue.claim("w") is None
    assert queue.get(job.id).state == "failed"
    assert "submit the clip again" in queue.get(job.id).message


def test_alone_is_alone_and_ends_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom workbench.jobs.locks import alone\n"
        "with alone(Path(sys.argv[1])):\n    print('in', flush=True)\n    time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"in\n"
    with pytest.raises(WorkbenchError), alone(lock, patience_seconds=0.2):
        pytest.fail("two are inside")
    holder.kill()
    holder.wait()
    with alone(lock, patience_seconds=5):
        pass
