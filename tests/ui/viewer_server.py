"""A server as small as the viewer needs: the clip interface over real sessions, and one page that holds the viewer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from workbench.data import Picture
from workbench.errors import UsageError, WorkbenchError
from workbench.preview.session import ClipSession
from workbench.timeline import KeyBox
from workbench.ui.clip_routes import clip_state
from workbench.ui.viewer import STATIC, viewer_head, viewer_html
from workbench.workspace import Clip

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>viewer</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width, initial-scale=1">{head}
<style>body {{ margin: 0; padding: 20px; background: #f1f5f9; }} body.dark {{ background: #0b1220; color-scheme: dark }}
#place {{ max-width: 1360px; margin: 0 auto; }}</style></head><body><div id="place">{viewer}</div>
<p><label>Elsewhere <input id="elsewhere"></label></p></body></html>"""


@dataclass
class Served:
    """What is served, and what a test may turn: ``broken`` answers every edit with an error."""

    sessions: Mapping[str, ClipSession]
    url: str = ""
    pictures: list[str] = field(default_factory=list)
    slow: dict[str, float] = field(default_factory=dict)  # seconds by view
    broken: bool = False


def state_of(name: str, session: ClipSession) -> dict[str, Any]:
    return clip_state(Clip(name, session.source.name, session.source, session.folder), session)


def build_app(served: Served) -> FastAPI:
    app = FastAPI()
    app.mount("/static", StaticFiles(directory=STATIC))

    @app.exception_handler(WorkbenchError)
    def refused(request: Request, error: WorkbenchError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=400)

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(PAGE.format(head=viewer_head(), viewer=viewer_html()))

    @app.get("/api/clips/{name}/state")
    def state(name: str) -> Response:
        if name not in served.sessions:
            return JSONResponse({"error": "this clip is not here any more"}, status_code=404)
        return JSONResponse(state_of(name, served.sessions[name]))

    @app.get("/api/clips/{name}/frame/{index}.jpg")
    def frame(name: str, index: int, view: str, rev: int, w: int) -> Response:
        served.pictures.append(f"{view}/{index}/{w}/{rev}")
        time.sleep(served.slow.get(view, 0))
        return _jpeg(served.sessions[name].picture(index, view, width_px=w))  # type: ignore[arg-type]

    @app.get("/api/clips/{name}/thumb/{track}.jpg")
    def thumb(name: str, track: int) -> Response:
        try:
            return _jpeg(served.sessions[name].thumbnail(track))
        except UsageError:
            return Response(status_code=204)

    @app.post("/api/clips/{name}/tracks/{track}")
    def decide(name: str, track: int, body: dict[str, Any]) -> dict[str, Any]:
        return _edited(served, name, lambda session: session.decide(track, body["decision"]))

    @app.delete("/api/clips/{name}/tracks/{track}")
    def remove(name: str, track: int) -> dict[str, Any]:
        return _edited(served, name, lambda session: session.remove_track(track))

    @app.post("/api/clips/{name}/boxes")
    def boxes(name: str, body: dict[str, Any]) -> dict[str, Any]:
        return _edited(served, name, lambda session: session.add_boxes([KeyBox(**box) for box in body["boxes"]]))

    @app.post("/api/clips/{name}/undo")
    def undo(name: str) -> dict[str, Any]:
        return _edited(served, name, lambda session: session.undo())

    @app.post("/api/clips/{name}/redo")
    def redo(name: str) -> dict[str, Any]:
        return _edited(served, name, lambda session: session.redo())

    return app


def _edited(served: Served, name: str, edit: Any) -> dict[str, Any]:
    if served.broken:
        raise WorkbenchError("the disk is full; make room and try again")
    edit(served.sessions[name])
    return state_of(name, served.sessions[name])


def _jpeg(picture: Picture) -> Response:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return Response(data.tobytes(), media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@contextmanager
def running(sessions: Mapping[str, ClipSession]) -> Iterator[Served]:
    """The server in a thread, on a port of its own."""
    served = Served(sessions)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # so that who comes before the server waits for it
        served.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server = uvicorn.Server(uvicorn.Config(build_app(served), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join(10)
