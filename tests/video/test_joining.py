"""Segments of any length, joined: the file that one encoder would have made, but for a few more key frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from video_clips import audio_packets, rewrite, times

from workbench.errors import OutputError
from workbench.video import writer as writer_module
from workbench.video.encoders import Encoder
from workbench.video.files import FramePoint, VideoFile, probe
from workbench.video.hdr import hdr_description
from workbench.video.joining import (
    EncodedPacket,
    PacketFacts,
    SegmentEncoder,
    SegmentIndex,
    common_header,
    decoding_ticks,
    join,
    reordering_delay,
)
from workbench.video.options import OutputOptions
from workbench.video.synthetic import Clip, Tone
from workbench.video.writer import VideoWriter

Make = Callable[[str, Clip], Path]

ENDINGS = ["mp4", "mkv", "webm", "avi"]
CUTS = (1, 3, 4, 11)  # segments of 1, 2, 1, 7 and the remaining frames: some shorter than any encoder looks ahead
CLIPS = {
    "25 fps with sound": Clip(frames=25, tones=[Tone()]),
    "29.97 fps": Clip(frames=25, fps=Fraction(30000, 1001), time_base=Fraction(1, 30000)),
    "variable": Clip(
        ticks=[0, 1000, 1500, 3000, 3100, 4700, 6000, 6100, 6200, 9000, 9900, 9920, 12000, 15000],
        time_base=Fraction(1, 10000),
    ),
    "late start": Clip(start_seconds=Fraction(1, 2), time_base=Fraction(1, 12800), frames=20, tones=[Tone()]),
}


@dataclass(frozen=True)
class InMemory:
    """A segment that was just made."""

    header: bytes
    packets: list[EncodedPacket]
    times: list[Fraction]

    @property
    def delay(self) -> int:
        return reordering_delay(self.index().packets)

    def index(self) -> SegmentIndex:
        return SegmentIndex([packet.facts for packet in self.packets], self.times)

    def data(self) -> Iterator[bytes]:
        return (packet.data for packet in self.packets)


def segments_of(video: VideoFile, writer: VideoWriter, cuts: Iterable[int]) -> list[InMemory]:
    """The frames of ``video``, encoded in segments that begin with the frames 0 and ``cuts``."""
    made: list[InMemory] = []
    with VideoFile(video.path) as again:
        encoding, slots = writer.plan(next(again.frames()))
    encoder = SegmentEncoder(encoding)
    for frame in video.frames():
        if frame.index == 0 or frame.index in cuts:
            if made:
                made[-1].packets.extend(encoder.finish())
            encoder = SegmentEncoder(encoding)
            made.append(InMemory(encoder.header, [], []))
        made[-1].times.append(frame.pts * frame.time_base)
        made[-1].packets.extend(encoder.encode(frame, tick=slots.place(frame.pts)))
    made[-1].packets.extend(encoder.finish())
    return made


def join_up(
    source: Path, target: Path, options: OutputOptions | None = None, cuts: Iterable[int] = CUTS
) -> VideoWriter:
    info = probe(source)
    with (
        VideoFile(source) as video,
        VideoWriter(target, source=source, info=info, options=options or OutputOptions()) as writer,
    ):
        for _ in join(writer, segments_of(video, writer, cuts)):
            pass
    return writer


def stamps(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as container:
        return [(packet.pts, packet.dts) for packet in container.demux(video=0) if packet.size]


def luma(path: Path) -> list[np.ndarray]:
    with VideoFile(path) as video:
        return [frame.planes[0].astype(np.int16) for frame in video.frames()]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("clip", CLIPS)
def test_joined_segments_are_what_one_encoder_writes(make: Make, tmp_path: Path, clip: str, ending: str) -> None:
    source = make("source.mp4", CLIPS[clip])
    whole, joined = tmp_path / f"whole.{ending}", tmp_path / f"joined.{ending}"
    once, parts = rewrite(source, whole), join_up(source, joined)
    assert times(joined) == times(whole)
    assert audio_packets(joined) == audio_packets(whole)
    assert parts.notes == once.notes
    assert parts.frames_written == once.frames_written
    decoding = [dts for _, dts in stamps(joined) if dts is not None]
    assert all(later > earlier for earlier, later in pairwise(decoding))
    assert all(dts is None or dts <= pts for pts, dts in stamps(joined))
    for seen, true in zip(luma(joined), luma(source), strict=True):
        assert np.abs(seen - true).mean() < 6


@pytest.mark.parametrize("clip", ["25 fps with sound", "variable"])
def test_decoding_times_are_the_encoder_s_own(make: Make, tmp_path: Path, clip: str) -> None:
    source = make("source.mp4", CLIPS[clip])
    rewrite(source, tmp_path / "whole.mp4")
    join_up(source, tmp_path / "joined.mp4", cuts=[12])
    assert [dts for _, dts in stamps(tmp_path / "joined.mp4")] == [dts for _, dts in stamps(tmp_path / "whole.mp4")]


def test_the_phone_clip_keeps_times_sound_and_rotation(phone: Path, tmp_path: Path) -> None:
    join_up(phone, tmp_path / "joined.mp4", cuts=[10, 20])
    assert times(tmp_path / "joined.mp4") == times(phone)
    assert audio_packets(tmp_path / "joined.mp4") == audio_packets(phone) != [[]]
    assert probe(tmp_path / "joined.mp4").rotation_degrees == 90
    assert max(np.abs(a - b).mean() for a, b in zip(luma(tmp_path / "joined.mp4"), luma(phone), strict=True)) < 3


def test_any_frame_may_begin_a_segment(make: Make, tmp_path: Path) -> None:
    source = make("source.mp4", Clip(frames=12))
    join_up(source, tmp_path / "joined.mp4", cuts=range(1, 12))
    assert times(tmp_path / "joined.mp4") == times(source)
    with av.open(str(tmp_path / "joined.mp4")) as container:
        assert all(packet.is_keyframe for packet in container.demux(video=0) if packet.size)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm"])
def test_ten_bits_hdr_and_colour_survive(make: Make, tmp_path: Path, ending: str) -> None:
    screen = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    options = {"x265-params": f"log-level=none:{screen}"}
    clip = Clip(codec="libx265", pixel_format="yuv420p10le", colour=(1, 9, 9, 16), options=options, frames=14)
    source = make("source.mp4", clip)
    join_up(source, tmp_path / f"joined.{ending}")
    rewrite(source, tmp_path / f"whole.{ending}")
    joined, whole = probe(tmp_path / f"joined.{ending}"), probe(tmp_path / f"whole.{ending}")
    assert joined.hdr
    assert (joined.colour, joined.pixel_format) == (whole.colour, whole.pixel_format)
    assert times(tmp_path / f"joined.{ending}") == times(tmp_path / f"whole.{ending}")
    if ending != "webm":
        with av.open(str(tmp_path / f"joined.{ending}")) as container:
            for frame in container.decode(video=0):
                assert hdr_description(frame)[1] == "1000,400" or not frame.key_frame


def test_hevc_joins_as_well(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder for 10 bits where x264 has only 8; it is chosen on no machine that builds x264 in full."""
    settings = {"preset": "veryfast", "x265-params": "log-level=none"}
    hevc = Encoder("libx265", "yuv420p", "libx265", settings, even_size=True, tag="hvc1")
    monkeypatch.setattr(writer_module, "choose_encoder", lambda *_, **__: hevc)
    source, target = make("source.mp4", Clip(frames=20)), tmp_path / "joined.mp4"
    join_up(source, target)
    assert probe(target).codec == "hevc"
    assert times(target) == times(source)
    assert max(np.abs(a - b).mean() for a, b in zip(luma(target), luma(source), strict=True)) < 6


def test_a_foreign_header_is_refused_and_leaves_nothing(make: Make, tmp_path: Path) -> None:
    source = make("source.mp4", Clip())
    with (
        pytest.raises(OutputError, match="parts were encoded differently"),
        VideoFile(source) as video,
        VideoWriter(tmp_path / "out.mp4", source=source, info=video.info, options=OutputOptions()) as writer,
    ):
        first, second = segments_of(video, writer, [5])
        for _ in join(writer, [first, replace(second, header=b"other")]):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.mp4"]


def test_segments_in_the_wrong_order_are_refused(make: Make, tmp_path: Path) -> None:
    source = make("source.mp4", Clip())
    with (
        pytest.raises(OutputError, match="overlap"),
        VideoFile(source) as video,
        VideoWriter(tmp_path / "out.mp4", source=source, info=video.info, options=OutputOptions()) as writer,
    ):
        for _ in join(writer, segments_of(video, writer, [5])[::-1]):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.mp4"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_software_encoder_has_one_header(make: Make, tmp_path: Path, ending: str) -> None:
    source = make("source.mp4", Clip())
    with VideoFile(source) as video:
        writer = VideoWriter(tmp_path / f"out.{ending}", source=source, info=video.info, options=OutputOptions())
        encoding, _ = writer.plan(next(video.frames()))
    assert common_header(encoding) is not None
    assert (len(common_header(encoding) or b"") > 0) == (ending in {"mp4", "mkv"})


groups = st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3)), min_size=1, max_size=20)


@given(segments=st.lists(groups, min_size=1, max_size=5))
def test_decoding_times_grow_and_precede_the_picture(segments: list[list[tuple[int, int]]]) -> None:
    """Pictures with any distances, held back by an encoder as many places as the second numbers say."""
    made, tick = [], 0
    for group in segments:
        shown = []
        for step, _ in group:
            tick += step
            shown.append(tick)
        order = sorted(range(len(group)), key=lambda n: (n + group[n][1], n))
        made.append([PacketFacts(shown[n], shown[n], 0, True, 1) for n in order])
    delay = max(reordering_delay(packets) for packets in made)
    ticks = list(decoding_ticks((facts.pts for packets in made for facts in sorted(packets)), delay=delay))
    pts = [facts.pts for packets in made for facts in packets]
    assert len(ticks) == len(pts)
    assert all(later > earlier for earlier, later in pairwise(ticks))
    assert all(dts <= shown for dts, shown in zip(ticks, pts, strict=True))


@pytest.mark.parametrize("clip", CLIPS)
def test_reading_may_begin_at_any_frame(make: Make, clip: str) -> None:
    source = make("source.mp4", replace(CLIPS[clip], options={"g": "8", "bf": "2"}))
    with VideoFile(source) as video:
        whole = [(frame.index, frame.pts, frame.planes[0].copy(), video.point(frame)) for frame in video.frames()]
    for index in (0, 1, 7, 8, 9, len(whole) - 1):
        with VideoFile(source, begin=whole[index][3]) as video:
            rest = [(frame.index, frame.pts, frame.planes[0].copy()) for frame in video.frames()]
            assert video.frames_read == len(whole)
            assert video.notes == []
        assert [row[:2] for row in rest] == [row[:2] for row in whole[index:]]
        assert all(np.array_equal(a[2], b[2]) for a, b in zip(rest, whole[index:], strict=True))


def test_a_picture_that_is_not_met_again_is_looked_for_from_the_beginning(make: Make) -> None:
    source = make("source.mp4", Clip(frames=20, options={"g": "5"}))
    with VideoFile(source) as video:
        point = next(video.point(frame) for frame in video.frames() if frame.index == 12)
    with VideoFile(source, begin=point) as video:
        assert [frame.index for frame in video.frames()] == list(range(12, 20))
        assert len(video.pts) == 8  # entered right there
    for other in (replace(point, check=1), replace(point, in_order=False), FramePoint(12, point.pts + 1, 0, True)):
        with VideoFile(source, begin=other) as video:
            assert [frame.index for frame in video.frames()] == list(range(12, 20))
            assert video.frames_read == len(video.pts) == 20
