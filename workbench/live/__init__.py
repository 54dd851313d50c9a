"""Live: a camera or stream in, masked pictures out, with a delay nobody notices. Fails closed.

    source ─▶ reader ─▶ session: detect · track · decide · hide ─▶ bus ─▶ page, recorder, pusher

Read ``frames`` first, then ``certainty`` (when may a picture be shown?), then ``session``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.live.options import LiveOptions
    from workbench.live.session import LiveSession

__all__ = ["LiveOptions", "LiveSession"]


def __getattr__(name: str) -> Any:
    """The session brings the video library and the stages with it: loaded when it is used."""
    if name == "LiveOptions":
        from workbench.live.options import LiveOptions

        return LiveOptions
    if name == "LiveSession":
        from workbench.live.session import LiveSession

        return LiveSession
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
