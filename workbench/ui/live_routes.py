"""What the page asks about live streams: ``/api/live/…``. Masked pictures go out by web socket, webcams come in by one.

Each user sees only their own. What a browser names is a camera's number, an address of a known kind, or one of its
user's clips: never a path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from workbench.errors import UsageError
from workbench.live.frames import REASONS
from workbench.presets import Preset
from workbench.presets.files import DEFAULT_PRESET
from workbench.ui.context import AppContext
from workbench.ui.live_addresses import checked_push, checked_source
from workbench.ui.live_sockets import add_sockets
from workbench.ui.live_streams import OVER, UNDER_WAY, LiveStream
from workbench.ui.panels.preset import choices, find
from workbench.ui.texts import Language, language_of, text
from workbench.ui.told import in_language

if TYPE_CHECKING:
    from workbench.live.frames import LiveSource

IN_USE = "settings"
"""How the choice of a preset names the settings of the page's other half."""

LAST_CAMERA = 63
LONGEST_ADDRESS = 2000


class StartBody(BaseModel):
    """A stream to start. Which of ``camera``, ``address`` and ``clip`` counts is for ``kind`` to say."""

    kind: Literal["webcam", "camera", "address", "clip"]
    camera: int = Field(0, ge=0, le=LAST_CAMERA)
    address: str = Field("", max_length=LONGEST_ADDRESS)
    clip: str = Field("", max_length=32)
    preset: str = Field(DEFAULT_PRESET, max_length=100)


class PresetBody(BaseModel):
    preset: str = Field(max_length=100)


class PushBody(BaseModel):
    address: str = Field(max_length=LONGEST_ADDRESS)


def live_routes(context: AppContext) -> APIRouter:
    """Streams, recordings, pictures."""
    routes = APIRouter(prefix="/api/live")
    _add_recordings(routes, context)  # first: their addresses would do for a stream's, too
    _add_streams(routes, context)
    add_sockets(routes, context)
    return routes


def _add_streams(routes: APIRouter, context: AppContext) -> None:
    def stream_of(request: Request, stream_id: str) -> LiveStream:
        try:
            return context.live.get(context.user_of(request), stream_id)
        except UsageError as error:
            raise HTTPException(404, str(error)) from error

    @routes.get("")
    def streams(request: Request) -> Response:
        found = context.live.of(context.user_of(request), seen=True)
        language = language_of(request)
        return JSONResponse([stream_state(stream, language) for stream in found])

    @routes.get("/choices")
    def what_there_is(request: Request) -> Response:
        space, language = context.workspace.space(context.user_of(request)), language_of(request)
        all_presets = [(text("live_settings", language), IN_USE), *choices(space.presets_folder, language)]
        presets = [{"value": value, "name": name} for name, value in all_presets]
        clips = [{"value": clip.id, "name": clip.name} for clip in space.clips()]
        return JSONResponse({"presets": presets, "clips": clips, "preset": DEFAULT_PRESET})

    @routes.post("")
    def start(request: Request, body: StartBody) -> Response:
        user, language = context.user_of(request), language_of(request)
        preset = (body.preset, _preset(context, user, body.preset))
        name, open_source = _source(context, user, body, language)
        stream = context.live.start(user, body.kind, open_source, preset=preset, name=name, language=language)
        return JSONResponse(stream_state(stream, language))

    @routes.get("/{stream_id}")
    def state(request: Request, stream_id: str) -> Response:
        return JSONResponse(stream_state(stream_of(request, stream_id), language_of(request)))

    @routes.delete("/{stream_id}")
    def stop(request: Request, stream_id: str) -> Response:
        context.live.stop(context.user_of(request), stream_of(request, stream_id).id)
        return JSONResponse({})

    @routes.post("/{stream_id}/preset")
    def choose_preset(request: Request, stream_id: str, body: PresetBody) -> Response:
        stream = stream_of(request, stream_id)
        stream.session.set_preset(_preset(context, stream.user, body.preset))
        stream.preset = body.preset
        return JSONResponse(stream_state(stream, language_of(request)))

    @routes.post("/{stream_id}/record")
    def record(request: Request, stream_id: str) -> Response:
        stream = stream_of(request, stream_id)
        context.live.record(stream)
        return JSONResponse(stream_state(stream, language_of(request)))

    @routes.delete("/{stream_id}/record")
    def stop_recording(request: Request, stream_id: str) -> Response:
        stream = stream_of(request, stream_id)
        context.live.stop_recording(stream)
        return JSONResponse(stream_state(stream, language_of(request)))

    @routes.post("/{stream_id}/push")
    def push(request: Request, stream_id: str, body: PushBody) -> Response:
        stream, language = stream_of(request, stream_id), language_of(request)
        address = checked_push(body.address, own_machine=context.loopback, language=language)
        context.live.push(stream, address)
        return JSONResponse(stream_state(stream, language))

    @routes.delete("/{stream_id}/push")
    def stop_push(request: Request, stream_id: str) -> Response:
        stream = stream_of(request, stream_id)
        context.live.stop_push(stream)
        return JSONResponse(stream_state(stream, language_of(request)))


def _add_recordings(routes: APIRouter, context: AppContext) -> None:
    @routes.get("/recordings")
    def recordings(request: Request) -> Response:
        user = context.user_of(request)
        unfinished = context.live.being_written(user)
        found = [each for each in context.live.recordings(user).all() if each.name not in unfinished]
        return JSONResponse([asdict(each) for each in found])

    @routes.get("/recordings/{name}")
    def recording(request: Request, name: str) -> Response:
        try:
            path = context.live.recordings(context.user_of(request)).path(name)
        except UsageError as error:
            raise HTTPException(404, str(error)) from error
        return FileResponse(path, media_type="video/mp4", filename=name)

    @routes.delete("/recordings/{name}")
    def remove(request: Request, name: str) -> Response:
        user = context.user_of(request)
        if name in context.live.being_written(user):
            raise UsageError("that is being recorded: stop it first")
        context.live.recordings(user).remove(name)
        return JSONResponse({})


def _preset(context: AppContext, user: str, chosen: str) -> Preset:
    """What the list of presets calls ``chosen``. Raises UsageError."""
    space = context.workspace.space(user)
    return space.settings if chosen == IN_USE else find(chosen, space.presets_folder)


def _source(
    context: AppContext, user: str, body: StartBody, language: Language
) -> tuple[str, Callable[[], LiveSource]]:
    """The name of what was asked for, empty where the source has one; and what opens it. Raises UsageError."""
    from workbench.live import LiveOptions
    from workbench.live.pushed import PushedSource
    from workbench.live.sources import open_live_source

    options = LiveOptions()
    if body.kind == "webcam":
        return text("live_webcam", language), lambda: PushedSource("webcam", options)
    if body.kind == "camera":
        return f"{text('live_camera', language)} {body.camera}", lambda: open_live_source(str(body.camera), options)
    if body.kind == "clip":
        clip = context.workspace.space(user).clip(body.clip)
        again = options.model_copy(update={"loop": True})  # there is time to try settings on it
        return clip.name, lambda: open_live_source(str(clip.path), again)
    address = checked_source(body.address, own_machine=context.loopback, language=language)
    return "", lambda: open_live_source(address, options, may_lead_on=context.loopback)


def stream_state(stream: LiveStream, language: Language) -> dict[str, Any]:
    """A stream as JSON: no address, no path."""
    status = stream.session.status()
    return {
        "id": stream.id,
        "kind": stream.kind,
        "name": stream.name,
        "preset": stream.preset,
        "state": status.state,
        "message": in_language(status.message, language),
        "over": status.state in OVER,
        "fps": round(status.fps, 1),
        "faces": status.faces,
        "delay_p50_ms": round(status.delay_p50_ms),
        "delay_p95_ms": round(status.delay_p95_ms),
        "dropped": status.dropped,
        "whole_now": status.whole_now,
        "whole_events": [
            [words[language == "zh"], status.whole_events[why]]
            for why, words in REASONS.items()
            if why in status.whole_events
        ],
        "recording": status.recording in UNDER_WAY,
        "recording_message": in_language(status.recording_message, language),
        "push": stream.push_label if status.pushing else "",
        "push_works": status.pushing == "running",
        "push_message": in_language(status.pushing_message, language),
    }
