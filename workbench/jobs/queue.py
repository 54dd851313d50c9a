"""The durable queue: what the page, the command line and the workers know of each other."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from workbench.errors import OutputError, UsageError
from workbench.jobs.database import Database
from workbench.jobs.job import Job, job_of, read_preset
from workbench.jobs.places import check_place
from workbench.jobs.states import ALLOWED, ENDED, FINISHED, State
from workbench.presets.files import DEFAULT_PRESET, load_preset, save_preset
from workbench.presets.model import Preset
from workbench.stages import ProgressUpdate
from workbench.timeline import Timeline, save_timeline
from workbench.video.naming import masked_name
from workbench.video.probing import probe
from workbench.workspace import display_name, private_folder

__all__ = ["Job", "JobQueue"]

LEASE_SECONDS = 10.0  # a worker that says nothing for so long is dead, or as good as
GIVEN_TIMELINE = "given_timeline.csv"
OTHER_VERSION = "its preset is of another version of the program: submit the clip again with a preset of this one"
MOST_CRASHES = 3  # a clip that kills its process so often in one place would do so for ever


class JobQueue:
    """The jobs in ``root/jobs.sqlite``, and a private folder ``root/jobs/ID`` for each. For any thread and process.

    Raises UsageError for an unknown job or a move that its state does not allow, OutputError for a file that cannot
    be used.

    >>> with JobQueue(folder / "queue") as queue:
    ...     job = queue.submit(clip, preset=load_preset("balanced"))
    ...     job.state, job.frames_expected
    ('queued', 20)
    """

    def __init__(self, root: Path, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self.root = root.absolute()
        self.lease_seconds = lease_seconds
        private_folder(self.root)
        private_folder(self.root / "jobs")
        self._database = Database(self.root / "jobs.sqlite")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # --- for those who want something done ---------------------------------------------------------------------------

    def submit(
        self,
        source: Path,
        output: Path | None = None,
        preset: Preset | None = None,
        *,
        owner: str = "local",
        name: str | None = None,
        timeline: Timeline | None = None,
    ) -> Job:
        """A new job at the end of the queue. Without ``output`` the masked clip goes into the job's folder.

        ``name`` is what people read; ``timeline`` is hidden as it is, without looking. Raises SourceError for what is
        no video, OutputError for a place that cannot be written, is taken, or is the source.
        """
        source = source.absolute()
        preset = preset or load_preset(DEFAULT_PRESET)
        expected = probe(source).frames_in_header
        place = Path(masked_name(source, preset.output)) if output is None else output.absolute()
        if output is not None:
            check_place(place, source)
        job_id = secrets.token_hex(16)
        values: dict[str, object] = {
            "id": job_id,
            "owner": owner,
            "name": display_name(name or source.name),
            "source": os.fsencode(source),
            "output": os.fsencode(place),
            "preset": preset.model_dump_json(),
            "state": "queued",
            "frames_expected": expected,
            "submitted_at": _now(),
        }
        folder = private_folder(self.root / "jobs" / job_id)
        try:
            save_preset(preset, folder / "preset.yaml")
            if timeline is not None:
                values["timeline"] = GIVEN_TIMELINE.encode()
                save_timeline(timeline, folder / GIVEN_TIMELINE)
            with self._database.change() as change:
                _check_free(change, place)
                marks = ", ".join(f":{name}" for name in values)
                change.execute(f"INSERT INTO jobs ({', '.join(values)}) VALUES ({marks})", values)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self.get(job_id)

    def get(self, id: str) -> Job:
        rows = self._database.rows("SELECT * FROM jobs WHERE id = ?", [id])
        if not rows:
            raise _unknown(id)
        return job_of(rows[0], self.root)

    def jobs(self, owner: str | None = None) -> list[Job]:
        """All jobs, or those of one owner, newest first."""
        where, values = ("", []) if owner is None else ("WHERE owner = ?", [owner])
        rows = self._database.rows(f"SELECT * FROM jobs {where} ORDER BY number DESC", values)
        return [job_of(row, self.root) for row in rows]

    def cancel(self, id: str) -> Job:
        """Stop a job. One that runs is ended by its worker, within two seconds; no output is left."""
        with self._database.change() as change:
            row = _row(change, id)
            _check_move(row, "cancelled")
            if row["state"] == "queued" or row["lease_until"] < time.time():
                self._end(change, row, "cancelled", "")
            else:
                change.execute("UPDATE jobs SET cancel_asked = 1 WHERE id = ?", [id])
        return self.get(id)

    def retry(self, id: str) -> Job:
        """Queue a failed or cancelled job again. A failed one goes on with what it had finished."""
        with self._database.change() as change:
            row = _row(change, id)
            if row["state"] == "running":
                raise UsageError(f"job {id} is running: cancel it first")
            _check_move(row, "queued")
            output = Path(os.fsdecode(row["output"]))
            _check_free(change, output)
            if output.is_absolute():
                check_place(output, Path(os.fsdecode(row["source"])))
            change.execute(
                "UPDATE jobs SET state = 'queued', message = '', frames_done = 0, faces = 0, fps = 0, crashes = 0,"
                " frames_at_crash = 0, cancel_asked = 0, started_at = NULL, finished_at = NULL WHERE id = ?",
                [id],
            )
        return self.get(id)

    def remove(self, id: str) -> None:
        """Forget a job and delete its folder; an output elsewhere stays. Raises UsageError while it runs."""
        with self._database.change() as change:
            row = _row(change, id)
            if row["state"] == "running":
                raise UsageError(f"job {id} is running: cancel it first")
            change.execute("DELETE FROM jobs WHERE id = ?", [id])
        shutil.rmtree(self.root / "jobs" / row["id"], ignore_errors=True)

    # --- for workers -------------------------------------------------------------------------------------------------

    def claim(self, worker: str) -> Job | None:
        """The oldest job that waits, or whose worker has died, now ``worker``'s alone; None where there is none."""
        waiting = "state = 'queued' OR (state = 'running' AND lease_until < ?)"
        first = f"SELECT * FROM jobs WHERE {waiting} ORDER BY number LIMIT 1"
        if not self._database.rows(first, [time.time()]):  # idle workers ask often: without keeping writers out
            return None
        with self._database.change() as change:
            while row := change.execute(first, [time.time()]).fetchone():
                if row["state"] == "running" and not self._survived(change, row, "its worker died"):
                    continue
                change.execute(
                    "UPDATE jobs SET state = 'running', worker = ?, lease_until = ?, attempt = attempt + 1, fps = 0,"
                    " started_at = coalesce(started_at, ?), message = '' WHERE id = ?",
                    [worker, time.time() + self.lease_seconds, _now(), row["id"]],
                )
                if read_preset(row) is not None:
                    return job_of(_row(change, row["id"]), self.root)
                self._end(change, row, "failed", OTHER_VERSION)
        return None

    def beat(self, id: str, worker: str, update: ProgressUpdate | None = None, *, fps: float = 0.0) -> bool:
        """The worker is alive and so far. False: stop, because that was asked or because the job is another's now."""
        with self._database.change() as change:
            row = _row(change, id)
            if not _held(row, worker) or row["cancel_asked"]:
                return False
            change.execute("UPDATE jobs SET lease_until = ? WHERE id = ?", [time.time() + self.lease_seconds, id])
            if update is not None:
                change.execute(
                    "UPDATE jobs SET frames_done = ?, frames_expected = coalesce(?, frames_expected), faces = ?,"
                    " fps = ? WHERE id = ?",
                    [update.frames_done, update.frames_expected, update.faces, fps, id],
                )
        return True

    def finish(self, id: str, state: State, message: str = "", *, worker: str | None = None) -> Job:
        """The job has ended; a cancelled or failed one leaves no output. A cancel asked for before wins.

        Nothing changes where ``worker`` is named and the job is another's by now. The job as it is then.
        """
        if state not in ENDED:
            raise UsageError(f"{state} is no end of a job: must be one of {', '.join(sorted(ENDED))}")
        with self._database.change() as change:
            row = _row(change, id)
            if worker is None or _held(row, worker):
                _check_move(row, state)
                cancelled = row["cancel_asked"] and state in FINISHED
                self._end(change, row, "cancelled" if cancelled else state, "" if cancelled else message)
        return self.get(id)

    def interrupted(self, id: str, worker: str, reason: str) -> Job:
        """The job's process died: back into the queue, or failed where that happened too often in one place."""
        with self._database.change() as change:
            row = _row(change, id)
            if _held(row, worker) and self._survived(change, row, reason):
                change.execute("UPDATE jobs SET state = 'queued', worker = NULL WHERE id = ?", [id])
        return self.get(id)

    def release(self, id: str, worker: str) -> None:
        """The worker stops: the job goes back into the queue, to be gone on with."""
        with self._database.change() as change:
            row = _row(change, id)
            if _held(row, worker):
                if row["cancel_asked"]:
                    self._end(change, row, "cancelled", "")
                else:
                    change.execute("UPDATE jobs SET state = 'queued', worker = NULL, fps = 0 WHERE id = ?", [id])

    # --- inside a transaction ----------------------------------------------------------------------------------------

    def _survived(self, change: sqlite3.Connection, row: sqlite3.Row, reason: str) -> bool:
        """Count the death of a running job's process. False: the job has ended by that."""
        if row["cancel_asked"]:
            self._end(change, row, "cancelled", "")
            return False
        further = row["frames_done"] > row["frames_at_crash"]
        crashes = 1 if further else row["crashes"] + 1
        if crashes >= MOST_CRASHES:
            advice = "it may need more memory than there is, or the clip is damaged"
            self._end(change, row, "failed", f"stopped {crashes} times in the same place ({reason}): {advice}")
            return False
        change.execute(
            "UPDATE jobs SET crashes = ?, frames_at_crash = max(frames_at_crash, frames_done) WHERE id = ?",
            [crashes, row["id"]],
        )
        return True

    def _end(self, change: sqlite3.Connection, row: sqlite3.Row, state: State, message: str) -> None:
        """Give the job its last state. Its files go first: whoever reads the state may rely on it.

        A failed job keeps its work, so that another try after, say, making room on the disk goes on with it.
        """
        job = job_of(row, self.root)
        if state != "failed":
            job.discard_work()
        if state not in FINISHED and job.attempt:  # before the first attempt nothing of that name is ours
            job.discard_results()
        change.execute(
            "UPDATE jobs SET state = ?, message = ?, finished_at = ?, worker = NULL, cancel_asked = 0 WHERE id = ?",
            [state, message, _now(), job.id],
        )


def _row(change: sqlite3.Connection, id: str) -> sqlite3.Row:
    row = change.execute("SELECT * FROM jobs WHERE id = ?", [id]).fetchone()
    if row is None:
        raise _unknown(id)
    assert isinstance(row, sqlite3.Row)
    return row


def _held(row: sqlite3.Row, worker: str) -> bool:
    return bool(row["state"] == "running" and row["worker"] == worker)


def _unknown(id: str) -> UsageError:
    return UsageError(f"no job {id[:40]!r}: see them with: workbench jobs list")


def _check_move(row: sqlite3.Row, state: State) -> None:
    if state not in ALLOWED[row["state"]]:
        raise UsageError(f"job {row['id']} is {row['state'].replace('_', ' ')}: it cannot become {state}")


def _check_free(change: sqlite3.Connection, output: Path) -> None:
    """Raises OutputError where another job is going to write the same file. A relative one is in the job's folder."""
    query = "SELECT id FROM jobs WHERE output = ? AND state IN ('queued', 'running')"
    other = change.execute(query, [os.fsencode(output)]).fetchone()
    if other is not None and output.is_absolute():
        raise OutputError(f"{output}: job {other['id']} is going to write it; choose another folder")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
