"""What the page gets of jobs: its own user's alone, and only files of the job's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import ShortClip
from workbench.jobs.queue import Job
from workbench.jobs.worker import work
from workbench.presets.files import load_preset
from workbench.ui.context import AppContext


def submitted(context: AppContext, source: Path, **options: Any) -> Job:
    return context.queue.submit(source, preset=load_preset("balanced"), owner="anna", **options)


def test_a_job_is_followed_to_its_files(shared: Any, short_clip: ShortClip):
    context, anna, bert = shared
    job = submitted(context, short_clip("meeting_grid", frames=5), name='查房 "7".mp4')
    (waiting,) = anna.get("/api/jobs").json()
    assert (waiting["state"], waiting["name"]) == ("queued", '查房 "7".mp4')
    assert anna.get(f"/api/jobs/{job.id}/files/output").status_code == 404
    work(context.queue, until_empty=True)
    done = anna.get(f"/api/jobs/{job.id}").json()
    assert done["state"] in ("done", "needs_review")
    assert (done["frames_done"], done["files"]) == (5, ["log", "output", "preset", "report", "timeline"])
    assert str(context.workspace.root) not in str(done)
    output = anna.get(f"/api/jobs/{job.id}/files/output")
    assert output.content == job.output.read_bytes()
    assert output.headers["content-disposition"].startswith("attachment; filename*=utf-8''%E6%9F%A5%E6%88%BF")
    assert output.headers["content-disposition"].endswith("masked.mp4")
    assert anna.get(f"/api/jobs/{job.id}/files/timeline").text.startswith("# face-privacy-workbench timeline")
    assert anna.get(f"/api/jobs/{job.id}/files/preset").text.startswith("schema:")
    assert anna.get(f"/api/jobs/{job.id}/files/report").json()["frames"] == 5
    assert bert.get("/api/jobs").json() == []
    for rest in ("", "/live.jpg", "/files/output", "/files/report", "/files/log"):
        assert bert.get(f"/api/jobs/{job.id}{rest}").status_code == 404
    for rest in ("cancel", "retry"):
        assert bert.post(f"/api/jobs/{job.id}/{rest}").status_code == 404
    for kind in ("segments", "../jobs.sqlite", "..%2fjobs.sqlite", "source"):
        assert anna.get(f"/api/jobs/{job.id}/files/{kind}").status_code in (400, 404)


def test_an_output_outside_of_the_workspace_is_not_served(shared: Any, short_clip: ShortClip, tmp_path: Path):
    context, anna, _ = shared
    job = submitted(context, short_clip("meeting_grid", frames=5), output=tmp_path / "out.mp4")
    context.queue.claim("the test")
    (tmp_path / "out.mp4").write_bytes(b"masked")
    context.queue.finish(job.id, "done")
    assert context.queue.get(job.id).files()["output"] == tmp_path / "out.mp4"
    assert "output" not in anna.get(f"/api/jobs/{job.id}").json()["files"]
    assert anna.get(f"/api/jobs/{job.id}/files/output").status_code == 404


def test_a_job_can_be_cancelled_and_tried_again(shared: Any, short_clip: ShortClip):
    context, anna, _ = shared
    job = submitted(context, short_clip("meeting_grid", frames=5))
    assert anna.post(f"/api/jobs/{job.id}/cancel").json()["state"] == "cancelled"
    again = anna.post(f"/api/jobs/{job.id}/cancel")
    assert again.status_code == 400
    assert "cannot become cancelled" in again.json()["error"]
    assert anna.get(f"/api/jobs/{job.id}/live.jpg").status_code == 204, "no picture is nothing wrong"
    assert anna.post(f"/api/jobs/{job.id}/retry").json()["state"] == "queued"
    anna.post(f"/api/jobs/{job.id}/cancel")


@pytest.mark.parametrize("job_id", ["x", "0" * 32, "..", "%2e%2e", "' OR 1=1"])
def test_ids_that_are_none_find_nothing(shared: Any, job_id: str):
    anna: TestClient = shared[1]
    assert anna.get(f"/api/jobs/{job_id}").status_code == 404


def test_the_load_of_the_machine_is_told(shared: Any):
    sample = shared[1].get("/api/monitor").json()
    assert set(sample) == {"fps", "faces", "cpu_percent", "memory_mb", "gpu_percent"}
    assert 0 <= sample["cpu_percent"] <= 100
    assert 50 < sample["memory_mb"] < 100_000
