"""Which addresses of streams a browser may name. Nothing that it sends is ever taken for a file or a device."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import psutil

from workbench.errors import UsageError
from workbench.live.addresses import STREAM_SCHEMES, parse_address, parse_push
from workbench.ui.offline import looking_up
from workbench.ui.texts import Language, text

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def checked_source(address: str, *, own_machine: bool, language: Language) -> str:
    """The address of a camera or stream, if it may be opened. Raises UsageError, without what may be secret in it.

    ``own_machine``: whether it may lead to this machine. Where others can reach the page it may not, else they could
    ask, through it, for what only this machine may see. The name is looked up here, and once more when it is opened;
    an address that leads on to others is not to be followed then.
    """
    parsed = parse_address(address)
    if parsed.kind != "stream":
        schemes = ", ".join(f"{scheme}://" for scheme in STREAM_SCHEMES)
        raise UsageError(text("live_bad_address", language, schemes=schemes))
    return _allowed(parsed.text, own_machine=own_machine, language=language)


def checked_push(address: str, *, own_machine: bool, language: Language) -> str:
    """The same for an address to push to."""
    return _allowed(parse_push(address).text, own_machine=own_machine, language=language)


def _allowed(address: str, *, own_machine: bool, language: Language) -> str:
    if own_machine:
        return address
    host = urlsplit(address).hostname or ""
    found = _looked_up(host)
    if not found or "\\" in address:  # programs do not agree about what a backslash means
        raise UsageError(text("live_no_host", language, host=host))
    if any(_is_private_to_machine(each) for each in found):
        raise UsageError(text("live_own_machine", language))
    return address


def _looked_up(host: str) -> list[Address]:
    """Every address that the name stands for; none where it is unknown."""
    try:
        with looking_up(host):
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _is_private_to_machine(address: Address) -> bool:
    """Loopback, link-local and addresses that are no machine's; and those of this machine's own interfaces."""
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address.is_reserved
        or address in _own_addresses()
    )


def _own_addresses() -> set[Address]:
    interfaces = psutil.net_if_addrs().values()
    families = (socket.AF_INET, socket.AF_INET6)
    own = (entry.address for entries in interfaces for entry in entries if entry.family in families)
    return {ipaddress.ip_address(each.partition("%")[0]) for each in own}
