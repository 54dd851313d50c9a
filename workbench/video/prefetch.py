"""Work done ahead in a thread of its own, through a short queue that never hangs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")

FRAMES_AHEAD = 6
"""Decoded frames that wait in most places: enough to even out key frames, 3 MB each at 1080p."""

POLL_SECONDS = 0.05
"""How often a thread that waits for room looks whether it is still wanted."""


class prefetch(Generic[Item]):  # noqa: N801 - used like a function: ``with prefetch(frames, depth=4) as ahead``
    """Iterates over ``iterable`` in a thread, at most ``depth`` items ahead of the consumer. One pass only.

    An exception in the iterable reaches the consumer after the items before it. Leaving the ``with`` block, by
    whatever way, ends the thread and closes the iterable (in the thread, before the block is left). The thread is
    started at the first item that is asked for.
    """

    def __init__(self, iterable: Iterable[Item], *, depth: int) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self._iterable = iterable
        self._queue: queue.Queue[Item] = queue.Queue(maxsize=depth)
        self._stopped = threading.Event()
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._fill, name="prefetch", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the thread and wait for it: at most for the one item that it is working on."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def __iter__(self) -> Iterator[Item]:
        if self._thread.ident is None and not self._stopped.is_set():
            self._thread.start()
        try:
            while True:
                item = self._next()
                if item is None:
                    break
                yield item[0]
        finally:
            self.close()
        if self._error is not None:
            raise self._error

    def _next(self) -> tuple[Item] | None:
        """The next item, or None at the end. Waits in short steps, so that Ctrl-C and a dead thread are seen."""
        while True:
            over = self._ended.is_set() or self._stopped.is_set()  # asked before the queue: what came last counts
            try:
                return (self._queue.get(block=not over, timeout=POLL_SECONDS),)
            except queue.Empty:
                if over:
                    return None

    def _fill(self) -> None:
        try:
            for item in self._iterable:
                while not self._stopped.is_set():
                    try:
                        self._queue.put(item, timeout=POLL_SECONDS)
                        break
                    except queue.Full:
                        continue
                if self._stopped.is_set():
                    return
        except BaseException as error:  # handed to the consumer, whatever it is
            self._error = error
        finally:
            try:
                self._close_iterable()
            finally:
                self._ended.set()

    def _close_iterable(self) -> None:
        close = getattr(self._iterable, "close", None)
        if close is not None:
            close()
