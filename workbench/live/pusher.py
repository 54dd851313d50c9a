"""Pushing the masked stream on to an RTMP server, again and again while the server is away."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import IO, Self

from av.error import FFmpegError

from workbench.data import VideoInfo
from workbench.errors import WorkbenchError
from workbench.live.addresses import parse_push
from workbench.live.beginning import Arrivals
from workbench.live.bus import Bus
from workbench.live.encoded import QUALITY, Encoded
from workbench.live.recorder import OutputState
from workbench.live.rtmp_process import CONNECTED, LONGEST_WAIT_SECONDS, REFUSED, UNREACHABLE
from workbench.video.options import OutputOptions

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 2.0
STEADY_SECONDS = 10
"""A connection that held for so long was good: the next pause is a short one again."""

STOP_SECONDS = 3
"""For what is still to be sent; after that the sending process is ended."""


class Pusher:
    """Sends what ``bus`` carries to ``url`` (RTMP, RTMPS): H.264 and AAC. Slowness costs frames of this output alone.

    ``url``, which holds the stream's key, is told to nobody: ``label`` names the server. ``options`` choose encoder and
    quality as for a recording. Raises UsageError for an address that can be none. While a server cannot be reached,
    refuses or has broken off, ``state`` is "waiting", ``message`` says why, and it is tried again every few seconds.
    """

    def __init__(
        self, bus: Bus, url: str, *, info: VideoInfo, options: OutputOptions | None = None, sound: bool = False
    ) -> None:
        self._address = parse_push(url)
        self.label = self._address.label
        self.state: OutputState = "starting"
        self.message = ""
        self.encoder = ""
        self.frames = self.bytes_written = self.dropped = 0
        self._bus, self._sound, self._rate = bus, sound, info.average_fps
        self._options = options or QUALITY
        self._sender: _Sender | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pusher to {self.label}", daemon=True)

    def __repr__(self) -> str:
        return f"Pusher({self.label}, {self.state})"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send what waits, hang up, and wait for that. May be called more than once."""
        self._stopped.set()
        if self._thread.ident is None:
            return
        self._thread.join(STOP_SECONDS)
        while self._thread.is_alive():
            if (sender := self._sender) is not None:
                sender.kill()
            self._thread.join(0.1)

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            begun = time.monotonic()
            problem = self._connection()
            if problem is None or self._stopped.is_set():
                break
            self._say("waiting", problem)
            steady = time.monotonic() - begun > STEADY_SECONDS
            pause = FIRST_PAUSE_SECONDS if steady else min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._stopped.wait(pause)
        self._say("done", self.message)

    def _connection(self) -> str | None:
        """One connection, from its first frame to its end: what broke it, or None where nothing is left to send."""
        with self._bus.subscribe() as subscription:
            try:
                arrivals = Arrivals(subscription, sound=self._sound, stopped=self._stopped)
                with _Sender(self._address.text) as self._sender:
                    self._send(arrivals, self._sender)
            except (FFmpegError, OSError, ValueError, WorkbenchError) as problem:
                return self._words(problem)
            finally:
                self.dropped += subscription.dropped
        return None

    def _send(self, arrivals: Arrivals, sender: _Sender) -> None:
        begun = arrivals.begin()
        if begun is None:
            return
        first, form = begun
        encoded = Encoded(sender, first.frame, container="flv", rate=self._rate, form=form, options=self._options)
        self.encoder = encoded.encoder
        try:
            for masked, sounds in arrivals.each():
                written = sender.written
                encoded.write(masked.frame, sounds)
                self.frames += 1
                self.bytes_written += sender.written - written
                if sender.last_word == CONNECTED and self.state != "running":
                    self._say("running", "")
            encoded.finish()
        finally:
            encoded.close()

    def _words(self, problem: Exception) -> str:
        assert self._sender is not None
        said, status = self._sender.last_word, self._sender.status
        if hasattr(signal, "SIGALRM") and status == -signal.SIGALRM:
            return f"{self.label} does not answer within {LONGEST_WAIT_SECONDS} s: check the address and the network"
        if said == UNREACHABLE:
            return f"{self.label} cannot be reached: check the host and the port, and that the server is on"
        if said == REFUSED:
            return f"{self.label} refuses the stream: check the application and the stream's key"
        if isinstance(problem, WorkbenchError):
            return str(problem)
        return f"{self.label} has broken off the connection"

    def _say(self, state: OutputState, message: str) -> None:
        if (state, message) != (self.state, self.message) and state == "waiting":
            log.warning("%s", message)
        self.state, self.message = state, message


class _Sender:
    """The process that sends (see ``rtmp_process``), as a file to write FLV to. Leaving it waits for its end."""

    def __init__(self, url: str) -> None:
        self.written = 0
        self.last_word = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workbench.live.rtmp_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input: IO[bytes] = self._process.stdin
        self._listener = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()
        with suppress(OSError):
            self._input.write(f"{url}\n".encode())

    @property
    def status(self) -> int | None:
        """With what the process ended, None while it runs."""
        return self._process.poll()

    def write(self, data: bytes) -> int:
        """Raises OSError once the process has ended; it ends by itself where the server takes nothing for long."""
        view = memoryview(data)
        while view:
            view = view[self._input.write(view) :]
        self.written += len(data)
        return len(data)

    def kill(self) -> None:
        self._process.kill()

    def _listen(self, told: IO[bytes]) -> None:
        with told:
            for line in told:
                if word := line.decode(errors="replace").strip():
                    self.last_word = word

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._input.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
