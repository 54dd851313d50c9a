"""Deciding a clip while it is still being analysed: the pipeline's second pass, window by window.

The rules of ``decide`` look at most ``horizon_seconds`` to either side. So as soon as that much more has been analysed,
a window's rows are final, and equal to those that deciding the whole clip would give. Rendering can follow the detector
closely instead of waiting for its end, and only a few seconds of sightings are in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from workbench.data import Frame, HiddenFaces
from workbench.decide import Decided, TimelineOptions, decide, join_decided, within
from workbench.errors import MaskingError
from workbench.sightings import Sightings, Tracking, clock_of, join_sightings
from workbench.store import AnalysedFrame
from workbench.timeline import BoxLookup, Timeline

WINDOW_SECONDS = 1.0  # decided at a time: each costs a decision over two horizons more


@dataclass(frozen=True, eq=False)
class _Seen:
    """One analysed frame, its time and its sightings."""

    frame: AnalysedFrame
    time_seconds: float
    sightings: Sightings


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of frames whose rows are final: numbers ``first`` to ``last``, the source's ``pts`` of each."""

    first: int
    last: int
    pts: tuple[int, ...]
    decided: Decided


def decided_windows(
    analysed: Iterable[AnalysedFrame],
    tracking: Tracking,
    options: TimelineOptions,
    *,
    confidence: float,
    time_base: Fraction,
) -> Iterator[Window]:
    """The windows of a clip in order, each as soon as enough of what follows it has been analysed."""
    horizon = options.horizon_seconds
    held: deque[_Seen] = deque()
    begin = 0  # number of the first frame that has not been handed out
    for frame in analysed:
        time = float(frame.pts * time_base)
        if not held:
            begin = frame.index
        held.append(_Seen(frame, time, tracking.sightings(frame, time)))
        while (end := _complete(held, begin, time - horizon)) is not None:
            yield _window(held, begin, end, options, confidence)
            begin = end + 1
            starts = held[begin - held[0].frame.index].time_seconds
            while held[0].time_seconds < starts - horizon:
                held.popleft()
    if held and begin <= held[-1].frame.index:
        yield _window(held, begin, held[-1].frame.index, options, confidence)


def _complete(held: deque[_Seen], begin: int, known_until: float) -> int | None:
    """Number of the last frame of the window that starts at ``begin``, if all it depends on is known."""
    position = begin - held[0].frame.index
    if position >= len(held) or held[position].time_seconds + WINDOW_SECONDS > known_until:
        return None
    limit = held[position].time_seconds + WINDOW_SECONDS
    end = position
    while held[end + 1].time_seconds < limit:
        end += 1
    return held[end].frame.index


def _window(held: deque[_Seen], first: int, last: int, options: TimelineOptions, confidence: float) -> Window:
    clock = clock_of((seen.frame for seen in held), (seen.time_seconds for seen in held))
    rows = decide(join_sightings(seen.sightings for seen in held), clock, options, confidence=confidence)
    pts = tuple(seen.frame.pts for seen in held if first <= seen.frame.index <= last)
    return Window(first, last, pts, within(rows, first, last))


class StreamedBoxes:
    """The boxes of a clip that is still being analysed; fits ``render.BoxesOn``. Collects the timeline on the way.

    Fails closed: a frame that was not analysed, or has another time than the analysed one, is refused.
    """

    def __init__(self, windows: Iterator[Window]) -> None:
        self._windows = windows
        self._window: Window | None = None
        self._lookup = BoxLookup(Timeline(join_decided([]).rows))
        self._parts: list[Decided] = []
        self._analysed = 0
        self._first_frame = 0

    def on(self, frame: Frame) -> HiddenFaces:
        while self._window is None or frame.index > self._window.last:
            self._advance(frame)
        if frame.index < self._window.first or self._window.pts[frame.index - self._window.first] != frame.pts:
            raise MaskingError(
                f"frame {frame.index} reads differently the second time; the source changes or is damaged"
            )
        return self._lookup.on(frame.index)

    def _advance(self, frame: Frame) -> None:
        window = next(self._windows, None)
        if window is None:
            raise MaskingError(f"frame {frame.index} was not analysed; the source changes or is damaged")
        if self._window is None:
            self._first_frame = window.first
        self._window = window
        self._lookup = BoxLookup(Timeline(window.decided.rows))
        self._parts.append(window.decided)
        self._analysed += len(window.pts)

    def finish(self, frames_read: int) -> None:
        if next(self._windows, None) is not None or self._analysed > frames_read:
            raise MaskingError("the clip ended earlier the second time it was read; the source changes or is damaged")

    def timeline(self, *, width_px: int, height_px: int) -> Timeline:
        """The timeline of everything handed out so far."""
        decided = join_decided(self._parts)
        frames = 0 if self._window is None else self._window.last + 1
        return Timeline(decided.rows, decided.decisions(), frames, width_px, height_px, first_frame=self._first_frame)
