"""The process that sends FLV from its standard input to an RTMP server: ``python -m workbench.live.rtmp_process``.

A process of its own, because FFmpeg connects and sends inside PyAV without a time limit and without letting other
threads run: a server that hangs would stop every stream of the program. This one may hang, a timer ends it then.

The first line of the input is the address: among a process' arguments all users of the machine could read it. What
goes wrong is told as one word on the standard output, never in FFmpeg's words, which hold the address.
"""

from __future__ import annotations

import signal
import socket
import sys
from io import FileIO
from typing import Any
from urllib.parse import urlsplit

LONGEST_WAIT_SECONDS = 5
"""For the server to take the connection, or one packet."""

PORTS = {"rtmp": 1935, "rtmps": 443}

CONNECTED, UNREACHABLE, REFUSED, BROKEN, UNREADABLE = "connected", "unreachable", "refused", "broken", "unreadable"
"""What is told. ``unreadable``: the input is no FLV; never seen unless a part of this program is wrong."""


def main(source: FileIO) -> str:
    """Send until the input ends. What stopped it, or an empty text."""
    import av
    from av.error import FFmpegError

    url = source.readline().decode().strip()
    try:
        given = av.open(source, format="flv", options={"analyzeduration": "500000"})
    except (FFmpegError, OSError, ValueError):
        return UNREADABLE if source.read(1) else ""
    _limit(LONGEST_WAIT_SECONDS)
    try:
        output = av.open(url, "w", format="flv", container_options={"flvflags": "no_duration_filesize"})
        streams = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in given.streams}
        output.start_encoding()
    except (ConnectionError, TimeoutError):
        return UNREACHABLE
    except (FFmpegError, OSError, ValueError):
        return REFUSED if _answers(url) else UNREACHABLE
    _tell(CONNECTED)
    try:
        _send(given, output, streams)
        output.close()
    except (FFmpegError, OSError, ValueError):
        return BROKEN
    return ""


def _send(given: Any, output: Any, streams: dict[int, Any]) -> None:
    _limit(0)
    for packet in given.demux():
        if packet.size:
            packet.stream = streams[packet.stream_index]
            _limit(LONGEST_WAIT_SECONDS)
            output.mux_one(packet)
            _limit(0)
    _limit(LONGEST_WAIT_SECONDS)


def _limit(seconds: float) -> None:
    """Let the system end this process in so many seconds; 0: no longer."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _answers(url: str) -> bool:
    """Whether something listens there: FFmpeg has one code for no host and for an application that is unknown."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or PORTS[parts.scheme.lower()])):
            return True
    except OSError:
        return False


def _tell(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which ends this one by its input
    _tell(main(FileIO(0)))  # unbuffered: a buffer would wait until it is full
