"""The last line against leaving the machine: from here on this process cannot open a connection to another one."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_OUTGOING = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOKING_UP = ("socket.getaddrinfo", "socket.gethostbyname")
_NETWORKS = (socket.AF_INET, socket.AF_INET6)
LOCAL_NAMES = ("localhost", "", "0.0.0.0", "::", None)

_asked_for: ContextVar[str | None] = ContextVar("asked_for", default=None)


def stay_local() -> None:
    """Refuse every connection and name look-up that leaves the machine, whoever asks for it, until the process ends.

    Whatever a library or a forged request tries then fails with PermissionError. Answering requests is not affected.
    The streams that a user asks for are opened by the video library itself, below Python: ``live_addresses`` looks at
    each of them first.
    """
    sys.addaudithook(_refuse)


@contextmanager
def looking_up(host: str) -> Iterator[None]:
    """Inside, this one name may be looked up: the camera or server whose address a user has just given."""
    before = _asked_for.set(host)
    try:
        yield
    finally:
        _asked_for.reset(before)


def is_local(host: object) -> bool:
    """Whether a host, as ``socket`` takes it, is this machine."""
    name = host.decode("latin-1") if isinstance(host, bytes) else host
    if name in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(str(name).split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _OUTGOING:
        opened, address = arguments
        host = address[0] if opened.family in _NETWORKS and address else None  # else a socket file or the kernel
    elif event in _LOOKING_UP:
        host = arguments[0]
        if host is not None and host == _asked_for.get():
            return
    else:
        return
    if not is_local(host):
        raise PermissionError("the workbench does not leave this machine")
