"""Time: which part of a video is wanted, and frame times that a damaged or sloppy file left out or mixed up."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf

from workbench.errors import UsageError

JUMP_SECONDS = 2
"""A step back in time beyond this is a new clock in the file (a joined stream), not a wrong time stamp."""


@dataclass(frozen=True)
class TimeRange:
    """The part ``start <= t < end`` of a video, t in seconds after its first frame; None is the video's own end."""

    start: Fraction | None = None
    end: Fraction | None = None

    @classmethod
    def of(cls, start_seconds: float | None, end_seconds: float | None) -> TimeRange:
        """Checked and exact: 0.1 means one tenth, not its binary neighbour. Raises UsageError."""
        for name, seconds in (("start", start_seconds), ("end", end_seconds)):
            if seconds is not None and not 0 <= seconds < inf:
                raise UsageError(f"the {name} must be a number of seconds from 0 on, got {seconds}")
        if end_seconds is not None and end_seconds <= (start_seconds or 0):
            raise UsageError(f"the end ({end_seconds} s) must be after the start ({start_seconds or 0} s)")
        start = Fraction(repr(start_seconds)) if start_seconds else None
        return cls(start, None if end_seconds is None else Fraction(repr(end_seconds)))

    @property
    def is_whole(self) -> bool:
        return self.start is None and self.end is None

    def ticks(self, time_base: Fraction, *, origin: int) -> tuple[int | None, int | None]:
        """First tick inside and first tick behind, in units of ``time_base``; ``origin`` is the first frame's tick."""
        first, behind = (None if t is None else origin + ceil(t / time_base) for t in (self.start, self.end))
        return first, behind


class SteadyClock:
    """Gives every frame or packet of one stream a time later than the one before, changing as little as it can.

    A missing time is taken from the decoding time or the rate. A time that is not later than the one before moves one
    tick behind it; a jump back by more than ``JUMP_SECONDS`` moves everything after it.
    """

    def __init__(self, *, time_base: Fraction, step: int) -> None:
        self.missing = 0
        self.repaired = 0
        self.jumps = 0
        self._step = max(1, step)
        self._jump = JUMP_SECONDS / time_base
        self._last: int | None = None
        self._offset = 0

    def next(self, pts: int | None, dts: int | None) -> int:
        """The time of the next frame in ticks: ``pts`` itself wherever it can be."""
        if pts is None:
            self.missing += 1
        stamp = pts if pts is not None else dts
        if self._last is None:
            tick = stamp or 0
        elif stamp is None:
            tick = self._last + self._step
        else:
            tick = self._later(stamp + self._offset, self._last)
        self._last = tick
        return tick

    def _later(self, tick: int, last: int) -> int:
        if tick > last:
            return tick
        if last - tick > self._jump:
            self.jumps += 1
            self._offset += last + self._step - tick
            return last + self._step
        self.repaired += 1
        return last + 1

    def notes(self) -> list[str]:
        """What was changed, one sentence each."""
        said = [
            (self.missing, "frames had no time stamp: filled in from the decoding time or the frame rate"),
            (self.repaired, "frames had a time stamp not later than the frame before: moved by the smallest step"),
            (self.jumps, "jumps back in time inside the file: the frames after each were appended"),
        ]
        return [f"{count} {text}" for count, text in said if count]
