"""Every kind of output: the source's times, sound, shape and colour, and nothing else of it."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from video_clips import audio_packets, rewrite, times

from workbench.errors import Cancelled, OutputError, UsageError
from workbench.video import encoders
from workbench.video.files import VideoFile, probe
from workbench.video.hdr import hdr_description
from workbench.video.options import OutputOptions
from workbench.video.synthetic import Clip, Tone
from workbench.video.writer import VideoWriter

ENDINGS = ["mp4", "mkv", "webm", "avi"]
CODECS = {"mp4": "h264", "mkv": "h264", "webm": "vp9", "avi": "mpeg4"}
NTSC = Fraction(30000, 1001)
VARIABLE = [0, 1000, 1500, 3000, 3100, 4700, 6000]
TIMINGS = {
    "25 fps": Clip(),
    "29.97 fps": Clip(fps=NTSC, time_base=Fraction(1, 30000)),
    "variable": Clip(ticks=VARIABLE, time_base=Fraction(1, 10000)),
    "late start": Clip(start_seconds=Fraction(1, 2), time_base=Fraction(1, 12800), tones=[Tone()]),
    "late sound": Clip(frames=25, tones=[Tone(start_seconds=0.3)]),
    "sound from before": Clip(frames=25, tones=[Tone()], rotation_degrees=180),
}


def luma(path: Path) -> list[np.ndarray]:
    with VideoFile(path) as video:
        return [frame.planes[0].astype(int) for frame in video.frames()]


def no_leftovers(folder: Path, *expected: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(expected)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("timing", TIMINGS)
def test_every_frame_keeps_its_time(make, tmp_path, timing, ending):
    source = make("source.mp4", TIMINGS[timing])
    target = tmp_path / f"out.{ending}"
    writer = rewrite(source, target)
    before, after = times(source), times(target)
    assert probe(target).codec == CODECS[ending]
    assert writer.frames_written == len(before) == len(after)
    if ending == "mp4":
        assert after == before
    elif ending != "avi":
        assert max(abs(a - b) for a, b in zip(after, before, strict=True)) <= Fraction(1, 2000)
    elif timing == "late start":
        assert after[0] == 0 and any("AVI" in note for note in writer.notes)
        assert max(abs(a - b) for a, b in zip(after[1:], before[1:], strict=True)) <= Fraction(1, 60)
    else:
        assert max(abs(a - b) for a, b in zip(after, before, strict=True)) <= Fraction(1, 1000)
    moved = any("moved" in note for note in writer.notes)
    assert moved == (before != after)


def test_the_phone_clip_keeps_times_sound_and_rotation(phone, tmp_path):
    target = tmp_path / "out.mp4"
    writer = rewrite(phone, target)
    assert writer.encoder == "libx264 veryfast crf 20"
    assert times(target) == times(phone)
    assert len(set(np.diff([float(time) for time in times(phone)]).round(6))) > 1
    assert audio_packets(target) == audio_packets(phone) != [[]]
    info = probe(target)
    assert (info.width_px, info.height_px, info.rotation_degrees) == (720, 1280, 90)
    assert max(np.abs(a - b).mean() for a, b in zip(luma(target), luma(phone), strict=True)) < 3
    assert writer.notes == []


SOUND = {"mp4": ["aac", "ac3", "flac", "libopus", "libmp3lame"], "mkv": ["aac", "pcm_s16le", "flac", "ac3"]}


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_sound_is_copied_bit_for_bit(make, tmp_path, ending):
    tones = [Tone(codec, channels=2, language="deu") for codec in SOUND[ending]]
    source = make("source.mkv" if ending == "mkv" else "source.mp4", Clip(frames=25, tones=tones))
    target = tmp_path / f"out.{ending}"
    writer = rewrite(source, target)
    before, after = audio_packets(source), audio_packets(target)
    assert len(before) == len(after) == len(tones)
    for track, same in zip(before, after, strict=True):
        assert [data for _, data in track] == [data for _, data in same]
        assert all(abs(a - b) <= Fraction(1, 2000) for (a, _), (b, _) in zip(track, same, strict=True))
    assert [sound.language for sound in probe(target).audio] == ["deu"] * len(tones)
    assert not any("re-encoded" in note for note in writer.notes)


@pytest.mark.parametrize(("ending", "codec"), [("webm", "opus"), ("avi", "mp3")])
def test_sound_that_does_not_fit_is_re_encoded_and_said(make, tmp_path, ending, codec):
    source = make("source.mkv", Clip(frames=25, tones=[Tone("aac" if ending == "webm" else "libopus", channels=2)]))
    writer = rewrite(source, tmp_path / f"out.{ending}")
    assert [sound.codec for sound in probe(tmp_path / f"out.{ending}").audio] == [codec]
    assert any("re-encoded" in note for note in writer.notes)
    with av.open(str(tmp_path / f"out.{ending}")) as container:
        wave = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(wave) / 48_000 == pytest.approx(1, abs=0.06)
    peak = np.abs(np.fft.rfft(wave[4000:44_000].astype(float))).argmax() * 48_000 / 40_000
    assert peak == pytest.approx(440, abs=3)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_part_starts_at_zero_with_its_sound(make, tmp_path, ending):
    source = make("source.mp4", Clip(frames=100, tones=[Tone()], options={"g": "20"}))
    target = tmp_path / f"out.{ending}"
    rewrite(source, target, start_seconds=1.5, end_seconds=2.5)
    assert times(target) == [Fraction(number, 25) for number in range(25)]
    assert max(np.abs(a - b).mean() for a, b in zip(luma(target), luma(source)[37 + 1 : 63], strict=True)) < 6
    sound = audio_packets(target)[0]
    assert abs(float(sound[0][0])) < 0.03 and 0.9 < float(sound[-1][0]) < 1.05
    if ending == "mp4":
        assert {data for _, data in sound} < {data for _, data in audio_packets(source)[0]}


@pytest.mark.parametrize("ending", ENDINGS)
def test_description_covers_chapters_and_subtitles_are_left_out_and_said(make, tmp_path, ending):
    words = {"title": "SECRETNAME", "location": "+52.5+013.4/", "comment": "SECRETNAME", "creation_time": "2024-01-01"}
    clip = Clip(metadata=words, chapters=2, subtitles=True, cover=True, tones=[Tone()])
    source = make("source.mp4", clip)
    target = tmp_path / f"out.{ending}"
    writer = rewrite(source, target)
    assert b"SECRETNAME" in source.read_bytes()
    data = target.read_bytes()
    assert not any(word in data for word in (b"SECRETNAME", b"+52.5", b"2024-01-01"))
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.chapters() == [] and not set(container.metadata) & set(words)
    said = " ".join(writer.notes)
    assert all(word in said for word in ("subtitle", "cover", "chapter", "title", "location"))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_pixel_shape_and_colour_survive(make, tmp_path, ending, degrees):
    clip = Clip(rotation_degrees=degrees, sample_aspect_ratio=Fraction(4, 3), colour=(2, 5, 5, 6))
    source = make("source.mp4", clip)
    target = tmp_path / f"out.{ending}"
    writer = rewrite(source, target)
    before, after = probe(source), probe(target)

    def shape(info):
        stored = info.sample_aspect_ratio
        return Fraction(info.width_px, info.height_px) * (1 / stored if info.rotation_degrees in {90, 270} else stored)

    assert shape(after) == pytest.approx(shape(before), rel=0.02)
    if ending in {"mp4", "mkv"}:
        assert after.rotation_degrees == degrees and after.sample_aspect_ratio == Fraction(4, 3)
    if ending == "avi":
        assert after.rotation_degrees == 0
    with av.open(str(target)) as container:
        frame = next(container.decode(video=0))
        if ending != "avi":
            assert (frame.color_range, frame.color_primaries, frame.color_trc) == (2, 5, 6)
            assert after.colour.full_range and after.colour.matrix == "bt601"
        else:
            assert any("limited" in note for note in writer.notes)
    if ending != "webm":
        scale = 219 / 255 if ending == "avi" else 1
        expected = luma(source)[5] * scale + (16 if ending == "avi" else 0)
        assert np.abs(luma(target)[5] - expected).mean() < 6


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm"])
def test_ten_bits_and_hdr_survive(make, tmp_path, ending):
    screen = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    options = {"x265-params": f"log-level=none:{screen}"}
    clip = Clip(codec="libx265", pixel_format="yuv420p10le", colour=(1, 9, 9, 16), options=options)
    source = make("source.mp4", clip)
    target = tmp_path / f"out.{ending}"
    writer = rewrite(source, target)
    info = probe(target)
    assert info.hdr and (info.colour.bit_depth, info.colour.matrix) == (10, "bt2020")
    assert np.abs(luma(target)[3] - luma(source)[3]).mean() < 24  # of 1023
    assert len(np.unique(luma(target)[3] % 4)) == 4
    with av.open(str(target)) as container:
        described = hdr_description(next(container.decode(video=0)))
    if ending == "webm":
        assert any("HDR10" in note for note in writer.notes)
    else:
        assert described == (screen.split(":", maxsplit=1)[0].removeprefix("master-display="), "1000,400")
    with pytest.raises(OutputError, match="10-bit"):
        rewrite(source, tmp_path / "out.avi")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (34, 16)])
def test_odd_sizes(make, tmp_path, ending, size):
    width, height = size
    source = make("source.mkv", Clip(codec="ffv1", width=width, height=height))
    writer = rewrite(source, tmp_path / f"out.{ending}")
    padded = ending in {"mp4", "mkv"} and (width % 2 or height % 2)
    assert any("padded" in note for note in writer.notes) == bool(padded)
    info = probe(tmp_path / f"out.{ending}")
    extra = 1 if padded else 0
    assert (info.width_px, info.height_px) == (width + extra * (width % 2), height + extra * (height % 2))
    assert np.abs(luma(tmp_path / f"out.{ending}")[2][:height, :width] - luma(source)[2]).mean() < 14


@pytest.mark.parametrize("degrees", [0, 90])
def test_max_height_is_the_displayed_height(make, tmp_path, degrees):
    source = make("source.mp4", Clip(width=160, height=120, rotation_degrees=degrees))
    writer = rewrite(source, tmp_path / "out.mp4", OutputOptions(max_height=60))
    info = probe(tmp_path / "out.mp4")
    assert (info.width_px, info.height_px) == ((80, 60) if degrees == 0 else (44, 60))
    assert any("scaled" in note for note in writer.notes)
    rewrite(source, tmp_path / "same.mp4", OutputOptions(max_height=1080))
    assert probe(tmp_path / "same.mp4").width_px == probe(source).width_px


def test_edited_planes_are_what_is_written(phone, tmp_path):
    target = tmp_path / "out.mp4"
    with (
        VideoFile(phone, writable=True) as video,
        VideoWriter(target, source=phone, info=video.info, options=OutputOptions()) as writer,
    ):
        for frame in video.frames():
            frame.planes[0][100:300, 50:250] = 235
            writer.write(frame)
    for seen, true in zip(luma(target), luma(phone), strict=True):
        assert seen[110:290, 60:240].min() > 220
        assert np.abs(seen[400:] - true[400:]).mean() < 3


def test_the_file_is_private_until_it_is_complete(make, tmp_path):
    source, target = make("source.mp4", Clip()), tmp_path / "out.mp4"
    target.write_text("old")
    with (
        VideoFile(source) as video,
        VideoWriter(target, source=source, info=video.info, options=OutputOptions()) as writer,
    ):
        for frame in video.frames():
            writer.write(frame)
            assert stat.S_IMODE((tmp_path / "out.mp4.part").stat().st_mode) == 0o600
            assert target.read_text() == "old"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays while it is loading
    assert no_leftovers(tmp_path, "source.mp4", "out.mp4")


@pytest.mark.parametrize("error", [KeyboardInterrupt, Cancelled, ValueError])
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_error_leaves_nothing(make, tmp_path, ending, error):
    source = make("source.mp4", Clip(tones=[Tone()]))
    with (
        pytest.raises(error),
        VideoFile(source, writable=True) as video,
        VideoWriter(tmp_path / f"out.{ending}", source=source, info=video.info, options=OutputOptions()) as writer,
    ):
        for frame in video.frames():
            writer.write(frame)
            if frame.index == 5:
                raise error
    assert no_leftovers(tmp_path, "source.mp4")


def _writer(source: Path, target: Path, **more: object) -> VideoWriter:
    return VideoWriter(target, source=source, info=probe(source), options=OutputOptions(container="mp4"), **more)


def test_targets_that_cannot_be_written(make, tmp_path):
    source = make("source.mp4", Clip())
    before = source.read_bytes()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "hard.mp4").hardlink_to(source)
    (tmp_path / "taken.mp4").write_text("mine")
    names = {
        "folder.mp4": "is a folder",
        "missing/out.mp4": "does not exist",
        "source.mp4": "source itself",
        "link.mp4": "source itself",
        "hard.mp4": "source itself",
        "source.mp4/out.mp4": "does not exist",
    }
    for name, message in names.items():
        with pytest.raises(OutputError, match=message) as caught, _writer(source, tmp_path / name):
            pass
        assert "\n" not in str(caught.value)
    with pytest.raises(OutputError, match="exists"), _writer(source, tmp_path / "taken.mp4", overwrite=False):
        pass
    with pytest.raises(OutputError, match="cannot be written"), _writer(source, Path("/proc/out.mp4")):
        pass
    part = source.rename(tmp_path / "film.mp4.part")
    with pytest.raises(OutputError, match="source itself"), _writer(part, tmp_path / "film.mp4"):
        pass
    assert part.read_bytes() == before and (tmp_path / "taken.mp4").read_text() == "mine"


def test_no_frame_is_an_error_and_no_file(make, tmp_path):
    source = make("source.mp4", Clip())
    with pytest.raises(OutputError, match="no frame"), _writer(source, tmp_path / "out.mp4"):
        pass
    assert no_leftovers(tmp_path, "source.mp4")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_is_one_line_and_leaves_nothing(make, tmp_path, ending):
    """The limit of file size makes the same failing write as a full disk, in a process of its own."""
    source = make("source.mp4", Clip(width=320, height=240, frames=60, tones=[Tone()]))
    script = f"""
import resource, sys
from workbench.errors import OutputError
from workbench.video.options import OutputOptions
sys.path.insert(0, {str(Path(__file__).parent)!r})
from video_clips import rewrite
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    rewrite(Path({str(source)!r}), Path({str(tmp_path / f"out.{ending}")!r}), OutputOptions(crf=1))
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1 and "larger than this system allows" in done.stdout
    assert no_leftovers(tmp_path, "source.mp4")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_is_really_full(make, tmp_path):
    source = make("source.mp4", Clip(width=320, height=240, frames=60))
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not permitted here")
    try:
        with pytest.raises(OutputError, match="disk is full"):
            rewrite(source, disk / "out.mp4", OutputOptions(crf=1))
        assert no_leftovers(disk)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_container_comes_from_the_name_or_the_option(make, tmp_path):
    source = make("source.mp4", Clip())
    rewrite(source, tmp_path / "strange.name", OutputOptions(container="webm"))
    assert probe(tmp_path / "strange.name").codec == "vp9"
    with pytest.raises(UsageError, match="names no container"):
        rewrite(source, tmp_path / "out.txt")
    with pytest.raises(UsageError):
        rewrite(source, tmp_path / "out")


def test_interlaced_stays_interlaced_or_is_said(make, tmp_path):
    source = make("source.mp4", Clip(interlaced=True))
    rewrite(source, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").interlaced
    assert any("interlaced" in note for note in rewrite(source, tmp_path / "out.webm").notes)


def test_the_same_input_gives_the_same_file(make, tmp_path):
    # A row of 16 macroblocks: with AVX-512, x264's look-ahead (mbtree) reads what lies behind shorter rows that are no
    # multiple of 8, and a file in some ten then differs by a few bits. 640, 1280 and 1920 px are such multiples.
    source = make("source.mp4", Clip(width=256, height=192, tones=[Tone()]))
    for ending in ("mp4", "mkv"):
        written = set()
        for number in range(4):
            rewrite(source, tmp_path / f"{number}.{ending}")
            written.add(hashlib.sha256((tmp_path / f"{number}.{ending}").read_bytes()).hexdigest())
        assert len(written) == 1


def test_pictures_are_not_cut_into_slices_for_threads(make, tmp_path):
    rewrite(make("source.mp4", Clip(width=256, height=192)), tmp_path / "out.mp4")
    assert b"sliced_threads=0" in (tmp_path / "out.mp4").read_bytes()


def test_quality_and_speed_do_what_they_say(make, tmp_path):
    source = make("source.mp4", Clip(width=320, height=240, frames=20, options={"crf": "5"}))
    for ending in ENDINGS:
        sizes = []
        for crf in (10, 40):
            rewrite(source, tmp_path / f"out.{ending}", OutputOptions(crf=crf))
            sizes.append((tmp_path / f"out.{ending}").stat().st_size)
        assert sizes[0] > 2 * sizes[1]
    assert rewrite(source, tmp_path / "out.mp4", OutputOptions(speed="ultrafast", crf=30)).encoder == (
        "libx264 ultrafast crf 30"
    )


def test_hardware_is_used_only_where_it_works(make, tmp_path, capfd):
    working = encoders.working_encoders()
    assert {"libx264", "mpeg4"} <= set(working)
    source = make("source.mp4", Clip(width=256, height=256))
    for kind, (codec, _) in encoders.HARDWARE.items():
        options = OutputOptions(encoder=kind)
        if codec in working:
            assert codec in rewrite(source, tmp_path / "out.mp4", options).encoder
        else:
            with pytest.raises(OutputError, match=f"{kind} does not work here"):
                rewrite(source, tmp_path / "out.mp4", options)
        with pytest.raises(OutputError, match="cannot write webm"):
            rewrite(source, tmp_path / "out.webm", options)
    assert capfd.readouterr() == ("", "")


def test_the_test_of_an_encoder_is_honest():
    """In the test process itself: an encoder without its device fails, one that needs none works."""
    assert encoders._works("libx264", "nv12")
    assert not encoders._works("h264_nvenc", "nv12") or Path("/dev/nvidiactl").exists()
    assert not encoders._works("no_such_encoder", "nv12")


def test_a_turned_clip_can_be_written_upright(phone, tmp_path):
    rewrite(phone, tmp_path / "upright.mp4", OutputOptions(rotation="upright"))
    info = probe(tmp_path / "upright.mp4")
    assert (info.rotation_degrees, info.width_px, info.height_px) == (0, 720, 1280)
    assert times(tmp_path / "upright.mp4") == times(phone)
