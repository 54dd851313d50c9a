"""What ``workbench live`` tells while it runs: a line for each stream, and one for everything that happens."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from workbench.cli.lines import one_line, tell
from workbench.live.frames import REASONS

if TYPE_CHECKING:
    from workbench.live.statistics import LiveStatus

OVER = ("ended", "failed", "stopped")
ACTIVE = ("starting", "running", "waiting")
REDRAW_SECONDS = 0.5
FIRST_SECONDS = 1.0  # from the first picture on: before that there is nothing to measure
LOG_SECONDS = 10.0  # where stderr is a file, a line this often is enough
MEGABYTE = 1_000_000


class Board:
    """On a terminal the lines stand still and change; in a file there is one now and then."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False) if sys.stderr.isatty() else None
        self._told: dict[str, tuple[str, ...]] = {}
        self._due = math.inf

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, streams: Sequence[tuple[str, LiveStatus]]) -> None:
        """The present state of all streams."""
        for name, status in streams:
            news = _news(status)
            if news != self._told.get(name):
                self._tell(f"{name}: {', '.join(news)}")
                self._told[name] = news
        now, lines = (
            time.monotonic(),
            [one_line(f"{name}: {figures(status)}") for name, status in streams if status.frames],
        )
        if lines and math.isinf(self._due):
            self._due = now + FIRST_SECONDS
        if now < self._due:
            return
        self._due = now + (LOG_SECONDS if self._live is None else REDRAW_SECONDS)
        if self._live is not None:
            self._live.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)
        else:
            for line in lines:
                tell(line)

    def _tell(self, line: str) -> None:
        if self._live is None:
            tell(line)
        else:
            self._live.console.print(Text(one_line(line)), soft_wrap=True)


def figures(status: LiveStatus) -> str:
    """A stream's numbers in one line."""
    parts = [
        f"{status.fps:.1f} fps",
        f"{status.faces} faces" if not status.whole_now else "picture hidden",
        f"delay {status.delay_p50_ms:.0f}/{status.delay_p95_ms:.0f} ms",
        f"{status.dropped} left out",
        event_words(status),
    ]
    if status.recording in ACTIVE:
        parts.append(f"recording {status.recording_bytes / MEGABYTE:.1f} MB")
    if status.pushing == "running":
        parts.append("pushing")
    return " · ".join(part for part in parts if part)


def event_words(status: LiveStatus) -> str:
    """How often the whole picture was hidden, and why; empty where it never was."""
    counted = [f"{words[0]} {status.whole_events[why]}" for why, words in REASONS.items() if why in status.whole_events]
    total = sum(status.whole_events.values())
    return f"{total} times hidden whole ({', '.join(counted)})" if counted else ""


def _news(status: LiveStatus) -> tuple[str, ...]:
    """What is told when it changes: the stream's state and that of what is made of it, with their reasons."""
    state = status.state + (f": {status.message}" if status.message else "")
    outputs = (
        ("recording", status.recording, status.recording_message),
        ("push", status.pushing, status.pushing_message),
    )
    return (state, *(f"{what} {how}: {why}" if why else f"{what} {how}" for what, how, why in outputs if how))
