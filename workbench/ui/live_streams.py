"""The live streams of the page: a few for each user, watched over, and none left running that nobody has a use for."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from workbench.errors import UsageError, WorkbenchError
from workbench.live.addresses import label_of
from workbench.presets.model import Preset
from workbench.ui.live_recordings import Recordings
from workbench.ui.texts import Language, text
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.live import LiveSession
    from workbench.live.detection import DetectionService
    from workbench.live.frames import LiveSource
    from workbench.live.pushed import PushedSource
    from workbench.live.statistics import LiveStatus
    from workbench.ui.live_pictures import PictureFeed

MOST_PER_USER = 4
MOST_AT_ONCE = 8  # of all users: more would leave each of them a slide show
UNWATCHED_SECONDS = 120.0  # a stream that nobody looks at, records or pushes on is stopped after that
WEBCAM_SECONDS = 20.0  # a browser that is gone, with the camera in it, may come back within that
LOOK_SECONDS = 2.0

Kind = Literal["webcam", "camera", "address", "clip"]
OVER = ("ended", "failed", "stopped")
"""States of a session from which nothing more comes."""

UNDER_WAY = ("starting", "running", "waiting")
"""States of a recording or a push that goes on."""

log = logging.getLogger("workbench.ui")


@dataclass(eq=False)
class LiveStream:
    """A stream of one user. ``seen``: when somebody last asked for it; ``fed``: when its webcam last sent a picture."""

    id: str
    user: str
    kind: Kind
    name: str
    preset: str  # as the list of presets names it
    session: LiveSession
    source: LiveSource
    feed: PictureFeed
    seen: float = field(default_factory=time.monotonic)
    fed: float = field(default_factory=time.monotonic)
    recording: str = ""  # the name of the file that it was last recorded to
    push_label: str = ""

    @property
    def webcam(self) -> PushedSource | None:
        """Where the visitor's webcam sends its pictures; None for every other kind of source."""
        return cast("PushedSource", self.source) if self.kind == "webcam" else None

    @property
    def unused_seconds(self) -> float:
        """How long nobody has had a use for it."""
        now = time.monotonic()
        if self.kind == "webcam" and now - self.fed > WEBCAM_SECONDS:
            return UNWATCHED_SECONDS + 1
        status = self.session.status()
        kept = status.recording in UNDER_WAY or status.pushing in UNDER_WAY
        return 0.0 if self.feed.watched or (kept and status.state not in OVER) else now - self.seen


class LiveStreams:
    """Starts, finds and stops streams. Safe for threads. Everything that leaves one is masked, or hidden as a whole."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._streams: dict[str, LiveStream] = {}
        self._lock = threading.Lock()
        self._closing = threading.Lock()
        self._ended = threading.Event()
        self._keeper: threading.Thread | None = None
        self._service: DetectionService | None = None  # one detector for all of them

    def start(
        self,
        user: str,
        kind: Kind,
        open_source: Callable[[], LiveSource],
        *,
        preset: tuple[str, Preset],
        name: str = "",
        language: Language = "en",
    ) -> LiveStream:
        """A new stream, which connects in the background. ``preset``: how the list calls it, and what it is.

        Raises UsageError where there are too many already or the source is none.
        """
        from workbench.live import LiveSession
        from workbench.live.detection import DetectionService
        from workbench.ui.live_pictures import PictureFeed

        with self._lock:
            self._refuse_more(user, language)
            source = open_source()
            self._service = self._service or DetectionService()
            shown = name or source.label
            session = LiveSession(source, preset[1], name=shown, service=self._service)
            stream = LiveStream(
                secrets.token_hex(16), user, kind, shown, preset[0], session, source, PictureFeed(session.bus)
            )
            self._streams[stream.id] = stream
            self._keep_watch()
        try:
            session.start()
        except WorkbenchError:
            self.stop(user, stream.id)
            raise
        return stream

    def of(self, user: str, *, seen: bool = False) -> list[LiveStream]:
        """The user's streams in the order in which they were started. ``seen``: it is the user who asks."""
        with self._lock:
            found = [stream for stream in self._streams.values() if stream.user == user]
        for stream in found if seen else ():
            stream.seen = time.monotonic()
        return found

    def get(self, user: str, stream_id: str) -> LiveStream:
        """That stream. Raises UsageError where this user has none."""
        with self._lock:
            stream = self._streams.get(stream_id)
        if stream is None or stream.user != user:
            raise UsageError("there is no such stream (any more)")
        stream.seen = time.monotonic()
        return stream

    def stop(self, user: str, stream_id: str) -> None:
        """Stop a stream for good; its recordings stay."""
        stream = self.get(user, stream_id)
        with self._lock:
            self._streams.pop(stream_id, None)
        stream.session.stop()

    def record(self, stream: LiveStream) -> None:
        """Begin to write what is shown into a file of the user's."""
        path = self.recordings(stream.user).new_path(stream.name)
        stream.session.record(path)
        stream.recording = path.name

    def stop_recording(self, stream: LiveStream) -> None:
        stream.session.stop_recording()

    def push(self, stream: LiveStream, address: str) -> None:
        """Begin to send what is shown to a server."""
        stream.session.push(address)
        stream.push_label = label_of(address)

    def stop_push(self, stream: LiveStream) -> None:
        stream.session.stop_push()
        stream.push_label = ""

    def recordings(self, user: str) -> Recordings:
        return Recordings(self._workspace, user)

    def being_written(self, user: str) -> set[str]:
        """The names of the recordings that are not complete yet."""
        return {each.recording for each in self.of(user) if each.session.status().recording in UNDER_WAY}

    def speed(self, user: str) -> tuple[float, int] | None:
        """Pictures a second and faces of all running streams of the user; None where there are none."""
        running: list[LiveStatus] = [stream.session.status() for stream in self.of(user)]
        running = [status for status in running if status.state not in OVER]
        return (sum(each.fps for each in running), sum(each.faces for each in running)) if running else None

    def close_unused(self) -> None:
        """Stop what nobody has had a use for during ``UNWATCHED_SECONDS``."""
        with self._lock:
            old = [stream for stream in self._streams.values() if stream.unused_seconds > UNWATCHED_SECONDS]
            for stream in old:
                del self._streams[stream.id]
        for stream in old:
            stream.session.stop()

    def close_all(self) -> None:
        """Stop everything, all at once, and wait until recordings are complete. Nothing can be started afterwards."""
        self._ended.set()
        with self._closing:  # whoever comes second waits for what the first one does
            with self._lock:
                streams, self._streams = list(self._streams.values()), {}
                service, self._service = self._service, None
            with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
                list(pool.map(lambda stream: stream.session.stop(), streams))
            if service is not None:
                service.stop()

    def _refuse_more(self, user: str, language: Language) -> None:
        if self._ended.is_set():
            raise UsageError("the program is ending: start it again")
        own = sum(stream.user == user for stream in self._streams.values())
        if own >= MOST_PER_USER:
            raise UsageError(text("live_too_many", language, most=MOST_PER_USER))
        if len(self._streams) >= MOST_AT_ONCE:
            raise UsageError(text("live_busy", language, most=MOST_AT_ONCE))

    def _keep_watch(self) -> None:
        """The caller holds the lock."""
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name="live streams", daemon=True)
            self._keeper.start()

    def _keep(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self.close_unused()
            except Exception:
                log.exception("an unused live stream could not be stopped")
