"""The pre-flight card says what is true of a clip, and what the full job will really do with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.conftest import ShortClip
from workbench.errors import OutputError, SourceError
from workbench.presets import Preset, load_preset, with_settings
from workbench.preview import speed
from workbench.preview.changes import in_both
from workbench.preview.preflight import Preflight, preflight
from workbench.process import process
from workbench.video.synthetic import Clip, Tone, write_clip

CHINESE = re.compile("[\u4e00-\u9fff]")
NO_MODEL = "detector.weights=nowhere.onnx"  # the job cannot run then, so no trial is made: these tests are about files


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Speeds are kept per machine: not in the tester's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def preset(*settings: str) -> Preset:
    return with_settings(load_preset("balanced"), settings)


def looked_at(clip: Path, folder: Path, *settings: str) -> Preflight:
    return preflight(clip, preset(NO_MODEL, *settings), folder=folder)


def said(card: Preflight) -> str:
    return "\n".join(note.en for note in card.changes)


def test_an_ordinary_clip_changes_nothing_and_its_time_is_known(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=50)
    card = preflight(clip, preset(), folder=tmp_path)
    assert (card.frames, card.fps, card.variable_rate, card.duration_seconds) == (50, 25, False, pytest.approx(2.0))
    assert (card.width_px, card.height_px, card.codec, card.container) == (1280, 720, "h264", "mp4")
    assert (card.rotation_degrees, card.hdr, card.interlaced, card.bit_depth) == (0, False, False, 8)
    assert [sound.codec for sound in card.audio] == ["aac"]
    assert card.size_bytes == clip.stat().st_size and card.free_bytes > 0
    assert card.engine is not None and card.encoder is not None
    assert card.changes == ()
    assert card.estimated_seconds is not None and 2 < card.estimated_seconds < 60
    assert list(tmp_path.iterdir()) == []

    kept = speed._cache()
    speeds = json.loads(kept.read_text())
    assert len(speeds) == 1
    shorter = preflight(clip, preset(), folder=tmp_path, analysed=True).estimated_seconds
    assert shorter is not None and 2 < shorter < card.estimated_seconds, "what is analysed is only masked"
    kept.write_text(json.dumps({key: {**value, "seconds_per_frame": 100.0} for key, value in speeds.items()}))
    again = preflight(clip, preset("detector.confidence=0.4"), folder=tmp_path)
    assert again.estimated_seconds == pytest.approx(5002), "the figure of this machine is used again"


def test_the_encoder_and_engine_are_those_of_the_job(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=12)
    card = preflight(clip, preset("output.container=webm", "detector.threads=1"), folder=tmp_path)
    report, _ = process(clip, tmp_path / "out.webm", preset("detector.threads=1"))
    assert (card.encoder, card.engine, card.output_container) == (report.encoder, report.engine, "webm")
    told = {note.en for note in card.changes if not note.en.startswith("the video becomes VP9")}
    assert told == set(report.notes)


def test_a_phone_clip_is_described_as_it_is_shown(sample: Callable[[str], Path], tmp_path: Path) -> None:
    card = looked_at(sample("phone_portrait"), tmp_path)
    assert (card.width_px, card.height_px, card.rotation_degrees) == (720, 1280, 90)
    assert card.variable_rate and card.frames == 205


def test_a_rate_rounded_to_milliseconds_is_constant(tmp_path: Path) -> None:
    clip = Clip(container="matroska", fps=Fraction(30000, 1001), frames=40)
    assert not looked_at(write_clip(tmp_path / "a.mkv", clip), tmp_path).variable_rate


def test_everything_that_will_change_is_said_in_both_languages(tmp_path: Path) -> None:
    full = Clip(
        width=65, height=49, pixel_format="yuv444p", chapters=2, subtitles=True, cover=True,
        metadata={"title": "Ward 7"}, tones=[Tone(codec="libopus")],
    )  # fmt: skip
    card = looked_at(write_clip(tmp_path / "full.mkv", full), tmp_path, "output.container=avi", "output.max_height=24")
    text = said(card)
    for words in ("MPEG-4 (it is H.264)", "scaled from 65x49", "subtitle", "chapter", "title", "opus", "cannot run"):
        assert words in text
    for note in card.changes:
        assert CHINESE.search(note.zh), note
        assert set(re.findall(r"\d\d+", note.en)) <= set(re.findall(r"\d\d+", note.zh)), note


def test_an_odd_size_and_a_moved_clock_are_said_with_their_numbers(tmp_path: Path) -> None:
    odd = write_clip(tmp_path / "odd.mkv", Clip(width=65, height=49, pixel_format="yuv444p"))
    assert "padded from 65x49 to 66x50" in said(looked_at(odd, tmp_path, "output.container=mp4"))
    fine = Clip(fps=Fraction(30), time_base=Fraction(1, 90000), frames=30)
    card = looked_at(write_clip(tmp_path / "fine.mp4", fine), tmp_path, "output.container=mkv")
    assert "mkv keeps time in milliseconds: 20 frames moved, by at most 0.333 ms" in said(card)


def test_a_job_that_cannot_run_says_so_and_why(short_clip: ShortClip, tmp_path: Path) -> None:
    card = looked_at(short_clip("consultation", frames=12), tmp_path)
    assert card.engine is None and card.estimated_seconds is None
    assert "the full job cannot run" in said(card) and "nowhere.onnx" in said(card)


def test_an_encoder_that_does_not_work_is_said(short_clip: ShortClip, tmp_path: Path) -> None:
    card = looked_at(short_clip("consultation", frames=12), tmp_path, "output.encoder=nvenc", "output.container=avi")
    assert card.encoder is None and "nvenc" in said(card)


def test_too_little_room_shows(short_clip: ShortClip, tmp_path: Path) -> None:
    card = looked_at(short_clip("consultation", frames=12), tmp_path)
    assert card.disk_is_enough
    assert not replace(card, free_bytes=card.size_bytes).disk_is_enough


def test_what_is_no_video_and_no_folder_are_refused(short_clip: ShortClip, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    with pytest.raises(SourceError):
        looked_at(text, tmp_path)
    with pytest.raises(OutputError):
        looked_at(short_clip("consultation", frames=12), tmp_path / "missing")


@pytest.mark.parametrize(
    "note",
    [
        "turned upright, without a rotation flag",
        "converted from full to limited colour range: the container cannot say that it is full",
        "AVI counts frames at a fixed rate: 7 frames moved, by at most 0.400 ms",
        "two frames had the same time: 1 frames moved, by at most 0.011 ms",
        "AVI has no start times: the sound begins 43 ms early",
        "the sound is damaged in places: what could be read was kept",
        "3 sound packets had wrong times and were moved behind the ones before",
        "sound track 2 has an unknown codec and was left out",
        "2 further video streams left out",
        "1 cover picture left out",
        "1 attached file stream left out",
        "interlaced video was encoded as progressive: moving edges may show comb lines",
        "the HDR10 description of the mastering screen was left out",
        "cut to a part: picture and sound start at 0",
        "4 read errors in the file",
        "5 damaged packets: what they held is missing or was patched up",
        "6 pictures are damaged and were used as far as they could be decoded",
        "8 frames had no time stamp: filled in from the decoding time or the frame rate",
        "9 frames had a time stamp not later than the frame before: moved by the smallest step",
        "1 jumps back in time inside the file: the frames after each were appended",
        "2 frames had another size and were scaled to 64x48, the size of the first",
        "the file promises 30 frames, 12 could be read",
        "the pictures end at 1.20 s, the file says that it lasts 3.00 s",
    ],
)
def test_every_note_of_reader_and_writer_has_its_chinese(note: str) -> None:
    both = in_both(note)
    assert both.en == note and CHINESE.search(both.zh)
    assert re.findall(r"\d+", note) == re.findall(r"\d+", both.zh) or "HDR10" in note
