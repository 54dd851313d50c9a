"""Ctrl-C, a polite kill, a closed terminal: each ends the work, and what is unfinished is removed."""

from __future__ import annotations

import signal
import time
from types import FrameType

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is not there on Windows
PATIENCE_SECONDS = 2.0  # whoever presses Ctrl-C again within this time does not interrupt the cleaning up

_asked: float | None = None


def stop_politely() -> None:
    """From now on every way to be stopped raises KeyboardInterrupt, as Ctrl-C does."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        global _asked
        before, _asked = _asked, time.monotonic()
        if before is None or _asked - before >= PATIENCE_SECONDS:
            raise KeyboardInterrupt

    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, stop)


def heed() -> None:
    """Raise KeyboardInterrupt if it was raised before and got lost: Python prints and forgets what is raised while an
    object is finalised. Work that goes on asks here, cleaning up does not.
    """
    if _asked is not None:
        raise KeyboardInterrupt


def end_undisturbed() -> None:
    """The work is done or undone: while it shuts down, Python would let one more Ctrl-C change the exit code.

    So would the first, had it come while a library ran ``exec`` (dataclasses do): Python notes it as unhandled, and
    ``python -m`` then dies by the signal. Whatever is executed next takes the note back.
    """
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)
    exec("")
