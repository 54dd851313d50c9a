"""The full-video processor: a clip in, a masked clip and a report out.

    decode ─▶ look ─▶ track ─▶ decide (window by window) ─┐
    decode ───────────────────────────────────────────────┴─▶ hide ─▶ encode

The source is read twice, a few seconds apart: frames are too large to be kept until what follows them is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from workbench.analyze import Analyzer, collect, open_analyzer
from workbench.audit.after import looked_again, masking_progress
from workbench.data import VideoInfo
from workbench.decide import decide
from workbench.errors import TornTrackError
from workbench.maskers import People, open_masker
from workbench.presets.model import Preset
from workbench.render import BoxesOn, Renderer, TimelineBoxes
from workbench.report import Counters, Report, describe_file, report_path, review_list, save_report, versions
from workbench.sightings import Clock, Sightings, Tracking, steps_per_second, track
from workbench.stages import Progress, ProgressUpdate
from workbench.store import AnalysedFrame, DetectionStore
from workbench.stream import StreamedBoxes, decided_windows
from workbench.timeline import Timeline
from workbench.video.files import VideoFile
from workbench.video.part_file import refuse_source
from workbench.video.prefetch import FRAMES_AHEAD, prefetch
from workbench.video.probing import probe
from workbench.video.stretch import WHOLE, Stretch, expected_frames
from workbench.video.writer import VideoWriter

Result = TypeVar("Result")

ANALYSED_AHEAD = 50  # analysed frames waiting (numbers only): how far the detector may run ahead of need


def process(
    source: Path, output: Path, preset: Preset, *, stretch: Stretch = WHOLE, progress: Progress | None = None
) -> tuple[Report, Timeline]:
    """Mask every face of ``source`` into ``output``, with a report beside it.

    Raises SourceError, OutputError, ModelError, MaskingError; then there is no output.

    >>> report, timeline = process_clip(clip, folder / "masked.mp4", load_preset("balanced"))
    >>> report.frames, report.hidden_boxes, timeline
    (20, 80, Timeline(80 rows, 4 tracks, 20 frames))
    """
    refuse_source(report_path(output), source)
    return with_whole_tracks(
        lambda people: _process(source, output, preset, people, stretch=stretch, progress=progress)
    )


def with_whole_tracks(attempt: Callable[[People], Result]) -> Result:
    """What ``attempt`` gives, begun again where a track could not keep its invented face: all of it becomes solid."""
    people = People()
    while True:
        try:
            return attempt(people)
        except TornTrackError:
            people = people.begun_again()


def _process(
    source: Path, output: Path, preset: Preset, people: People, *, stretch: Stretch, progress: Progress | None
) -> tuple[Report, Timeline]:
    counters = Counters()
    with ExitStack() as stack:
        looked = stack.enter_context(_opened(source, stretch))
        analyzer = open_analyzer(preset.detector, preset.tracker, looked.info)
        facts = describe_analysis(analyzer, looked.info)
        frames = stack.enter_context(prefetch(looked.frames(), depth=FRAMES_AHEAD))
        seen = stack.enter_context(prefetch(counters.timed("analyze", analyzer.frames(frames)), depth=ANALYSED_AHEAD))
        boxes = decided_boxes(seen, preset, info=looked.info, facts=facts, counters=counters)
        written = _write(source, output, boxes, preset, people, stretch=stretch, counters=counters, progress=progress)
    timeline = boxes.timeline(width_px=looked.info.width_px, height_px=looked.info.height_px)
    written = Written(written.encoder, [*looked.notes, *written.notes])
    report = write_report(
        describe_file(source), output, timeline, preset, counters=counters, written=written, facts=facts
    )
    return looked_again(report, output, source, timeline, preset, stretch=stretch, progress=progress), timeline


def decided_boxes(
    analysed: Iterable[AnalysedFrame], preset: Preset, *, info: VideoInfo, facts: dict[str, Any], counters: Counters
) -> StreamedBoxes:
    """Track and decide the frames as they come. ``facts`` are those of ``describe_analysis``."""
    windows = decided_windows(
        analysed,
        Tracking(preset.tracker, steps_per_second=steps_per_second(facts), height_px=info.height_px),
        preset.timeline,
        confidence=preset.detector.confidence,
        time_base=info.time_base,
    )
    return StreamedBoxes(counters.timed("decide", windows))


def analyze_clip(
    source: Path, preset: Preset, *, stretch: Stretch = WHOLE, progress: Progress | None = None
) -> DetectionStore:
    """Pass 1 for a whole clip: everything the detector saw, to be tracked and decided as often as you like.

    >>> analyze_clip(clip, load_preset("balanced"), stretch=Stretch(end_seconds=0.4))
    DetectionStore(10 frames, 4 analysed, 1280x720)
    """
    counters = Counters()
    with ExitStack() as stack:
        video = stack.enter_context(_opened(source, stretch))
        analyzer = open_analyzer(preset.detector, preset.tracker, video.info)
        frames = stack.enter_context(prefetch(video.frames(), depth=FRAMES_AHEAD))
        counted = counters.counted(frames, expected=expected_frames(video.info, stretch), progress=progress)
        facts = describe_analysis(analyzer, video.info)
        facts |= {"source_sha256": describe_file(source)["sha256"], "stretch": asdict(stretch)}
        return collect(analyzer, counted, video.info, facts)


def decide_store(store: DetectionStore, preset: Preset, *, tracked: tuple[Sightings, Clock] | None = None) -> Timeline:
    """Pass 2 for a whole clip. ``tracked`` (from ``track``) spares the tracking when only thresholds changed.

    >>> decide_store(analyze_clip(clip, load_preset("bright")), load_preset("bright"))
    Timeline(80 rows, 4 tracks, 20 frames)
    """
    sightings, clock = tracked or track(store, preset.tracker)
    decided = decide(sightings, clock, preset.timeline, confidence=preset.detector.confidence)
    first, frames = (store.frames[0].index, store.frames[-1].index + 1) if store.frames else (0, 0)
    return Timeline(decided.rows, decided.decisions(), frames, store.width_px, store.height_px, first_frame=first)


def render_clip(
    source: Path,
    timeline: Timeline,
    output: Path,
    preset: Preset,
    *,
    stretch: Stretch = WHOLE,
    progress: Progress | None = None,
) -> Report:
    """Pass 3 for a whole clip: hide what the timeline says, with a report beside the output.

    >>> report = render_clip(clip, session.timeline, folder / "rendered.mp4", load_preset("balanced"))
    >>> report.frames, report.hidden_boxes
    (20, 80)
    """
    refuse_source(report_path(output), source)
    return with_whole_tracks(
        lambda people: _render(source, timeline, output, preset, people, stretch=stretch, progress=progress)
    )


def _render(
    source: Path,
    timeline: Timeline,
    output: Path,
    preset: Preset,
    people: People,
    *,
    stretch: Stretch,
    progress: Progress | None,
) -> Report:
    counters = Counters()
    info = probe(source)
    boxes = TimelineBoxes(timeline, width_px=info.width_px, height_px=info.height_px, whole_clip=stretch == WHOLE)
    written = _write(source, output, boxes, preset, people, stretch=stretch, counters=counters, progress=progress)
    report = write_report(describe_file(source), output, timeline, preset, counters=counters, written=written, facts={})
    return looked_again(report, output, source, timeline, preset, stretch=stretch, progress=progress)


@dataclass(frozen=True)
class Written:
    """What the writing of an output has to tell."""

    encoder: str
    notes: list[str]


def _opened(source: Path, stretch: Stretch, *, writable: bool = False) -> VideoFile:
    return VideoFile(source, start_seconds=stretch.start_seconds, end_seconds=stretch.end_seconds, writable=writable)


def _write(
    source: Path,
    output: Path,
    boxes: BoxesOn,
    preset: Preset,
    people: People,
    *,
    stretch: Stretch,
    counters: Counters,
    progress: Progress | None,
) -> Written:
    """Read ``source``, hide ``boxes`` and write ``output``: all of it, or nothing."""
    renderer = Renderer(open_masker(preset.mask, people=people), preset.mask, people)
    progress = masking_progress(preset, progress)
    with ExitStack() as stack:
        video = stack.enter_context(_opened(source, stretch, writable=True))
        sink = stack.enter_context(
            VideoWriter(
                output,
                source=source,
                info=video.info,
                options=preset.output,
                start_seconds=stretch.start_seconds,
                end_seconds=stretch.end_seconds,
            )
        )
        frames = stack.enter_context(prefetch(video.frames(), depth=FRAMES_AHEAD))
        expected = expected_frames(video.info, stretch)
        for frame, faces in counters.timed("decode, decide and mask", renderer.hidden(frames, boxes)):
            with counters.stage("encode"):
                sink.write(frame)
            counters.add(faces)
            if progress is not None:
                progress(ProgressUpdate(counters.frames, expected, counters.faces))
        boxes.finish(video.frames_read)
    return Written(sink.encoder, [*video.notes, *people.notes, *sink.notes])


def describe_analysis(analyzer: Analyzer, info: VideoInfo) -> dict[str, Any]:
    """What a detection store must tell of its making."""
    return {
        "detector": analyzer.finder.detector.name,
        "engine": analyzer.finder.detector.engine,
        "options": analyzer.detector.model_dump(mode="json"),
        "average_fps": float(info.average_fps),
    }


def write_report(
    source: dict[str, Any],
    output: Path,
    timeline: Timeline,
    preset: Preset,
    *,
    counters: Counters,
    written: Written,
    facts: dict[str, Any],
) -> Report:
    """The report beside a finished output. ``source`` describes the source file, ``facts`` the analysis, if any."""
    rows = timeline.masked_rows()
    report = Report(
        source=source,
        output=describe_file(output),
        preset=preset.model_dump(mode="json"),
        detector=facts.get("detector"),
        engine=facts.get("engine"),
        encoder=written.encoder,
        tracks=int(rows["track"].nunique()),
        review=review_list(timeline),
        kept_tracks=sorted(track for track, decision in timeline.decisions.items() if decision == "keep"),
        notes=list(dict.fromkeys(written.notes)),
        versions=versions(),
        **counters.as_dict(),
    )
    save_report(report, output)
    return report
