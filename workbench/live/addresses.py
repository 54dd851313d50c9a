"""Addresses of sources and of places to push to: told apart, checked, and named without their secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from workbench.errors import UsageError

STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https")
PUSH_SCHEMES = ("rtmp", "rtmps")
FAMILIAR = {"rtp", "udp", "srt", "mms", "ftp", "sftp", "ws", "wss", "data", "hls", "tcp", "unix"}
"""Schemes that are told from a file's name even without ``//`` behind them."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//)?")
_CAMERA = re.compile(r"\d{1,3}|/dev/video\d{1,3}")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True)
class Address:
    """What a person typed. ``text`` may hold a password and is not in the ``repr``; ``label`` is for all to see."""

    kind: Literal["camera", "stream", "file"]
    label: str
    text: str = field(repr=False)

    @property
    def camera(self) -> int:
        """The number of a camera: 0 for ``0`` and ``/dev/video0``."""
        return int(self.text.removeprefix("/dev/video"))

    @property
    def scheme(self) -> str:
        """``rtsp``, ``rtmp``, … of a stream."""
        return self.text.partition(":")[0].lower()


def parse_address(text: str) -> Address:
    """What kind of source an address names. Raises UsageError, without what may be secret in it."""
    text = text.strip()
    if not text:
        raise UsageError("the source has no address: name a camera (0), a stream (rtsp://…) or a video file")
    if _CAMERA.fullmatch(text):
        return Address("camera", f"camera {int(text.removeprefix('/dev/video'))}", text)
    scheme = _scheme_of(text)
    if scheme is None:
        if "\x00" in text:
            raise UsageError("the name of the file holds a character that no file's name can hold")
        return Address("file", Path(text).name or text, text)
    _check(text, scheme, STREAM_SCHEMES, "a source")
    return Address("stream", label_of(text), text)


def parse_push(text: str) -> Address:
    """The address of an RTMP server, its application and its key. Raises UsageError, without what may be secret."""
    text = text.strip()
    scheme = _scheme_of(text)
    if scheme is None:
        raise UsageError("the address to push to must begin with rtmp:// or rtmps://")
    parts = _check(text, scheme, PUSH_SCHEMES, "a place to push to")
    if not parts.path.strip("/"):
        raise UsageError(f"{label_of(text)} names a server alone: add the application and the stream's key")
    return Address("stream", label_of(text), text)


def label_of(text: str) -> str:
    """An address for people and logs: scheme, host and port alone.

    User and password go, and path and query as well: many cameras and all RTMP servers take a key in them.
    """
    scheme = _scheme_of(text.strip())
    if scheme is None:
        return Path(text.strip()).name or text.strip()
    parts, hidden = _split(text.strip()), f"{scheme}://…"
    if parts is None or not parts.hostname or _stray_at(parts):
        return hidden
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port is not None else ""
    rest = "/…" if parts.path.strip("/") or parts.query else ""
    return f"{scheme}://{host}{port}{rest}"


def _scheme_of(text: str) -> str | None:
    match = _SCHEME.match(text)
    if match is None:
        return None
    scheme = match[1].lower()
    return scheme if match[2] or scheme in {*STREAM_SCHEMES, *FAMILIAR} else None


def _check(text: str, scheme: str, schemes: tuple[str, ...], what: str) -> SplitResult:
    if scheme not in schemes:
        known = ", ".join(f"{name}://" for name in schemes)
        raise UsageError(f"{scheme}:// is not {what} that this program knows: use one of {known}")
    if _UNPRINTABLE.search(text):
        raise UsageError(f"the {scheme} address holds a blank or an unprintable character: write it as %20")
    parts = _split(text)
    if parts is not None and _stray_at(parts):
        raise UsageError(f"the {scheme} address cannot be read: write /, ?, # and @ in user and password as %2F … %40")
    if parts is None or not parts.hostname:
        raise UsageError(f"the {scheme} address cannot be read: write it as {scheme}://user:password@host:port/path")
    return parts


def _split(text: str) -> SplitResult | None:
    """The parts of an address, or None where it has none: no host's brackets, or no number as port."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _stray_at(parts: SplitResult) -> bool:
    """Whether an unescaped / ? # in the password has cut it in two, which makes a host of its first half."""
    return "@" not in parts.netloc and "@" in f"{parts.path}{parts.query}{parts.fragment}"
