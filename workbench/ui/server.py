"""The server: puts the page, its routes and its guard together, and runs them until it is told to stop."""

from __future__ import annotations

import logging
import os
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from workbench.errors import OutputError, SourceError, UsageError, WorkbenchError
from workbench.jobs.logs import LogOptions, SharedLog
from workbench.ui.context import LOOPBACK, AppContext, open_context
from workbench.ui.live_recordings import clean_recordings
from workbench.ui.loading import load_gradio
from workbench.workspace import Workspace

__all__ = ["AppContext", "build_app", "open_context", "serve"]

STATIC = Path(__file__).parent / "static"
ICON = '<link rel="icon" href="/favicon.ico" type="image/svg+xml">'
GRADIO_STATIC = ("gradio", "templates/frontend/static")
PAGE_SECONDS = 5.0  # a browser that was opened together with the program shows the page by then
CLEAN_SECONDS = 600.0
UNUSED_SECONDS = 1800.0  # after which a clip that nobody asks for is closed
LARGEST_PICTURE_BYTES = 4_000_000  # of a webcam, as JPEG: one of 1280x720 has a tenth of that
GRACE_SECONDS = 1  # for answers under way when the server stops; some of Gradio's never end

STATUS: dict[type[Exception], int] = {UsageError: 400, SourceError: 422}
log = logging.getLogger("workbench.ui")


def serve(
    *,
    workspace: Workspace,
    host: str = LOOPBACK[0],
    port: int = 7860,
    max_upload_gb: float = 2.0,
    retention_hours: float = 72.0,
    workers: bool = True,
    open_browser: bool = False,
    host_names: tuple[str, ...] = (),
    ready: Callable[[str], None] | None = None,
) -> None:
    """Show the page until the program is told to stop. ``ready`` is called with its address once it can be opened.

    ``port`` 0 takes any free one. ``host_names``: further names that browsers may ask by, as behind a proxy.
    Raises UsageError where others could reach it and nobody has to log in, OutputError where the port is taken.
    """
    context = open_context(
        workspace,
        host=host,
        host_names=host_names,
        max_upload_gb=max_upload_gb,
        retention_hours=retention_hours,
    )
    if context.login_needed and not context.users.names():
        raise UsageError(f"{host} can be reached by others: first say who may log in, with: workbench users add NAME")
    with workspace.held(), _logged(workspace.root), _listening(host, port) as listener:
        workspace.clear_leftovers()
        address = _address(host, listener.getsockname()[1])

        def started() -> None:
            if ready is not None:
                ready(address)
            threading.Thread(target=_warm_up, args=(context,), daemon=True).start()
            if open_browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

        server = _Server(
            uvicorn.Config(
                build_app(context),
                log_config=None,
                access_log=False,
                server_header=False,
                ws="websockets-sansio",
                ws_max_size=LARGEST_PICTURE_BYTES,
                ws_per_message_deflate=False,  # pictures are compressed already
                timeout_graceful_shutdown=GRACE_SECONDS,
            ),
            started,
            context.close_work,
        )
        _load_tracker()
        try:
            with _working(context, workers=workers):
                server.run(sockets=[listener])
        finally:
            context.close_work()
            context.queue.close()


def build_app(context: AppContext, blocks: Any = None, **options: Any) -> FastAPI:
    """The application. ``blocks``: another Gradio page than the product's, shown with ``options``."""
    gradio = load_gradio(context.workspace.gradio_cache)
    from workbench.ui import clip_routes, job_routes, live_routes, login, media, security, upload

    head = ICON
    if blocks is None:
        from workbench.ui.page import EARLY_HEAD, build_page, mount_options

        blocks, options, head = build_page(context), mount_options() | options, ICON + EARLY_HEAD
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(security.Guard, context=context, head=head)
    app.include_router(login.login_routes(context))
    app.include_router(clip_routes.clip_routes(context))
    app.include_router(media.media_routes(context))
    app.include_router(job_routes.job_routes(context))
    app.include_router(live_routes.live_routes(context))
    app.include_router(upload.upload_routes(context, blocks))
    app.add_route("/api/{rest:path}", _nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    app.mount("/static", StaticFiles(directory=STATIC, packages=[GRADIO_STATIC]))
    for kind, answer in ((WorkbenchError, _told), (HTTPException, _refused), (RequestValidationError, _invalid)):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(Exception, _defect)
    ours = {
        "auth_dependency": lambda request: getattr(request.state, "user", None),
        "max_file_size": context.max_upload_bytes,
        "show_error": True,
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "favicon_path": str(STATIC / "icon.svg"),
        "mcp_server": False,
        "allowed_paths": [],
    }
    gradio.mount_gradio_app(app, blocks, "/", **(options | ours))
    blocks.has_launched = True  # else Gradio does not check that paths from the browser lie in its cache
    return app


class _Server(uvicorn.Server):
    """Calls ``started`` once it can be reached, and ``ending``, in a thread, as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        threading.Thread(target=self._ending, daemon=True).start()
        await super().shutdown(sockets)


@contextmanager
def _logged(root: Path) -> Iterator[None]:
    """What goes wrong is written to the service's log, beside what the workers tell, and not onto the terminal."""
    handler = SharedLog(root / "service.log", LogOptions())
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket on that address, held from the start: whoever comes early waits."""
    try:
        listener = socket.create_server((host, port), family=_family(host))
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise OutputError(f"port {port} on {host} cannot be used ({reason}): choose another with --port") from error
    with listener:
        yield listener


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": LOOPBACK[0], "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


@contextmanager
def _working(context: AppContext, *, workers: bool) -> Iterator[None]:
    """The worker and the cleaning, beside the server."""
    from workbench.ui.worker_process import WorkerProcess

    ended = threading.Event()
    cleaner = threading.Thread(target=_clean_often, args=(context, ended), name="cleaning", daemon=True)
    cleaner.start()

    def work_waits() -> bool:
        return any(job.finished_at is None for job in context.queue.jobs())

    with WorkerProcess(context.workspace.queue_root, work_waits) if workers else nullcontext():
        try:
            yield
        finally:
            ended.set()


def _clean_often(context: AppContext, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            clean(context)
        except (WorkbenchError, OSError):
            log.exception("the cleaning failed")
        ended.wait(CLEAN_SECONDS)


def clean(context: AppContext) -> None:
    """Delete what is older than may be kept: clips nobody used, jobs that ended, the page's cache."""
    jobs = context.queue.jobs()
    waiting = [job for job in jobs if job.finished_at is None]
    context.workspace.clean(context.retention_hours, in_use=[job.source for job in waiting])
    before = datetime.now(UTC) - timedelta(hours=context.retention_hours)
    for job in jobs:
        if job.finished_at is not None and datetime.fromisoformat(job.finished_at) < before:
            with suppress(UsageError):  # begun again just now
                context.queue.remove(job.id)
    clean_recordings(context.workspace, before.timestamp())
    context.clips.close_unused(UNUSED_SECONDS)


def _load_tracker() -> None:
    """Load what the tracker needs, which is the slowest import of a first clip: whoever drops one in would wait."""
    from workbench.presets.files import DEFAULT_PRESET, load_preset
    from workbench.trackers import open_tracker

    open_tracker(load_preset(DEFAULT_PRESET).tracker, steps_per_second=25.0, height_px=720)


def _warm_up(context: AppContext) -> None:
    """Open the detector once, so that the first clip does not wait for the engine, nor for this the page.

    A failure shows when it is used.
    """
    context.page_shown.wait(PAGE_SECONDS)
    from workbench.detectors import open_finder
    from workbench.presets.files import DEFAULT_PRESET, load_preset

    with suppress(WorkbenchError):
        open_finder(load_preset(DEFAULT_PRESET).detector, width_px=1280, height_px=720)


def _nothing(_request: Request) -> Response:
    raise HTTPException(404, "there is nothing here")


def _told(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, STATUS.get(type(error), 500))


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "path", "query"))
    return JSONResponse({"error": f"{where}: {first['msg']}"}, 400)


def _defect(_request: Request, error: Exception) -> Response:
    log.error("an answer failed", exc_info=error)
    return JSONResponse({"error": "a defect of the program: see its log"}, 500)
