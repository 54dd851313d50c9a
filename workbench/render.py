"""Pass 3: write the masked picture. Stateless: what happens to a frame depends on that frame and its boxes alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from workbench.data import Frame, HiddenFaces
from workbench.errors import MaskingError, TimelineError, TornTrackError
from workbench.maskers.people import People
from workbench.regions import RegionOptions, hide
from workbench.stages import Masker
from workbench.timeline import BoxLookup, Timeline


class BoxesOn(Protocol):
    """Says what to hide on each frame of a clip."""

    def on(self, frame: Frame) -> HiddenFaces:
        """The faces of the frame. Raises MaskingError for a frame that nobody has looked at."""
        ...

    def finish(self, frames_read: int) -> None:
        """Told the clip's number of frames at its end. Raises when there should have been more."""
        ...


@dataclass(frozen=True, eq=False)
class Renderer:
    """Hides faces in frames. ``masker`` decides what the new pixels are, ``options`` where they go.

    ``people`` are the masker's, where it invents faces.
    """

    masker: Masker
    options: RegionOptions
    people: People = field(default_factory=People)

    def hidden(self, frames: Iterable[Frame], boxes: BoxesOn) -> Iterator[tuple[Frame, int]]:
        """Each frame with its faces replaced in place, and how many they are. The frames must be writable.

        Whatever goes wrong becomes a MaskingError, and the frame is not handed on. It is a TornTrackError where all
        must be begun again with ``people.begun_again()``.
        """
        for frame in frames:
            found, tracks, poses = boxes.on(frame)
            try:
                hide(frame, found, self.masker, self.options, tracks=tracks, poses=poses)
            except (ValueError, ArithmeticError, MemoryError, RuntimeError) as error:
                raise MaskingError(f"frame {frame.index}: {self.masker.name} mask failed ({error})") from error
            if self.people.is_torn:
                raise TornTrackError(f"frame {frame.index}: {'; '.join(self.people.notes)}")
            yield frame, len(found)


class TimelineBoxes:
    """The boxes of a finished timeline. It must be the clip's own: as large, and as long where a whole clip is written.

    Raises TimelineError when the size differs.
    """

    def __init__(self, timeline: Timeline, *, width_px: int, height_px: int, whole_clip: bool) -> None:
        if timeline.width_px and (timeline.width_px, timeline.height_px) != (width_px, height_px):
            size = f"{timeline.width_px}x{timeline.height_px}"
            raise TimelineError(f"the timeline is for a {size} clip, this one is {width_px}x{height_px}; use its own")
        last = int(timeline.rows["frame"].max()) if len(timeline.rows) else -1
        self._lookup = BoxLookup(timeline)
        self._first, self._frames = timeline.first_frame, timeline.frames
        self._needed = max(timeline.frames, last + 1) if whole_clip else 0

    def on(self, frame: Frame) -> HiddenFaces:
        if frame.index < self._first:
            raise MaskingError(
                f"frame {frame.index} is before the timeline's first frame {self._first}, so nobody looked at it; "
                "render the same part, or analyse the whole clip"
            )
        if self._frames and frame.index >= self._frames:
            raise MaskingError(
                f"frame {frame.index} is beyond the timeline's {self._frames} frames, so nobody looked at it; "
                "analyse this clip anew"
            )
        return self._lookup.on(frame.index)

    def finish(self, frames_read: int) -> None:
        if self._needed > frames_read:
            raise TimelineError(
                f"the timeline is for {self._needed} frames, the clip has {frames_read}; use the clip's own timeline"
            )
