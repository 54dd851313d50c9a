"""One opened clip: look at any frame in any view, tune, edit. What the page and notebooks use.

    analyze() ─▶ detections ─┐
    set_preset() ────────────┼─▶ decide ─▶ edits ─▶ a new ``Published`` ─▶ picture(), lanes(), problems()
    decide(), add_boxes() ───┘

What is shown comes from one published state, which is never changed but replaced: pictures need no lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workbench.data import Picture, VideoInfo
from workbench.errors import Cancelled, OutputError, UsageError
from workbench.presets.model import Preset
from workbench.preview.analysis import Analysis, analysis_key, source_key
from workbench.preview.edits import MANUAL_TRACKS, Edit, EditLog, Removed, decided, drawn
from workbench.preview.lanes import Lane, Problem, lanes_of, problems_of
from workbench.preview.looking import Looker
from workbench.preview.published import Published, Publisher
from workbench.preview.views import View, Views
from workbench.stages import Progress, ProgressUpdate
from workbench.store import DetectionStore
from workbench.timeline import Decision, KeyBox, Timeline, decide_track
from workbench.video.probing import probe

__all__ = ["ClipSession", "View"]

PUBLISH_SECONDS = 1.0  # how often an analysis shows what it has …
PUBLISH_SHARE = 0.1  # … but deciding a long clip again and again takes at most this share of the time
CACHE_MB = 384  # ten seconds of 720p


class ClipSession:
    """One clip, opened to be looked at and edited. Thread-safe; a context manager.

    ``folder`` is private to the clip: detections and edits are kept there, so that opening it again loses nothing.
    About ``cache_mb`` of decoded frames are kept in memory. Raises SourceError for what is no video, OutputError for a
    folder that cannot be used.

    >>> with ClipSession(clip, load_preset("balanced"), folder=folder / "opened") as opened:
    ...     opened.analyze()
    ...     opened.timeline, opened.picture(10, "mask", width_px=640).shape
    (Timeline(80 rows, 4 tracks, 20 frames), (360, 640, 3))
    """

    def __init__(self, source: Path, preset: Preset, *, folder: Path, cache_mb: int = CACHE_MB) -> None:
        self.source = source
        self.info: VideoInfo = probe(source)
        self._source_key = source_key(source)
        self.folder = _private(folder)
        self._views = Views(source, self.info, cache_bytes=cache_mb << 20)
        self._edits = EditLog(self.folder / f"edits-{self._source_key}.json")
        self._closed = threading.Event()
        self._lock = threading.RLock()  # what is seen, the preset and the edits; a new state is published under it
        self._running = threading.Lock()  # held by the one thread that analyses
        self._preset = preset
        self._analysis = self._opened_analysis(preset)
        self._publisher = Publisher()
        self._state = self._publish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ClipSession({self.source.name}, {self.frames} frames, {self.analysed} analysed)"

    # --- what is known --------------------------------------------------------------------------------------------

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of every frame, as in ``Timeline``: the clip begins at ``times[0]``."""
        return self._views.times

    @property
    def frames(self) -> int:
        return len(self.times)

    @property
    def preset(self) -> Preset:
        return self._state.preset

    @property
    def decided(self) -> tuple[Preset, Timeline | None]:
        """The settings in use, and the whole timeline that they give; None while the clip is being analysed."""
        state = self._state
        return state.preset, state.timeline if state.complete else None

    @property
    def revision(self) -> int:
        """Rises with every change of timeline or preset."""
        return self._state.revision

    @property
    def timeline(self) -> Timeline:
        """What is hidden on the frames analysed so far, with the operator's edits."""
        return self._state.timeline

    @property
    def analysed(self) -> int:
        """Frames from the beginning that pass 1 is through with."""
        return self._state.analysed

    @property
    def detections(self) -> DetectionStore:
        """Every candidate seen so far, whatever its score: what thresholds, tracks and edits are decided from."""
        with self._lock:
            return self._analysis.store()

    @property
    def complete(self) -> bool:
        return self._state.complete

    @property
    def can_undo(self) -> bool:
        return self._edits.can_undo

    @property
    def can_redo(self) -> bool:
        return self._edits.can_redo

    @property
    def edited(self) -> bool:
        """Whether the operator's edits change anything."""
        return bool(self._edits.done)

    def lanes(self) -> list[Lane]:
        """The timeline, a lane per track."""
        return lanes_of(self._state.timeline)

    def problems(self) -> list[Problem]:
        """Where the operator should look, in order."""
        state = self._state
        return problems_of(state.timeline, confidence=state.preset.detector.confidence, cuts=state.cuts)

    # --- pass 1 and pass 2 ----------------------------------------------------------------------------------------

    def analyze(self, progress: Progress | None = None) -> None:
        """Look at every frame not yet looked at; returns when all are, or soon after ``close``.

        The timeline of what is seen is published about every second. A preset that needs other detections is taken up
        on the way. One thread at a time; another one that calls waits. Raises SourceError, ModelError, and Cancelled
        where ``progress`` does: what was seen until then is kept, and the next call goes on there.
        """
        with self._running:
            while not (self._closed.is_set() or self._analysis.complete):
                try:
                    self._analyze(self._analysis, progress)
                except Cancelled:
                    if not self._closed.is_set():
                        raise

    def _analyze(self, analysis: Analysis, progress: Progress | None) -> None:
        due = 0.0
        try:
            for seen in analysis.run(self.source, self._views.index, self._views.offer):
                with self._lock:
                    analysis.append(seen)
                if self._closed.is_set() or self._analysis is not analysis:
                    return
                if time.monotonic() >= due:
                    due = self._publish_timed()
                if progress is not None:
                    progress(ProgressUpdate(len(analysis.frames), max(self.frames, len(analysis.frames))))
            with self._lock:
                analysis.complete = True
                self._views.take_times([frame.pts for frame in analysis.frames])
        finally:
            with self._lock:
                self._publish()
                analysis.save()

    def _publish_timed(self) -> float:
        """Publish, and say when it is worth publishing again."""
        begin = time.monotonic()
        self._publish()
        end = time.monotonic()
        return end + max(PUBLISH_SECONDS, (end - begin) / PUBLISH_SHARE)

    def set_preset(self, preset: Preset) -> bool:
        """Use other options. True: the clip has to be looked at again, ``analyze`` does that; else decided at once.

        Edits stay, for the faces that they were made for.
        """
        with self._lock:
            again = False
            self._preset = preset
            if analysis_key(self._source_key, preset) != self._analysis.key:
                self._analysis = self._opened_analysis(preset)
                again = not self._analysis.complete
            self._publish()
            return again

    def _opened_analysis(self, preset: Preset) -> Analysis:
        key = analysis_key(self._source_key, preset)
        looker = Looker(preset.detector, self.info, self._closed)
        analysis = Analysis(key, preset, self.info, folder=self.folder, looker=looker)
        if analysis.complete:
            self._views.take_times([frame.pts for frame in analysis.frames])
        return analysis

    def _publish(self) -> Published:
        with self._lock:
            self._state = self._publisher.publish(
                self._analysis, self._preset, edits=self._edits.done, times=self.times
            )
            return self._state

    # --- pictures -------------------------------------------------------------------------------------------------

    def picture(self, index: int, view: View, *, width_px: int | None = None) -> Picture:
        """Frame ``index`` as RGB, at most ``width_px`` wide. Never waits for ``analyze``.

        ``original``; ``detection``: candidates and scores; ``tracking``: ids and trails; ``mask``: what the full job
        gives, with the same pixels. Where that is not decided yet, the frame is looked at now and every face hidden
        that may come to be hidden. Fails closed: a striped picture that shows nothing where anything goes wrong.
        Raises UsageError for a frame or a view that does not exist.
        """
        return self._views.picture(self._state, index, view, width_px=width_px)

    def thumbnail(self, track: int) -> Picture:
        """The face of a track where it is seen best, 96 px square, as it is in the clip. Striped where it fails.

        Raises UsageError for a track that does not exist.
        """
        return self._views.thumbnail(self._state, track)

    # --- edits ----------------------------------------------------------------------------------------------------

    def decide(self, track: int, decision: Decision) -> None:
        """Mask, keep or review a track. Raises UsageError for an unknown track or word."""
        with self._lock:
            timeline = self._state.timeline
            decide_track(timeline, track, decision)  # refuses what is none
            self._edit(decided(timeline, track, decision, tracking=self._state.tracking))

    def add_boxes(self, boxes: Sequence[KeyBox]) -> int:
        """Hide what lies in the boxes, moved evenly from one to the next; the new track's id.

        Raises UsageError for no box, or one outside of the picture or the clip.
        """
        with self._lock:
            edit = drawn(boxes, self._edits.next_manual_track(), self.info, frames=self.frames)
            self._edit(edit)
            return edit.track

    def remove_track(self, track: int) -> None:
        """Take a manual track away. Raises UsageError for one that is not manual."""
        with self._lock:
            if track <= MANUAL_TRACKS or not (self._state.timeline.rows["track"] == track).any():
                raise UsageError(f"track {track}: only a manual track can be removed; mark a found one as keep instead")
            self._edit(Removed(track))

    def undo(self) -> bool:
        """Take back the last edit. False: there was none."""
        with self._lock:
            changed = self._edits.undo()
            if changed:
                self._publish()
            return changed

    def redo(self) -> bool:
        """Do again what was taken back. False: there was nothing."""
        with self._lock:
            changed = self._edits.redo()
            if changed:
                self._publish()
            return changed

    def _edit(self, edit: Edit) -> None:
        self._edits.add(edit)
        self._publish()

    # --- the end --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop an analysis, keep what it has seen, and free the file. Pictures asked for later are striped."""
        self._closed.set()
        with self._running:
            self._views.close()


def _private(folder: Path) -> Path:
    """The folder, made for its owner alone where there is none. Raises OutputError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be used to keep detections: {error.strerror}") from error
    return folder
