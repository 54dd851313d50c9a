"""What a live stream can come from: an address made into a source."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import SourceError
from workbench.live.addresses import parse_address
from workbench.live.frames import LiveSource
from workbench.live.options import LiveOptions


def open_live_source(address: str, options: LiveOptions | None = None, *, may_lead_on: bool = True) -> LiveSource:
    """The source that an address names; it is not yet connected.

    ``0`` and ``/dev/video0`` are cameras; ``rtsp://``, ``rtsps://``, ``rtmp://``, ``rtmps://``, ``http://`` and
    ``https://`` are streams; all else is a file, played as if live. Raises UsageError for an address that cannot be
    one and SourceError for a file that is not there; neither tells a password. Without ``may_lead_on`` a stream is read
    at this address and at no other that it names.
    """
    parsed = parse_address(address)
    if parsed.kind == "camera":
        from workbench.live.cameras import Camera

        return Camera(parsed.camera, options)
    if parsed.kind == "stream":
        from workbench.live.network import NetworkStream

        return NetworkStream(parsed, options, may_lead_on=may_lead_on)
    from workbench.live.played import PlayedFile

    if not Path(parsed.text).is_file():
        raise SourceError(f"{parsed.text} is no file here: name a video file, a camera's number or a stream's address")
    return PlayedFile(parsed.text, options)
