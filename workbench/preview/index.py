"""When each frame of a clip is shown, and where decoding may begin.

The numbers of frames are those of ``VideoFile``: places in presentation order. They are found by reading the file's
packets, so nothing is decoded, and a clip with a variable rate is counted exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.video.decoding import Damage, only, packets
from workbench.video.files import VideoFile
from workbench.video.probing import main_video, open_source


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """When each frame of a clip is shown: ``pts`` (F,) ascending, in units of ``time_base``.

    ``keys`` are numbers of frames at which decoding may begin. Where the file's times cannot be trusted there are none
    but the first frame: it is read from its beginning.
    """

    pts: NDArray[np.int64]
    keys: NDArray[np.int64]
    time_base: Fraction

    def __repr__(self) -> str:
        return f"FrameIndex({len(self.pts)} frames, {len(self.keys)} to begin at)"

    @property
    def seekable(self) -> bool:
        return len(self.keys) > 0

    def times(self) -> NDArray[np.float64]:
        """Seconds of every frame, the very numbers that ``Frame.time_seconds`` gives."""
        return np.asarray(self.pts * self.time_base.numerator / self.time_base.denominator, np.float64)

    def number(self, pts: int | None) -> int | None:
        """Number of the frame at ``pts``, None where there is none."""
        if pts is None:
            return None
        place = int(np.searchsorted(self.pts, pts))
        return place if place < len(self.pts) and self.pts[place] == pts else None

    def key_before(self, number: int) -> int:
        """The last frame up to ``number`` at which decoding may begin."""
        return int(self.keys[max(0, int(np.searchsorted(self.keys, number, side="right")) - 1)])


def read_index(path: Path) -> FrameIndex:
    """The index of a video file. Decodes nothing unless its time stamps are missing, double or damaged.

    Raises SourceError when nothing can be read.
    """
    damage, stamps = Damage(), []
    with open_source(path) as container:
        stream = main_video(container)
        only(container, stream)
        time_base = stream.time_base or Fraction(1, 90000)
        for packet in packets(container, stream, damage=damage):
            if packet.size and not packet.is_discard:
                damage.bad_packets += packet.is_corrupt
                stamps.append((packet.pts, packet.is_keyframe))
    known = sorted((pts, key) for pts, key in stamps if pts is not None)
    pts = np.array([stamp for stamp, _ in known], np.int64)
    keys = np.flatnonzero([key for _, key in known])
    odd = damage.notes() or len(known) < len(stamps) or (np.diff(pts) <= 0).any()
    if odd or not len(keys) or keys[0] != 0:
        return counted_index(path)
    return FrameIndex(pts, keys, time_base)


def counted_index(path: Path) -> FrameIndex:
    """The index of a file whose packets do not tell: by decoding it once. Raises SourceError."""
    with VideoFile(path) as video:
        for _ in video.frames(every=1 << 30):  # the others are decoded and counted only
            pass
        return untrusted_index(video.pts, video.info.time_base)


def untrusted_index(pts: Sequence[int], time_base: Fraction) -> FrameIndex:
    """The index of frames that were counted while reading a file from its beginning."""
    return FrameIndex(np.array(pts, np.int64), np.zeros(0, np.int64), time_base)
