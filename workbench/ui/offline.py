"""The last line against leaving the machine: from here on this process cannot open a connection to another one."""

from __future__ import annotations

import ipaddress
import socket
import sys
from typing import Any

_OUTGOING = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOKING_UP = ("socket.getaddrinfo", "socket.gethostbyname")
_NETWORKS = (socket.AF_INET, socket.AF_INET6)
LOCAL_NAMES = ("localhost", "", "0.0.0.0", "::", None)


def stay_local() -> None:
    """Refuse every connection and name look-up that leaves the machine, whoever asks for it, until the process ends.

    Whatever a library or a forged request tries then fails with PermissionError. Answering requests is not affected.
    """
    sys.addaudithook(_refuse)


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
    else:
        return
    if not is_local(host):
        raise PermissionError("the workbench does not leave this machine")
