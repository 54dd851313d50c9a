"""What an opened clip shows at one moment: preset, timeline and sightings that belong together. Never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.data import Detections, Frame, HiddenFaces
from workbench.errors import MaskingError
from workbench.presets.model import Preset
from workbench.preview.analysis import Analysis, tracking_key
from workbench.preview.edits import MANUAL_TRACKS, Edit, apply_edits
from workbench.preview.lanes import track_name
from workbench.preview.looking import Looker
from workbench.preview.overlays import ShownTrack, track_colour
from workbench.process import decide_store
from workbench.store import AnalysedFrame
from workbench.timeline import BoxLookup, Timeline

TRAIL_SECONDS = 1.0
MANUAL_COLOUR = (255, 255, 255)  # no found track has it
UNDECIDED_GROWTH = 0.25  # a face last seen a moment ago has moved: hidden as if it had drifted half a second


class Publisher:
    """Makes the states of one clip, one after the other. Not thread-safe: its owner locks."""

    def __init__(self) -> None:
        self._revision = 0
        self._decided: tuple[tuple[object, ...], Timeline] | None = None

    def publish(
        self, analysis: Analysis, preset: Preset, edits: Sequence[Edit], times: NDArray[np.float64]
    ) -> Published:
        """What ``analysis`` has seen so far, decided by ``preset`` and edited."""
        tracking = tracking_key(analysis.key, preset.tracker)
        base = self._base(analysis, preset)
        self._revision += 1
        return Published(
            preset=preset,
            revision=self._revision,
            timeline=apply_edits(edits, base, tracking=tracking, times=times),
            tracking=tracking,
            seen=tuple(analysis.frames),
            complete=analysis.complete,
            times=times,
            looker=analysis.looker,
        )

    def _base(self, analysis: Analysis, preset: Preset) -> Timeline:
        """Pass 2, unless only edits or masks changed."""
        frames, confidence = len(analysis.frames), preset.detector.confidence
        key = (analysis.key, frames, preset.tracker, preset.timeline, confidence)
        if self._decided is None or self._decided[0] != key:
            tracked = analysis.tracked(preset.tracker)
            self._decided = (key, decide_store(analysis.store(), preset, tracked=tracked))
        return self._decided[1]


@dataclass(frozen=True, eq=False)
class Published:
    """``seen`` are the frames analysed so far; ``tracking`` names the options that the timeline's ids depend on."""

    preset: Preset
    revision: int
    timeline: Timeline
    tracking: str
    seen: tuple[AnalysedFrame, ...]
    complete: bool
    times: NDArray[np.float64]
    looker: Looker

    @property
    def analysed(self) -> int:
        return len(self.seen)

    @cached_property
    def final(self) -> int:
        """Frames from the beginning whose boxes no later sighting can change."""
        if self.complete:
            return self.analysed
        if not self.seen:
            return 0
        known_until = self.times[self.analysed - 1] - self.preset.timeline.horizon_seconds
        return int(np.searchsorted(self.times, known_until, side="right"))

    def hidden_on(self, frame: Frame) -> HiddenFaces:
        """The faces to hide on the frame.

        Where the timeline may still change they are more than it says: every candidate that could come to count, and
        faces hidden a moment before. Raises MaskingError for a frame that reads differently now.
        """
        if frame.index < self.analysed and self.seen[frame.index].pts != frame.pts:
            raise MaskingError(f"frame {frame.index} reads differently than when it was analysed")
        known = self._lookup.on(frame.index)
        if frame.index < self.final:
            return known
        extra = np.concatenate([self._candidates(frame), self._held(frame.index)])
        return HiddenFaces(
            np.concatenate([known.boxes, extra]),
            np.concatenate([known.tracks, np.full(len(extra), -1, np.int64)]),
            np.concatenate([known.poses, np.full((len(extra), 3), np.nan, np.float32)]),
        )

    def found_on(self, frame: Frame) -> Detections:
        """The candidates on the frame, looked for now where the detector skipped it or has not come to it."""
        if frame.index < self.analysed:
            found = self.seen[frame.index].detections
            if found is not None:
                return found
        return self.looker.on(frame)

    @cached_property
    def cuts(self) -> frozenset[int]:
        """Frames that begin a new scene."""
        threshold = self.preset.timeline.cut_threshold
        return frozenset(frame.index for frame in self.seen if frame.change >= threshold)

    def tracks_on(self, index: int) -> list[ShownTrack]:
        """The tracks to be drawn on a frame, with where they were in the last second."""
        rows = self.timeline.rows
        frames = rows["frame"].to_numpy()
        begin = int(np.searchsorted(self.times, self.times[index] - TRAIL_SECONDS))
        start, stop = np.searchsorted(frames, [begin, index + 1])
        recent = rows.iloc[start:stop]
        shown = []
        for track, part in recent.groupby("track"):
            number, last = int(str(track)), part.iloc[-1]
            if last["frame"] != index:
                continue
            corners = part[["x", "y", "w", "h"]].to_numpy(np.float64)
            x, y, w, h = corners[-1].tolist()
            shown.append(
                ShownTrack(
                    name=track_name(number),
                    colour=MANUAL_COLOUR if number > MANUAL_TRACKS else track_colour(number),
                    box=(x, y, x + w, y + h),
                    trail=corners[:, :2] + corners[:, 2:] / 2,
                    seen=last["source"] in ("detected", "tracked", "manual"),
                )
            )
        return shown

    @cached_property
    def _lookup(self) -> BoxLookup:
        return BoxLookup(self.timeline)

    def _candidates(self, frame: Frame) -> NDArray[np.floating]:
        """Boxes of the faces seen on the frame that could count at all, shaped as pass 2 shapes them."""
        found = self.found_on(frame)
        options = self.preset.timeline
        confidence = self.preset.detector.confidence
        floor = min(confidence * options.hold_share, confidence - options.review_margin)
        return geometry.widened(found.boxes[found.scores >= floor], options.least_aspect)

    def _held(self, index: int) -> NDArray[np.floating]:
        """Boxes of the faces that were hidden shortly before and may turn out to be there still."""
        options = self.preset.timeline
        reach = max(options.bridge_seconds, options.coast_seconds)
        rows = self.timeline.masked_rows()
        begin = int(np.searchsorted(self.times, self.times[index] - reach - 1e-9))
        start, stop = np.searchsorted(rows["frame"].to_numpy(), [begin, index])
        last = rows.iloc[start:stop].drop_duplicates("track", keep="last")
        corners = last[["x", "y", "w", "h"]].to_numpy(np.float32)
        boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
        return geometry.grow(boxes, UNDECIDED_GROWTH)
