"""Recorder and pusher: what was published is what plays, and nothing that goes wrong with one reaches the stream."""

from __future__ import annotations

import logging
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from servers import rtmp_server

from workbench.data import Colour, Frame, VideoInfo
from workbench.errors import OutputError, UsageError
from workbench.live.bus import Bus
from workbench.live.cameras import picture_info
from workbench.live.frames import MaskedFrame
from workbench.live.played import PlayedFile
from workbench.live.pusher import Pusher
from workbench.live.reader import Reader
from workbench.live.recorder import FRAMES_WAITING, Recorder
from workbench.live.sources import open_live_source
from workbench.video.files import VideoFile
from workbench.video.synthetic import Clip, Tone, write_clip

pytestmark = pytest.mark.quiet  # it runs in real time

WIDTH, HEIGHT = 320, 180
UNIT = Fraction(1, 90_000)


def masked(number: int, moment: float, *, width: int = WIDTH, height: int = HEIGHT) -> MaskedFrame:
    """A grey picture, a little lighter each time; the number is its brightness."""
    shapes = (height, width), ((height + 1) // 2, (width + 1) // 2), ((height + 1) // 2, (width + 1) // 2)
    levels = (50 + number % 150, 128, 128)
    planes = tuple(np.full(shape, level, np.uint8) for shape, level in zip(shapes, levels, strict=True))
    for plane in planes:
        plane.flags.writeable = False
    frame = Frame(number, round(moment / UNIT), UNIT, planes, Colour("bt601"))  # type: ignore[arg-type]
    now = time.monotonic()
    return MaskedFrame(frame, now, now, whole=False, reason="", faces=0)


def info() -> VideoInfo:
    return picture_info("test", WIDTH, HEIGHT, rate=Fraction(25))


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


def feed(bus: Bus, recorder: Recorder, frames: list[MaskedFrame]) -> None:
    """Publish frames no faster than the recorder takes them."""
    for number, frame in enumerate(frames):
        bus.publish(frame)
        wait_until(lambda number=number: number - recorder.frames < FRAMES_WAITING - 5)  # type: ignore[misc]


def played(path: Path) -> list[tuple[float, float]]:
    """(time, brightness) of every picture of a file, read past its end where that is cut off, as players do it."""
    with VideoFile(path) as video:
        return [(frame.time_seconds, float(frame.planes[0].mean())) for frame in video.frames()]


def test_a_recording_holds_every_frame_at_its_own_time(tmp_path: Path) -> None:
    moments = np.cumsum([0.0, 0.04, 0.04, 0.2, 0.01, 0.033, 2.5, 0.04, 0.04])
    frames = [masked(10 * number, 17 + moment) for number, moment in enumerate(moments)]
    bus, path = Bus(), tmp_path / "live.mp4"
    recorder = Recorder(bus, path, info=info())
    recorder.start()
    feed(bus, recorder, frames)
    recorder.stop()
    assert (recorder.state, recorder.message, recorder.frames, recorder.dropped) == ("done", "", 9, 0)
    assert recorder.bytes_written == path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pictures = played(path)
    assert [moment for moment, _ in pictures] == pytest.approx(moments.tolist(), abs=1e-4)
    assert [level for _, level in pictures] == pytest.approx([50 + 10 * n for n in range(9)], abs=2)
    with av.open(str(path)) as container:
        keys = [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.is_keyframe]
    assert len(keys) == 2, "a picture that needs no other after 2 s"


def test_the_end_of_the_bus_completes_a_recording(tmp_path: Path) -> None:
    bus = Bus()
    recorder = Recorder(bus, tmp_path / "live.mp4", info=info())
    recorder.start()
    bus.publish(masked(0, 0.0))
    bus.close()
    wait_until(lambda: recorder.state == "done")
    assert len(played(recorder.path)) == 1
    recorder.stop()


def publish_all(source: PlayedFile, bus: Bus) -> None:
    """A file with its sound on a bus, as a session does it but for the mask."""
    source.on_sound = bus.publish_sound
    source.open()
    for live in source.frames():
        planes = tuple(plane.copy() for plane in live.frame.planes)
        for plane in planes:
            plane.flags.writeable = False
        frame = replace(live.frame, planes=planes, native=None)
        bus.publish(MaskedFrame(frame, live.arrived, live.arrived, whole=False, reason="", faces=0))


def sounds_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_sound_that_mp4_takes_is_copied_bit_for_bit(short_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=20)
    bus, source = Bus(), PlayedFile(clip)
    recorder = Recorder(bus, tmp_path / "live.mp4", info=info(), sound=True)
    recorder.start()
    publish_all(source, bus)
    recorder.stop()
    original = sounds_of(clip)
    copied = sounds_of(recorder.path)
    assert copied == original[-len(copied) :]
    assert len(copied) >= len(original) - 1  # what lies before the first picture is left out
    with VideoFile(clip) as video:
        assert len(played(recorder.path)) == len(list(video.frames()))


def test_other_sound_becomes_aac_of_the_same_length_and_pitch(tmp_path: Path) -> None:
    tone = Tone(codec="pcm_mulaw", rate_hz=8000, frequency_hz=500)
    clip = write_clip(tmp_path / "telephone.mov", Clip(frames=25, tones=(tone,)))
    bus = Bus()
    recorder = Recorder(bus, tmp_path / "live.mp4", info=info(), sound=True)
    recorder.start()
    publish_all(PlayedFile(clip), bus)
    recorder.stop()
    with av.open(str(recorder.path)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(samples) / 8000 == pytest.approx(1.0, abs=0.2)
    spectrum = np.abs(np.fft.rfft(samples[1000:5000]))
    assert np.argmax(spectrum) * 2 == pytest.approx(500, abs=5)


def test_sound_that_never_comes_is_said_and_does_not_hold_up_the_pictures(tmp_path: Path) -> None:
    bus = Bus()
    recorder = Recorder(bus, tmp_path / "live.mp4", info=info(), sound=True)
    recorder.start()
    for number in range(5):
        bus.publish(masked(number, number * 0.04))
    wait_until(lambda: recorder.frames == 5, 3)
    assert "without it" in recorder.message
    recorder.stop()
    assert len(played(recorder.path)) == 5


def test_frames_of_another_size_are_fitted_into_the_first(tmp_path: Path) -> None:
    bus = Bus()
    recorder = Recorder(bus, tmp_path / "live.mp4", info=info())
    recorder.start()
    frames = [masked(149, 0.0, width=321, height=181), masked(149, 0.1, width=200, height=400)]
    feed(bus, recorder, frames)
    recorder.stop()
    with av.open(str(recorder.path)) as container:
        first, second = (frame.to_ndarray()[: frame.height, : frame.width] for frame in container.decode(video=0))
    assert first.shape == second.shape == (182, 322)
    assert first.min() > 185
    assert second[:, 100:220].mean() < 200
    assert second[91, 161] == pytest.approx(199, abs=4)
    assert second[:, :100].max() < 25
    assert second[:, 225:].max() < 25


def test_a_place_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"a recording of yesterday")
    for path in (taken, tmp_path, tmp_path / "nowhere" / "live.mp4"):
        with pytest.raises((OutputError, UsageError)):
            Recorder(Bus(), path, info=info()).start()
    assert taken.read_bytes() == b"a recording of yesterday"
    with pytest.raises(UsageError, match=r"\.mp4"):
        Recorder(Bus(), tmp_path / "live.avi", info=info())


def test_nothing_to_record_leaves_no_file(tmp_path: Path) -> None:
    recorder = Recorder(Bus(), tmp_path / "live.mp4", info=info())
    recorder.start()
    recorder.stop()
    assert (recorder.state, list(tmp_path.iterdir())) == ("done", [])
    assert "no picture" in recorder.message


ENDLESS = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_outputs import Bus, Recorder, info, masked
if sys.argv[3] != "-":
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
bus = Bus()
recorder = Recorder(bus, Path(sys.argv[1]), info=info())
recorder.start()
number = 0
while recorder.state != "failed":
    bus.publish(masked(number, number * 0.04))
    number += 1
    time.sleep(0.004)
print(recorder.message, flush=True)
recorder.stop()
"""


def endless(path: Path, *, limit_bytes: int | None = None) -> subprocess.Popen[str]:
    """A process that records ten times as fast as time passes."""
    arguments = [str(path), str(Path(__file__).parent), str(limit_bytes or "-")]
    return subprocess.Popen([sys.executable, "-c", ENDLESS, *arguments], stdout=subprocess.PIPE, text=True)


def test_a_recording_plays_after_its_program_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    process = endless(path)
    try:
        wait_until(lambda: path.exists() and path.stat().st_size > 8_000, 30)
        time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    pictures = played(path)
    assert len(pictures) > 50
    assert np.diff([moment for moment, _ in pictures]) == pytest.approx(0.04, abs=1e-3)


def test_a_file_that_may_not_grow_ends_the_recording_and_what_was_written_plays(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    process = endless(path, limit_bytes=12_000)
    said, _ = process.communicate(timeout=30)
    assert "live.mp4 ended (File too large)" in said
    assert len(played(path)) > 25


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("mount") is None, reason="needs a small file system")
def test_a_full_disk_is_told_as_that(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("may not mount a small file system here")
    try:
        bus = Bus()
        recorder = Recorder(bus, disk / "live.mp4", info=info())
        recorder.start()
        random = np.random.default_rng(1)
        for number in range(200):
            frame = masked(number, number * 0.04)
            noise = random.integers(16, 235, (HEIGHT, WIDTH), np.uint8)
            noise.flags.writeable = False
            planes = (noise, *frame.frame.planes[1:])
            bus.publish(replace(frame, frame=replace(frame.frame, planes=planes)))
            time.sleep(0.005)
            if recorder.state == "failed":
                break
        assert recorder.state == "failed"
        assert "disk is full" in recorder.message
        assert "\n" not in recorder.message
        recorder.stop()
    finally:
        subprocess.run(["umount", str(disk)], check=False)


# --- pushing ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pushing(tmp_path: Path) -> Iterator[Callable[..., Pusher]]:
    """Starts pushers, and stops them."""
    started: list[Pusher] = []

    def start(bus: Bus, url: str, *, sound: bool = False) -> Pusher:
        started.append(Pusher(bus, url, info=info(), sound=sound))
        started[-1].start()
        return started[-1]

    yield start
    for pusher in started:
        pusher.stop()


class Live:
    """Publishes a frame every 40 ms, numbers going on over all calls."""

    def __init__(self) -> None:
        self.bus, self.number, self._begun = Bus(), 0, time.monotonic()

    def until(self, true: Callable[[], bool], seconds: float = 10) -> float:
        """Publish until something is so; after how many seconds."""
        begun = time.monotonic()
        while not true():
            assert time.monotonic() - begun < seconds, "it did not happen in time"
            self.bus.publish(masked(self.number, time.monotonic() - self._begun))
            self.number += 1
            time.sleep(0.04)
        return time.monotonic() - begun


def test_what_is_pushed_comes_out_at_the_server_and_survives_its_restart(
    tmp_path: Path, pushing: Callable[..., Pusher], caplog: pytest.LogCaptureFixture
) -> None:
    with rtmp_server(tmp_path) as server, caplog.at_level(logging.DEBUG):
        live = Live()
        pusher = pushing(live.bus, server.url)
        live.until(lambda: pusher.state == "running")
        arguments = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
        assert any("rtmp_process" in text for text in arguments)
        live.until(lambda: pusher.frames >= 40)
        server.kill()
        live.until(lambda: pusher.state == "waiting")
        server.restart()
        assert live.until(lambda: pusher.state == "running") < 5
        frames = pusher.frames
        live.until(lambda: pusher.frames >= frames + 20)
        pusher.stop()
        assert pusher.state == "done"
        wait_until(lambda: len(server.recordings()) == 2)
        time.sleep(0.3)
        first, second = (played(path) for path in server.recordings())
    assert len(first) > 30
    assert len(second) > 15
    for pictures in (first, second):
        steps = np.diff([moment for moment, _ in pictures])
        assert steps[0] < 0.5  # the first picture opens the connection
        assert steps[1:] == pytest.approx(0.04, abs=0.03)
        assert np.abs(np.diff([level for _, level in pictures])).max() < 12
    everything = caplog.text + repr(pusher) + pusher.message + pusher.label + "".join(arguments)
    assert "stream-key" not in everything


def test_pushed_sound_arrives_as_aac(
    short_clip: Callable[..., Path], tmp_path: Path, pushing: Callable[..., Pusher]
) -> None:
    clip = short_clip("consultation", frames=35)
    with rtmp_server(tmp_path) as server:
        bus = Bus()
        pusher = pushing(bus, server.url, sound=True)
        publish_all(PlayedFile(clip), bus)
        pusher.stop()
        wait_until(lambda: bool(server.recordings()))
        time.sleep(0.3)
        sounds = sounds_of(server.recordings()[0])
        assert set(sounds) <= set(sounds_of(clip))
        assert len(sounds) > 10
        assert len(played(server.recordings()[0])) > 10  # the first ones are over before the connection stands


def test_a_pushed_stream_can_be_a_source(tmp_path: Path, pushing: Callable[..., Pusher]) -> None:
    with rtmp_server(tmp_path) as server:
        live = Live()
        pusher = pushing(live.bus, server.url)
        live.until(lambda: pusher.state == "running")
        reader = Reader(open_live_source(server.url))
        reader.start()
        live.until(lambda: reader.frames_read > 10)
        newest = reader.take(1)
        assert newest is not None
        assert newest.frame.planes[0].mean() - 50 == pytest.approx((live.number - 1) % 150, abs=15), "half a second old"
        reader.stop()


def test_a_wrong_application_is_told_and_the_stream_goes_on(tmp_path: Path, pushing: Callable[..., Pusher]) -> None:
    with rtmp_server(tmp_path) as server:
        live = Live()
        pusher = pushing(live.bus, server.at("key-1", application="elsewhere"))
        live.until(lambda: pusher.state == "waiting")
        assert "refuses the stream" in pusher.message
        assert "key-1" not in pusher.message


def test_nobody_there_is_told(pushing: Callable[..., Pusher]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        live = Live()
        pusher = pushing(live.bus, f"rtmp://127.0.0.1:{nobody.getsockname()[1]}/live/key-1")
        live.until(lambda: pusher.state == "waiting")
        assert "cannot be reached" in pusher.message
        assert pusher.label in pusher.message


def test_a_server_that_hangs_holds_up_neither_the_stream_nor_the_stop(pushing: Callable[..., Pusher]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        live = Live()
        pusher = pushing(live.bus, f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live/key-1")
        slowest = 0.0
        for _ in range(30):
            begun = time.monotonic()
            live.bus.publish(masked(0, time.monotonic()))
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.02)
        assert slowest < 0.1
        begun = time.monotonic()
        pusher.stop()
        assert time.monotonic() - begun < 5
    assert not [child for child in psutil.Process().children() if "rtmp_process" in " ".join(child.cmdline())]


def test_an_address_of_no_rtmp_server_is_refused() -> None:
    with pytest.raises(UsageError, match="rtmp://"):
        Pusher(Bus(), "https://example.org/live/key", info=info())
