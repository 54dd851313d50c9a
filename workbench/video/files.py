"""Video files as sources of frames."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from workbench.data import Frame, VideoInfo
from workbench.errors import SourceError
from workbench.video.decoding import Damage, decoded, frames_before
from workbench.video.planes import as_420, colour_of, display_planes
from workbench.video.probing import examine, probe
from workbench.video.timing import SteadyClock, TimeRange

__all__ = ["FramePoint", "VideoFile", "probe"]

MISSING_SECONDS = 0.5
"""Pictures that end this much before the file's end are worth a note: it may have been cut off."""

CHECK_STEP = 16
"""Of every so many rows of luma a point keeps the sum: enough to know a picture again, next to no work."""


@dataclass(frozen=True)
class FramePoint:
    """A frame of an earlier reading, to begin a later one at: its number, its time, the check sum of its picture.

    ``in_order`` is False where something was wrong with the file before it, so that reading from there on would
    number or time the frames differently.
    """

    index: int
    pts: int
    check: int
    in_order: bool


class VideoFile:
    """The frames of a video file, or of the part ``start_seconds <= t < end_seconds`` (t after the first frame).

    ``writable=True`` gives frames that may be edited in place: a frame that the decoder still needs is copied first.
    ``begin`` leaves out the frames before that one. The file is entered right there if that gives the same picture,
    else it is read from its beginning; the frames are the same.
    ``notes`` says, once the reading has ended, what was wrong with the file; ``pts`` holds the time of every frame
    read so far, in ``info.time_base``. Raises SourceError for a file without a readable picture.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        begin: FramePoint | None = None,
        writable: bool = False,
    ) -> None:
        self.path = Path(path)
        self.range = TimeRange.of(start_seconds, end_seconds)
        if begin is not None and not self.range.is_whole:
            raise ValueError("a reading begins at a frame or at a time, not both")
        self.info: VideoInfo
        self.info, self._stored = examine(self.path)
        self.notes: list[str] = []
        self.pts: list[int] = []
        self._begin = begin
        self._entered = 0  # number of the first frame that was decoded
        self._damage, self._clock, self._resized = Damage(), self._new_clock(), 0
        self._writable = writable
        self._reformatter = VideoReformatter()
        self._open: list[Iterator[Frame]] = []

    @property
    def frames_read(self) -> int:
        """Frames read so far, of the wanted part; counted from the first one of the file where ``begin`` was given."""
        return self._entered + len(self.pts)

    def point(self, frame: Frame) -> FramePoint:
        """Where a later reading may begin with this frame, whose picture must not be edited yet."""
        return FramePoint(frame.index, frame.pts, _check(frame), in_order=not self._flaws())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            self._open.pop().close()  # type: ignore[attr-defined]

    def frames(self, *, every: int = 1) -> Iterator[Frame]:
        """Frames in presentation order, from the beginning at each call.

        ``every=n`` gives only those whose index is a multiple of n, and always the last one; the others are decoded
        and counted, which costs less than handing them out. Raises SourceError when nothing can be read.
        """
        frames = self._frames(every)
        self._open.append(frames)
        return frames

    def _frames(self, every: int) -> Iterator[Frame]:
        self.notes, self.pts = [], []
        self._damage, self._clock, self._resized = Damage(), self._new_clock(), 0
        before = self._begin.index if self._begin is not None else 0
        held: tuple[int, int, VideoFrame] | None = None
        for index, native in self._wanted(self._damage):
            held = (index, self._clock.next(native.pts, native.dts), native)
            self.pts.append(held[1])
            self._resized += (native.width, native.height) != (self._stored.width, self._stored.height)
            if index < before:
                held = None
            elif index % every == 0:
                yield self._frame(*held)
                held = None
        if held is not None:
            yield self._frame(*held)
        self.notes = [*self._flaws(), *(self._missing() if self.range.is_whole else [])]
        if not self.pts:
            raise SourceError(f"{self.path} has no frame in the wanted part: check the start and the end")

    def _new_clock(self) -> SteadyClock:
        step = round(1 / (self.info.average_fps * self.info.time_base))
        return SteadyClock(time_base=self.info.time_base, step=step)

    def _wanted(self, damage: Damage) -> Iterator[tuple[int, VideoFrame]]:
        """(index in the whole file, picture) of the wanted part, or from a point at or before ``begin`` on."""
        origin = round(self.info.start_seconds / self.info.time_base)
        first, behind = self.range.ticks(self.info.time_base, origin=origin)
        index: int | None = None if first is not None else 0
        if self._begin is not None and self._can_enter(self._begin):
            first, index = self._begin.pts, None
        self._entered = 0
        with closing(decoded(self.path, from_tick=first, damage=damage)) as natives:  # type: ignore[type-var]
            for native in natives:
                stamp = native.pts if native.pts is not None else native.dts
                if stamp is not None and behind is not None and stamp >= behind:
                    return
                if index is None:
                    if stamp is None or (first is not None and stamp < first):
                        continue
                    if self._begin is None:
                        index = frames_before(self.path, stamp)
                    else:
                        index = self._entered = self._begin.index
                yield index, native
                index += 1

    def _can_enter(self, point: FramePoint) -> bool:
        """Whether decoding from the nearest key frame on leads to the very frame of ``point``."""
        if not point.in_order:
            return False
        with closing(decoded(self.path, from_tick=point.pts, damage=Damage())) as natives:  # type: ignore[type-var]
            native = next((each for each in natives if each.pts is not None and each.pts >= point.pts), None)
        return (
            native is not None
            and native.pts == point.pts
            and _check(self._frame(point.index, point.pts, native)) == point.check
        )

    def _frame(self, index: int, pts: int, native: VideoFrame) -> Frame:
        picture = as_420(native, width=self._stored.width, height=self._stored.height, reformatter=self._reformatter)
        if self._writable:
            picture.make_writable()
        return Frame(
            index=index,
            pts=pts,
            time_base=self.info.time_base,
            planes=display_planes(picture, self._stored.orientation, writable=self._writable),
            colour=colour_of(picture),
            native=picture,
        )

    def _flaws(self) -> list[str]:
        """What was wrong with the file as far as it was read."""
        notes = [*self._damage.notes(), *self._clock.notes()]
        if self._resized:
            size = f"{self._stored.width}x{self._stored.height}"
            notes.append(f"{self._resized} frames had another size and were scaled to {size}, the size of the first")
        return notes

    def _missing(self) -> list[str]:
        """What the file's header promises and its pictures do not keep."""
        info, frames, rate = self.info, self.info.frames_in_header, float(self.info.average_fps)
        length = info.duration_seconds_in_header
        if info.container == "avi":  # counts empty frames, and its length is guessed where the index is missing
            frames, length = None, None if frames is None else frames / rate
        if frames is not None:
            kept = self.frames_read >= frames
            return [] if kept else [f"the file promises {frames} frames, {self.frames_read} could be read"]
        end = float(self.pts[-1] * info.time_base) + 1 / rate if self.pts else 0.0
        if length is None or length - end <= MISSING_SECONDS:
            return []
        return [f"the pictures end at {end:.2f} s, the file says that it lasts {length:.2f} s"]


def _check(frame: Frame) -> int:
    return zlib.crc32(np.ascontiguousarray(frame.planes[0][::CHECK_STEP]).data)
