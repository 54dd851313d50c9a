"""What the viewer asks about a clip and changes in it: ``/api/clips/ID/…``. Ids only; no path of a browser is used."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from workbench.errors import UsageError
from workbench.preview.session import ClipSession
from workbench.timeline import Decision, KeyBox
from workbench.ui.context import AppContext
from workbench.ui.form import changed
from workbench.workspace import Clip

MOST_KEY_BOXES = 1000
LARGEST_PX = 100_000


Setting = bool | float | str


class DecisionBody(BaseModel):
    """What to do with a track."""

    decision: Decision


class BoxBody(BaseModel):
    """A box drawn on a frame, in pixels of the upright picture; it may reach outside of it."""

    frame: int = Field(ge=0)
    x: float = Field(ge=-LARGEST_PX, le=LARGEST_PX)
    y: float = Field(ge=-LARGEST_PX, le=LARGEST_PX)
    w: float = Field(gt=0, le=LARGEST_PX)
    h: float = Field(gt=0, le=LARGEST_PX)


class BoxesBody(BaseModel):
    """The key boxes of one manual track."""

    boxes: list[BoxBody] = Field(min_length=1, max_length=MOST_KEY_BOXES)


def clip_of(context: AppContext, request: Request, clip_id: str) -> Clip:
    """The clip of whoever asks. Raises HTTPException 404 where that user has none."""
    try:
        return context.workspace.space(context.user_of(request)).clip(clip_id)
    except UsageError as error:
        raise HTTPException(404, str(error)) from error


def session_of(context: AppContext, request: Request, clip_id: str) -> ClipSession:
    """That clip, opened."""
    clip_of(context, request, clip_id)
    return context.clips.get(context.user_of(request), clip_id)


def clip_routes(context: AppContext) -> APIRouter:
    """State and edits. Every change answers with the new state."""
    routes = APIRouter(prefix="/api/clips/{clip_id}")

    def answer(request: Request, clip_id: str, *, times: bool = True) -> Response:
        clip = clip_of(context, request, clip_id)
        session = session_of(context, request, clip_id)
        failure = context.clips.failure(context.user_of(request), clip_id)
        return JSONResponse(clip_state(clip, session, times=times) | {"error": failure})

    @routes.get("/state")
    def state(request: Request, clip_id: str, times: bool = True) -> Response:
        return answer(request, clip_id, times=times)

    @routes.patch("/settings")
    def tune(request: Request, clip_id: str, body: dict[str, Setting]) -> Response:
        clip_of(context, request, clip_id)
        context.clips.change_settings(context.user_of(request), clip_id, lambda preset: changed(preset, body))
        return answer(request, clip_id, times=False)

    @routes.post("/tracks/{track}")
    def decide(request: Request, clip_id: str, track: int, body: DecisionBody) -> Response:
        session_of(context, request, clip_id).decide(track, body.decision)
        return answer(request, clip_id)

    @routes.delete("/tracks/{track}")
    def remove_track(request: Request, clip_id: str, track: int) -> Response:
        session_of(context, request, clip_id).remove_track(track)
        return answer(request, clip_id)

    @routes.post("/boxes")
    def add_boxes(request: Request, clip_id: str, body: BoxesBody) -> Response:
        session_of(context, request, clip_id).add_boxes([KeyBox(**box.model_dump()) for box in body.boxes])
        return answer(request, clip_id)

    @routes.post("/undo")
    def undo(request: Request, clip_id: str) -> Response:
        session_of(context, request, clip_id).undo()
        return answer(request, clip_id)

    @routes.post("/redo")
    def redo(request: Request, clip_id: str) -> Response:
        session_of(context, request, clip_id).redo()
        return answer(request, clip_id)

    return routes


def clip_state(clip: Clip, session: ClipSession, *, times: bool = True) -> dict[str, Any]:
    """Everything the viewer draws but the pictures. Without ``times`` it leaves out what never changes and is long."""
    info, seconds = session.info, session.times
    state: dict[str, Any] = {
        "id": clip.id,
        "name": clip.name,
        "revision": session.revision,
        "frames": session.frames,
        "fps": round(float(info.average_fps), 4),
        "width": info.width_px,
        "height": info.height_px,
        "duration": _number(info.duration_seconds_in_header or (seconds[-1] if len(seconds) else 0.0)),
        "analysed": session.analysed,
        "complete": session.complete,
        "confidence": session.preset.detector.confidence,
        "problems": [asdict(problem) for problem in session.problems()],
        "tracks": [
            {
                "track": lane.track,
                "name": lane.name,
                "decision": lane.decision,
                "first": lane.first,
                "last": lane.last,
                "score": _number(lane.mean_score),
                "runs": [[run.first, run.last, run.source, _number(run.score)] for run in lane.runs],
            }
            for lane in session.lanes()
        ],
        "can_undo": session.can_undo,
        "can_redo": session.can_redo,
    }
    if times:
        state["times"] = seconds.round(4).tolist()
    return state


def _number(value: float | None) -> float | None:
    """A number that JSON has; None for none."""
    return None if value is None or not math.isfinite(value) else round(float(value), 4)
