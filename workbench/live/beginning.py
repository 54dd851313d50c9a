"""How recorder and pusher begin: with the first frame, and the sound's format if there is to be sound."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator

from workbench.live.bus import Subscription
from workbench.live.frames import MaskedFrame
from workbench.live.sound import SoundFormat, SoundPacket

SOUND_WAIT_SECONDS = 1.0
"""So long do the first pictures wait for the first sound; after that the output has none."""

POLL_SECONDS = 0.2  # how soon a stop is seen while no picture comes


class Arrivals:
    """Frames of a subscription with the sound that came along; the first ones are held until the sound is known."""

    def __init__(self, subscription: Subscription, *, sound: bool, stopped: threading.Event) -> None:
        self._subscription, self._stopped = subscription, stopped
        self._expects_sound = sound
        self._frames: deque[MaskedFrame] = deque()
        self._sounds: list[SoundPacket] = []

    def begin(self) -> tuple[MaskedFrame, SoundFormat | None] | None:
        """The first frame and the sound's format, both to come again from ``each``; None where nothing came."""
        until: float | None = None
        while until is None or (self._expects_sound and not self._sounds and time.monotonic() < until):
            masked = self._subscription.get(POLL_SECONDS)
            self._sounds += self._subscription.sounds()
            if masked is not None:
                self._frames.append(masked)
                until = until or time.monotonic() + SOUND_WAIT_SECONDS
            elif self._ended():
                break
        if not self._frames:
            return None
        form = self._sounds[0].format if self._expects_sound and self._sounds else None
        return self._frames[0], form

    def each(self) -> Iterator[tuple[MaskedFrame, list[SoundPacket]]]:
        """Every frame with the sound so far, until the stop or the end of the bus; what waits then still comes."""
        while True:
            self._ended()  # a stop is seen although pictures keep coming
            masked = self._frames.popleft() if self._frames else self._subscription.get(POLL_SECONDS)
            sounds, self._sounds = [*self._sounds, *self._subscription.sounds()], []
            if masked is not None:
                yield masked, sounds
                continue
            self._sounds = sounds
            if self._ended():
                return

    def _ended(self) -> bool:
        if self._stopped.is_set():
            self._subscription.close()  # nothing new comes in, what is there can be taken
        return self._subscription.closed
