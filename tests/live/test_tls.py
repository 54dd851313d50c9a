"""RTSPS, HTTPS and RTMPS: the same streams with nginx speaking TLS before real servers."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from servers import rtmp_server, rtsp_server, tls_front

from tests.live.test_sources import SECRET, playing, web_server
from workbench.live.options import LiveOptions
from workbench.live.session import LiveSession
from workbench.live.sources import open_live_source
from workbench.presets import load_preset
from workbench.video.files import VideoFile
from workbench.video.synthetic import Clip, write_clip

FRAMES = 30


@pytest.fixture
def clip(short_clip: Callable[..., Path]) -> Path:
    return short_clip("consultation", frames=FRAMES)


def test_rtsps_gives_the_very_pictures_of_the_file(clip: Path, tmp_path: Path) -> None:
    with VideoFile(clip) as video:
        truth = [frame.planes[0].copy() for frame in video.frames()]
    with (
        rtsp_server(clip, user="doctor", password=SECRET) as server,
        tls_front(server.wire.port, tmp_path) as port,
        playing(open_live_source(f"rtsps://doctor:{SECRET}@127.0.0.1:{port}/live")) as frames,
    ):
        played = list(islice(frames, 20))
    assert all(np.array_equal(live.frame.planes[0], picture) for live, picture in zip(played, truth, strict=False))


def test_https_gives_every_picture_of_the_file(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", Clip(frames=10))
    with (
        web_server(tmp_path) as server,
        tls_front(int(server.rpartition(":")[2]), tmp_path) as port,
        playing(open_live_source(f"https://127.0.0.1:{port}/{clip.name}")) as frames,
    ):
        assert len(list(frames)) == 10


def test_what_is_pushed_by_rtmps_comes_out_at_the_server(clip: Path, tmp_path: Path) -> None:
    front = tmp_path / "front"
    front.mkdir()
    inside = tmp_path / "inside"
    inside.mkdir()
    options = LiveOptions(loop=True)
    with rtmp_server(inside) as server, tls_front(server.wire.port, front) as port:
        with LiveSession(open_live_source(str(clip), options), load_preset("balanced"), options) as session:
            session.push(f"rtmps://127.0.0.1:{port}/live/key-1")
            until = time.monotonic() + 30
            while session.status().pushing != "running" and time.monotonic() < until:
                time.sleep(0.1)
            assert session.status().pushing == "running", session.status().pushing_message
            time.sleep(FRAMES / 25)
        time.sleep(0.3)
        (recording,) = server.recordings()
        with av.open(str(recording)) as arrived:
            assert sum(1 for _ in arrived.decode(video=0)) >= FRAMES // 2
