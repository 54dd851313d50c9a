"""Keeps an encoder from taking the machine for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def same_priority() -> Iterator[None]:
    """To be held while an encoder is opened: its threads and the calling one are scheduled as before afterwards.

    SVT-AV1, when root runs it on Linux, gives itself and the thread that opens it real-time priority (SCHED_FIFO 99).
    Every process that is started from then on inherits it, and whatever else the machine has to do stands still.
    """
    if not hasattr(os, "sched_getscheduler"):  # not Linux
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # it has ended
                if os.sched_getscheduler(int(thread.name)) != policy:
                    os.sched_setscheduler(int(thread.name), policy, parameters)
