"""Any frame by its number: the same picture as reading the clip from its beginning gives."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ShortClip
from workbench.data import Frame
from workbench.errors import SourceError
from workbench.preview import reader as reader_module
from workbench.preview.index import read_index
from workbench.preview.reader import FrameReader
from workbench.video.files import VideoFile
from workbench.video.synthetic import Clip, write_clip

MB = 1 << 20


def fingerprint(frame: Frame) -> tuple[int, tuple[bytes, ...]]:
    return frame.pts, tuple(plane.tobytes() for plane in frame.planes)


def in_order(path: Path) -> list[tuple[int, tuple[bytes, ...]]]:
    with VideoFile(path) as video:
        return [fingerprint(frame) for frame in video.frames()]


def variable_clip(path: Path) -> Path:
    ticks = np.cumsum([0, *random.Random(7).choices([500, 1000, 1700], k=47)]).tolist()
    options = {"g": "12", "bf": "3", "preset": "ultrafast", "flags": "+cgop"}
    return write_clip(path, Clip(frames=48, time_base=Fraction(1, 15000), ticks=ticks, options=options))


CLIPS: dict[str, Callable[[Path], Path]] = {
    "variable rate": lambda folder: variable_clip(folder / "a.mp4"),
    "open groups": lambda folder: write_clip(
        folder / "b.mp4", Clip(frames=40, options={"x264-params": "open-gop=1:keyint=10:bframes=3"})
    ),
    "rotated": lambda folder: write_clip(folder / "c.mp4", Clip(frames=20, rotation_degrees=90)),
    "transport stream": lambda folder: write_clip(
        folder / "d.ts", Clip(frames=40, start_seconds=Fraction(3), options={"g": "10"})
    ),
    "matroska": lambda folder: write_clip(folder / "e.mkv", Clip(frames=30, options={"g": "10", "bf": "2"})),
    "webm": lambda folder: write_clip(folder / "f.webm", Clip(frames=24, codec="libvpx-vp9", options={"g": "8"})),
    "B-frames in AVI": lambda folder: write_clip(folder / "g.avi", Clip(frames=24, options={"bf": "2"})),
    "4:2:2": lambda folder: write_clip(folder / "h.mp4", Clip(frames=12, pixel_format="yuv422p")),
}


@pytest.mark.parametrize("kind", CLIPS)
def test_any_order_gives_the_same_frames(kind: str, tmp_path: Path) -> None:
    clip = CLIPS[kind](tmp_path)
    truth = in_order(clip)
    index = read_index(clip)
    assert len(index.pts) == len(truth)
    numbers = list(range(len(truth)))
    random.Random(3).shuffle(numbers)
    numbers += [*range(len(truth)), *reversed(range(len(truth)))]
    reader = FrameReader(clip, index, cache_bytes=6 * 64 * 48 * 3 // 2)  # six frames: most have to be decoded again
    assert all(fingerprint(reader.frame(number)) == truth[number] for number in numbers)
    reader.close()


def test_a_phone_clip_is_counted_and_timed_exactly(sample: Callable[[str], Path]) -> None:
    clip = sample("phone_portrait")
    facts = json.loads(clip.with_suffix(".json").read_text())
    index = read_index(clip)
    assert np.allclose(index.times(), facts["frame_times"], atol=2e-5)
    with VideoFile(clip) as video:
        first = next(iter(video.frames()))
    reader = FrameReader(clip, index, cache_bytes=32 * MB)
    assert (reader.frame(150).width_px, reader.frame(150).height_px) == (720, 1280)
    assert reader.frame(0).time_seconds == first.time_seconds == index.times()[0]
    reader.close()


def test_several_threads_get_their_own_frames(tmp_path: Path) -> None:
    clip = variable_clip(tmp_path / "a.mp4")
    truth = in_order(clip)
    reader = FrameReader(clip, read_index(clip), cache_bytes=10 * 64 * 48 * 3 // 2)
    wrong: list[int] = []

    def read(seed: int) -> None:
        for number in random.Random(seed).choices(range(48), k=60):
            if fingerprint(reader.frame(number)) != truth[number]:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader.close()
    assert not wrong


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Times of all frames that a reader takes out of its decoder."""
    taken: list[int] = []
    real = reader_module.as_420

    def counting(native, **kwargs):  # type: ignore[no-untyped-def]
        taken.append(native.pts)
        return real(native, **kwargs)

    monkeypatch.setattr(reader_module, "as_420", counting)
    return taken


def test_frames_are_decoded_once(tmp_path: Path, decoded: list[int]) -> None:
    clip = write_clip(tmp_path / "a.mp4", Clip(frames=60, options={"g": "20", "sc_threshold": "0"}))
    reader = FrameReader(clip, read_index(clip), cache_bytes=8 * MB)
    for number in range(20, 30):
        reader.frame(number)
    assert len(decoded) == 10  # sequential access neither seeks nor starts again
    decoded.clear()
    for number in range(59, 39, -1):
        reader.frame(number)
    assert len(decoded) == 20  # backwards: from the key frame once, then from memory
    reader.close()


def test_offered_frames_are_kept_while_there_is_room(tmp_path: Path, decoded: list[int]) -> None:
    clip = write_clip(tmp_path / "a.mp4", Clip(frames=20))
    reader = FrameReader(clip, read_index(clip), cache_bytes=10 * 64 * 48 * 3 // 2)
    with VideoFile(clip) as video:
        for frame in video.frames():
            reader.offer(frame)
    reader.frame(9)
    assert not decoded
    reader.frame(10)
    assert decoded
    reader.close()


def test_a_damaged_clip_reads_as_the_render_pass_reads_it(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = tmp_path / "damaged.mp4"
    content = bytearray(short_clip("consultation", frames=25).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    clip.write_bytes(content)
    truth = in_order(clip)
    reader = FrameReader(clip, read_index(clip), cache_bytes=64 * MB)
    for number in (len(truth) - 1, 3, len(truth) // 2):
        assert fingerprint(reader.frame(number)) == truth[number]
    reader.close()


def test_a_frame_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", Clip(frames=5))
    reader = FrameReader(clip, read_index(clip), cache_bytes=MB)
    reader.close()
    with pytest.raises(SourceError, match="closed"):
        reader.frame(0)


def test_frames_cannot_be_written_into(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", Clip(frames=3))
    reader = FrameReader(clip, read_index(clip), cache_bytes=MB)
    assert not any(plane.flags.writeable for plane in reader.frame(1).planes)
    reader.close()
