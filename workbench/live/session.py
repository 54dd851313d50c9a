"""A live session: one source, masked picture by picture, for everybody who subscribes to its bus."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from workbench.live.bus import Bus
from workbench.live.detection import DetectionService
from workbench.live.frames import LiveSource
from workbench.live.memory import FreeMemory
from workbench.live.options import LiveOptions
from workbench.live.outputs import Outputs
from workbench.live.pipeline import Pipeline
from workbench.live.reader import Reader
from workbench.live.statistics import LiveStatus, SessionState, Statistics
from workbench.presets import Preset

STOP_SECONDS = 5.0  # for the pictures that are being worked on


class LiveSession:
    """Reads ``source``, hides every face, and gives the pictures to ``bus``: raw ones never leave it.

    ``service`` is shared by several sessions, so that they use one detector; without one the session has its own.
    ``name`` is for the log. A context manager: entering starts it, leaving stops it.
    """

    def __init__(
        self,
        source: LiveSource,
        preset: Preset,
        options: LiveOptions | None = None,
        *,
        name: str = "",
        service: DetectionService | None = None,
    ) -> None:
        self.source = source
        self.options = options or LiveOptions()
        self.name = name or source.label
        self.bus = Bus()
        self._statistics = Statistics(self.name)
        self._outputs = Outputs(self.bus, preset.output, self._statistics.note)
        self._owned = DetectionService() if service is None else None
        self._service = service or self._owned or DetectionService()
        self._pipeline = Pipeline(preset, self.options, self._service, self._statistics, self.bus.publish)
        self._preset = preset
        self._next_preset: Preset | None = None
        source.on_sound = self.bus.publish_sound
        self._reader = Reader(source, on_state=self._heard)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._state: SessionState = "connecting"
        self._began = 0.0
        self._thread = threading.Thread(target=self._run, name=f"live session {self.name}", daemon=True)

    @property
    def preset(self) -> Preset:
        """What faces are hidden by."""
        return self._preset

    @property
    def events(self) -> list[str]:
        """What happened: the last 200 lines, each with the time of day."""
        return self._statistics.events

    def start(self) -> None:
        """Begin; the source is opened by a thread, so a source that cannot be opened shows in the status."""
        self._began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End all threads and complete what is recorded. May be called more than once, and before ``start``."""
        self._stopping.set()
        self._reader.stop()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(STOP_SECONDS)
        self._reader.stop()  # it may have been started just now
        self.bus.close()
        self._outputs.stop()
        if self._owned is not None:
            self._owned.stop()
        if self._state not in {"ended", "failed"}:
            self._state = "stopped"
        self._ended.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end of a source that ends; whether it has ended."""
        return self._ended.wait(timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def set_preset(self, preset: Preset) -> None:
        """Hide by another preset from the next picture on."""
        with self._lock:
            self._preset = self._next_preset = preset
        self._outputs.options = preset.output
        self._statistics.note(f"preset {preset.name}")

    def record(self, path: Path | str) -> None:
        """Record to an MP4 file, from the first picture on. Raises UsageError or OutputError."""
        self._outputs.record(Path(path))

    def stop_recording(self) -> None:
        """Complete the recording, if there is one."""
        self._outputs.stop_recording()

    def push(self, url: str) -> None:
        """Push to an RTMP address, which is told to nobody. Raises UsageError where it is none."""
        self._outputs.push(url)

    def stop_push(self) -> None:
        """End the push, if there is one."""
        self._outputs.stop_push()

    def status(self) -> LiveStatus:
        """The present state and numbers."""
        figures = asdict(self._statistics.figures())
        figures["dropped"] += self._reader.dropped
        width, height = self._pipeline.size_px
        return LiveStatus(
            state=self._state,
            message=self._reader.message or self._statistics.problem,
            label=self.source.label,
            width_px=width,
            height_px=height,
            uptime_seconds=time.monotonic() - self._began if self._began else 0.0,
            **figures,
            **asdict(self._outputs.status()),
        )

    def _heard(self, state: SessionState, message: str) -> None:
        """The reader's state changed."""
        if self._state not in {"stopped"} and state not in {"ended", "failed"}:
            self._state = state
        self._statistics.note(f"source {state}" + (f": {message}" if message else ""))

    def _run(self) -> None:
        generation, free_memory = -1, FreeMemory()
        try:
            self._pipeline.warm_up()
            if not self._stopping.is_set():
                self._reader.start()
            while not self._stopping.is_set():
                live = self._reader.take(self._pipeline.wait_seconds())
                try:
                    self._adopt_preset()
                    if live is not None:
                        is_new, generation = self._reader.generation != generation, self._reader.generation
                        if is_new:
                            self._outputs.begin(self.source.info)
                        self._pipeline.admit(live, is_new=is_new)
                    self._pipeline.work()
                    free_memory()
                except Exception as error:  # whatever it is: pictures that nobody vouches for are not shown
                    self._statistics.note(f"pictures were left out: {type(error).__name__}: {error}")
                    self._pipeline.discard()
                if live is None and self._reader.over and self._pipeline.is_empty:
                    self._state = "failed" if self._reader.state == "failed" else "ended"
                    return
        finally:
            self._pipeline.stop()
            self.bus.close()
            self._ended.set()

    def _adopt_preset(self) -> None:
        with self._lock:
            preset, self._next_preset = self._next_preset, None
        if preset is not None:
            self._pipeline.use(preset)
