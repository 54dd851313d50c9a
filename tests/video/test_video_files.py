"""Every kind of video file is read alike: size, times, planes, colour."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from video_clips import SAMPLES, times

from workbench.errors import SourceError, UsageError
from workbench.video.files import VideoFile, probe
from workbench.video.planes import stored_planes
from workbench.video.synthetic import Clip, Tone, picture

X265 = {"x265-params": "log-level=none"}
KINDS = {
    "h264.mp4": ("h264", Clip()),
    "hevc.mp4": ("hevc", Clip(codec="libx265", options=X265)),
    "av1.mp4": ("av1", Clip(codec="libsvtav1")),
    "mpeg4.mp4": ("mpeg4", Clip(codec="mpeg4")),
    "h264.mov": ("h264", Clip()),
    "mjpeg.mov": ("mjpeg", Clip(codec="mjpeg", pixel_format="yuvj420p")),
    "mpeg4.avi": ("mpeg4", Clip(codec="mpeg4")),
    "mjpeg.avi": ("mjpeg", Clip(codec="mjpeg", pixel_format="yuvj422p")),
    "h264.mkv": ("h264", Clip()),
    "hevc.mkv": ("hevc", Clip(codec="libx265", pixel_format="yuv420p10le", options=X265)),
    "vp9.mkv": ("vp9", Clip(codec="libvpx-vp9")),
    "vp9.webm": ("vp9", Clip(codec="libvpx-vp9")),
    "av1.webm": ("av1", Clip(codec="libsvtav1", pixel_format="yuv420p10le")),
    "h264.flv": ("h264", Clip()),
    "h264.ts": ("h264", Clip()),
    "hevc.ts": ("hevc", Clip(codec="libx265", options=X265)),
}


@pytest.fixture(autouse=True)
def _quiet_av1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "0")


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_of_every_kind_is_read_at_its_time(make, tmp_path, name):
    codec, clip = KINDS[name]
    path = make(name, clip).rename(tmp_path / "no_ending")  # the kind is found in the content
    info = probe(path)
    assert (info.codec, info.width_px, info.height_px) == (codec, 64, 48)
    assert info.average_fps == 25
    with VideoFile(path) as video:
        frames = [(frame.index, frame.time_seconds, [p.shape for p in frame.planes]) for frame in video.frames()]
    assert [index for index, _, _ in frames] == list(range(clip.frames))
    steps = np.diff([time for _, time, _ in frames])
    assert np.allclose(steps, 0.04, atol=0.0011)
    assert all(shapes == [(48, 64), (24, 32), (24, 32)] for _, _, shapes in frames)
    assert video.notes == [] and video.frames_read == clip.frames


LOSSLESS = {
    "yuv420p": 0,
    "yuv420p10le": 0,
    "nv12": 0,
    "gray": 0,
    "gray10le": 0,
    "yuv422p": 1,
    "yuv444p": 1,
    "yuv422p10le": 2,
    "yuv444p16le": 2,
    "bgr0": 2,
}


@pytest.mark.parametrize("pixel_format", LOSSLESS)
@pytest.mark.parametrize("size", [(64, 48), (17, 33), (1, 1)])
def test_planes_hold_the_values_that_were_stored(make, pixel_format, size):
    codec = {"nv12": "rawvideo"}.get(pixel_format, "ffv1")
    path = make("clip.nut", Clip(codec=codec, pixel_format=pixel_format, width=size[0], height=size[1], frames=2))
    deep = "10le" in pixel_format or "16le" in pixel_format
    truth = picture(1, width=size[0], height=size[1], pixel_format=pixel_format)
    expected = stored_planes(truth)[0] if LOSSLESS[pixel_format] == 0 and codec == "ffv1" else None
    with VideoFile(path) as video:
        frame = list(video.frames())[1]
    assert frame.planes[0].dtype == (np.uint16 if deep else np.uint8)
    assert frame.colour.bit_depth == (10 if deep else 8)
    if expected is None:
        wanted = truth.reformat(format="yuv420p10le" if deep else "yuv420p", threads=1)
        expected = stored_planes(wanted)[0]
    assert np.abs(frame.planes[0].astype(int) - expected).max() <= LOSSLESS[pixel_format] * (4 if deep else 1)


@pytest.mark.parametrize("pixel_format", ["yuvj420p", "yuvj422p"])
def test_full_range_stays_full_range(make, pixel_format):
    path = make("clip.avi", Clip(codec="mjpeg", pixel_format=pixel_format, options={"qscale": "1"}))
    with VideoFile(path) as video:
        frame = next(iter(video.frames()))
    assert frame.colour.full_range
    truth = stored_planes(picture(0, width=64, height=48, pixel_format="yuvj420p"))[0]
    assert np.abs(frame.planes[0].astype(int) - truth).mean() < 6


@pytest.mark.parametrize(("degrees", "quarter_turns"), [(90, -1), (180, 2), (270, 1)])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_planes_are_upright_views(make, degrees, quarter_turns, name):
    with VideoFile(make("plain.mp4", Clip())) as video:
        plain = next(iter(video.frames())).planes
    path = make(name, Clip(rotation_degrees=degrees))
    assert probe(path).rotation_degrees == degrees
    with VideoFile(path, writable=True) as video:
        frame = next(iter(video.frames()))
        assert (frame.width_px, frame.height_px) == ((64, 48) if degrees == 180 else (48, 64))
        for turned, stored in zip(frame.planes, plain, strict=True):
            assert np.array_equal(turned, np.rot90(stored, quarter_turns))
        frame.planes[0][:] = 77
        assert (stored_planes(frame.native)[0] == 77).all()


def test_the_phone_clip_is_upright_where_its_truth_says(phone):
    """The face's box is darker than the wall above it only if the picture is turned the right way round."""
    import pandas as pd

    truth = pd.read_csv(SAMPLES / "phone_portrait.gt.csv", header=None, comment="#")
    row = truth[pd.to_numeric(truth[0], errors="coerce") == 1].iloc[0]
    x, y, w, h = (int(float(value)) for value in row[2:6])
    with VideoFile(phone) as video:
        luma = next(iter(video.frames())).planes[0]
    assert luma.shape == (1280, 720)
    face = luma[y + h // 4 : y + 3 * h // 4, x + w // 4 : x + 3 * w // 4]
    assert face.mean() < luma[: y - 50].mean() - 20


def test_writable_edits_never_reach_other_frames(consultation):
    with VideoFile(consultation) as video:
        truth = [frame.planes[0].copy() for frame in video.frames()]
    with VideoFile(consultation, writable=True) as video:
        for frame in video.frames():
            assert np.array_equal(frame.planes[0], truth[frame.index])
            for plane in frame.planes:
                plane[:] = 0


def test_planes_are_read_only_unless_asked_for(consultation):
    with VideoFile(consultation) as video, pytest.raises(ValueError, match="read-only"):
        next(iter(video.frames())).planes[0][0, 0] = 1


@pytest.mark.parametrize("every", [1, 3, 7, 100])
def test_every_nth_frame_and_the_last(consultation, every):
    everything = times(consultation)
    with VideoFile(consultation) as video:
        seen = [frame.index for frame in video.frames(every=every)]
        assert video.frames_read == len(everything)
        assert [pts * video.info.time_base for pts in video.pts] == everything
    last = len(everything) - 1
    assert seen == sorted({*range(0, last + 1, every), last})


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.ts", "long.avi"])
def test_a_part_has_the_frames_and_numbers_of_the_whole(make, name):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = make(name, Clip(codec=codec, frames=120, options={"g": "25"}))
    with VideoFile(path) as video:
        whole = {frame.index: frame.planes[0].copy() for frame in video.frames()}
    with VideoFile(path, start_seconds=2.2, end_seconds=3) as video:
        part = {frame.index: frame.planes[0].copy() for frame in video.frames()}
    assert list(part) == list(range(55, 75))
    assert all(np.array_equal(part[index], whole[index]) for index in part)


def test_a_part_outside_the_video_is_an_error(consultation):
    with VideoFile(consultation, start_seconds=100) as video, pytest.raises(SourceError, match="no frame"):
        list(video.frames())
    with pytest.raises(UsageError):
        VideoFile(consultation, start_seconds=2, end_seconds=1)


def test_facts(make):
    clip = Clip(
        sample_aspect_ratio=Fraction(4, 3),
        colour=(1, 9, 9, 16),
        interlaced=True,
        tones=[Tone(language="deu"), Tone(channels=2)],
        subtitles=True,
        cover=True,
        start_seconds=Fraction(1, 2),
        time_base=Fraction(1, 12800),
    )
    info = probe(make("facts.mp4", clip))
    assert info.sample_aspect_ratio == Fraction(4, 3)
    assert info.hdr and info.interlaced and info.colour.matrix == "bt2020"
    assert [(sound.channels, sound.language) for sound in info.audio] == [(1, "deu"), (2, "und")]
    assert (info.subtitle_streams, info.other_streams) == (1, 1)
    assert info.start_seconds == 0.5
    assert (info.frames_in_header, info.duration_seconds_in_header) == (12, pytest.approx(0.48))


def test_a_change_of_size_is_scaled_and_said(make, tmp_path):
    path = tmp_path / "joined.ts"
    parts = [make(f"{width}.ts", Clip(codec="mpeg2video", width=width)).read_bytes() for width in (64, 96)]
    path.write_bytes(b"".join(parts))
    with VideoFile(path) as video:
        sizes = {(frame.width_px, frame.height_px) for frame in video.frames()}
    assert sizes == {(64, 48)}
    assert any("another size" in note for note in video.notes)
    assert all(later > earlier for earlier, later in zip(video.pts, video.pts[1:], strict=False))


def test_nothing_is_decoded_twice_or_printed(consultation, capfd):
    assert len(times(consultation)) == len(set(times(consultation))) > 25
    assert capfd.readouterr() == ("", "")
    assert av.logging.get_level() is None
