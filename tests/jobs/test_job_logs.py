"""The logs: private, bounded, written by many, and silent about names."""

from __future__ import annotations

import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.jobs import logs
from workbench.jobs.logs import LogOptions, job_log, service_log
from workbench.jobs.queue import Job, JobQueue


@pytest.fixture
def job(queue: JobQueue, clip: Path, tmp_path: Path) -> Job:
    source = tmp_path / "Ward 7" / "Li Ming, 3rd visit.mp4"
    return replace(queue.submit(clip), source=source, name="李明 复诊.mp4", output=tmp_path / "out" / "Li.mp4")


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, logging.ERROR])
def test_no_name_is_in_a_line_above_debug_level(level: int, job: Job) -> None:
    log = job_log(job, LogOptions(hide_names=True))
    log.log(level, "reading %s", job.source)
    log.log(level, "%r is broken", job.source.name)
    log.log(level, "shown as %s, written to %s", job.name, job.output)
    log.log(level, "folder %s, LI MING, 3RD VISIT.MP4", job.source.parent)
    try:
        int(job.source.stem)
    except ValueError:
        log.exception("a defect")
    text = job.log.read_text()
    assert "reading" in text
    assert "Traceback" in text
    for name in ("Li Ming", "LI MING", "李明", "Ward 7", "Li.mp4", str(job.output.parent)):
        assert name not in text


def test_names_are_there_at_debug_level_or_when_they_may_be(job: Job) -> None:
    job_log(job, LogOptions(hide_names=True, level=logging.DEBUG)).debug("reading %s", job.source)
    job_log(job, LogOptions(hide_names=False)).info("now %s", job.name)
    text = job.log.read_text()
    assert str(job.source) in text
    assert "now 李明 复诊.mp4" in text


def test_a_short_name_does_not_eat_the_words(job: Job) -> None:
    log = job_log(replace(job, name="a.mp4"), LogOptions())
    log.info("attempt with a preset, a.mp4 and a")
    assert "attempt with ‹name› preset, ‹name› and ‹name›" in job.log.read_text()


def test_debug_lines_are_left_out_unless_asked_for(queue: JobQueue) -> None:
    service_log(queue.root, LogOptions()).debug("a detail")
    assert not (queue.root / "service.log").exists()


def test_a_log_rotates_and_is_its_owners_alone(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 2000)
    log = service_log(queue.root, LogOptions())
    for number in range(200):
        log.info("line %d of two hundred, which do not fit", number)
    files = sorted(queue.root.glob("service.log*"))
    assert [file.name for file in files] == ["service.log", "service.log.1", "service.log.2", "service.log.3"]
    for file in files:
        assert file.stat().st_size <= 2000
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "line 199" in files[0].read_text()


def test_no_line_of_two_workers_is_lost_where_the_log_rotates(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the file open for itself, as processes do; they only meet in the lock beside it."""
    monkeypatch.setattr(logs, "MAX_BYTES", 3000)
    monkeypatch.setattr(logs, "OLD_FILES", 50)
    said = [[f"{name} {number}" for number in range(100)] for name in "ab"]

    def write(lines: list[str]) -> None:
        log = service_log(queue.root, LogOptions())
        for line in lines:
            log.info(line)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, said))
    lines = [line for file in queue.root.glob("service.log*") for line in file.read_text().splitlines()]
    assert len(list(queue.root.glob("service.log*"))) > 2
    assert sorted(" ".join(line.split()[-2:]) for line in lines) == sorted(said[0] + said[1])


def test_a_log_that_cannot_be_written_stops_nothing(queue: JobQueue, capfd: pytest.CaptureFixture[str]) -> None:
    (queue.root / "service.log").mkdir()
    service_log(queue.root, LogOptions()).info("to nobody")
    assert capfd.readouterr().err == ""
