"""Sources: every kind gives frames with the right pixels and times, and tells nobody what is secret in an address."""

from __future__ import annotations

import functools
import http.server
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from servers import rtsp_server, scaled

from workbench.errors import SourceError, UsageError
from workbench.live import network
from workbench.live.addresses import label_of, parse_address, parse_push
from workbench.live.cameras import Camera
from workbench.live.demuxed import Pace
from workbench.live.frames import LiveFrame, LiveSource
from workbench.live.network import NetworkStream, RefusedError
from workbench.live.options import LiveOptions
from workbench.live.played import PlayedFile
from workbench.live.pushed import MAX_BYTES, PushedSource
from workbench.live.sound import SoundPacket
from workbench.live.sources import open_live_source
from workbench.video.files import VideoFile
from workbench.video.synthetic import Clip, write_clip

SECRET = "Kn0ck3r"

SECRET_ADDRESSES = [
    f"rtsp://admin:{SECRET}@camera.local:554/stream1",
    f"rtsp://admin:{SECRET}@@camera.local/stream1",
    f"rtsp://camera.local/user=admin&password={SECRET}&channel=1",
    f"RTSP://camera.local/{SECRET}",
    f"rtmp://live.example.org/app/{SECRET}",
    f"https://example.org/hls/x.m3u8?token={SECRET}",
    f"rtsp://[fe80::1]:554/{SECRET}",
    f"rtsp://admin:{SECRET}/{SECRET}@camera.local/stream1",
    f"rtsp://admin:12/{SECRET}@camera.local/stream1",
    f"rtsp://{SECRET}:{SECRET}/@camera.local/stream1",
    f"rtsp://admin:{SECRET}?@camera.local",
    f"rtsp://admin:{SECRET}@",
    f"rtsp://admin:{SECRET}@[::1/x",
    f"rtsp://admin:{SECRET}@host:notaport/x",
    f"rtsp://admin:{SECRET}@host:70000/x",
    f"gopher://admin:{SECRET}@host/x",
    f"rtsp:admin:{SECRET}@host",
    f"rtsp://admin:{SECRET}@host/a b\nc",
]


def opened(source: LiveSource) -> LiveSource:
    source.open()
    return source


@contextmanager
def playing(source: LiveSource) -> Iterator[Iterator[LiveFrame]]:
    """The frames of a source; closed afterwards."""
    source.open()
    with closing(source.frames()) as frames:  # type: ignore[type-var]
        yield frames
    source.close()


def told(problem: BaseException) -> str:
    """All that an error says, with whatever it was raised from."""
    texts: list[str] = []
    error: BaseException | None = problem
    while error is not None:
        texts += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


@pytest.mark.parametrize("address", SECRET_ADDRESSES)
def test_no_secret_of_an_address_is_told(address: str) -> None:
    assert SECRET not in label_of(address)
    for parse in (parse_address, parse_push, open_live_source):
        try:
            assert SECRET not in repr(parse(address))
        except UsageError as error:
            assert SECRET not in told(error)
            assert "\n" not in str(error)


@given(user=st.text(min_size=1), password=st.text(min_size=1), path=st.text())
def test_a_label_shows_the_host_and_nothing_of_what_stands_around_it(user: str, password: str, path: str) -> None:
    label = label_of(f"rtsp://{user}:{password}@host.example:554/{path}")
    assert label in {"rtsp://…", "rtsp://host.example:554", "rtsp://host.example:554/…"}


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0", "camera"),
        (" /dev/video2 ", "camera"),
        ("rtsp://h/x", "stream"),
        ("HTTPS://h/x", "stream"),
        ("clip.mp4", "file"),
        ("/a/b:c.mp4", "file"),
    ],
)
def test_addresses_are_told_apart(address: str, kind: str) -> None:
    assert parse_address(address).kind == kind


@pytest.mark.parametrize(
    "address", ["", "  ", "gopher://h/x", "srt://h:1", "rtsp://", "file:///etc/passwd", "x\0y.mp4"]
)
def test_an_address_that_can_be_none_is_refused_in_one_line(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_live_source(address)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://h/live", "rtmp://h", "rtmp://h/", "here", ""])
def test_only_an_rtmp_address_with_a_key_can_be_pushed_to(address: str) -> None:
    with pytest.raises(UsageError):
        parse_push(address)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SourceError, match=r"nowhere\.mp4"):
        open_live_source("/tmp/nowhere.mp4")


def test_a_file_is_played_in_real_time_with_its_own_pixels_times_and_sound(short_clip: Callable[..., Path]) -> None:
    clip = short_clip("consultation", frames=20)
    with VideoFile(clip) as video:
        truth = [(frame.pts, *(plane.copy() for plane in frame.planes)) for frame in video.frames()]
    source, sounds = PlayedFile(clip), []
    source.on_sound = sounds.append
    begun = time.monotonic()
    with playing(source) as frames:
        played = list(frames)
    assert time.monotonic() - begun >= float((truth[-1][0] - truth[0][0]) * source.info.time_base) - 0.05
    assert [live.frame.pts for live in played] == [pts for pts, *_ in truth]
    for live, (_, *planes) in zip(played, truth, strict=True):
        assert all(np.array_equal(plane, other) for plane, other in zip(live.frame.planes, planes, strict=True))
    gaps = np.diff([live.arrived for live in played])
    assert np.median(gaps) == pytest.approx(0.04, abs=0.02)
    with av.open(str(clip)) as container:
        packets = [(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size]
    assert [(packet.pts, packet.data) for packet in sounds] == packets


def test_frames_belong_to_whoever_gets_them(short_clip: Callable[..., Path]) -> None:
    """Painting over one frame leaves the next, which the decoder makes from it, as it was."""
    clip = short_clip("consultation", frames=8)
    with VideoFile(clip) as video:
        last = [frame.planes[0].copy() for frame in video.frames()][-1]
    with playing(PlayedFile(clip)) as frames:
        for live in frames:
            picture = live.frame.planes[0].copy()
            for plane in live.frame.planes:
                plane[:] = 0
    assert np.array_equal(picture, last)


GROUP = 10  # frames from one key frame to the next


def damaged(clip: Path, target: Path, *, packets: set[int]) -> Path:
    """The clip with a key frame every ``GROUP`` frames, of which some packets have lost their second half."""
    options = {"g": str(GROUP), "bf": "0", "preset": "ultrafast", "x264-params": "scenecut=0:slices=1"}
    whole = scaled(clip, target.with_name("whole.mp4"), **options)
    with av.open(str(whole)) as source, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(each for each in source.demux(video=0) if each.size):
            data = bytes(packet)
            sent = av.Packet(data[: len(data) // 2] + bytes(len(data) - len(data) // 2) if number in packets else data)
            sent.pts, sent.dts, sent.time_base = packet.pts, packet.dts, packet.time_base
            sent.is_keyframe, sent.stream = packet.is_keyframe, stream
            output.mux(sent)
    return target


@pytest.mark.parametrize(
    ("lost", "kept"), [({0}, range(10, 30)), ({13}, [*range(13), *range(14, 30)]), ({20}, range(20))]
)
def test_pictures_of_which_parts_were_lost_are_left_out_and_what_builds_on_a_damaged_key_frame(
    lost: set[int], kept: range, short_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = damaged(short_clip("consultation", frames=30), tmp_path / "damaged.mp4", packets=lost)
    with playing(PlayedFile(clip)) as frames:
        assert [round(live.frame.time_seconds * 25) for live in frames] == list(kept)


def test_a_rotated_clip_comes_upright(sample: Callable[[str], Path]) -> None:
    with VideoFile(sample("phone_portrait")) as video, playing(PlayedFile(sample("phone_portrait"))) as frames:
        truth, live = next(video.frames()), next(frames)
        assert (live.frame.width_px, live.frame.height_px) == (video.info.width_px, video.info.height_px)
        assert all(np.array_equal(a, b) for a, b in zip(live.frame.planes, truth.planes, strict=True))
        assert live.frame.planes[0].flags.writeable


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "deep.mkv", Clip(frames=2, pixel_format="yuv420p10le"))
    with VideoFile(clip) as video, playing(PlayedFile(clip)) as frames:
        truth, live = next(video.frames()), next(frames)
    assert live.frame.colour.bit_depth == 8
    assert live.frame.planes[0].dtype == np.uint8
    assert np.abs(live.frame.planes[0].astype(int) - truth.planes[0] / 4).max() <= 1


def test_a_file_that_loops_goes_on_in_time(short_clip: Callable[..., Path]) -> None:
    clip = short_clip("consultation", frames=5)
    sounds: list[SoundPacket] = []
    source = PlayedFile(clip, LiveOptions(loop=True))
    source.on_sound = sounds.append
    with playing(source) as frames:
        times = [live.frame.time_seconds for live in islice(frames, 13)]
    assert np.diff(times) == pytest.approx(0.04, abs=1e-6)
    assert float(sounds[-1].time) > 0.3


def test_a_patient_pace_lets_a_late_picture_move_the_others() -> None:
    pace = Pace(threading.Event(), patient=True)
    pace.wait(Fraction(0))
    time.sleep(0.15)
    pace.wait(Fraction(1, 20))  # 0.1 s late
    begun = time.monotonic()
    pace.wait(Fraction(2, 20))
    assert time.monotonic() - begun == pytest.approx(0.05, abs=0.03)


def test_rtsp_gives_the_very_pictures_and_the_sound_of_the_file(short_clip: Callable[..., Path]) -> None:
    clip = short_clip("consultation", frames=25)
    with VideoFile(clip) as video:
        truth = [frame.planes[0].copy() for frame in video.frames()]
    sounds: list[SoundPacket] = []
    with rtsp_server(clip, user="doctor", password=SECRET) as server:
        source = open_live_source(server.url)
        source.on_sound = sounds.append
        with playing(source) as frames:
            played = list(islice(frames, 20))
        assert source.info.audio[0].codec == "aac"
        assert SECRET not in repr(source) + source.label
    assert all(np.array_equal(live.frame.planes[0], picture) for live, picture in zip(played, truth, strict=False))
    assert np.diff([live.frame.time_seconds for live in played]) == pytest.approx(0.04, abs=1e-3)
    assert len(sounds) > 5
    with av.open(str(clip)) as container:
        packets = {bytes(packet) for packet in container.demux(audio=0)}
    assert {packet.data for packet in sounds} <= packets


def test_a_wrong_password_and_a_wrong_path_are_told_apart(short_clip: Callable[..., Path]) -> None:
    with rtsp_server(short_clip("consultation", frames=5), user="doctor", password=SECRET) as server:
        wrong = server.url.replace(SECRET, "guess")
        with pytest.raises(RefusedError, match="user name or the password") as caught:
            NetworkStream(wrong).open()
        assert "guess" not in told(caught.value)
        with pytest.raises(SourceError, match="no stream at this path") as lost:
            NetworkStream(server.url.replace("/live", "/elsewhere")).open()
        assert SECRET not in told(lost.value)
        assert not isinstance(lost.value, RefusedError)


def test_nothing_there_is_told_at_once_and_a_silent_server_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(SourceError, match="cannot be reached") as caught:
            NetworkStream(f"rtsp://u:{SECRET}@127.0.0.1:{nobody.getsockname()[1]}/x").open()
        assert SECRET not in told(caught.value)
    monkeypatch.setattr(network, "CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(SourceError, match="does not answer") as caught:
            NetworkStream(f"rtsp://u:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/x").open()
        assert time.monotonic() - begun < 2
        assert SECRET not in told(caught.value)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def web_server(folder: Path, kind: type[QuietHandler] = QuietHandler) -> Iterator[str]:
    handler = functools.partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_file_on_a_web_server_is_played_in_real_time_to_its_end(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", Clip(frames=10))
    with web_server(tmp_path) as address:
        source = open_live_source(f"{address}/{clip.name}?token={SECRET}")
        with playing(source) as frames:
            played = list(frames)
        assert source.finite
    assert len(played) == 10
    assert played[-1].arrived - played[0].arrived == pytest.approx(0.36, abs=0.15)


def test_a_playlist_from_the_network_reads_no_file_of_this_machine(
    short_clip: Callable[..., Path], tmp_path: Path
) -> None:
    part = tmp_path / "private.ts"
    with av.open(str(short_clip("consultation", frames=5))) as clip, av.open(str(part), "w") as output:
        stream = output.add_stream_from_template(clip.streams.video[0], opaque=True)
        for packet in clip.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    head, end = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.2,\n", "\n#EXT-X-ENDLIST\n"
    (tmp_path / "public.m3u8").write_text(f"{head}private.ts{end}")
    (tmp_path / "hostile.m3u8").write_text(f"{head}file://{part}{end}")
    with web_server(tmp_path) as address:
        with playing(open_live_source(f"{address}/public.m3u8")) as frames:
            assert next(frames).frame.width_px == 1280
        with pytest.raises(SourceError):
            opened(open_live_source(f"{address}/hostile.m3u8"))
        with pytest.raises(SourceError):
            opened(open_live_source(f"{address}/public.m3u8", may_lead_on=False))


class Redirecting(QuietHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/elsewhere"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/elsewhere"))
            self.end_headers()
        else:
            super().do_GET()


def test_a_web_server_leads_on_only_where_it_may(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", Clip(frames=5))
    with web_server(tmp_path, Redirecting) as address:
        with playing(open_live_source(f"{address}/elsewhere/{clip.name}")) as frames:
            assert len(list(frames)) == 5
        with pytest.raises(SourceError, match="cannot be opened"):
            opened(open_live_source(f"{address}/elsewhere/{clip.name}", may_lead_on=False))
        with playing(open_live_source(f"{address}/{clip.name}", may_lead_on=False)) as frames:
            assert len(list(frames)) == 5


class MotionJpeg(QuietHandler):
    """A network camera of the old kind: one JPEG after the other, every 50 ms, with no time on any."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        picture = picture_bytes("JPEG")
        for _ in range(20):
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            self.wfile.write(head.encode() + picture + b"\r\n")
            time.sleep(0.05)


def test_motion_jpeg_has_the_times_at_which_it_came() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), MotionJpeg) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = open_live_source(f"http://127.0.0.1:{server.server_address[1]}/video.cgi")
        source.open()
        played = list(take_until_broken(source))
        server.shutdown()
    assert len(played) > 15
    times = [live.frame.time_seconds for live in played]
    assert times == pytest.approx([live.arrived for live in played], abs=0.05)
    assert times[-1] - times[-6] == pytest.approx(0.25, abs=0.1)


def take_until_broken(source: LiveSource) -> Iterator[LiveFrame]:
    with pytest.raises(SourceError, match=r"ended the connection|broke off"):
        yield from source.frames()


def picture_bytes(kind: str, *, width: int = 64, height: int = 48) -> bytes:
    pixels = np.full((height, width, 3), (200, 60, 20), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_pushed_picture_becomes_a_frame(kind: str) -> None:
    source = PushedSource("the visitor's camera")
    source.push(picture_bytes(kind))
    with playing(source) as frames:
        live = next(frames)
        assert (source.info.width_px, source.info.height_px) == (64, 48)
    assert time.monotonic() - live.arrived < 1
    # BT.601, limited range: Y = 16 + (65.738 R + 129.057 G + 25.064 B) / 256
    assert live.frame.planes[0].mean() == pytest.approx(16 + (65.738 * 200 + 129.057 * 60 + 25.064 * 20) / 256, abs=3)
    assert live.frame.planes[2].mean() > 180


def test_of_pushed_pictures_the_newest_is_taken_and_close_ends_them() -> None:
    source = PushedSource("webcam")
    for width in (32, 48, 64):
        source.push(picture_bytes("JPEG", width=width))
    source.open()
    frames = source.frames()
    assert next(frames).frame.width_px == 64
    assert source.dropped == 2
    threading.Timer(0.2, source.close).start()
    assert list(frames) == []
    with pytest.raises(SourceError, match="closed"):
        source.push(picture_bytes("JPEG"))
    with pytest.raises(SourceError, match="closed"):
        source.open()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(100),
        picture_bytes("PNG"),
        picture_bytes("JPEG")[:100],
        picture_bytes("JPEG", width=8000, height=2000),
        picture_bytes("JPEG", width=8, height=8),
        bytes(MAX_BYTES + 1),
    ],
    ids=["empty", "gif", "png", "cut", "large", "tiny", "bytes"],
)
def test_what_is_no_proper_picture_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError, match="pushed picture"):
        PushedSource("webcam").push(data)


class FakeCapture:
    """OpenCV's ``VideoCapture`` of a camera that knows one size, and is unplugged after three pictures.

    A stand-in: the machines that test have no camera, and a virtual one needs a kernel module.
    """

    def __init__(self) -> None:
        self.left, self.released = 3, False

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, prop: int) -> float:
        return 30.0 if prop == cv2.CAP_PROP_FPS else 0.0

    def set(self, prop: int, value: float) -> bool:
        return False

    def read(self) -> tuple[bool, object]:
        self.left -= 1
        return self.left >= 0, np.full((480, 640, 3), 90, np.uint8)

    def release(self) -> None:
        self.released = True


def test_a_camera_says_what_it_refused_and_that_it_was_unplugged() -> None:
    capture = FakeCapture()
    camera = Camera(0, LiveOptions(width_px=1280, height_px=720, fps=25), opener=lambda number: capture)
    frames = opened(camera).frames()
    assert [next(frames).frame.width_px for _ in range(2)] == [640, 640]
    assert camera.notes == [
        "camera 0 refused 1280x720 and gives 640x480",
        "camera 0 refused 25 frames a second and gives 30",
    ]
    with pytest.raises(SourceError, match="unplugged"):
        next(frames)
    assert capture.released


@pytest.mark.skipif(Path("/dev/video63").exists(), reason="there is such a camera")
def test_a_camera_that_is_not_there_is_told() -> None:
    with pytest.raises(SourceError, match="no camera 63"):
        open_live_source("63").open()
