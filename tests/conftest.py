"""What all tests share: the sample clips, short cuts of them, few threads, no network, and turns."""

from __future__ import annotations

import csv
import ipaddress
import itertools
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Set before any library reads them. Two tests run side by side, so a pool of threads in each only slows both down.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# A program that a test starts has no socket guard; what it would send goes to a closed port of this machine.
for _name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ[_name] = "http://127.0.0.1:9"
for _name in ("no_proxy", "NO_PROXY"):
    os.environ[_name] = "127.0.0.1,localhost,::1"

# What a shell runs in the background ignores Ctrl-C, and so would the programs that the tests start and stop.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler)

LONG = (
    "test_journeys", "test_notebooks", "test_docs_commands", "test_cli", "test_segments", "test_page", "test_serve",
    "test_job_worker", "test_screenshots", "test_live_page", "test_cli_live", "test_training", "test_process",
)  # fmt: skip
"""Files that take a minute or more, longest first. They are begun first, so that none is waited for at the end."""

PROJECT = Path(__file__).parents[1]
SAMPLES = PROJECT / "sample_videos"

ShortClip = Callable[..., Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


def _is_loopback(address: object) -> bool:
    """Whether ``address``, as ``socket.connect`` takes it, stays on this machine. A path is a Unix socket."""
    if isinstance(address, str | bytes):
        return True
    host = address[0] if isinstance(address, tuple) else None
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuses every connection that leaves the machine, and fails the test even where the refusal was swallowed."""
    attempts: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def refuse(address: object) -> OSError:
        attempts.append(repr(address))
        return OSError(f"tests run offline: {address!r}")

    def guarded_connect(self: socket.socket, address: object) -> None:
        if not _is_loopback(address):
            raise refuse(address)
        connect(self, address)  # type: ignore[arg-type]

    def guarded_look_up(host: object, *args: object, **kwargs: object) -> object:
        if host is not None and not _is_loopback((host.decode() if isinstance(host, bytes) else host,)):
            raise refuse(host)
        return look_up(host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield
    assert not attempts, f"tried to leave the machine: {', '.join(attempts)}"


@pytest.fixture
def full_precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks computed in float32 also on a processor with bf16: for tests that compare one engine with another."""
    from workbench.weights import sessions

    monkeypatch.setattr(sessions, "has_bf16", lambda: False)
    sessions._compiled.cache_clear()
    yield
    sessions._compiled.cache_clear()


@pytest.fixture(autouse=True)
def ordinary_priority() -> Iterator[None]:
    """Fails the test that leaves its thread scheduled in another way: see ``video.priority``. All others would wait."""
    if not hasattr(os, "sched_getscheduler"):  # not Linux
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    yield
    left = os.sched_getscheduler(0)
    os.sched_setscheduler(0, policy, parameters)
    assert left == policy


@pytest.fixture(scope="module", autouse=True)
def turn_of_the_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leaves a file marked ``quiet`` one neighbour at most: what happens in real time depends on the machine."""
    if request.node.get_closest_marker("quiet"):
        with _seats(tmp_path_factory, spare=1):
            yield
    else:
        yield


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The turn of a test whose file is not marked ``quiet``."""
    if request.node.get_closest_marker("quiet"):
        yield
    else:
        with _seats(tmp_path_factory):
            yield


@contextmanager
def _seats(tmp_path_factory: pytest.TempPathFactory, *, spare: int | None = None) -> Iterator[None]:
    """Until the end of the block one seat is taken, of as many as there are workers, or all but ``spare``.

    Everybody takes the gate before the seats, so that whoever wants many is not passed by again and again.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None or fcntl is None:
        yield
        return
    count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    wanted = 1 if spare is None else max(1, count - spare)
    folder = tmp_path_factory.getbasetemp().parent
    with ExitStack() as stack:
        with (folder / f"{run}.gate").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            free = [stack.enter_context((folder / f"{run}.seat{number}").open("w")) for number in range(count)]
            while wanted:
                for seat in free:
                    with suppress(BlockingIOError):
                        fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        free.remove(seat)
                        wanted -= 1
                        break
                else:
                    time.sleep(0.02)
        yield


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Path]:
    """``sample("meeting_grid")``: the path of a sample clip. Its truth is ``.with_suffix(".gt.csv")``."""

    def path_of(name: str) -> Path:
        path = SAMPLES / f"{name}.mp4"
        assert path.is_file(), f"no sample clip {name}; there are {sorted(p.stem for p in SAMPLES.glob('*.mp4'))}"
        return path

    return path_of


@pytest.fixture(scope="session")
def short_clip(sample: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> ShortClip:
    """``short_clip("meeting_grid", frames=20)``: the first frames of a sample clip as an MP4 of its own.

    Same size, times and sound (packets copied) as the clip; its truth, cut likewise, lies beside it as ``.gt.csv``.
    The file is shared by the tests of a session: read it, do not write it.
    """
    folder = tmp_path_factory.mktemp("short_clips")

    def cut(name: str, *, frames: int = 25) -> Path:
        path = folder / f"{name}_{frames}.mp4"
        if not path.exists():
            _write_cut(sample(name), path, frames=frames)
            _write_truth_cut(SAMPLES / f"{name}.gt.csv", path.with_suffix(".gt.csv"), frames=frames)
        return path

    return cut


def _write_cut(source: Path, target: Path, *, frames: int) -> None:
    import av

    with av.open(source) as read:
        pictures = list(itertools.islice(read.decode(video=0), frames))
    with av.open(source) as read, av.open(target, "w") as written:
        video = read.streams.video[0]
        sounds = {audio: written.add_stream_from_template(audio) for audio in read.streams.audio}
        out = written.add_stream("libx264", rate=video.average_rate, options={"preset": "veryfast", "crf": "16"})
        out.width, out.height, out.pix_fmt = video.width, video.height, "yuv420p"
        out.codec_context.time_base = video.time_base
        for tag in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(out.codec_context, tag, getattr(video.codec_context, tag))
        if pictures[0].rotation:
            out.set_display_rotation(pictures[0].rotation)
        for picture in pictures:
            picture.pict_type = av.video.frame.PictureType.NONE
            written.mux(out.encode(picture))
        written.mux(out.encode(None))
        for packet in read.demux(*sounds) if sounds else ():
            if packet.pts is not None and packet.pts * packet.time_base <= pictures[-1].time:
                packet.stream = sounds[packet.stream]
                written.mux(packet)


def _write_truth_cut(source: Path, target: Path, *, frames: int) -> None:
    with source.open(newline="") as read, target.open("w", newline="") as written:
        rows = csv.reader(read)
        csv.writer(written).writerows(row for row in rows if not row[0].isdigit() or int(row[0]) <= frames)
