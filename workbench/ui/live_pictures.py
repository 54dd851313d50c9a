"""The masked pictures of a stream for those who watch it: made once for all, and only as fast as they are shown."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Self

import cv2

from workbench import colour
from workbench.data import Frame
from workbench.live.bus import Bus

JPEG_QUALITY = 80
WIDTHS_PX = (320, 480, 640, 960, 1280)
"""Sizes that are made; whoever wants another gets the next larger one, so that several watch the same."""

WAIT_SECONDS = 0.5

log = logging.getLogger("workbench.ui")


class Watcher:
    """One browser that shows a stream. Made in an event loop; a picture that is not asked for is not made."""

    def __init__(self, feed: PictureFeed, width_px: int) -> None:
        self.width_px = next((width for width in WIDTHS_PX if width >= width_px), WIDTHS_PX[-1])
        self.wants = False
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[bytes | None] | None = None

    async def next(self) -> bytes | None:
        """The next picture as JPEG; None once the stream is over or the watcher was closed."""
        self._waiting = self._loop.create_future()
        return await self._waiting if self._feed.ask(self) else None

    def give(self, picture: bytes | None) -> None:
        """Called by the feed's thread."""
        self.wants = False
        try:
            self._loop.call_soon_threadsafe(self._settle, picture)
        except RuntimeError:  # the server has ended, and its loop with it
            return

    def _settle(self, picture: bytes | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(picture)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._feed.leave(self)


class PictureFeed:
    """Encodes the frames of a bus, in a thread that runs while somebody watches."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lock = threading.Condition()
        self._watchers: list[Watcher] = []
        self._thread: threading.Thread | None = None

    def watch(self, width_px: int) -> Watcher:
        """Begin to watch, at about that width. A context manager: leaving it ends it."""
        watcher = Watcher(self, width_px)
        with self._lock:
            self._watchers.append(watcher)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live pictures", daemon=True)
                self._thread.start()
        return watcher

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    def leave(self, watcher: Watcher) -> None:
        with self._lock:
            self._watchers = [each for each in self._watchers if each is not watcher]
            self._lock.notify_all()

    def ask(self, watcher: Watcher) -> bool:
        """Have the next picture given to it. False: there will be none."""
        with self._lock:
            watcher.wants = watcher in self._watchers
            self._lock.notify_all()
            return watcher.wants

    def _run(self) -> None:
        try:
            with self._bus.subscribe(depth=1) as frames:
                while self._wanted() and not frames.closed:
                    masked = frames.get(WAIT_SECONDS)
                    if masked is not None:
                        self._show(masked.frame)
        except Exception:  # a defect: those who watch are told that it is over, instead of nothing
            log.exception("the pictures of a live stream ended with a defect")
        with self._lock:
            self._thread = None
            left, self._watchers = self._watchers, []
        for watcher in left:
            watcher.give(None)

    def _wanted(self) -> bool:
        """Waits until a watcher wants a picture. False: nobody watches any more."""
        with self._lock:
            self._lock.wait_for(
                lambda: not self._watchers or any(watcher.wants for watcher in self._watchers), WAIT_SECONDS
            )
            return bool(self._watchers)

    def _show(self, frame: Frame) -> None:
        with self._lock:
            waiting = [watcher for watcher in self._watchers if watcher.wants]
        for width in {watcher.width_px for watcher in waiting}:
            picture = jpeg(frame, width)
            for watcher in waiting:
                if watcher.width_px == width:
                    watcher.give(picture)


def jpeg(frame: Frame, width_px: int) -> bytes:
    """The frame as a JPEG, at most that wide."""
    width = min(width_px, frame.width_px)
    height = max(1, round(frame.height_px * width / frame.width_px))
    rgb = colour.picture(frame, width, height)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done, "a picture in memory can be encoded"
    return data.tobytes()
