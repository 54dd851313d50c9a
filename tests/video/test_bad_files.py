"""Files that are no video, or a broken one: one line, or what can be saved."""

from __future__ import annotations

import os
import random
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from video_clips import SAMPLES, rewrite

from workbench.errors import SourceError
from workbench.video.files import VideoFile, probe
from workbench.video.synthetic import Clip, Tone, write_clip


def _text(path):
    path.write_text("Dear all,\n\nthis is no video.\n" * 50)


def _empty(path):
    path.touch()


def _noise(path):
    path.write_bytes(random.Random(1).randbytes(20_000))


def _sound(path):
    write_clip(path, Clip(container="mp4", video=False, tones=[Tone()]))


def _song_with_cover(path):
    write_clip(path, Clip(container="mp4", video=False, tones=[Tone()], cover=True))


def _no_frames(path):
    write_clip(path, Clip(container="matroska", frames=0, tones=[Tone()]))


def _picture(path):
    from workbench.video.synthetic import picture

    picture(0, width=64, height=48).save(str(path.with_suffix(".png")))
    shutil.move(path.with_suffix(".png"), path)


def _headless(path):
    whole = write_clip(path.with_suffix(".mp4"), Clip(tones=[Tone()])).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])  # the index is at the end of the file


BAD = [_text, _empty, _noise, _sound, _song_with_cover, _no_frames, _picture, _headless, os.mkdir, os.mkfifo]


@pytest.mark.parametrize("build", [*BAD, lambda path: None], ids=lambda build: build.__name__)
@pytest.mark.parametrize("name", ["bad.mp4", "bad.txt"])
def test_what_is_no_video_is_one_line(tmp_path, build, name):
    path = tmp_path / name
    build(path)
    with pytest.raises(SourceError) as caught:
        probe(path)
    assert "\n" not in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize("form", ["hls", "concat"])
def test_a_playlist_is_never_followed(tmp_path, form):
    write_clip(tmp_path / "real.ts", Clip())
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/a.ts"
    text = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.ts\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile real.ts\nfile {address}\n",
    }[form]
    for name in ("list.m3u8", "list.mp4", "list.ffconcat"):
        (tmp_path / name).write_text(text)
        with pytest.raises(SourceError):
            probe(tmp_path / name)
    server.shutdown()
    server.server_close()
    assert asked == []


def test_a_name_is_never_taken_for_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "http:clip%03d.mp4", Clip(container="mp4"))
    from pathlib import Path

    assert probe(Path("http:clip%03d.mp4")).codec == "h264"
    for name in ("http://127.0.0.1:9/x.mp4", "concat:a.ts|b.ts", "pipe:0"):
        with pytest.raises(SourceError, match="cannot be read"):
            probe(name)


def test_a_cut_off_file_gives_what_is_left(tmp_path):
    whole = SAMPLES / "consultation.mp4"
    streamable = tmp_path / "whole.mkv"
    rewrite(whole, streamable, end_seconds=2)
    data = streamable.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) * 2 // 3])
    with VideoFile(streamable) as video:
        truth = [frame.planes[0].copy() for frame in video.frames()]
    with VideoFile(cut) as video:
        frames = [frame.planes[0].copy() for frame in video.frames()]
    assert 20 < len(frames) < len(truth)
    assert all(np.array_equal(seen, true) for seen, true in zip(frames[:-2], truth, strict=False))


@pytest.mark.parametrize("seed", range(3))
def test_damage_inside_is_read_past_and_said(tmp_path, seed):
    data = bytearray((SAMPLES / "meeting_grid.mp4").read_bytes())
    chance = random.Random(seed)
    start = len(data) // 2
    for _ in range(400):
        data[chance.randrange(start, start + 60_000)] = chance.randrange(256)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(bytes(data))
    with VideoFile(path) as video:
        times = [frame.pts for frame in video.frames(every=10)]
        first = list(video.pts)
        assert any("damaged" in note for note in video.notes)
        assert 200 <= video.frames_read <= 250 and times == sorted(set(times))
        list(video.frames(every=1000))
        assert video.pts == first  # reading it twice gives the same frames


def test_times_that_go_back_are_mended(tmp_path):
    first = write_clip(tmp_path / "a.ts", Clip(codec="mpeg2video", frames=100)).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(first + first)
    with VideoFile(path) as video:
        for _ in video.frames(every=50):
            pass
    assert len(video.pts) >= 195
    assert all(later > earlier for earlier, later in zip(video.pts, video.pts[1:], strict=False))
    assert any("jumps back" in note for note in video.notes)
