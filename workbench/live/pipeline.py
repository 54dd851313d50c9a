"""One stream's pictures from raw to masked: held back, looked at, judged, hidden. No thread of its own.

admit ─▶ held back ─▶ (looked at meanwhile) ─▶ judged by what is known then ─▶ hidden ─▶ published
"""

from __future__ import annotations

import math
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from workbench.data import Detections
from workbench.live.certainty import Certainty, Look, Verdict
from workbench.live.detection import DetectionService, Feed, Finding
from workbench.live.frames import LiveFrame, MaskedFrame, Reason
from workbench.live.motion import Thumbnail, change, changed_areas, thumbnail
from workbench.live.options import LiveOptions
from workbench.live.statistics import Statistics
from workbench.live.whole import hidden_planes
from workbench.maskers import open_masker
from workbench.presets import Preset
from workbench.regions import hide
from workbench.sightings import TRACKING_FLOOR
from workbench.stages import Tracker
from workbench.trackers import open_tracker

PATIENCE_SECONDS = 0.1  # beyond the look-ahead, that a picture waits for a look at it before it is predicted
POLL_SECONDS = 0.004  # how often to see whether a look that is waited for has finished
IDLE_SECONDS = 0.1
FRAMES_HELD = 130  # two seconds at 60 fps; without a bound a long look-ahead could eat the memory
STEPS_PER_SECOND = 25.0  # of the tracker: the rate at which its options are given
SHORTEST_GOAL_SECONDS, LONGEST_GOAL_SECONDS = 0.05, 0.15  # between two looks


@dataclass(frozen=True, eq=False)
class _Held:
    """A picture that waits for its time."""

    live: LiveFrame
    cells: Thumbnail

    @property
    def time_seconds(self) -> float:
        return self.live.frame.time_seconds


@dataclass(frozen=True, eq=False)
class _Past:
    """What is kept of a picture when it is gone."""

    time_seconds: float
    arrived: float
    cells: Thumbnail


class Pipeline:
    """Takes raw frames and gives masked ones to ``publish``. For one thread; ``stop`` ends its part in the service."""

    def __init__(
        self,
        preset: Preset,
        options: LiveOptions,
        service: DetectionService,
        statistics: Statistics,
        publish: Callable[[MaskedFrame], None],
    ) -> None:
        self._options = options
        self._service = service
        self._statistics = statistics
        self._publish = publish
        self._preset = preset
        self._secret = secrets.token_bytes()  # whose faces a mask invents: the same ones while the stream is masked
        self._masker = open_masker(preset.mask, secret=self._secret)
        self._is_outdated = False  # the preset looks for faces in another way than what is known came about
        self._budget_seconds = (options.look_ahead_ms + options.budget_ms) / 1000
        self._longest_past_seconds = self._budget_seconds + options.stale_ms / 1000
        self._held: deque[_Held] = deque()
        self._past: deque[_Past] = deque()  # of the last moments, to compare with
        self._feed: Feed | None = None
        self._size = (0, 0)
        self._begin = -math.inf
        self._certainty: Certainty
        self._tracker: Tracker

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the pictures; 0, 0 before the first."""
        return self._size

    @property
    def is_empty(self) -> bool:
        """Whether no picture waits."""
        return not self._held

    def warm_up(self) -> None:
        """Load what the first picture needs, which takes a second where nobody has yet."""
        self._tracker = open_tracker(self._preset.tracker, steps_per_second=STEPS_PER_SECOND, height_px=1)

    def use(self, preset: Preset) -> None:
        """Hide by another preset from now on; where it looks for faces in another way, that begins anew."""
        before, self._preset = self._preset, preset
        self._masker = open_masker(preset.mask, secret=self._secret)
        sections = ("detector", "tracker", "timeline")
        if any(getattr(before, name) != getattr(preset, name) for name in sections):
            self._is_outdated = True

    def admit(self, live: LiveFrame, *, is_new: bool) -> None:
        """Take in a picture; ``is_new`` where it has nothing to do with those before."""
        held = _Held(live, thumbnail(live.frame))
        has_changed = self._is_outdated or self._size != (live.frame.width_px, live.frame.height_px)
        if is_new or has_changed or self._feed is None:
            self._flush()
            self._start(held)
        elif change(self._past[-1].cells, held.cells) >= self._preset.timeline.cut_threshold:
            self._certainty.cut(held.time_seconds)
        assert self._feed is not None
        self._feed.offer(live)
        self._held.append(held)
        self._past.append(_Past(held.time_seconds, live.arrived, held.cells))
        while len(self._held) > FRAMES_HELD:
            self._held.popleft()
            self._statistics.dropped()
        oldest = live.arrived - self._longest_past_seconds
        while self._past[0].arrived < oldest:
            self._past.popleft()

    def work(self) -> None:
        """Take in what the detector found, and publish the pictures whose time has come."""
        if self._feed is not None:
            for finding in self._feed.findings():
                self._learn(finding)
        while self._held and self._is_due(self._held[0]):
            held = self._held.popleft()
            is_late = time.monotonic() - held.live.arrived > self._budget_seconds
            if is_late and self._held:
                self._statistics.dropped()
            else:
                self._release(held, is_late=is_late)

    def wait_seconds(self) -> float:
        """How long there is nothing to do, unless another picture comes."""
        if not self._held:
            return IDLE_SECONDS
        due = self._held[0].live.arrived + self._options.look_ahead_ms / 1000 - time.monotonic()
        return due if due > POLL_SECONDS else POLL_SECONDS

    def discard(self) -> None:
        """Give up the pictures that wait."""
        self._statistics.dropped(len(self._held))
        self._held.clear()

    def stop(self) -> None:
        """Give up what waits and leave the service."""
        self._held.clear()
        self._past.clear()
        if self._feed is not None:
            self._feed.leave()
            self._feed = None

    def _start(self, held: _Held) -> None:
        """Begin with nothing known."""
        frame, preset = held.live.frame, self._preset
        self._size = (frame.width_px, frame.height_px)
        self._begin = held.time_seconds
        self._past.clear()
        self._is_outdated = False
        self._certainty = Certainty(
            preset.timeline,
            confidence=preset.detector.confidence,
            width_px=frame.width_px,
            height_px=frame.height_px,
            stale_seconds=self._options.stale_ms / 1000,
        )
        self._tracker = open_tracker(preset.tracker, steps_per_second=STEPS_PER_SECOND, height_px=frame.height_px)
        goal = self._options.look_ahead_ms / 2000
        before, self._feed = (
            self._feed,
            self._service.join(
                preset.detector,
                width_px=frame.width_px,
                height_px=frame.height_px,
                goal_seconds=min(max(goal, SHORTEST_GOAL_SECONDS), LONGEST_GOAL_SECONDS),
            ),
        )
        if before is not None:  # left only now, so that a detector that both use stays open
            before.leave()

    def _flush(self) -> None:
        while self._held:
            self._release(self._held.popleft(), is_late=False)

    def _learn(self, finding: Finding) -> None:
        self._statistics.looked(finding)
        if finding.time_seconds < self._begin:
            return
        if finding.faces is None:
            self._certainty.learn(Look(finding.time_seconds))
            return
        faces = finding.faces[finding.faces.scores >= TRACKING_FLOOR]
        self._certainty.learn(Look(finding.time_seconds, faces, self._tracks(faces, finding.time_seconds)))

    def _tracks(self, faces: Detections, time_seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The faces' track ids, by their places alone: looking at each face would take time from looking for faces."""
        try:
            ids = self._tracker.update(faces, None, time_seconds=time_seconds)
        except (ValueError, ArithmeticError, LookupError, RuntimeError) as error:
            self._statistics.note(f"the tracker failed: {error}")
            ids = np.full(len(faces), -1, np.int64)
        return ids

    def _is_due(self, held: _Held) -> bool:
        """Whether the picture's time has come: behind the look-ahead, when nothing is worth waiting for any more."""
        age = time.monotonic() - held.live.arrived - self._options.look_ahead_ms / 1000
        return age >= 0 and (age >= PATIENCE_SECONDS or self._certainty.is_settled(held.time_seconds))

    def _release(self, held: _Held, *, is_late: bool) -> None:
        began = time.monotonic()
        verdict = self._certainty.verdict(held.time_seconds)
        areas = np.zeros((0, 4))
        reason = verdict.reason
        if not reason and verdict.is_predicted:
            found = None if is_late else self._unknown_areas(held, verdict)
            if found is None:
                reason = "overload" if is_late else "stale"
            else:
                areas = found
        masked = self._masked(held, verdict, areas, reason)
        self._publish(masked)
        self._statistics.released(masked, processing_seconds=masked.ready - began)

    def _unknown_areas(self, held: _Held, verdict: Verdict) -> np.ndarray[tuple[int, int], np.dtype[np.float64]] | None:
        """What changed since the detector's last look: nobody knows whether it is a face. None: too much of it."""
        looked = self._certainty.last_look_seconds
        before = next((each for each in self._past if each.time_seconds == looked), None)
        if before is None:
            return None
        width, height = self._size
        return changed_areas(before.cells, held.cells, verdict.faces.boxes, width_px=width, height_px=height)

    def _masked(self, held: _Held, verdict: Verdict, areas: np.ndarray, reason: Reason) -> MaskedFrame:
        frame, found, faces = held.live.frame, verdict.faces, 0
        if not reason:
            y, u, v = (np.array(plane, order="C") for plane in frame.planes)
            shown = replace(frame, planes=(y, u, v), native=None)
            try:
                hide(shown, found.boxes, self._masker, self._preset.mask, tracks=found.tracks, poses=found.poses)
                if len(areas):
                    hide(shown, areas, self._masker, self._preset.mask.model_copy(update={"shape": "box"}))
                faces = len(found.boxes)
            except Exception as error:  # whatever a mask does, the picture must not be shown
                self._statistics.note(f"the mask failed: {error}")
                reason = "mask"
        if reason:
            shown = replace(frame, planes=hidden_planes(frame, self._preset.mask, reason), native=None)
        for plane in shown.planes:
            plane.flags.writeable = False
        return MaskedFrame(shown, held.live.arrived, time.monotonic(), bool(reason), reason, faces)
