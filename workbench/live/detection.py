"""The detection service: one thread and one detector for all streams. Each offers its newest picture and gets findings.

Whatever goes wrong becomes a finding without faces that says so; never is there silence about a picture that was taken.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from workbench.data import Detections
from workbench.detectors import open_detector
from workbench.detectors.finder import picture_size
from workbench.detectors.options import DetectorOptions
from workbench.live.frames import LiveFrame
from workbench.live.looker import Looker, OpenDetector
from workbench.weights.sessions import usable_threads

LARGEST_BATCH = 8  # more would take so much memory and make each wait for all
FINDINGS_KEPT = 64  # of a stream that does not ask for them
FULL_LOOK_SECONDS = 1.0  # while the size is reduced: how often to look for faces that are too small for it
FACE_SCORE = 0.4  # what is surely no face must not decide about the size
STOP_SECONDS = 5.0  # a look that lasts longer is not waited for


@dataclass(frozen=True, eq=False)
class Finding:
    """What the detector saw in the picture of ``time_seconds``. ``faces`` is None where it failed: see ``problem``.

    ``began``, ``finished``: ``time.monotonic()``; ``size_px``: long side of the picture that the detector saw.
    """

    time_seconds: float
    began: float
    finished: float
    size_px: int
    faces: Detections | None = None
    problem: str = ""


class Feed:
    """One stream's place in the service. ``offer`` and ``findings`` may be called from any thread."""

    def __init__(self, service: DetectionService, looker: Looker, key: Hashable, goal_seconds: float) -> None:
        self._service = service
        self._looker = looker
        self._key = key
        self._goal_seconds = goal_seconds
        self._waiting: LiveFrame | None = None
        self._findings: deque[Finding] = deque(maxlen=FINDINGS_KEPT)
        self._turn = 0  # when it was served last
        self._looked_fully = 0.0
        self._faces_share = 1.0  # smallest known face, as a share of the picture's long side

    def offer(self, live: LiveFrame) -> None:
        """Look at this picture, instead of one that was offered before and has not been taken. It must stay as it is
        until it is dropped: the service reads it later.
        """
        self._service._offer(self, live)

    def findings(self) -> list[Finding]:
        """What was found since this was last asked, in order of time."""
        taken = []
        while self._findings:
            taken.append(self._findings.popleft())
        return taken

    def leave(self) -> None:
        """No more looks for this stream."""
        self._service._leave(self)


class DetectionService:
    """Looks at the newest pictures of all streams, several at once where they fit together, in turn where not.

    ``batch`` is how many at once, at most; 0: as many as the processors can look at side by side, since with more each
    would only wait for the others.
    """

    def __init__(self, opened_by: OpenDetector = open_detector, *, batch: int = 0) -> None:
        self._opened_by = opened_by
        self._batch = batch or min(usable_threads(), LARGEST_BATCH)
        self._changed = threading.Condition()
        self._feeds: list[Feed] = []
        self._lookers: dict[Hashable, Looker] = {}
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._turns = 0

    def join(self, options: DetectorOptions, *, width_px: int, height_px: int, goal_seconds: float) -> Feed:
        """A place for a stream of pictures of this size, which wants a look about every ``goal_seconds``."""
        key = _key(options, width_px, height_px)
        with self._changed:
            looker = self._lookers.get(key)
            if looker is None:
                looker = Looker(options, self._opened_by, width_px=width_px, height_px=height_px)
                self._lookers[key] = looker
            feed = Feed(self, looker, key, goal_seconds)
            feed._turn = self._turns
            self._feeds.append(feed)
            if self._thread is None and not self._is_stopping:
                self._thread = threading.Thread(target=self._run, name="live-detection", daemon=True)
                self._thread.start()
        return feed

    def stop(self) -> None:
        """End the thread. May be called more than once."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
            thread = self._thread
            lookers = list(self._lookers.values())
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_SECONDS)
        for looker in lookers:
            looker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _offer(self, feed: Feed, live: LiveFrame) -> None:
        with self._changed:
            feed._waiting = live
            self._changed.notify_all()

    def _leave(self, feed: Feed) -> None:
        with self._changed:
            feed._waiting = None
            self._feeds = [each for each in self._feeds if each is not feed]
            is_needed = any(each._key == feed._key for each in self._feeds)
            unused = None if is_needed else self._lookers.pop(feed._key, None)
        if unused is not None:
            unused.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_stopping or any(each._waiting for each in self._feeds))
                if self._is_stopping:
                    return
                batch, level = self._take()
            self._look(batch, level)

    def _take(self) -> tuple[list[tuple[Feed, LiveFrame]], int]:
        """The next pictures and the level to look at them: of the streams whose turn is the longest ago.

        With them go those that can be looked at together, unless others have waited for longer.
        """
        waiting = sorted((each for each in self._feeds if each._waiting is not None), key=lambda each: each._turn)
        first = waiting[0]
        others = min((each._turn for each in waiting if each._looker is not first._looker), default=math.inf)
        feeds = [each for each in waiting if each._looker is first._looker and each._turn <= others]
        feeds = feeds[: self._batch]
        level = first._looker.level_for(min(each._faces_share for each in feeds))
        full = first._looker.full_level(level, goal_seconds=first._goal_seconds)
        now = time.monotonic()
        if full is not None and now - first._looked_fully >= FULL_LOOK_SECONDS:
            feeds, level = [first], full
            first._looked_fully = now
        batch = []
        self._turns += 1
        for each in feeds:
            if each._waiting is not None:
                batch.append((each, each._waiting))
            each._waiting = None
            each._turn = self._turns
        return batch, level

    def _look(self, batch: list[tuple[Feed, LiveFrame]], level: int) -> None:
        looker = batch[0][0]._looker
        began = time.monotonic()
        found: list[Detections | None]
        problem = ""
        try:
            found = [*looker.find([live.frame for _, live in batch], level)]
        except Exception as error:  # whatever a detector does, the streams must know that nobody looked
            found, problem = [None for _ in batch], _one_line(error)
        finished = time.monotonic()
        size = looker.size_px(level)
        for (feed, live), faces in zip(batch, found, strict=True):
            if faces is not None:
                feed._faces_share = _smallest_share(faces, live)
            feed._findings.append(Finding(live.frame.time_seconds, began, finished, size, faces, problem))
        with self._changed:
            alike = [each for each in self._feeds if each._looker is looker]
        if alike:
            goal = min(each._goal_seconds for each in alike)
            looker.pace.adapt(finished, pictures=len(alike), goal_seconds=goal)


def _key(options: DetectorOptions, width_px: int, height_px: int) -> Hashable:
    """Equal for streams that one detector can look at together: what makes its picture is the same."""
    alike = options.model_copy(update={"every": 1})
    size: Hashable = picture_size(options, width_px=width_px, height_px=height_px)
    if options.tiles == 1:
        alike = alike.model_copy(update={"confidence": 0.5})  # matters only where tiles are joined …
    else:
        size = (width_px, height_px)  # … and so does the frame's own size
    return (alike.model_dump_json(), size)


def _smallest_share(faces: Detections, live: LiveFrame) -> float:
    """Height or width of the smallest face as a share of the picture's long side; 1 without any."""
    known = faces.boxes[faces.scores >= FACE_SCORE]
    if not len(known):
        return 1.0
    sides = np.max(known[:, 2:] - known[:, :2], axis=1)
    return float(sides.min()) / max(live.frame.width_px, live.frame.height_px)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__
