"""Where in an output's time each frame goes: exactly at its source time wherever the container can say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import gcd
from pathlib import Path

from workbench.data import VideoInfo
from workbench.video.decoding import Damage, only, packets
from workbench.video.encoders import ContainerName
from workbench.video.probing import main_video, open_source

MILLISECOND = Fraction(1, 1000)
"""The clock of MKV and WebM, and of AVI where nothing coarser fits."""

MAX_AVI_RATE = 1000
"""AVI counts frames at a fixed rate and fills gaps with empty ones: beyond this, the empty ones are a burden."""

MAX_MPEG4_DENOMINATOR = 65_535
"""MPEG-4 keeps its clock in 16 bits."""


@dataclass
class FrameSlots:
    """Turns source ticks into output ticks of ``time_base``, always growing. ``rate`` is the nominal frame rate."""

    time_base: Fraction
    rate: Fraction
    source_time_base: Fraction
    origin: int  # source tick that becomes 0
    container: ContainerName
    moved: int = 0
    largest_move: Fraction = field(default_factory=Fraction)
    _last: int | None = None

    @classmethod
    def plan(cls, source: Path, *, container: ContainerName, info: VideoInfo, first: int, whole: bool) -> FrameSlots:
        """``first`` is the tick of the first frame; it becomes 0 unless the ``whole`` video is written."""
        rate = info.average_fps.limit_denominator(100_000)
        time_base = info.time_base
        if container == "avi":
            time_base = _avi_grid(source, info, rate)
            rate = 1 / time_base
        return cls(time_base, rate, info.time_base, origin=0 if whole else first, container=container)

    def place(self, pts: int) -> int:
        """Output tick of the frame at source tick ``pts``."""
        exact = (pts - self.origin) * self.source_time_base
        if self.container == "avi" and self._last is None:
            tick = 0  # AVI has no start time: the first picture stands until the second is due
        else:
            tick = round(exact / self.time_base)
            if self._last is not None and tick <= self._last:
                tick = self._last + 1
        shown = tick * self.time_base
        if self.container in {"mkv", "webm"}:
            shown = round(shown / MILLISECOND) * MILLISECOND
        if shown != exact:
            self.moved += 1
            self.largest_move = max(self.largest_move, abs(shown - exact))
        self._last = tick
        return tick

    def notes(self) -> list[str]:
        if not self.moved:
            return []
        clock = {"avi": "AVI counts frames at a fixed rate", "mp4": "two frames had the same time"}
        why = clock.get(self.container, f"{self.container} keeps time in milliseconds")
        return [f"{why}: {self.moved} frames moved, by at most {float(self.largest_move) * 1000:.3f} ms"]


def _avi_grid(source: Path, info: VideoInfo, rate: Fraction) -> Fraction:
    """Time of one AVI frame: so that every frame falls on a whole number of them, if that is possible."""
    ticks = _ticks(source)
    steps = [later - earlier for earlier, later in pairwise(ticks)]
    grid = gcd(*steps, ticks[0]) * info.time_base if ticks else Fraction(0)
    if grid > 0 and 1 / grid <= MAX_AVI_RATE and grid.denominator <= MAX_MPEG4_DENOMINATOR:
        return grid
    fixed = 1 / rate
    slack = max(MILLISECOND, info.time_base)
    even = all(abs((tick - ticks[0]) * info.time_base - n * fixed) <= slack for n, tick in enumerate(ticks))
    if even and fixed.denominator <= MAX_MPEG4_DENOMINATOR:
        return fixed
    return MILLISECOND


def _ticks(source: Path) -> list[int]:
    """Times of all frames of a file, from its index: nothing is decoded."""
    with open_source(source) as container:
        stream = main_video(container)
        only(container, stream)
        found = packets(container, stream, damage=Damage())
        return sorted({packet.pts for packet in found if packet.pts is not None and not packet.is_discard})
