"""Which addresses a browser may name, and that a page which others can reach lends nobody this machine's own view."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Any

import pytest

from workbench.errors import UsageError
from workbench.ui.live_addresses import checked_push, checked_source

LOOK_UP = socket.getaddrinfo
NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "camera.ward": ["203.0.113.7"],
    "two-faced.example": ["203.0.113.7", "127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "six.example": ["fe80::1"],
}
PUBLIC = ("203.0.113.7",)  # documentation addresses (RFC 5737), which belong to no machine


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name service that knows ``NAMES`` alone; numbers in any notation are read as the system reads them."""

    def look_up(host: str, port: object, **options: Any) -> Any:
        found = NAMES.get(host, [host])
        return [entry for each in found for entry in LOOK_UP(each, None, flags=socket.AI_NUMERICHOST, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_camera_of_the_network_may_be_named() -> None:
    for host in ("camera.ward", *PUBLIC, "10.20.30.40", "[2001:4860:4860::8888]"):
        address = f"rtsp://nurse:p%40ss@{host}:8554/stream1"
        assert checked_source(f"  {address} ", own_machine=False, language="en") == address
        assert checked_push(f"rtmp://{host}/live/key", own_machine=False, language="en") == f"rtmp://{host}/live/key"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "0.0.0.0", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1",
        "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1]", "[2002:7f00:1::]",
        "169.254.169.254", "224.0.0.1", "255.255.255.255",
        "two-faced.example", "metadata.example", "six.example",
    ],
)  # fmt: skip
def test_no_notation_of_this_machine_gets_through_where_others_reach_the_page(host: str) -> None:
    for check, address in ((checked_source, f"http://user@{host}:80/x"), (checked_push, f"rtmp://{host}/live/key")):
        with pytest.raises(UsageError, match="leads to the machine of the workbench itself"):
            check(address, own_machine=False, language="en")
        assert check(address, own_machine=True, language="en") == address


def test_the_addresses_of_this_machines_own_interfaces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        family, address = socket.AF_INET, "203.0.113.7"

    monkeypatch.setattr("psutil.net_if_addrs", lambda: {"eth0": [Entry]})
    with pytest.raises(UsageError, match="machine of the workbench itself"):
        checked_source("rtsp://camera.ward/1", own_machine=False, language="en")


def test_a_name_that_nobody_knows_is_told_without_the_password() -> None:
    with pytest.raises(UsageError) as raised:
        checked_source("rtsp://nurse:secret@nowhere.example/1?key=hidden", own_machine=False, language="zh")
    assert str(raised.value).startswith("找不到 nowhere.example")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "", "0", "/dev/video0", "/etc/passwd", "clip.mp4", "file:///etc/passwd", "file:/etc/passwd", "concat:a|b",
        "rtsp:/camera.ward/1", "rtsp://", "ftp://camera.ward/1", "data:text/plain,x", "srt://camera.ward:9",
        "rtsp://camera.ward/ 1", "rtsp://camera.ward/\n1", "rtsp://camera.ward:x/1", "subfile,,start,0,end,9,,:/x",
        "rtsp://camera.ward\\@127.0.0.1/1",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_stream_is_refused(address: str) -> None:
    for own_machine in (True, False):
        if own_machine and "\\" in address:
            continue
        with pytest.raises(UsageError) as raised:
            checked_source(address, own_machine=own_machine, language="en")
        assert "\n" not in str(raised.value)
    with pytest.raises(UsageError):
        checked_push(address.replace("rtsp", "rtmp"), own_machine=False, language="en")


def test_a_program_that_stays_local_looks_up_what_its_user_named_and_nothing_else() -> None:
    code = (
        "import socket\n"
        "from workbench.ui.offline import looking_up, stay_local\n"
        "stay_local()\n"
        "def look_up(host):\n"
        "    try:\n"
        "        return socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)[0][4][0]\n"
        "    except PermissionError as error:\n"
        "        return error\n"
        "print(look_up('203.0.113.7'))\n"
        "with looking_up('203.0.113.7'):\n"
        "    print(look_up('203.0.113.7'), look_up('203.0.113.8'))\n"
        "print(look_up('203.0.113.7'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    refused = "the workbench does not leave this machine"
    assert done.stdout.splitlines() == [refused, f"203.0.113.7 {refused}", refused], done.stderr
