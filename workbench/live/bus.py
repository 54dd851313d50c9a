"""The masked bus: the only way a picture leaves a session. Who reads slowly loses pictures, and holds up nobody."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Any, Self

from workbench.live.frames import MaskedFrame

FRAMES_WAITING = 4  # a reader further behind than this had better skip
PACKETS_WAITING = 1000  # some ten seconds of sound: more than a recorder ever waits for its pictures


class Bus:
    """Hands every masked frame and every packet of sound to all who subscribed. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._is_closed = False

    def publish(self, masked: MaskedFrame) -> None:
        """Raises TypeError for anything but a MaskedFrame, ValueError where its planes may still be written."""
        if not isinstance(masked, MaskedFrame):
            raise TypeError(f"only masked frames may be published, not {type(masked).__name__}")
        if any(plane.flags.writeable for plane in masked.frame.planes):
            raise ValueError("a published frame must be read-only")
        for subscription in self._subscriptions:
            subscription._put(masked)

    def publish_sound(self, packet: Any) -> None:
        """Hand on a packet as the source gave it."""
        for subscription in self._subscriptions:
            subscription._put_sound(packet)

    def subscribe(self, depth: int = FRAMES_WAITING) -> Subscription:
        """A reader's own queue of at most ``depth`` frames, beginning now. A context manager: leaving it ends it."""
        subscription = Subscription(self, depth)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
            if self._is_closed:
                subscription._close()
        return subscription

    def close(self) -> None:
        """Nothing more will come: readers take what is left and then get None at once."""
        with self._lock:
            self._is_closed = True
            for subscription in self._subscriptions:
                subscription._close()

    @property
    def readers(self) -> int:
        """How many are subscribed."""
        return len(self._subscriptions)

    def _leave(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)


class Subscription:
    """One reader's queue. ``dropped`` counts the frames that it was too slow for, ``sounds_dropped`` the packets."""

    def __init__(self, bus: Bus, depth: int) -> None:
        if depth < 1:
            raise ValueError(f"a subscription holds at least one frame, not {depth}")
        self._bus = bus
        self._frames: deque[MaskedFrame] = deque()
        self._sounds: deque[Any] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._is_closed = False
        self.dropped = 0
        self.sounds_dropped = 0

    @property
    def closed(self) -> bool:
        """True once nothing more will come and everything has been taken."""
        with self._changed:
            return self._is_closed and not self._frames

    def get(self, timeout: float | None = None) -> MaskedFrame | None:
        """The oldest waiting frame. None when none came within ``timeout`` seconds, or none will come any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._is_closed, timeout)
            return self._frames.popleft() if self._frames else None

    def sounds(self) -> list[Any]:
        """The packets of sound that came since this was last asked."""
        with self._changed:
            waiting = list(self._sounds)
            self._sounds.clear()
        return waiting

    def close(self) -> None:
        """Unsubscribe. May be called more than once."""
        self._bus._leave(self)
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, masked: MaskedFrame) -> None:
        with self._changed:
            if self._is_closed:
                return
            if len(self._frames) >= self._depth:
                self._frames.popleft()
                self.dropped += 1
            self._frames.append(masked)
            self._changed.notify_all()

    def _put_sound(self, packet: Any) -> None:
        with self._changed:
            if self._is_closed:
                return
            if len(self._sounds) >= PACKETS_WAITING:
                self._sounds.popleft()
                self.sounds_dropped += 1
            self._sounds.append(packet)

    def _close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
