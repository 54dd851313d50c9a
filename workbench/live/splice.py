"""One clock for a source that is connected again and again, each time with a clock of its own."""

from __future__ import annotations

from fractions import Fraction

JUMP_SECONDS = 6
"""A step in the source's time that differs by more from the time that really passed is another clock. A connection that
stalls for as long is broken off before, so nothing that is merely late looks like that."""

LEAST_STEP = Fraction(1, 1000)


class Splice:
    """Source times to times that never jump: what passes between two connections is what passed on the wall clock.

    Pictures and sound go through the same splice, so they stay together. ``now`` is ``time.monotonic()``.
    """

    def __init__(self) -> None:
        self._offset = Fraction(0)
        self._last: Fraction | None = None  # spliced time of the last picture
        self._last_now = 0.0
        self._fresh = False

    def begin(self) -> None:
        """What follows comes from a new connection."""
        self._fresh = self._last is not None

    def picture(self, moment: Fraction, *, now: float) -> Fraction:
        """The spliced time of a picture at ``moment`` seconds of the source's clock."""
        if self._last is not None and (self._fresh or self._jumped(moment, now)):
            self._anchor(moment, now)
        spliced = moment + self._offset
        self._last, self._last_now = spliced, now
        return spliced

    def sound(self, moment: Fraction, *, now: float) -> Fraction:
        """The spliced time of a packet of sound."""
        if self._fresh:
            self._anchor(moment, now)
        return moment + self._offset

    def _jumped(self, moment: Fraction, now: float) -> bool:
        assert self._last is not None
        return abs(float(moment + self._offset - self._last) - (now - self._last_now)) > JUMP_SECONDS

    def _anchor(self, moment: Fraction, now: float) -> None:
        assert self._last is not None
        passed = max(Fraction(now - self._last_now).limit_denominator(90_000), LEAST_STEP)
        self._offset = self._last + passed - moment
        self._fresh = False
