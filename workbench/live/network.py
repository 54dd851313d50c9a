"""Cameras and streams on the network: RTSP, RTMP and HTTP, with little delay and no wait without an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.error import (
    ExitError,
    FFmpegError,
    HTTPForbiddenError,
    HTTPNotFoundError,
    HTTPUnauthorizedError,
    InvalidDataError,
    ProtocolNotFoundError,
)

from workbench.data import VideoInfo
from workbench.errors import SourceError
from workbench.live.addresses import Address, parse_address
from workbench.live.demuxed import Demuxed, Pace
from workbench.live.frames import LiveFrame
from workbench.live.options import LiveOptions
from workbench.live.pictures import live_frame
from workbench.video.probing import READABLE_FORMATS

CONNECT_SECONDS = 4
"""The longest wait for a connection, and once more for its first packets; the attempt after it may succeed."""

LONGEST_READ_SECONDS = 5
"""The longest wait for a packet, whatever ``stall_seconds`` says: so long may a stop have to wait for a thread."""

PROTOCOLS = "rtsp,rtsps,tcp,tls,crypto,rtmp,rtmps,rtmpt,http,https,httpproxy"
"""What a stream may be led on to. No files: a playlist of a stranger could name one of this machine."""

FORMATS = f"{READABLE_FORMATS},rtsp,mpjpeg"
PLAYLISTS = "hls"
"""Formats that are one stream, and those that name other addresses."""

_RTSP = {"rtsp_transport": "tcp"}
_RTMP = {"rtmp_live": "live", "rtmp_buffer": "100"}
_LOW_DELAY = {"analyzeduration": "1000000", "probesize": "1000000", "max_delay": "0"}
_CLOCKLESS = frozenset({"mpjpeg", "mjpeg"})  # their demuxers invent times at a constant rate


_WORDS: tuple[tuple[tuple[type[Exception], ...], bool, str], ...] = (
    (
        (HTTPUnauthorizedError, HTTPForbiddenError, PermissionError),
        True,
        "refuses the user name or the password: check both",
    ),
    ((ProtocolNotFoundError,), True, "is of a kind that this program's FFmpeg was built without"),
    ((HTTPNotFoundError,), False, "answers, but has no stream at this path: check what follows the host's name"),
    ((ConnectionRefusedError,), False, "cannot be reached: nothing answers at this host and port"),
    (
        (ExitError, TimeoutError),
        False,
        f"does not answer within {CONNECT_SECONDS} s: check the address and the network",
    ),
    ((InvalidDataError,), False, "answers, but not with a stream that can be read"),
)
"""Kinds of failure, whether trying again is in vain, and what is said of them."""


class RefusedError(SourceError):
    """The other side will say no again, and may lock the account after a few tries: do not try again by yourself."""


class NetworkStream:
    """A stream's address as a source. Its user, password, path and query are in no message, log or ``repr``."""

    def __init__(self, address: Address | str, options: LiveOptions | None = None, *, may_lead_on: bool = True) -> None:
        """``may_lead_on``: a playlist or an answer of a web server may name another address, which is then read."""
        self._may_lead_on = may_lead_on
        self._address = parse_address(address) if isinstance(address, str) else address
        self.label = self._address.label
        self.finite = False  # known once it is open: a file on a web server ends for good
        self.on_sound: Callable[[Any], None] | None = None
        self.notes: list[str] = []
        self._stall = (options or LiveOptions()).stall_seconds
        self._stopped = threading.Event()
        self._demuxed: Demuxed | None = None
        self._info: VideoInfo | None = None

    def __repr__(self) -> str:
        return f"NetworkStream({self.label})"

    @property
    def info(self) -> VideoInfo:
        if self._info is None:
            raise SourceError(f"{self.label} is not connected")
        return self._info

    def open(self) -> None:
        if self._stopped.is_set():
            raise SourceError(f"{self.label} was closed")
        container = self._connected()
        try:
            self._demuxed = Demuxed(
                container,
                label=self.label,
                on_sound=self._hear,
                stopped=self._stopped,
                threads="SLICE",
                stall_seconds=self._stall,
            )
        except BaseException:
            container.close()
            raise
        self._info = self._demuxed.info
        self.finite = self._address.scheme in {"http", "https"} and bool(container.duration)

    def frames(self) -> Iterator[LiveFrame]:
        demuxed, self._demuxed = self._demuxed, None
        if demuxed is None:
            raise SourceError(f"{self.label} is not connected")
        try:
            yield from self._live(demuxed)
        finally:
            demuxed.close()
        if not self.finite and not self._stopped.is_set():
            raise SourceError(f"{self.label} has ended the connection")

    def close(self) -> None:
        self._stopped.set()

    def _live(self, demuxed: Demuxed) -> Iterator[LiveFrame]:
        clockless = demuxed.container.format.name in _CLOCKLESS
        pace = Pace(self._stopped, patient=True) if self._address.scheme.startswith("http") and not clockless else None
        last: Fraction | None = None
        for shown in demuxed.pictures():
            if clockless:
                moment = Fraction(time.monotonic())
            elif shown.time is not None:
                moment = shown.time
            else:
                moment = last + 1 / demuxed.rate if last is not None else Fraction(0)
            last = moment
            if pace is not None:
                pace.wait(moment)
            assert shown.picture.time_base is not None
            yield live_frame(shown.picture, pts=round(moment / shown.picture.time_base))

    def _connected(self) -> InputContainer:
        begun = time.monotonic()
        read_seconds = min(self._stall, LONGEST_READ_SECONDS)
        try:
            return av.open(
                self._address.text,
                mode="r",
                metadata_errors="replace",
                container_options=_options(self._address.scheme, may_lead_on=self._may_lead_on),
                timeout=(CONNECT_SECONDS, read_seconds),
            )
        except (FFmpegError, OSError, ValueError) as error:
            timed_out = time.monotonic() - begun >= CONNECT_SECONDS  # FFmpeg's RTSP takes that for invalid data
            problem = _why(ExitError(0, "") if timed_out else error, self.label)
        raise problem  # out here, so that FFmpeg's own words, with the address in them, hang on no error

    def _hear(self, packet: Any) -> None:
        if self.on_sound is not None:
            self.on_sound(packet)


def _options(scheme: str, *, may_lead_on: bool) -> dict[str, str]:
    specific = _RTSP if scheme.startswith("rtsp") else _RTMP if scheme.startswith("rtmp") else {}
    limits = {"protocol_whitelist": PROTOCOLS, "format_whitelist": f"{FORMATS},{PLAYLISTS}" if may_lead_on else FORMATS}
    if scheme.startswith("http") and not may_lead_on:
        limits["max_redirects"] = "0"
    low_delay = {} if scheme.startswith("http") else _LOW_DELAY
    return {**limits, **low_delay, **specific}


def _why(error: Exception, label: str) -> SourceError:
    """What went wrong, in words that hold nothing of the address but its label."""
    for kinds, refused, words in _WORDS:
        if isinstance(error, kinds):
            return (RefusedError if refused else SourceError)(f"{label} {words}")
    return SourceError(f"{label} cannot be opened: check the address, and that the stream is on")
