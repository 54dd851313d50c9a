"""What travels through a live stream: raw frames up to the session, masked frames from there on.

source ──▶ LiveFrame ──▶ session ──▶ MaskedFrame ──▶ bus ──▶ page, recorder, pusher
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from workbench.data import Frame, VideoInfo

Reason = Literal["", "start", "cut", "lost", "detector", "stale", "overload", "mask"]
"""Why a whole picture is hidden; empty where it is not. The words for people are in ``REASONS``."""

REASONS: dict[Reason, tuple[str, str]] = {
    "start": ("starting", "正在启动"),
    "cut": ("the scene changed", "画面切换"),
    "lost": ("a face was lost from sight", "人脸丢失"),
    "detector": ("the face detector failed", "人脸检测出错"),
    "stale": ("the face detector is behind", "人脸检测滞后"),
    "overload": ("this machine is overloaded", "系统负载过高"),
    "mask": ("the mask failed", "遮挡出错"),
}
"""Each reason in English and Chinese."""


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """A picture as its source showed it. Never leaves reader, session and detection service.

    ``frame``: 8-bit planes in display orientation, writable, owned by the receiver; its time is the source's own clock,
    strictly increasing, also over reconnects. ``arrived``: ``time.monotonic()`` at which the source gave it.
    """

    frame: Frame
    arrived: float


@dataclass(frozen=True, eq=False)
class MaskedFrame:
    """A picture in which every face is hidden: all that leaves a session.

    ``frame``: planes of its own, 8 bit, contiguous, in display orientation and *read-only*; ``native`` is None, its
    time is the source's. ``ready``: ``time.monotonic()`` at which it was done. ``whole``: the whole picture is hidden,
    for ``reason``. ``faces``: how many places are hidden else.
    """

    frame: Frame
    arrived: float
    ready: float
    whole: bool
    reason: Reason
    faces: int

    @property
    def delay_seconds(self) -> float:
        """From the source's picture to this one."""
        return self.ready - self.arrived


class LiveSource(Protocol):
    """A camera, a stream or a file played as if live.

    ``label`` names it for people and logs: never with a password or a query. ``finite``: it ends for good, nothing is
    to be reconnected. ``on_sound`` gets the source's audio packets as they come; set it before ``open``.
    """

    label: str
    finite: bool
    on_sound: Callable[[Any], None] | None

    @property
    def info(self) -> VideoInfo:
        """Facts about the pictures; known once it is open."""
        ...

    def open(self) -> None:
        """Connect. Raises SourceError: one line, what to do, no secret."""
        ...

    def frames(self) -> Iterator[LiveFrame]:
        """Frames as they come, to the end of something finite. Raises SourceError when the connection breaks."""
        ...

    def close(self) -> None:
        """Disconnect; may be called from another thread, and more than once."""
        ...
