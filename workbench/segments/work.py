"""The full-video processor for work that may be killed: ``process``, with everything finished kept on the disk.

    look (kept every few seconds) ─▶ track ─▶ decide ─┐
    decode ───────────────────────────────────────────┴─▶ hide ─▶ encode (kept by segments) ─▶ join, with the sound

Tracking and deciding read no pixels, so they are done again over what was seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.audit.after import looked_again, masking_progress
from workbench.data import Frame
from workbench.errors import TornTrackError, UsageError
from workbench.maskers import open_masker
from workbench.presets.model import Preset
from workbench.process import (
    ANALYSED_AHEAD,
    Written,
    decided_boxes,
    process,
    render_clip,
    write_report,
)
from workbench.render import BoxesOn, Renderer, TimelineBoxes
from workbench.report import Counters, Report, describe_file, report_path, versions
from workbench.segments.analysis import PART_SECONDS, KeptAnalysis
from workbench.segments.render import SegmentRenderer
from workbench.segments.store import Segment, SegmentStore
from workbench.stages import Progress, ProgressUpdate
from workbench.store import AnalysedFrame
from workbench.timeline import Timeline
from workbench.video.files import VideoFile
from workbench.video.joining import common_header, join
from workbench.video.part_file import refuse_source
from workbench.video.prefetch import prefetch
from workbench.video.stretch import expected_frames
from workbench.video.writer import VideoWriter, container_for

FORMAT = 1
"""Changes with the way parts are kept or work is cut into them: parts of another format are not used."""

TOLD_EVERY = 10
"""So many frames are analysed, or tracked again, between two times that ``progress`` is told without a new frame."""

Shown = Callable[[Frame], None]


def process_in_segments(
    source: Path,
    output: Path,
    preset: Preset,
    *,
    folder: Path,
    timeline: Timeline | None = None,
    segment_seconds: float = 20.0,
    progress: Progress | None = None,
    shown: Shown | None = None,
) -> tuple[Report, Timeline]:
    """Mask every face of ``source`` into ``output`` like ``process``, or like ``render_clip`` with a ``timeline``.

    What is finished lies in ``folder`` until the output is complete: after a kill, an error or ``Cancelled`` the same
    call goes on with it, and with another source, preset or timeline it starts anew. ``forget_segments`` removes it.
    ``shown`` gets every frame when it is masked, and must not keep it; ``progress`` is told more often than that. Where
    an encoder's parts cannot be joined, because its headers differ from one time to the next, the clip is written in
    one go, and nothing is shown.

    Raises SourceError, OutputError, ModelError, MaskingError, TimelineError; then there is no output.
    """
    refuse_source(report_path(output), source)
    job = _Job(source, output, preset, timeline, _length(segment_seconds))
    with SegmentStore(folder, identity=job.identity) as store:
        store.resume()
        done = _done(job, store, progress=masking_progress(preset, progress), shown=shown)
        if done is not None:  # while the parts are still there: a job that is killed now need only join them again
            report, hidden = done
            done = looked_again(report, output, source, hidden, preset, progress=progress), hidden
        store.clear()
    if done is not None:
        return done
    if timeline is None:
        return process(source, output, preset, progress=progress)
    return render_clip(source, timeline, output, preset, progress=progress), timeline


def _done(
    job: _Job, store: SegmentStore, *, progress: Progress | None, shown: Shown | None
) -> tuple[Report, Timeline] | None:
    """Report and timeline of the finished job; None where its parts could not be joined."""
    while True:
        run = _Run(job, store, progress=progress, shown=shown)
        if run.header is None:
            return None
        try:
            return run.finish(run.header)
        except TornTrackError:  # what was seen is kept, what was masked is not
            store.begin_masking_again(run.people)


def forget_segments(folder: Path) -> None:
    """Remove what an unfinished ``process_in_segments`` kept. Raises OutputError while one is at work there."""
    with SegmentStore(folder, identity=dict) as store:
        store.clear()


def _length(segment_seconds: float) -> Fraction:
    if not 0 < segment_seconds < float("inf"):
        raise UsageError(f"segments of {segment_seconds} s: give a number of seconds above 0")
    return Fraction(repr(segment_seconds))  # 0.1 means one tenth, not its binary neighbour


@dataclass(frozen=True)
class _Job:
    """What is to be done. ``segment`` is the length of a segment in seconds."""

    source: Path
    output: Path
    preset: Preset
    timeline: Timeline | None
    segment: Fraction

    @cached_property
    def described(self) -> dict[str, Any]:
        """Name, size and SHA-256 of the source: reads all of it."""
        return describe_file(self.source)

    def identity(self) -> dict[str, Any]:
        """Everything that the finished parts depend on."""
        return {
            "format": FORMAT,
            "source": self.described["sha256"],
            "preset": self.preset.model_dump(mode="json"),
            "timeline": None if self.timeline is None else _digest(self.timeline),
            "container": container_for(self.output, self.preset.output),
            "segment": str(self.segment),
            "versions": versions(),
        }


def _digest(timeline: Timeline) -> str:
    rows = pd.util.hash_pandas_object(timeline.rows, index=False)
    shape = (*timeline.rows.columns, timeline.frames, timeline.width_px, timeline.height_px, timeline.first_frame)
    rest = json.dumps([shape, sorted(timeline.decisions.items())])
    return hashlib.sha256(rows.to_numpy().tobytes() + rest.encode()).hexdigest()


class _Run:
    """One run of a job: what is kept of it is used, what is missing is made, and all is joined."""

    def __init__(self, job: _Job, store: SegmentStore, *, progress: Progress | None, shown: Shown | None) -> None:
        self._job, self._store = job, store
        self._progress, self._shown = progress, shown
        self._counters = Counters()
        self._facts: dict[str, Any] = {}
        self._notes: list[str] = []
        self.people = store.people()
        with VideoFile(job.source) as video:
            self._info, self._first = video.info, next(video.frames())
        self._writer = VideoWriter(job.output, source=job.source, info=self._info, options=job.preset.output)
        self._encoding, self._slots = self._writer.plan(self._first)
        self.header = common_header(self._encoding)

    def finish(self, header: bytes) -> tuple[Report, Timeline]:
        """Do what is left. ``header`` is the one that all segments must have."""
        job, counters = self._job, self._counters
        with self._writer as writer:
            segments, timeline = self._analysed(header) if job.timeline is None else self._given(header, job.timeline)
            with counters.stage("join"):
                for _ in join(writer, segments):
                    self._tell(None)
        written = Written(writer.encoder, [*self._notes, *writer.notes])
        report = write_report(
            job.described, job.output, timeline, job.preset, counters=counters, written=written, facts=self._facts
        )
        return report, timeline

    def _analysed(self, header: bytes) -> tuple[list[Segment], Timeline]:
        """All segments, for the faces that the detector finds."""
        job, info, counters = self._job, self._info, self._counters
        part_seconds = min(PART_SECONDS, float(job.segment))
        with (
            KeptAnalysis(job.source, job.preset, self._store, info=info, part_seconds=part_seconds) as analysis,
            prefetch(counters.timed("analyze", analysis.frames()), depth=ANALYSED_AHEAD) as seen,
        ):
            self._facts = analysis.facts
            boxes = decided_boxes(self._told(seen), job.preset, info=info, facts=analysis.facts, counters=counters)
            segments = self._segments(header, boxes)
        self._notes[:0] = analysis.notes
        return segments, boxes.timeline(width_px=info.width_px, height_px=info.height_px)

    def _given(self, header: bytes, timeline: Timeline) -> tuple[list[Segment], Timeline]:
        """All segments, for the faces of a timeline."""
        info = self._info
        boxes = TimelineBoxes(timeline, width_px=info.width_px, height_px=info.height_px, whole_clip=True)
        return self._segments(header, boxes), timeline

    def _segments(self, header: bytes, boxes: BoxesOn) -> list[Segment]:
        job, mask = self._job, self._job.preset.mask
        renderer = SegmentRenderer(
            job.source,
            self._store,
            self._encoding,
            self._slots,
            Renderer(open_masker(mask, secret=self._store.secret(), people=self.people), mask, self.people),
            boxes,
            start=self._first.pts * self._first.time_base,
            length=job.segment,
            counters=self._counters,
            tell=self._tell,
        )
        segments = renderer.segments(header=header)
        self._notes += renderer.notes
        if self._counters.frames_before:
            kept, frames = self._counters.frames_before, self._counters.frames
            self._notes.append(f"continued after an interruption: {kept} of {frames} frames were done before")
        return segments

    def _told(self, seen: Iterable[AnalysedFrame]) -> Iterator[AnalysedFrame]:
        """The same frames. It may be long until the first is masked, and the work must not go on when it is stopped."""
        for frame in seen:
            if frame.index % TOLD_EVERY == 0:
                self._tell(None)
            yield frame

    def _tell(self, frame: Frame | None) -> None:
        """Say how far the work is; ``frame`` was just masked."""
        if self._shown is not None and frame is not None:
            self._shown(frame)
        if self._progress is not None:
            done, faces = self._counters.frames, self._counters.faces
            self._progress(ProgressUpdate(done, expected_frames(self._info), faces))
