"""Video files as sources of frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from workbench.data import Frame, VideoInfo
from workbench.errors import SourceError
from workbench.video.decoding import Damage, decoded, frames_before
from workbench.video.planes import as_420, colour_of, display_planes
from workbench.video.probing import examine, probe
from workbench.video.timing import SteadyClock, TimeRange

__all__ = ["VideoFile", "probe"]

MISSING_SECONDS = 0.5
"""Pictures that end this much before the file's end are worth a note: it may have been cut off."""


class VideoFile:
    """The frames of a video file, or of the part ``start_seconds <= t < end_seconds`` (t after the first frame).

    ``writable=True`` gives frames that may be edited in place: a frame that the decoder still needs is copied first.
    ``notes`` says, once the reading has ended, what was wrong with the file; ``pts`` holds the time of every frame
    read so far, in ``info.time_base``. Raises SourceError for a file without a readable picture.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        writable: bool = False,
    ) -> None:
        self.path = Path(path)
        self.range = TimeRange.of(start_seconds, end_seconds)
        self.info: VideoInfo
        self.info, self._stored = examine(self.path)
        self.notes: list[str] = []
        self.pts: list[int] = []
        self._writable = writable
        self._reformatter = VideoReformatter()
        self._open: list[Iterator[Frame]] = []

    @property
    def frames_read(self) -> int:
        """Frames decoded so far, of the wanted part."""
        return len(self.pts)

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
        damage, resized = Damage(), 0
        step = round(1 / (self.info.average_fps * self.info.time_base))
        clock = SteadyClock(time_base=self.info.time_base, step=step)
        held: tuple[int, int, VideoFrame] | None = None
        for index, native in self._wanted(damage):
            held = (index, clock.next(native.pts, native.dts), native)
            self.pts.append(held[1])
            resized += (native.width, native.height) != (self._stored.width, self._stored.height)
            if index % every == 0:
                yield self._frame(*held)
                held = None
        if held is not None:
            yield self._frame(*held)
        self.notes = [*damage.notes(), *clock.notes(), *self._notes(resized)]
        if not self.pts:
            raise SourceError(f"{self.path} has no frame in the wanted part: check the start and the end")

    def _wanted(self, damage: Damage) -> Iterator[tuple[int, VideoFrame]]:
        """(index in the whole file, picture) of the wanted part."""
        origin = round(self.info.start_seconds / self.info.time_base)
        first, behind = self.range.ticks(self.info.time_base, origin=origin)
        index: int | None = None if first is not None else 0
        with closing(decoded(self.path, from_tick=first, damage=damage)) as natives:  # type: ignore[type-var]
            for native in natives:
                stamp = native.pts if native.pts is not None else native.dts
                if stamp is not None and behind is not None and stamp >= behind:
                    return
                if index is None:
                    if stamp is None or (first is not None and stamp < first):
                        continue
                    index = frames_before(self.path, stamp)
                yield index, native
                index += 1

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

    def _notes(self, resized: int) -> list[str]:
        notes = []
        if resized:
            size = f"{self._stored.width}x{self._stored.height}"
            notes.append(f"{resized} frames had another size and were scaled to {size}, the size of the first")
        return [*notes, *self._missing()] if self.range.is_whole else notes

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
