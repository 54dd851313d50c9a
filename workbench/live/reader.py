"""The thread that reads a source: the newest frame wins, and a broken connection is made again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal, cast

from workbench.errors import WorkbenchError
from workbench.live.frames import LiveFrame, LiveSource
from workbench.live.network import RefusedError
from workbench.live.splice import Splice

log = logging.getLogger(__name__)

ReaderState = Literal["connecting", "running", "waiting", "ended", "failed"]

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 2.0
"""With the time that a connection takes, pictures are back within 5 s after whatever kept them away."""

STOP_SECONDS = 2.8
"""How long a stop waits for the thread. One that hangs in the network ends by itself, by the network's time limits."""


class Reader:
    """Opens ``source`` in its own thread and keeps its newest frame. ``on_state(state, message)`` hears of changes.

    A finite source ends ("ended") or cannot be read ("failed"); any other is opened anew after a pause ("waiting"),
    except where it refused the password before it ever gave a picture ("failed"). Frames carry one clock over all
    connections, and so does the sound. ``generation`` counts connections and changes of the picture's size: what was
    known of the pictures before no longer holds. ``dropped`` counts frames that nobody took in time.
    """

    def __init__(self, source: LiveSource, *, on_state: Callable[[ReaderState, str], None] | None = None) -> None:
        self.source = source
        self.state: ReaderState = "connecting"
        self.message = ""
        self.generation = 0
        self.frames_read = 0
        self.dropped = 0
        self._on_state = on_state
        self._heard = source.on_sound
        self._splice = Splice()
        self._time_base: Fraction | None = None
        self._last_tick: int | None = None
        self._size = (0, 0)
        self._slot: LiveFrame | None = None
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader of {source.label}", daemon=True)

    def start(self) -> None:
        self._heard = self.source.on_sound
        if self._heard is not None:
            self.source.on_sound = self._hear
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it. May be called more than once, and before ``start``."""
        patience = 0 if self._stopping.is_set() else STOP_SECONDS
        self._stopping.set()
        self.source.close()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(patience)
        self._say("ended", self.message)

    def take(self, timeout: float | None = None) -> LiveFrame | None:
        """The newest frame that was not taken yet. None if none comes within ``timeout`` seconds, or none will."""
        with self._changed:
            self._changed.wait_for(lambda: self._slot is not None or self.over, timeout)
            live, self._slot = self._slot, None
            return live

    @property
    def over(self) -> bool:
        """Whether no frame will come any more; one may still wait to be taken."""
        return self.state in {"ended", "failed"}

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            before, problem = self.frames_read, self._connection()
            if self._stopping.is_set():
                return
            if problem is None:
                self._say("ended", "")
                return
            message = _words(problem, self.source.label)
            if self.source.finite or (isinstance(problem, RefusedError) and not self.frames_read):
                self._say("failed", message)
                return
            pause = FIRST_PAUSE_SECONDS if self.frames_read > before else min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._say("waiting", message)
            self._stopping.wait(pause)

    def _connection(self) -> Exception | None:
        """One connection from beginning to end; what ended it, or None where the source ended by itself."""
        if self.state != "waiting":  # else what is wrong stays to be seen until pictures come
            self._say("connecting", "")
        self._splice.begin()
        try:
            self.source.open()
            new = True
            with closing(cast(Generator[LiveFrame, None, None], self.source.frames())) as frames:
                for live in frames:
                    if self._stopping.is_set():
                        return None
                    self._offer(live, new=new)
                    new = False
        except Exception as error:  # whatever it is: the stream goes on, and the session hides what it must
            return error
        return None

    def _offer(self, live: LiveFrame, *, new: bool) -> None:
        frame, size = live.frame, (live.frame.width_px, live.frame.height_px)
        self._time_base = self._time_base or frame.time_base
        moment = self._splice.picture(frame.pts * frame.time_base, now=live.arrived)
        tick = round(moment / self._time_base)
        if self._last_tick is not None:
            tick = max(tick, self._last_tick + 1)
        placed = replace(frame, index=self.frames_read, pts=tick, time_base=self._time_base)
        with self._changed:
            self.generation += new or size != self._size
            self.frames_read += 1
            self._last_tick, self._size = tick, size
            self.dropped += self._slot is not None
            self._slot = replace(live, frame=placed)
            self._changed.notify_all()
        if self.state != "running":
            self._say("running", "")

    def _hear(self, packet: Any) -> None:
        """Move a packet of sound as the pictures are moved."""
        if self._heard is None or self._stopping.is_set():
            return
        moment = self._splice.sound(packet.pts * packet.time_base, now=time.monotonic())
        self._heard(replace(packet, pts=round(moment / packet.time_base)))

    def _say(self, state: ReaderState, message: str) -> None:
        with self._changed:
            if (self.state, self.message) == (state, message) or self.over:
                return
            self.state, self.message = state, message
            self._changed.notify_all()
        if message:
            log.warning("%s: %s", state, message)
        if self._on_state is not None:
            self._on_state(state, message)


def _words(problem: Exception, label: str) -> str:
    """One line without a secret: an error of the program's own is one; of any other only the kind is told."""
    if isinstance(problem, WorkbenchError):
        return str(problem)
    return f"{label} cannot be read ({type(problem).__name__})"
