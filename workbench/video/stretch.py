"""Which part of a clip is worked on, and how many frames that is."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.data import VideoInfo


@dataclass(frozen=True)
class Stretch:
    """The part of a clip that is worked on, in seconds. None: from the beginning, to the end.

    >>> Stretch(end_seconds=2.5)
    Stretch(start_seconds=None, end_seconds=2.5)
    """

    start_seconds: float | None = None
    end_seconds: float | None = None


WHOLE = Stretch()


def expected_frames(info: VideoInfo, stretch: Stretch = WHOLE) -> int | None:
    """Frames to come as far as the header says."""
    if info.frames_in_header is None or info.duration_seconds_in_header is None:
        return None
    length = info.duration_seconds_in_header
    start = min(stretch.start_seconds or 0.0, length)
    end = length if stretch.end_seconds is None else min(stretch.end_seconds, length)
    share = (end - start) / length if length > 0 else 1.0
    return max(1, round(info.frames_in_header * share))
