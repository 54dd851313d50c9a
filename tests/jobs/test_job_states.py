"""The moves a job may make: the table, and the queue's obedience to it, every state with every wish."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from workbench.errors import UsageError
from workbench.jobs.queue import Job, JobQueue
from workbench.jobs.states import ACTIVE, ALLOWED, ENDED, FINISHED, State
from workbench.presets.model import Preset

STATES: tuple[State, ...] = get_args(State)
REFUSED = "refused"

MOVES = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "queued"),
    ("running", "done"),
    ("running", "needs_review"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("failed", "queued"),
    ("cancelled", "queued"),
}

WISHES: dict[str, Callable[[JobQueue, Job], object]] = {
    "claim": lambda queue, job: queue.claim("w"),
    "cancel": lambda queue, job: queue.cancel(job.id),
    "retry": lambda queue, job: queue.retry(job.id),
    "interrupted": lambda queue, job: queue.interrupted(job.id, "w", "SIGKILL"),
    "release": lambda queue, job: queue.release(job.id, "w"),
    **{f"finish {end}": lambda queue, job, end=end: queue.finish(job.id, end) for end in STATES},  # type: ignore[misc]
}

OUTCOMES: dict[str, dict[str, str]] = {  # wish → state → what comes of it; a state that is not named stays as it is
    "claim": {"queued": "running"},
    "cancel": {"queued": "cancelled", **dict.fromkeys(("done", "needs_review", "failed", "cancelled"), REFUSED)},
    "retry": {"failed": "queued", "cancelled": "queued", **dict.fromkeys(("queued", "running", *FINISHED), REFUSED)},
    "interrupted": {"running": "queued"},
    "release": {"running": "queued"},
    "finish queued": dict.fromkeys(STATES, REFUSED),
    "finish running": dict.fromkeys(STATES, REFUSED),
    "finish done": {**dict.fromkeys(STATES, REFUSED), "running": "done"},
    "finish needs_review": {**dict.fromkeys(STATES, REFUSED), "running": "needs_review"},
    "finish failed": {**dict.fromkeys(STATES, REFUSED), "running": "failed"},
    "finish cancelled": {**dict.fromkeys(STATES, REFUSED), "running": "cancelled", "queued": "cancelled"},
}


def test_the_table_is_this_one() -> None:
    assert {(start, end) for start in STATES for end in ALLOWED[start]} == MOVES
    assert set(ALLOWED) == set(STATES) == ACTIVE | ENDED
    assert not ACTIVE & ENDED


@pytest.mark.parametrize("wish", WISHES)
def test_every_wish_in_every_state(wish: str, queue: JobQueue, clip: Path, preset: Preset) -> None:
    for state in STATES:
        job = in_state(state, queue, clip, preset)
        expected = OUTCOMES[wish].get(state, state)
        if expected == REFUSED:
            with pytest.raises(UsageError) as refusal:
                WISHES[wish](queue, job)
            assert "\n" not in str(refusal.value)
            expected = state
        else:
            WISHES[wish](queue, job)
        after = queue.get(job.id)
        assert after.state == expected, (wish, state)
        assert after.state == state or (state, after.state) in MOVES
        assert (after.finished_at is not None) == (after.state in ENDED)
        if after.state == "running":
            queue.finish(job.id, "failed")
        elif after.state == "queued":
            queue.cancel(job.id)


def test_a_cancel_asked_for_while_it_runs_waits_for_the_worker(queue: JobQueue, clip: Path, preset: Preset) -> None:
    job = in_state("running", queue, clip, preset)
    assert queue.beat(job.id, "w")
    assert queue.cancel(job.id).cancelling
    assert queue.cancel(job.id).cancelling  # asked twice
    assert not queue.beat(job.id, "w")
    assert queue.finish(job.id, "done", worker="w").state == "cancelled"  # it was asked for before the end


def in_state(state: State, queue: JobQueue, clip: Path, preset: Preset) -> Job:
    """A new job that has got there by allowed moves."""
    job = queue.submit(clip, None, preset)
    if state == "queued":
        return job
    claimed = queue.claim("w")
    assert claimed is not None
    assert claimed.id == job.id
    return claimed if state == "running" else queue.finish(job.id, state)
