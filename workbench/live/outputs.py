"""What a session's masked pictures are written to: at most one recording and one push at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.data import VideoInfo
from workbench.errors import WorkbenchError
from workbench.live.addresses import parse_push
from workbench.live.bus import Bus
from workbench.live.pusher import Pusher
from workbench.live.recorder import Recorder
from workbench.video.options import OutputOptions


@dataclass(frozen=True)
class OutputStatus:
    """Fields of ``LiveStatus``."""

    recording: str
    recording_message: str
    recording_bytes: int
    pushing: str
    pushing_message: str


class Outputs:
    """Begins and ends recorder and pusher. What is asked for before the source gives pictures begins with the first.

    ``options`` hold for what begins from then on. ``note`` is told what began and ended, one line each. Safe for
    threads.
    """

    def __init__(self, bus: Bus, options: OutputOptions, note: Callable[[str], None]) -> None:
        self.options = options
        self._bus, self._note = bus, note
        self._lock = threading.RLock()
        self._info: VideoInfo | None = None
        self._path: Path | None = None
        self._url: str | None = None
        self._recorder: Recorder | None = None
        self._pusher: Pusher | None = None
        self._problem = {"record": "", "push": ""}

    def begin(self, info: VideoInfo) -> None:
        """The source gives pictures now: begin what was asked for. What cannot begin is said in the status."""
        with self._lock:
            self._info = info
            for name, begin in (("record", self._begin_recording), ("push", self._begin_push)):
                try:
                    begin()
                except WorkbenchError as error:
                    self._problem[name] = str(error)
                    self._note(str(error))

    def record(self, path: Path) -> None:
        """Record from now on, instead of a recording that is being made. Raises UsageError or OutputError."""
        with self._lock:
            self.stop_recording()
            self._path = path
            self._begin_recording()

    def stop_recording(self) -> None:
        """Complete the recording, if there is one."""
        with self._lock:
            self._path, self._problem["record"] = None, ""
            if self._recorder is not None:
                self._recorder.stop()
                if self._recorder.state == "done":
                    self._note(f"recorded {self._recorder.path.name}")

    def push(self, url: str) -> None:
        """Push to ``url`` from now on, instead of where it was pushed to. Raises UsageError for an address of none."""
        parse_push(url)
        with self._lock:
            self.stop_push()
            self._url = url
            self._begin_push()

    def stop_push(self) -> None:
        """Hang up, if something is pushed."""
        with self._lock:
            self._url, self._problem["push"] = None, ""
            if self._pusher is not None:
                self._pusher.stop()
                self._note(f"no longer pushed to {self._pusher.label}")
                self._pusher = None

    def stop(self) -> None:
        """End both."""
        self.stop_recording()
        self.stop_push()

    def status(self) -> OutputStatus:
        """How both are doing; empty words where there is none."""
        recorder, pusher = self._recorder, self._pusher
        recording, pushing = "", ""
        if self._problem["record"]:
            recording = "failed"
        elif recorder is not None:
            recording = recorder.state
        elif self._path is not None:
            recording = "starting"
        if self._problem["push"]:
            pushing = "failed"
        elif pusher is not None:
            pushing = pusher.state
        elif self._url is not None:
            pushing = "starting"
        return OutputStatus(
            recording=recording,
            recording_message=self._problem["record"] or (recorder.message if recorder else ""),
            recording_bytes=recorder.bytes_written if recorder else 0,
            pushing=pushing,
            pushing_message=self._problem["push"] or (pusher.message if pusher else ""),
        )

    def _begin_recording(self) -> None:
        if self._path is None or self._info is None:
            return
        path, self._path = self._path, None
        recorder = Recorder(self._bus, path, info=self._info, options=self.options, sound=bool(self._info.audio))
        recorder.start()
        self._recorder = recorder
        self._note(f"recording {recorder.path.name}")

    def _begin_push(self) -> None:
        if self._url is None or self._info is None:
            return
        url, self._url = self._url, None
        pusher = Pusher(self._bus, url, info=self._info, options=self.options, sound=bool(self._info.audio))
        pusher.start()
        self._pusher = pusher
        self._note(f"pushing to {pusher.label}")
