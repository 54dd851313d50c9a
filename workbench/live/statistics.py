"""What a stream tells about itself: rates, delays, counts, and a log of what happened. Safe for threads."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from workbench.live.detection import Finding
from workbench.live.frames import REASONS, MaskedFrame, Reason

log = logging.getLogger(__name__)

SessionState = Literal["connecting", "running", "waiting", "ended", "failed", "stopped"]

SECONDS_COUNTED = 3.0  # rates and delays are those of so long
EVENTS_KEPT = 200


@dataclass(frozen=True)
class LiveStatus:
    """A stream at one moment. ``recording`` and ``pushing`` are empty while there is none, else their state.

    ``delay_…``: from the source's picture to the masked one, over the last seconds. ``processing_ms``: work on a
    picture besides the detector's. ``whole_events`` counts by reason how often the whole picture was hidden.
    """

    state: SessionState
    message: str = ""
    label: str = ""
    width_px: int = 0
    height_px: int = 0
    fps: float = 0.0
    faces: int = 0
    delay_p50_ms: float = 0.0
    delay_p95_ms: float = 0.0
    processing_ms: float = 0.0
    frames: int = 0
    dropped: int = 0
    whole_now: bool = False
    whole_reason: Reason = ""
    whole_frames: int = 0
    whole_events: Mapping[str, int] = field(default_factory=dict)
    detections_per_second: float = 0.0
    detection_ms: float = 0.0
    detector_size_px: int = 0
    recording: str = ""
    recording_message: str = ""
    recording_bytes: int = 0
    pushing: str = ""
    pushing_message: str = ""
    uptime_seconds: float = 0.0


@dataclass(frozen=True)
class Figures:
    """What was counted and measured: the fields of ``LiveStatus`` of the same names."""

    fps: float
    faces: int
    delay_p50_ms: float
    delay_p95_ms: float
    processing_ms: float
    frames: int
    dropped: int
    whole_now: bool
    whole_reason: Reason
    whole_frames: int
    whole_events: Mapping[str, int]
    detections_per_second: float
    detection_ms: float
    detector_size_px: int


class Statistics:
    """Counts and measures one stream; ``events`` are the last lines of its log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._released: deque[tuple[float, float, float]] = deque()  # ready, delay, processing
        self._looks: deque[Finding] = deque()
        self._whole_events: Counter[str] = Counter()
        self._reason: Reason = ""
        self._frames = self._whole_frames = self._dropped = self._faces = 0
        self._problem = ""
        self._events: deque[str] = deque(maxlen=EVENTS_KEPT)

    @property
    def events(self) -> list[str]:
        """The last lines, each with the time of day, oldest first."""
        with self._lock:
            return list(self._events)

    def note(self, line: str) -> None:
        """Log a line. It must hold no secret."""
        with self._lock:
            self._events.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}")
        log.info("%s: %s", self._name, line)

    def released(self, masked: MaskedFrame, *, processing_seconds: float) -> None:
        """A frame was published."""
        with self._lock:
            self._frames += 1
            self._faces = masked.faces
            self._whole_frames += masked.whole
            self._released.append((masked.ready, masked.delay_seconds, processing_seconds))
            _trim(self._released, masked.ready)
            before, self._reason = self._reason, masked.reason
            if masked.reason and masked.reason != before:
                self._whole_events[masked.reason] += 1
        if masked.reason and masked.reason != before:
            self.note(f"whole picture hidden: {REASONS[masked.reason][0]}")
        elif before and not masked.reason:
            self.note("faces alone hidden again")

    def dropped(self, frames: int = 1) -> None:
        """Frames were left out."""
        with self._lock:
            self._dropped += frames

    def looked(self, finding: Finding) -> None:
        """The detector has finished a look."""
        with self._lock:
            self._looks.append(finding)
            while self._looks[0].finished < finding.finished - SECONDS_COUNTED:
                self._looks.popleft()
            before, self._problem = self._problem, finding.problem
        if finding.problem and finding.problem != before:
            self.note(f"the face detector failed: {finding.problem}")

    @property
    def problem(self) -> str:
        """What is wrong with the detector; empty while it works."""
        return self._problem

    def figures(self) -> Figures:
        """The present numbers."""
        now = time.monotonic()
        with self._lock:
            _trim(self._released, now)
            recent = np.array(self._released, np.float64).reshape(-1, 3)
            looks = [look for look in self._looks if look.finished >= now - SECONDS_COUNTED]
            delays = 1000 * recent[:, 1]
            return Figures(
                fps=_rate(recent[:, 0].tolist()),
                faces=self._faces,
                delay_p50_ms=float(np.percentile(delays, 50)) if len(delays) else 0.0,
                delay_p95_ms=float(np.percentile(delays, 95)) if len(delays) else 0.0,
                processing_ms=float(1000 * recent[:, 2].mean()) if len(recent) else 0.0,
                frames=self._frames,
                dropped=self._dropped,
                whole_now=bool(self._reason),
                whole_reason=self._reason,
                whole_frames=self._whole_frames,
                whole_events=dict(self._whole_events),
                detections_per_second=_rate([look.finished for look in looks]),
                detection_ms=float(1000 * np.mean([look.finished - look.began for look in looks])) if looks else 0.0,
                detector_size_px=looks[-1].size_px if looks else 0,
            )


def _trim(released: deque[tuple[float, float, float]], now: float) -> None:
    while released and released[0][0] < now - SECONDS_COUNTED:
        released.popleft()


def _rate(times: list[float]) -> float:
    """Events a second."""
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0
