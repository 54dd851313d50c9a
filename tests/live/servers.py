"""Real servers on loopback for the tests: GStreamer's RTSP server, and nginx with its RTMP module.

Both are found, or fetched with apt where that may be done, or the test says which command to run: a failure where
``CI`` is set, on the developer's machine a skip. Run as a program (``make test`` does, before the tests), it fetches.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import pytest
import trustme

PACKAGES = (
    "nginx",
    "libnginx-mod-rtmp",
    "libnginx-mod-stream",
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
)
COMMAND = f"sudo apt-get install --no-install-recommends {' '.join(PACKAGES)}"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's bindings belong to
RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
RTSP_PROGRAM = Path(__file__).with_name("rtsp_program.py")
FETCH_SECONDS = 300
READY_SECONDS = 20
WAIT = ("-o", "DPkg::Lock::Timeout=120")  # another test process may be at it

_RTSP_IMPORT = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


def _nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _is_there() -> bool:
    needed = (RTMP_MODULE, STREAM_MODULE, Path(SYSTEM_PYTHON))
    if _nginx() is None or not all(path.exists() for path in needed):
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", _RTSP_IMPORT], capture_output=True, check=False).returncode == 0


def _fetched(*command: str) -> bool:
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # the latter: nginx is not started as a service
    network = {name: value for name, value in os.environ.items() if not value.startswith("http://127.0.0.1:9")}
    try:
        run = subprocess.run(command, capture_output=True, timeout=FETCH_SECONDS, check=False, env=network | quiet)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


@functools.cache
def find_servers() -> bool:
    """Whether the servers are there, now or after fetching. Tried once per test process."""
    if _is_there():
        return True
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    _fetched("apt-get", "update", *WAIT)
    return _fetched("apt-get", "install", "--yes", "--no-install-recommends", *WAIT, *PACKAGES) and _is_there()


def need_servers() -> None:
    """Skips the test where the servers are missing, and in CI fails it."""
    if find_servers():
        return
    message = f"no RTSP and RTMP server was found and none could be fetched; run: {COMMAND}"
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rounds_of(file: Path, rounds: int, target: Path) -> Path:
    """``file`` played several times in a row as one file: packets copied, times moved on."""
    with av.open(str(file)) as first:
        length = Fraction(max(s.duration * s.time_base for s in first.streams if s.duration))
    with av.open(str(file)) as template, av.open(str(target), "w") as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in template.streams}
        for number in range(rounds):
            with av.open(str(file)) as source:
                for packet in source.demux():
                    if packet.dts is not None and packet.size:
                        moved = round(number * length / packet.time_base)
                        packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
                        packet.stream = streams[packet.stream_index]
                        output.mux(packet)
    return target


def scaled(file: Path, target: Path, *, size: tuple[int, int] = (640, 360), **options: str) -> Path:
    """The pictures of ``file`` at 25 a second in another size, encoded by libx264 with ``options``."""
    with av.open(str(file)) as source, av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for frame in source.decode(video=0):
            output.mux(stream.encode(frame.reformat(*size, "yuv420p")))
        output.mux(stream.encode(None))
    return target


class _Server:
    """A process that listens at a port of its own; it can be killed and started again at the same port."""

    def __init__(self, command: list[str], port: int) -> None:
        self._command, self.port = command, port
        self._process: subprocess.Popen[bytes] | None = None
        self.restart()

    def restart(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self._process.poll() is None, f"the server {self._command[0]} does not start"
            time.sleep(0.05)
        raise AssertionError(f"the server {self._command[0]} does not listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


class Wire:
    """A relay before a server: what the network does to a stream. Drops RTP packets, or hangs with all lines open.

    ``loss`` is the share of RTP packets, sent inside RTSP's own connection, that vanish. Its dice are always the same.
    None: what passes is not RTSP.
    """

    def __init__(self, port: int, *, loss: float | None = None) -> None:
        self.loss = loss
        self._behind = port
        self._dice = random.Random(7)
        self._flowing = threading.Event()
        self._flowing.set()
        self._lines: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def hang(self) -> None:
        """From now on nothing passes, and nobody is told."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        """Close every line that is open."""
        lines, self._lines = self._lines, []
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        self._acceptor.join(READY_SECONDS)
        self._flowing.set()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._behind), timeout=READY_SECONDS)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            self._lines += [client, server]
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
            back = self._pass if self.loss is None else self._pass_lossy
            threading.Thread(target=back, args=(server, client), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                target.sendall(data)
        self._end(source, target)

    def _pass_lossy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError), source.makefile("rb") as stream:
            while chunk := _chunk(stream):
                self._flowing.wait()
                if not (self.loss and chunk[:1] == b"$" and chunk[1] % 2 == 0 and self._dice.random() < self.loss):
                    target.sendall(chunk)
        self._end(source, target)

    def _end(self, *lines: socket.socket) -> None:
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


def _chunk(stream: object) -> bytes:
    """The next RTP packet with its head (``$``, channel, length), or the next answer of the server."""
    read, line = stream.read, stream.readline  # type: ignore[attr-defined]
    first: bytes = read(1)
    if first == b"$":
        head = read(3)
        return first + head + read(int.from_bytes(head[1:], "big"))
    answer, length = first, 0
    while first and (text := line()):
        answer += text
        if text.lower().startswith(b"content-length:"):
            length = int(text.split(b":")[1])
        if text == b"\r\n":
            break
    return answer + read(length)


class RtspServer:
    """Plays a file at ``url`` from its beginning for each who connects, in real time. ``wire`` is the way to it."""

    def __init__(self, server: _Server, wire: Wire, user: str | None, password: str | None) -> None:
        self._server, self.wire = server, wire
        self._secret = f"{user}:{password}@" if user else ""

    @property
    def url(self) -> str:
        return f"rtsp://{self._secret}127.0.0.1:{self.wire.port}/live"

    def kill(self) -> None:
        """The server is gone at once, as without power."""
        self._server.kill()
        self.wire.cut()

    def restart(self) -> None:
        self._server.restart()


@contextmanager
def rtsp_server(
    file: Path, *, user: str | None = None, password: str | None = None, loss: float = 0.0, sound: bool = True
) -> Iterator[RtspServer]:
    """Serves an MP4 file with H.264 and, where it has some, AAC."""
    need_servers()
    with av.open(str(file)) as container:
        audio = [stream.codec_context.name for stream in container.streams.audio]
    has_sound = sound and audio[:1] == ["aac"]
    port = free_port()
    payloaders = ["rtph264pay", "rtpmp4gpay" if has_sound else "-"]
    command = [SYSTEM_PYTHON, str(RTSP_PROGRAM), str(port), str(file.absolute()), *payloaders]
    server = _Server([*command, user or "-", password or "-"], port)
    wire = Wire(port, loss=loss)
    try:
        yield RtspServer(server, wire, user, password)
    finally:
        wire.close()
        server.kill()


class RtmpServer:
    """Takes streams at ``url``, whose last part is their key, shows them there, and records each into ``folder``."""

    def __init__(self, server: _Server, wire: Wire, folder: Path) -> None:
        self._server, self.wire, self.folder = server, wire, folder

    @property
    def url(self) -> str:
        return self.at("stream-key-7f3a")

    def at(self, key: str, *, application: str = "live") -> str:
        return f"rtmp://127.0.0.1:{self.wire.port}/{application}/{key}"

    def recordings(self) -> list[Path]:
        """What was pushed, a FLV file for each connection, oldest first."""
        return sorted(self.folder.glob("*.flv"))

    def kill(self) -> None:
        self._server.kill()
        self.wire.cut()

    def restart(self) -> None:
        self._server.restart()


_TLS = """
daemon off; master_process off; pid {folder}/tls.pid; error_log {folder}/error.log; load_module {module};
events {{ worker_connections 64; }}
stream {{ server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;
    proxy_pass 127.0.0.1:{behind};
}} }}
"""


@contextmanager
def tls_front(behind: int, folder: Path) -> Iterator[int]:
    """A port at which TLS is spoken, with a certificate that nobody knows, for the server at the port ``behind``."""
    certificate, port = trustme.CA().issue_cert("127.0.0.1"), free_port()
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "chain.pem", append=True)
    text = _TLS.format(folder=folder, module=STREAM_MODULE, port=port, behind=behind)
    server = _nginx_with(text, folder, port)
    try:
        yield port
    finally:
        server.kill()


def _nginx_with(settings: str, folder: Path, port: int) -> _Server:
    need_servers()
    program, file = _nginx(), folder / "nginx.conf"
    assert program is not None
    file.write_text(settings)
    return _Server([program, "-e", str(folder / "error.log"), "-c", str(file)], port)


_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log; load_module {module};
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{
    live on; record all; record_path {folder}; record_unique on;
}} }} }}
"""


@contextmanager
def rtmp_server(folder: Path) -> Iterator[RtmpServer]:
    """nginx with one application, ``live``; all its files lie in ``folder``, which must be empty."""
    port = free_port()
    server = _nginx_with(_NGINX.format(folder=folder, module=RTMP_MODULE, port=port), folder, port)
    wire = Wire(port)
    try:
        yield RtmpServer(server, wire, folder)
    finally:
        wire.close()
        server.kill()


if __name__ == "__main__" and not find_servers():
    print(f"No RTSP and RTMP server was found and none could be fetched; run: {COMMAND}")
