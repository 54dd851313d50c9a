"""Gives back memory that is free. A stream's packets and pictures are of many sizes, and threads free what others took:
glibc keeps the holes, up to 70 MB in half an hour, and a watcher would take that for a leak.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

SECONDS_BETWEEN = 60.0


class FreeMemory:
    """To be called often: once a minute it gives the system what the process holds and does not use.

    Without glibc it does nothing.
    """

    def __init__(self) -> None:
        self._trim = _malloc_trim()
        self._next = time.monotonic() + SECONDS_BETWEEN

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SECONDS_BETWEEN
            self._trim(0)


def _malloc_trim() -> Callable[[int], int]:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # not glibc; on Windows there is no library without a name
        return lambda _bytes_kept: 0
    return trim
