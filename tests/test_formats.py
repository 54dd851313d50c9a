"""Every kind of recording with real faces in it: all hidden, every frame at its time, nothing printed by a library."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import SAMPLES
from workbench.data import VideoInfo
from workbench.evaluate import evaluate_output, load_truth
from workbench.presets.files import load_preset
from workbench.presets.settings import with_settings
from workbench.process import process
from workbench.report import Report
from workbench.video import synthetic
from workbench.video.files import VideoFile, probe
from workbench.video.priority import same_priority
from workbench.video.synthetic import Clip, Tone

FRAMES = 10
PQ = (1, 9, 9, 16)  # limited range, BT.2020, BT.2020, SMPTE ST 2084
GREEN = ("mask.kind=solid", "mask.colour=#00ff00")


@dataclass(frozen=True)
class Recording:
    """How a stretch of the sample clip ``consultation`` (two faces) is recorded; ``size`` as displayed."""

    ending: str
    clip: Clip = field(default_factory=Clip)
    size: tuple[int, int] = (640, 360)


def clip_of(codec: str = "libx264", **more: object) -> Clip:
    options = {"libx265": {"x265-params": "log-level=none", "preset": "ultrafast"}, "libx264": {"preset": "ultrafast"}}
    options |= {"libsvtav1": {"preset": "12"}, "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "b": "2M"}}
    return Clip(codec=codec, options=options.get(codec, {}), **more)  # type: ignore[arg-type]


UNEVEN = [0, 3000, 7500, 9000, 15_000, 18_003, 21_000, 30_000, 33_000, 33_900]
RECORDINGS = {
    "mp4 h264": Recording("mp4", clip_of(tones=[Tone(), Tone(frequency_hz=880, language="deu")])),
    "mp4 29.97": Recording("mp4", clip_of(fps=Fraction(30_000, 1001))),
    "mp4 uneven, late": Recording(
        "mp4", clip_of(time_base=Fraction(1, 90_000), ticks=[45_000 + t for t in UNEVEN], tones=[Tone()])
    ),
    "mov turned 90": Recording("mov", clip_of(rotation_degrees=90)),
    "mov turned 180": Recording("mov", clip_of(rotation_degrees=180)),
    "mov turned 270": Recording("mov", clip_of("libx265", rotation_degrees=270)),
    "mkv hevc 10-bit": Recording("mkv", clip_of("libx265", pixel_format="yuv420p10le")),
    "mkv hevc PQ": Recording("mkv", clip_of("libx265", pixel_format="yuv420p10le", colour=PQ)),
    "mkv h264 4:4:4": Recording("mkv", clip_of(pixel_format="yuv444p")),
    "mkv RGB": Recording("mkv", Clip(codec="ffv1", pixel_format="bgr0")),
    "mkv grey": Recording("mkv", Clip(codec="ffv1", pixel_format="gray")),
    "mkv av1": Recording("mkv", clip_of("libsvtav1")),
    "webm vp9": Recording("webm", clip_of("libvpx-vp9", tones=[Tone("libopus")])),
    "avi mpeg4": Recording("avi", Clip(codec="mpeg4", options={"b": "4M"}, tones=[Tone("libmp3lame")])),
    "avi mjpeg 4:2:2": Recording("avi", Clip(codec="mjpeg", pixel_format="yuvj422p", options={"qmax": "4"})),
    "flv h264": Recording("flv", clip_of(tones=[Tone(rate_hz=44_100)])),
    "ts interlaced": Recording("ts", Clip(codec="mpeg2video", interlaced=True, options={"b": "6M"})),
    "ts h264 late": Recording("ts", clip_of(start_seconds=Fraction(10))),
    "odd size": Recording("mkv", Clip(codec="ffv1", pixel_format="yuv420p"), size=(639, 361)),
    "squeezed pixels": Recording("mp4", clip_of(sample_aspect_ratio=Fraction(4, 3)), size=(480, 360)),
    "full range": Recording("mp4", clip_of(pixel_format="yuvj420p", colour=(2, 1, 1, 1))),
}


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """The first pictures of the sample clip, RGB."""
    with av.open(str(SAMPLES / "consultation.mp4")) as source:
        return [frame.to_ndarray(format="rgb24") for frame in itertools.islice(source.decode(video=0), FRAMES)]


def record(path: Path, recording: Recording, pictures: Sequence[NDArray[np.uint8]]) -> None:
    """Write the pictures as ``recording`` says, beside its truth."""
    clip, (width, height) = recording.clip, recording.size
    upright = [cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in pictures]
    stored = [np.ascontiguousarray(np.rot90(picture, clip.rotation_degrees // 90)) for picture in upright]
    shape = stored[0].shape
    made = Clip(**{**vars(clip), "width": shape[1], "height": shape[0], "frames": len(pictures)})
    with same_priority(), av.open(str(path), "w") as output:
        video = synthetic._add_video(output, made)
        tones = [(tone, synthetic._add_tone(output, tone)) for tone in made.tones]
        for tick, picture in zip(synthetic._ticks(made), stored, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=clip.pixel_format)
            frame.pts, frame.time_base = tick, video.codec_context.time_base
            synthetic._tag(frame, made)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for tone, stream in tones:
            for sound in synthetic._sine(tone, seconds=FRAMES / 25):
                output.mux(stream.encode(sound))
            output.mux(stream.encode(None))


def times(path: Path) -> list[Fraction]:
    with VideoFile(path) as video:
        return [frame.pts * frame.time_base for frame in video.frames()]


def sounds(path: Path) -> list[list[bytes]]:
    """The packets of every sound track."""
    with av.open(str(path)) as container:
        tracks: dict[int, list[bytes]] = {stream.index: [] for stream in container.streams.audio}
        for packet in container.demux(list(container.streams.audio)) if tracks else ():
            if packet.size:
                tracks[packet.stream_index].append(bytes(packet))
        return list(tracks.values())


def masked(source: Path, output: Path, *settings: str) -> Report:
    return process(source, output, with_settings(load_preset("balanced"), (*GREEN, *settings)))[0]


def recall(output: Path, size: tuple[int, int]) -> float | None:
    truth = load_truth(SAMPLES / "consultation.gt.csv")
    truth = truth[truth["frame"] < FRAMES].copy()
    truth[["x", "w"]] *= size[0] / 1280
    truth[["y", "h"]] *= size[1] / 720
    found = evaluate_output(output, truth)
    assert found.frames == FRAMES
    assert found.faces == 2 * FRAMES
    return found.recall


@pytest.mark.parametrize("kind", RECORDINGS)
def test_faces_are_hidden_in_every_kind_of_recording(
    kind: str, pictures: list[NDArray[np.uint8]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recording = RECORDINGS[kind]
    source, output = tmp_path / f"source.{recording.ending}", tmp_path / "output.mp4"
    record(source, recording, pictures)
    capfd.readouterr()
    masked(source, output)
    assert capfd.readouterr() == ("", "")
    before, after = probe(source), probe(output)
    assert recall(output, recording.size) == 1.0
    assert times(output) == times(source)
    assert (after.width_px, after.height_px) == tuple(side + side % 2 for side in recording.size)
    assert kept(after) == kept(before)
    if before.audio and before.audio[0].codec == "aac" and recording.ending != "flv":
        assert sounds(output) == sounds(source)
    assert len(after.audio) == len(before.audio)


def kept(info: VideoInfo) -> tuple[object, ...]:
    """What of a source an output must keep."""
    return (info.rotation_degrees, info.sample_aspect_ratio, info.colour.bit_depth, info.hdr, info.interlaced)


@pytest.mark.parametrize("ending", ["mkv", "webm", "avi"])
@pytest.mark.parametrize("kind", ["mov turned 90", "mkv hevc 10-bit", "mp4 h264"])
def test_faces_are_hidden_in_every_kind_of_output(
    kind: str, ending: str, pictures: list[NDArray[np.uint8]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if ending == "avi" and "10-bit" in kind:
        pytest.skip("refused with a message, as another test shows")
    recording = RECORDINGS[kind]
    source, output = tmp_path / f"source.{recording.ending}", tmp_path / f"output.{ending}"
    record(source, recording, pictures)
    capfd.readouterr()
    report = masked(source, output)
    if "svt" not in report.encoder:  # speaks once a process: the next test has one of its own
        assert capfd.readouterr() == ("", "")
    assert recall(output, recording.size) == 1.0
    moved = [float(abs(a - b)) for a, b in zip(times(output), times(source), strict=True)]
    assert max(moved) <= (0 if ending == "avi" else 0.0005), report.notes
    assert len(probe(output).audio) == len(recording.clip.tones)


def test_no_encoder_prints_its_settings(pictures: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    source = tmp_path / "source.mkv"
    record(source, RECORDINGS["mkv hevc 10-bit"], pictures)
    for ending in ("webm", "mp4"):
        command = [sys.executable, "-m", "workbench", "process", str(source), "-o", str(tmp_path / f"output.{ending}")]
        done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, timeout=100)
        assert done.stderr == ""


def test_faces_stay_hidden_where_the_output_is_smaller(pictures: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    for kind in ("mov turned 90", "ts interlaced"):
        recording = RECORDINGS[kind]
        source = tmp_path / f"source.{recording.ending}"
        record(source, recording, pictures)
        masked(source, tmp_path / "output.mp4", "output.max_height=180")
        assert recall(tmp_path / "output.mp4", (320, 180)) == 1.0


def test_an_upright_output_has_no_rotation_flag(pictures: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    record(tmp_path / "source.mov", RECORDINGS["mov turned 90"], pictures)
    masked(tmp_path / "source.mov", tmp_path / "output.mp4", "output.rotation=upright")
    info = probe(tmp_path / "output.mp4")
    assert (info.rotation_degrees, info.width_px, info.height_px) == (0, 640, 360)
    assert recall(tmp_path / "output.mp4", (640, 360)) == 1.0
