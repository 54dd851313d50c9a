"""Pass 3 of a job that may be killed: the segments that are missing are masked and encoded, and kept one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import NamedTuple

from workbench.data import Frame
from workbench.errors import MaskingError
from workbench.render import BoxesOn, Renderer
from workbench.report import Counters
from workbench.segments.store import Hidden, Segment, SegmentStore
from workbench.video.encoding import Encoding
from workbench.video.files import FramePoint, VideoFile
from workbench.video.joining import SegmentEncoder
from workbench.video.prefetch import FRAMES_AHEAD, prefetch
from workbench.video.slots import FrameSlots


class _Masked(NamedTuple):
    """A masked frame, how many faces were hidden, and where a later reading may begin with it."""

    frame: Frame
    faces: int
    point: FramePoint


@dataclass
class SegmentRenderer:
    """Makes the segments of ``source`` that ``store`` does not have. ``tell`` gets every frame that it masked.

    A segment ends at the first frame beyond a whole number of ``length`` seconds after the clip's first one, at
    ``start``. ``notes`` says, when all are made, what was wrong with the clip.
    """

    source: Path
    store: SegmentStore
    encoding: Encoding
    slots: FrameSlots
    renderer: Renderer
    boxes: BoxesOn
    start: Fraction
    length: Fraction
    counters: Counters
    tell: Callable[[Frame], None]
    notes: list[str] = field(default_factory=list)

    def segments(self, *, header: bytes) -> list[Segment]:
        """All segments of the clip in order. Raises MaskingError when the clip reads differently than before."""
        done: list[Segment] = []
        for kept in [*self.store.segments(header=header), None]:
            last = done[-1].last if done else None
            following = 0 if last is None else last.index + 1
            if kept is None or kept.first > following:
                done += self._missing(last, until=None if kept is None else kept.first)
            if kept is not None:
                self._count(kept)
                done.append(kept)
        return done

    def _count(self, kept: Segment) -> None:
        """Do for a kept segment what would have been done while it was made."""
        for time in kept.index().times:
            self.slots.place(round(time / self.slots.source_time_base))
        hidden = kept.hidden
        self.counters.add_earlier(frames=hidden.frames, faces=hidden.faces, frames_with_faces=hidden.frames_with_faces)

    def _missing(self, last: FramePoint | None, *, until: int | None) -> list[Segment]:
        """Make the segments behind the frame at ``last``, up to frame number ``until`` or to the clip's end.

        Reading begins with the last frame that is done, so that there is one to compare.
        """
        with (
            VideoFile(self.source, begin=last, writable=True) as video,
            prefetch(video.frames(), depth=FRAMES_AHEAD) as frames,
        ):
            masked = self._masked(frames, video, following=0 if last is None else last.index + 1, until=until)
            made = [self._made(group) for _, group in groupby(masked, key=self._number)]
            if until is None:
                self.boxes.finish(video.frames_read)
                self.notes = [*video.notes, *self.renderer.people.notes]
            elif not made or made[-1].last.index + 1 != until:
                raise MaskingError(f"there is no frame {until} any more; the source changes or is damaged")
        return made

    def _masked(
        self, frames: Iterable[Frame], video: VideoFile, *, following: int, until: int | None
    ) -> Iterator[_Masked]:
        points: list[FramePoint] = []

        def pointed() -> Iterator[Frame]:
            for frame in frames:
                points[:] = [video.point(frame)]  # before it is masked
                yield frame

        hidden = self.renderer.hidden(pointed(), self.boxes)
        for frame, faces in self.counters.timed("decode, decide and mask", hidden):
            if frame.index == until:
                return
            if frame.index >= following:
                yield _Masked(frame, faces, points[0])

    def _number(self, masked: _Masked) -> int:
        """Number of the segment that a frame belongs to."""
        return int((masked.frame.pts * masked.frame.time_base - self.start) // self.length)

    def _made(self, frames: Iterator[_Masked]) -> Segment:
        """Encode the frames of one segment."""
        first = next(frames)
        encoder = SegmentEncoder(self.encoding)
        pts: list[int] = []
        faces = frames_with_faces = 0
        last = first
        with self.store.new_segment(first.frame.index, header=encoder.header) as file:
            for last in chain([first], frames):
                with self.counters.stage("encode"):
                    file.add(encoder.encode(last.frame, tick=self.slots.place(last.frame.pts)))
                pts.append(last.frame.pts)
                faces, frames_with_faces = faces + last.faces, frames_with_faces + (last.faces > 0)
                self.counters.add(last.faces)
                self.tell(last.frame)
            with self.counters.stage("encode"):
                file.add(encoder.finish())
                hidden = Hidden(len(pts), faces, frames_with_faces)
                self.store.keep_people(self.renderer.people)
                return file.complete(pts, first.frame.time_base, last=last.point, hidden=hidden)
