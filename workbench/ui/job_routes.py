"""What the page asks about jobs: ``/api/jobs/…``, and the load of the machine. Each user sees only their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from workbench.errors import UsageError
from workbench.jobs.queue import Job
from workbench.ui.context import AppContext
from workbench.ui.texts import Language, language_of
from workbench.ui.told import in_language
from workbench.workspace import display_name

NO_JOB = "there is no such job (any more)"
NO_FILE = "there is no such file (any more)"

Kind = Literal["output", "report", "timeline", "preset", "log"]
ENDINGS: dict[str, str] = {
    "report": ".report.json",
    "timeline": ".timeline.csv",
    "preset": ".preset.yaml",
    "log": ".log",
}
TYPES = {
    ".mp4": "video/mp4",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".json": "application/json",
    ".csv": "text/csv",
    ".yaml": "application/yaml",
    ".log": "text/plain; charset=utf-8",
}


def job_routes(context: AppContext) -> APIRouter:
    """List, look, cancel, retry, fetch; and ``/api/monitor``."""
    routes = APIRouter(prefix="/api")

    def job_of(request: Request, job_id: str) -> Job:
        """That job, if it is the user's."""
        try:
            job = context.queue.get(job_id)
        except UsageError as error:
            raise HTTPException(404, NO_JOB) from error
        if job.owner != context.user_of(request):
            raise HTTPException(404, NO_JOB)
        return job

    @routes.get("/jobs")
    def jobs(request: Request) -> Response:
        return JSONResponse(
            [job_state(job, language_of(request)) for job in context.queue.jobs(context.user_of(request))]
        )

    @routes.get("/jobs/{job_id}")
    def job(request: Request, job_id: str) -> Response:
        return JSONResponse(job_state(job_of(request, job_id), language_of(request)))

    @routes.get("/jobs/{job_id}/live.jpg")
    def live(request: Request, job_id: str) -> Response:
        picture = job_of(request, job_id).live
        if picture.is_symlink():
            raise HTTPException(404, NO_FILE)
        try:  # read at once: another one takes its place any moment
            return Response(picture.read_bytes(), media_type="image/jpeg")
        except FileNotFoundError:  # gone with the job's end, of which the browser does not know yet
            return Response(status_code=204)

    @routes.get("/jobs/{job_id}/files/{kind}")
    def file(request: Request, job_id: str, kind: Kind) -> Response:
        found = job_of(request, job_id)
        path = found.files().get(kind)
        if path is None or path.parent != found.folder:  # an output that the command line put elsewhere stays there
            raise HTTPException(404, NO_FILE)
        return _sent(path, media_type=TYPES.get(path.suffix, "application/octet-stream"), name=file_name(found, kind))

    @routes.post("/jobs/{job_id}/cancel")
    def cancel(request: Request, job_id: str) -> Response:
        return JSONResponse(job_state(context.queue.cancel(job_of(request, job_id).id), language_of(request)))

    @routes.post("/jobs/{job_id}/retry")
    def retry(request: Request, job_id: str) -> Response:
        return JSONResponse(job_state(context.queue.retry(job_of(request, job_id).id), language_of(request)))

    @routes.get("/monitor")
    def monitor(request: Request) -> Response:
        return JSONResponse(context.monitor.sample(context.user_of(request)))

    return routes


def job_state(job: Job, language: Language) -> dict[str, Any]:
    """A job as JSON: no path, the kinds of files that can be fetched."""
    eta = job.eta_seconds
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "cancelling": job.cancelling,
        "message": in_language(job.message, language),
        "preset": job.preset.name,
        "frames_done": job.frames_done,
        "frames_expected": job.frames_expected,
        "faces": job.faces,
        "fps": round(job.fps, 2),
        "eta_seconds": None if eta is None else round(eta, 1),
        "submitted_at": job.submitted_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "attempt": job.attempt,
        "files": sorted(kind for kind, path in job.files().items() if path.parent == job.folder),
        "live": job.live.is_file(),
    }


def file_name(job: Job, kind: str) -> str:
    """What a fetched file is called: after the clip, as people know it."""
    stem = display_name(Path(job.name).stem)
    return f"{stem}.masked{ENDINGS.get(kind, job.output.suffix)}"


def _sent(path: Path, *, media_type: str, name: str | None = None) -> Response:
    if path.is_symlink() or not path.is_file():
        raise HTTPException(404, NO_FILE)
    return FileResponse(path, media_type=media_type, filename=name)
