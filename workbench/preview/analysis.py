"""Pass 1 of an opened clip: what was seen so far, tracked as often as asked, kept in the clip's folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from workbench.analyze import FLASH_SECONDS, Analyzer
from workbench.data import Frame, VideoInfo
from workbench.errors import SourceError, TimelineError
from workbench.presets.model import Preset
from workbench.preview.index import FrameIndex
from workbench.preview.looking import Looker
from workbench.sightings import Clock, Sightings, Tracking, clock_of, join_sightings, steps_per_second
from workbench.store import AnalysedFrame, DetectionStore, load_store, save_store
from workbench.trackers.appearance import AppearanceModel
from workbench.trackers.options import TrackerOptions
from workbench.video.files import VideoFile
from workbench.video.prefetch import FRAMES_AHEAD, prefetch

TRACKINGS_KEPT = 6  # trackers of options tried before, so that going back to them costs nothing
SAMPLED_BYTES = 1 << 20  # read at both ends of a file to know it again


def source_key(source: Path) -> str:
    """Names one state of one file, without reading all of it. Raises SourceError where it cannot be read."""
    try:
        with source.open("rb") as file:
            status = os.fstat(file.fileno())
            head = file.read(SAMPLED_BYTES)
            file.seek(max(0, status.st_size - SAMPLED_BYTES))
            sampled = hashlib.sha256(head + file.read(SAMPLED_BYTES)).hexdigest()
    except OSError as error:
        raise SourceError(f"{source} cannot be read: {error.strerror}") from error
    return _digest({"size": status.st_size, "changed": status.st_mtime_ns, "sampled": sampled})


def analysis_key(source: str, preset: Preset) -> str:
    """Names everything that pass 1 depends on: another key means that the clip has to be looked at again.

    ``source`` is the clip's ``source_key``. The confidence decides only afterwards, and the number of threads changes
    nothing.
    """
    parts = {
        "program": version("face-privacy-workbench"),
        "source": source,
        "detector": preset.detector.model_dump(mode="json", exclude={"confidence", "threads"}),
        "appearance": preset.tracker.appearance,
    }
    return _digest(parts)


def tracking_key(key: str, options: TrackerOptions) -> str:
    """Names everything that track ids depend on."""
    return _digest({"analysis": key, "tracker": options.model_dump(mode="json")})


@dataclass(eq=False)
class _Tracked:
    """A tracker and what it has made of the first frames."""

    tracking: Tracking
    parts: list[Sightings] = field(default_factory=list)


class Analysis:
    """The frames of one clip that the detector has seen, from the first on. Not thread-safe: its owner locks.

    ``path`` is where they are kept; frames kept there by an earlier analysis are taken over.
    """

    def __init__(self, key: str, preset: Preset, info: VideoInfo, *, folder: Path, looker: Looker) -> None:
        self.key = key
        self.looker = looker
        self.complete = False
        self.frames: list[AnalysedFrame] = []
        self._preset = preset
        self._info = info
        self._path = folder / f"detections-{key}.npz"
        self._tracked: OrderedDict[TrackerOptions, _Tracked] = OrderedDict()
        self._saved = 0  # frames in the file
        with suppress(TimelineError):  # none there, or damaged: looked at anew
            kept = load_store(self._path)
            self.frames, self._saved = list(kept.frames), len(kept.frames)
            self.complete = bool(kept.facts["complete"])

    def __repr__(self) -> str:
        return f"Analysis({len(self.frames)} frames, complete={self.complete})"

    def append(self, frame: AnalysedFrame) -> None:
        """Take over what was seen on the next frame, as exactly as it is kept in the file."""
        vectors = frame.embeddings
        if vectors is not None:
            vectors = vectors.astype(np.float16).astype(np.float32)
        self.frames.append(replace(frame, embeddings=vectors))

    def tracked(self, options: TrackerOptions) -> tuple[Sightings, Clock]:
        """All frames so far, tracked. Only those that came since the last call with these options cost time."""
        known = self._tracked.pop(options, None)
        if known is None:
            steps = steps_per_second(self._facts())
            known = _Tracked(Tracking(options, steps_per_second=steps, height_px=self._info.height_px))
        self._tracked[options] = known
        while len(self._tracked) > TRACKINGS_KEPT:
            self._tracked.popitem(last=False)
        times = self._times()
        for place in range(len(known.parts), len(self.frames)):
            known.parts.append(known.tracking.sightings(self.frames[place], times[place]))
        return join_sightings(known.parts), clock_of(self.frames, times)

    def _times(self) -> list[float]:
        """Seconds of every frame so far; the same as by the fraction itself, which is slow."""
        base = self._info.time_base
        return [frame.pts * base.numerator / base.denominator for frame in self.frames]

    def store(self) -> DetectionStore:
        """All frames so far as a detection store."""
        facts = self._facts() | {"complete": self.complete}
        info = self._info
        return DetectionStore(info.width_px, info.height_px, info.time_base, facts, tuple(self.frames))

    def save(self) -> None:
        """Keep what was seen, unless nothing came since. Raises OutputError."""
        if len(self.frames) > self._saved:
            save_store(self.store(), self._path)
            self._saved = len(self.frames)

    def run(self, source: Path, index: FrameIndex, offer: Callable[[Frame], None]) -> Iterator[AnalysedFrame]:
        """Look at the frames that are missing and yield each, a few frames late. Every frame read is offered.

        Raises SourceError, ModelError, and Cancelled when the clip is closed meanwhile.
        """
        begin = self._resumed_at(index)
        start = float((index.pts[begin] - index.pts[0] - 0.5) * index.time_base) if begin else None
        detector, tracker = self._preset.detector, self._preset.tracker
        appearance = None if tracker.appearance == "never" else AppearanceModel()
        analyzer = Analyzer(self.looker.finder(), appearance, detector, tracker)
        done = len(self.frames)
        with ExitStack() as stack:
            video = stack.enter_context(VideoFile(source, start_seconds=start))
            frames = stack.enter_context(prefetch(_offered(video.frames(), offer), depth=FRAMES_AHEAD))
            seen = stack.enter_context(closing(analyzer.frames(frames)))  # type: ignore[type-var]
            yield from (frame for frame in seen if frame.index >= done)

    def _resumed_at(self, index: FrameIndex) -> int:
        """The frame from which on to read, so that the missing frames come out as if there had been no pause.

        That is one the detector looks at anyhow, with room before the first missing frame for all that is compared
        with it: the faces of the look before, and the pictures of a flash.
        """
        done = len(self.frames)
        if not index.seekable or [frame.pts for frame in self.frames] != index.pts[:done].tolist():
            self.frames.clear()
            self._tracked.clear()
            return 0
        every, times = self._preset.detector.every, index.times()
        if not 0 < done < len(times):
            return 0
        begin = min(int(np.searchsorted(times, times[done] - 2 * FLASH_SECONDS)), done - 2 * every)
        return max(0, begin // every * every)

    def _facts(self) -> dict[str, Any]:
        """What a detection store must tell of its making."""
        options = self._preset.detector.model_dump(mode="json")
        return {"detector": options["kind"], "options": options, "average_fps": float(self._info.average_fps)}


def _offered(frames: Iterable[Frame], offer: Callable[[Frame], None]) -> Iterator[Frame]:
    for frame in frames:
        offer(frame)
        yield frame


def _digest(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
