"""Recording the masked stream: an MP4 that plays whatever happens to the program that writes it."""

from __future__ import annotations

import errno
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from av.error import FFmpegError

from workbench.data import VideoInfo
from workbench.errors import OutputError, UsageError, WorkbenchError
from workbench.live.beginning import Arrivals
from workbench.live.bus import Bus, Subscription
from workbench.live.encoded import QUALITY, Encoded
from workbench.video.options import OutputOptions
from workbench.video.part_file import create

log = logging.getLogger(__name__)

OutputState = Literal["starting", "running", "waiting", "failed", "done"]

ENDINGS = (".mp4", ".m4v")
FRAMES_WAITING = 25
"""A second of pictures bridges a disk that is busy; a recording has no hurry."""

STOP_SECONDS = 10
"""How long a stop waits for what is still to be written."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Recorder:
    """Writes what ``bus`` carries to ``path``: H.264, frames at their own times, ``sound`` if the source has some.
    ``options`` choose encoder and quality; without them what suits a stream that runs beside a detector.

    Fragmented MP4 under its final name, readable by its owner alone: after a crash everything but the last second
    plays. When the disk is full or fails, ``state`` is "failed" and ``message`` says why; what was written is kept.
    """

    def __init__(
        self, bus: Bus, path: Path | str, *, info: VideoInfo, options: OutputOptions | None = None, sound: bool = False
    ) -> None:
        self.path = Path(path).absolute()
        if self.path.suffix.lower() not in ENDINGS:
            raise UsageError(f"{self.path.name}: a live recording is an MP4 file; give it a name that ends in .mp4")
        self.state: OutputState = "starting"
        self.message = ""
        self.encoder = ""
        self.frames = 0
        self._bus, self._sound = bus, sound
        self._options = options or QUALITY
        self._rate = info.average_fps
        self._file: _File | None = None
        self._subscription: Subscription | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"recorder of {self.path.name}", daemon=True)

    @property
    def bytes_written(self) -> int:
        return 0 if self._file is None else self._file.written

    @property
    def dropped(self) -> int:
        """Frames that encoder or disk were too slow for."""
        return 0 if self._subscription is None else self._subscription.dropped

    def start(self) -> None:
        """Make the file and begin. Raises OutputError where that cannot be done."""
        self._file = _File(self.path)
        self._subscription = self._bus.subscribe(FRAMES_WAITING)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, complete the file, and wait for that. May be called more than once."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        assert self._file is not None and self._subscription is not None
        try:
            with self._subscription as subscription, self._file:
                self._record(Arrivals(subscription, sound=self._sound, stopped=self._stopped), self._file)
            self._say("done", self.message)
        except (FFmpegError, OSError, ValueError, WorkbenchError) as problem:
            self._say("failed", self._words(problem))

    def _record(self, arrivals: Arrivals, file: _File) -> None:
        begun = arrivals.begin()
        if begun is None:
            self.message = f"{self.path.name} was not written: there was no picture to record"
            return
        first, form = begun
        encoded = Encoded(file, first.frame, container="mp4", rate=self._rate, form=form, options=self._options)
        try:
            self.encoder = encoded.encoder
            without = "the source's sound did not come or cannot be read: recorded without it"
            self._say("running", without if self._sound and form is None else "")
            for masked, sounds in arrivals.each():
                encoded.write(masked.frame, sounds)
                self.frames += 1
            encoded.finish()
        finally:
            encoded.close()

    def _words(self, problem: Exception) -> str:
        number = file.errno if (file := self._file) is not None and file.errno else getattr(problem, "errno", None)
        kept = f"the {self.frames} frames before are kept" if self.frames else "nothing was recorded"
        if number in _FULL:
            return f"the recording {self.path.name} ended, the disk is full: {kept}; free some space and record again"
        reason = (
            os.strerror(number)
            if isinstance(number, int) and number in errno.errorcode
            else str(problem).splitlines()[0]
        )
        return f"the recording {self.path.name} ended ({reason}): {kept}"

    def _say(self, state: OutputState, message: str) -> None:
        self.state, self.message = state, message
        if state == "failed":
            log.warning("%s", message)


class _File:
    """A new private file that counts its bytes and gives them to the system at once. Leaving it closes it."""

    def __init__(self, path: Path) -> None:
        if path.is_dir() or path.exists():
            raise OutputError(f"{path} exists already: choose another name for the recording")
        try:
            self._handle = create(path, 0o600)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror}") from error
        self._path = path
        self.written = 0
        self.errno: int | None = None  # of the first write that failed: FFmpeg does not always hand it on

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            try:
                done = os.write(self._handle, view)
            except OSError as error:
                self.errno = self.errno or error.errno
                raise
            self.written += done
            view = view[done:]
        return len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            os.fsync(self._handle)
        os.close(self._handle)
        if not self.written:
            self._path.unlink(missing_ok=True)
