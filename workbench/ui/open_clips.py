"""The clips that are open: one session each, analysed in the background, one at a time.

The machine has few cores, so one thread analyses. It takes the clip that was opened last first; where several wait it
gives each a turn of some seconds, so that a long recording keeps nobody from a short one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from workbench.errors import Cancelled, UsageError, WorkbenchError
from workbench.presets import Preset
from workbench.preview.session import ClipSession
from workbench.stages import ProgressUpdate
from workbench.workspace import Clip, Workspace

MOST_OPEN = 4  # per user
CACHE_MB = 192  # of decoded frames, for each of them
TURN_SECONDS = 10.0
FPS_SECONDS = 0.5  # the shortest stretch that a speed is measured over
CLOSE_SECONDS = 2.0  # how long the end of the program waits for the analysis to stop

log = logging.getLogger("workbench.ui")
Key = tuple[str, str]


@dataclass(eq=False)
class _Open:
    """One open clip. ``used`` and ``turn``: when it was asked for, and when its analysis last stopped (0: never).

    ``waits``: its analysis is to go on. ``failed``: why that ended, until something changes.
    """

    key: Key
    session: ClipSession
    used: float
    turn: float = 0.0
    waits: bool = True
    failed: str | None = None


@dataclass(frozen=True)
class Speed:
    """How fast the analysis of a clip is going, and how many faces its newest frame shows."""

    fps: float
    faces: int


class OpenClips:
    """Sessions by user and clip: opened on demand, at most four per user, the one unused for longest goes first."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._open: OrderedDict[Key, _Open] = OrderedDict()
        self._turns: dict[Key, threading.RLock] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._at_work: _Open | None = None
        self._speed = 0.0
        self._thread: threading.Thread | None = None

    def get(self, user: str, clip_id: str) -> ClipSession:
        """The session of a clip of that user. Raises UsageError where there is none, SourceError if it is broken."""
        clip = self._workspace.space(user).clip(clip_id)
        return self._opened((user, clip_id), clip).session

    def change_settings(self, user: str, clip_id: str, change: Callable[[Preset], Preset]) -> bool:
        """Look at a clip with other settings: what ``change`` makes of those in use, which no other change comes
        between. They become the user's own. True: the detector has to look again, which begins at once.
        """
        with self._turn((user, clip_id)):
            session = self.get(user, clip_id)
            preset = change(session.preset)
            self._workspace.space(user).keep_settings(preset)
            again = preset != session.preset and session.set_preset(preset)
        with self._changed:
            entry = self._open.get((user, clip_id))
            if entry is not None and (again or entry.failed):
                self._put_first(entry)
        return again

    def progress(self, user: str, clip_id: str) -> tuple[int, int]:
        """Frames analysed from the start, and frames there are."""
        session = self.get(user, clip_id)
        return session.analysed, session.frames

    def failure(self, user: str, clip_id: str) -> str | None:
        """Why the analysis of a clip ended before its time, in one line."""
        with self._changed:
            entry = self._open.get((user, clip_id))
            return entry.failed if entry else None

    def speed(self, user: str) -> Speed | None:
        """How fast the analysis goes, while it is a clip of this user that is analysed."""
        with self._changed:
            entry, fps = self._at_work, self._speed
        if entry is None or entry.key[0] != user:
            return None
        newest = max(entry.session.analysed - 1, 0)
        return Speed(fps, int((entry.session.timeline.rows["frame"] == newest).sum()))

    def close(self, user: str, clip_id: str) -> None:
        """Close one clip, if it is open."""
        with self._changed:
            entry = self._open.pop((user, clip_id), None)
        if entry is not None:
            entry.session.close()

    def close_unused(self, seconds: float) -> None:
        """Close what nobody asked for during that time: a browser that is gone says no goodbye."""
        before = time.monotonic() - seconds
        with self._changed:
            old = [key for key, entry in self._open.items() if entry.used < before]
        for user, clip_id in old:
            self.close(user, clip_id)

    def close_all(self) -> None:
        """Stop analysing and close everything. Nothing can be opened afterwards."""
        with self._changed:
            self._ended = True
            entries = list(self._open.values())
            self._open.clear()
            self._changed.notify_all()
        for entry in entries:
            entry.session.close()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _turn(self, key: Key) -> threading.RLock:
        """Held by the one who opens or changes a clip; other clips are not held up."""
        with self._changed:
            return self._turns.setdefault(key, threading.RLock())

    def _opened(self, key: Key, clip: Clip) -> _Open:
        with self._turn(key):
            with self._changed:
                entry = self._open.get(key)
                if entry is not None:
                    self._open.move_to_end(key)
                    entry.used = time.monotonic()
                    if not (entry.waits or entry.failed or entry.session.complete):
                        self._put_first(entry)
                    return entry
            settings = self._workspace.space(key[0]).settings
            session = ClipSession(clip.path, settings, folder=clip.folder, cache_mb=CACHE_MB)
            entry = _Open(key, session, time.monotonic())
            self._keep(entry)
        return entry

    def _keep(self, entry: _Open) -> None:
        with self._changed:
            if self._ended:
                entry.session.close()
                raise UsageError("the program is ending: start it again")
            self._open[entry.key] = entry
            same = [key for key in self._open if key[0] == entry.key[0]]
            evicted = [self._open.pop(key) for key in same[:-MOST_OPEN]]
            self._put_first(entry)
        for old in evicted:
            old.session.close()

    def _put_first(self, entry: _Open) -> None:
        """Analyse this one next. The caller holds the lock."""
        entry.failed, entry.waits, entry.turn = None, True, 0.0
        self._open.move_to_end(entry.key)
        if self._thread is None:
            self._thread = threading.Thread(target=self._analyse_all, name="analysis", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    # --- the thread that analyses -------------------------------------------------------------------------------------

    def _analyse_all(self) -> None:
        while (entry := self._next()) is not None:
            self._analyse(entry)
            with self._changed:
                self._at_work, self._speed = None, 0.0
                entry.turn = time.monotonic()

    def _next(self) -> _Open | None:
        """The clip whose turn it is, waited for; None when the program ends."""
        with self._changed:
            while not self._ended:
                waiting = [entry for entry in reversed(self._open.values()) if entry.waits]
                if waiting:
                    entry = min(waiting, key=lambda each: each.turn)
                    entry.turn = time.monotonic()
                    self._at_work = entry
                    return entry
                self._changed.wait()
            return None

    def _analyse(self, entry: _Open) -> None:
        """One turn of one clip: until it is complete, fails, is closed, or others have waited long enough."""
        begun = time.monotonic()
        meter = _Meter()

        def progress(update: ProgressUpdate) -> None:
            self._speed = meter.fps(update.frames_done)
            if self._is_over(entry, begun):
                raise Cancelled("another clip's turn")

        try:
            entry.session.analyze(progress)
        except Cancelled:
            return
        except WorkbenchError as error:
            self._failed(entry, str(error))
        except Exception as error:  # a defect: the page says so and lives on
            log.exception("the analysis of a clip ended with a defect")
            self._failed(entry, f"a defect of the program ({type(error).__name__}); see the log")
        else:
            with self._changed:
                entry.waits = False

    def _is_over(self, entry: _Open, begun: float) -> bool:
        """Whether a turn has to end: the clip was closed, another was opened, or others wait and it was long enough."""
        with self._changed:
            if self._open.get(entry.key) is not entry:
                return True
            others = [other for other in self._open.values() if other.waits and other is not entry]
            fresh = any(other.turn == 0.0 for other in others)
            return fresh or (bool(others) and time.monotonic() - begun > TURN_SECONDS)

    def _failed(self, entry: _Open, message: str) -> None:
        with self._changed:
            entry.waits, entry.failed = False, message


class _Meter:
    """Frames a second over the last stretch."""

    def __init__(self) -> None:
        self._since: tuple[float, int] | None = None
        self._fps = 0.0

    def fps(self, done: int) -> float:
        now = time.monotonic()
        if self._since is None or done < self._since[1]:
            self._since = (now, done)
        elif now - self._since[0] > FPS_SECONDS:
            self._fps = (done - self._since[1]) / (now - self._since[0])
            self._since = (now, done)
        return self._fps
