"""The web sockets of live streams: masked pictures to a browser that shows them, a webcam's pictures from one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from fastapi import APIRouter, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from workbench.errors import SourceError, UsageError
from workbench.ui.context import AppContext
from workbench.ui.live_pictures import Watcher
from workbench.ui.live_streams import LiveStream
from workbench.ui.login import session_token

AHEAD = 2  # pictures on their way to a browser: one is shown while the next one travels, and no queue builds up
LOGIN_SECONDS = 5.0  # so often it is checked that who watches is still logged in
NOT_ALLOWED = 1008  # RFC 6455, 7.4.1
TAKEN = "taken"
"""What a webcam's browser hears when its picture was taken; else what was wrong with it."""


def add_sockets(routes: APIRouter, context: AppContext) -> None:
    """``ID/pictures`` and ``ID/webcam``. The guard has looked at who asks, and from which page."""

    def stream_of(socket: WebSocket, stream_id: str) -> LiveStream | None:
        try:
            return context.live.get(context.user_of(socket), stream_id)
        except UsageError:
            return None

    def stays(socket: WebSocket, stream: LiveStream) -> Callable[[], bool]:
        """What tells, now and then, whether whoever opened the socket is still logged in."""
        token, checked, allowed = session_token(socket), time.monotonic(), True

        def check() -> bool:
            nonlocal checked, allowed
            if context.login_needed and time.monotonic() - checked > LOGIN_SECONDS:
                checked, allowed = time.monotonic(), context.sessions.user(token or "") == stream.user
            return allowed

        return check

    @routes.websocket("/{stream_id}/pictures")
    async def pictures(socket: WebSocket, stream_id: str, w: int = 960) -> None:
        stream = stream_of(socket, stream_id)
        if stream is None:
            await _refuse(socket)
            return
        await socket.accept()
        with stream.feed.watch(w) as watcher:
            await _show(socket, watcher, stays(socket, stream))

    @routes.websocket("/{stream_id}/webcam")
    async def webcam(socket: WebSocket, stream_id: str) -> None:
        stream = stream_of(socket, stream_id)
        if stream is None or stream.webcam is None:
            await _refuse(socket)
            return
        await socket.accept()
        await _take(socket, stream, stays(socket, stream))


async def _show(socket: WebSocket, watcher: Watcher, allowed: Callable[[], bool]) -> None:
    """Send pictures as fast as they are shown, and no faster, until either side has enough."""
    room = asyncio.Semaphore(AHEAD)

    async def send() -> None:
        with suppress(WebSocketDisconnect):
            while allowed():
                await room.acquire()
                picture = await watcher.next()
                if picture is None:
                    return
                await socket.send_bytes(picture)

    async def hear() -> None:
        while (await socket.receive())["type"] != "websocket.disconnect":
            room.release()

    async with asyncio.TaskGroup() as both:
        sending, hearing = both.create_task(send()), both.create_task(hear())
        sending.add_done_callback(lambda _: hearing.cancel())
        hearing.add_done_callback(lambda _: sending.cancel())
    await _close(socket)


async def _take(socket: WebSocket, stream: LiveStream, allowed: Callable[[], bool]) -> None:
    """Hand a webcam's pictures to the stream, one at a time: the browser sends the next when it hears of the last."""
    assert stream.webcam is not None
    while allowed():
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        stream.fed = time.monotonic()
        try:
            await run_in_threadpool(stream.webcam.push, message.get("bytes") or b"")
            answer = TAKEN
        except SourceError as error:
            answer = str(error)
        try:
            await socket.send_text(answer)
        except (WebSocketDisconnect, RuntimeError):
            return
    await _close(socket)


async def _refuse(socket: WebSocket) -> None:
    """Say that there is no such stream: to a page that asks for one which was just stopped, no error of the network."""
    await socket.accept()
    with suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(NOT_ALLOWED)


async def _close(socket: WebSocket) -> None:
    """Say goodbye, if there is still somebody."""
    with suppress(WebSocketDisconnect, RuntimeError):
        await socket.close()
