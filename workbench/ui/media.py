"""Pictures and files of a clip: one frame in any view, a face of a track, short clips made for the page."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from workbench.data import Picture
from workbench.errors import UsageError
from workbench.preview.session import View
from workbench.ui.clip_routes import clip_of, session_of
from workbench.ui.context import AppContext
from workbench.ui.jpeg import jpeg

WIDTHS_PX = (16, 3840)
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}")
SHOWN_TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".png": "image/png", ".jpg": "image/jpeg"}
SAVED_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".pdf": "application/pdf",
}


def media_routes(context: AppContext) -> APIRouter:
    """``/api/clips/ID/frame``, ``/thumb`` and ``/files``. Nothing of it is kept by the browser on its disk."""
    routes = APIRouter(prefix="/api/clips/{clip_id}")

    @routes.get("/frame/{index}.jpg")
    def frame(request: Request, clip_id: str, index: int, view: View = "mask", w: int | None = None) -> Response:
        width = None if w is None else min(max(w, WIDTHS_PX[0]), WIDTHS_PX[1])
        session = session_of(context, request, clip_id)
        if not 0 <= index < session.frames:
            raise HTTPException(404, f"frame {index}: the clip has frames 0 to {session.frames - 1}")
        return _sent(session.picture(index, view, width_px=width))

    @routes.get("/thumb/{track}.jpg")
    def thumb(request: Request, clip_id: str, track: int) -> Response:
        session = session_of(context, request, clip_id)
        try:
            return _sent(session.thumbnail(track))
        except UsageError:  # gone with an edit, of which the browser did not know yet when it asked
            return Response(status_code=204)

    @routes.get("/files/{name}")
    def file(request: Request, clip_id: str, name: str) -> Response:
        path = clip_of(context, request, clip_id).previews / name
        media_type = (SHOWN_TYPES | SAVED_TYPES).get(path.suffix)
        if not FILE_NAME.fullmatch(name) or media_type is None or path.is_symlink() or not path.is_file():
            raise HTTPException(404, "there is no such file (any more)")
        kind = "inline" if path.suffix in SHOWN_TYPES else "attachment"
        return FileResponse(path, media_type=media_type, filename=name, content_disposition_type=kind)

    return routes


def _sent(picture: Picture) -> Response:
    return Response(jpeg(picture), media_type="image/jpeg")
