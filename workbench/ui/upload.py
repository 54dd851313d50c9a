"""Takes uploads in Gradio's stead: into a folder of the user's own, nothing left behind by one that breaks off."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from workbench.ui.context import AppContext
from workbench.ui.security import UPLOAD
from workbench.workspace import private_folder

if TYPE_CHECKING:
    import gradio as gr

SPARE_BYTES = 500_000_000  # of the disk that an upload leaves free: for the analysis and for everybody else


def upload_routes(context: AppContext, blocks: gr.Blocks) -> APIRouter:
    """The address that Gradio's own components upload to, in front of Gradio's.

    Theirs puts everybody's files side by side, under names made of their content. What is kept of it: the parser that
    writes to disk and counts while the file arrives, and the progress it reports.
    """
    from gradio.route_utils import MultiPartException, upload_fn  # type: ignore[attr-defined]
    from gradio.routes import file_upload_statuses

    routes = APIRouter()

    @routes.post(UPLOAD)
    async def upload(request: Request, upload_id: str | None = None) -> Response:
        _refuse_full_disk(context, request)
        folder = private_folder(context.uploads_folder(context.user_of(request)) / secrets.token_hex(16))
        kept: list[Any] = []
        try:
            kept, _, _ = await upload_fn(
                request,
                str(folder),
                context.max_upload_bytes,
                upload_id,
                upload_progress=file_upload_statuses if upload_id else None,
            )
        except MultiPartException as error:
            too_large = "maximum allowed size" in error.message
            raise HTTPException(413 if too_large else 400, error.message) from error
        finally:
            if not kept:
                await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
        blocks.upload_file_set.update(kept)
        return JSONResponse(kept)

    return routes


def _refuse_full_disk(context: AppContext, request: Request) -> None:
    length = request.headers.get("content-length", "0")
    free = shutil.disk_usage(context.workspace.root).free
    if length.isdecimal() and int(length) + SPARE_BYTES > free:
        raise HTTPException(507, "there is not enough room on the disk: remove clips or jobs first")
