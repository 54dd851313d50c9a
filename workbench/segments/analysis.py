"""Pass 1 of a job that may be killed: what was seen is kept every few seconds, and a later run goes on behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Self

from workbench.analyze import FLASH_SECONDS, Analyzer, open_analyzer
from workbench.data import Frame, VideoInfo
from workbench.presets.model import Preset
from workbench.process import describe_analysis
from workbench.segments.store import Looked, SegmentStore
from workbench.store import AnalysedFrame, DetectionStore
from workbench.video.files import FramePoint, VideoFile
from workbench.video.prefetch import FRAMES_AHEAD, prefetch

PART_SECONDS = 5.0
"""Of the clip, analysed between two parts: what a kill costs, against a few milliseconds for each part."""

OVERLAP_SECONDS = FLASH_SECONDS + 0.05
"""How much before its first new frame a later run reads, to compare pictures as the one run would have done."""


class KeptAnalysis:
    """The analysis of ``source``, with the parts that ``store`` has of it. ``facts`` tell of its making.

    ``notes`` says, once ``frames`` has ended, what was wrong with the clip. Where the detector or its engine is not the
    one of the parts any more, everything that the store has is thrown away.
    """

    def __init__(
        self, source: Path, preset: Preset, store: SegmentStore, *, info: VideoInfo, part_seconds: float
    ) -> None:
        self.notes: list[str] = []
        self._source, self._store, self._info = source, store, info
        self._part_seconds = part_seconds
        self._stack = ExitStack()
        self._analyzer: Analyzer | None = None
        self._parts = store.looked()
        last = store.load_looked(self._parts[-1]) if self._parts else None
        if last is not None and last.is_last:
            self.facts: dict[str, Any] = last.store.facts
            return
        self._analyzer = open_analyzer(preset.detector, preset.tracker, info)
        self.facts = describe_analysis(self._analyzer, info)
        if last is not None and last.store.facts != self.facts:
            store.clear()
            self._parts = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def frames(self) -> Iterator[AnalysedFrame]:
        """What is seen on every frame, from the first one on: as an earlier run kept it, then by looking."""
        last: Looked | None = None
        for path in self._parts:
            last = self._store.load_looked(path)
            yield from last.store.frames
        if self._analyzer is None:
            assert last is not None
            self.notes = list(last.notes)
            return
        video = self._stack.enter_context(VideoFile(self._source, begin=None if last is None else last.begin))
        frames = self._stack.enter_context(prefetch(video.frames(), depth=FRAMES_AHEAD))
        self._numbers = count(len(self._parts))
        points: deque[FramePoint] = deque()
        known = () if last is None else last.store.frames
        waiting: list[AnalysedFrame] = []  # a part ends with a frame that the detector saw, as its batches do
        for seen in self._analyzer.frames(_pointed(frames, video, points), known=known):
            waiting.append(seen)
            length = (seen.pts - waiting[0].pts) * self._info.time_base
            if seen.detections is not None and length >= self._part_seconds:
                self._keep(waiting, points)
                waiting = []
            yield seen
        self.notes = video.notes
        self._keep(waiting, points, is_last=True)

    def _keep(self, frames: list[AnalysedFrame], points: deque[FramePoint], *, is_last: bool = False) -> None:
        if frames:
            overlap = round(OVERLAP_SECONDS / self._info.time_base)
            while points[0].pts < frames[-1].pts - overlap:
                points.popleft()
        info = self._info
        store = DetectionStore(info.width_px, info.height_px, info.time_base, self.facts, tuple(frames))
        looked = Looked(store, points[0] if points else None, is_last, tuple(self.notes))
        self._store.keep_looked(next(self._numbers), looked)


def _pointed(frames: Iterable[Frame], video: VideoFile, points: deque[FramePoint]) -> Iterator[Frame]:
    """The same frames, each noted in ``points``."""
    for frame in frames:
        points.append(video.point(frame))
        yield frame
