"""An audit finds what shows, whatever masked it, and nothing where all is hidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from tests.conftest import ShortClip
from workbench import boxes as geometry
from workbench.audit import Audit, audit_output, hide_too
from workbench.audit.detail import kept_detail
from workbench.audit.look import SHOWS
from workbench.data import Frame
from workbench.errors import UsageError
from workbench.evaluate import load_truth
from workbench.presets import load_preset
from workbench.presets.model import Preset
from workbench.presets.settings import with_settings
from workbench.preview.compare import mask_kinds
from workbench.process import process, render_clip
from workbench.timeline import Timeline, decide_track
from workbench.video.files import VideoFile
from workbench.video.stretch import Stretch

FRAMES = 20
MISSED = range(6, 12)  # frames on which a track is taken out of the timeline

of_every_mask = pytest.mark.parametrize("kind", mask_kinds())


@pytest.fixture(scope="module")
def clip(short_clip: ShortClip) -> Path:
    return short_clip("meeting_grid", frames=FRAMES)


def preset(*settings: str) -> Preset:
    return with_settings(load_preset("balanced"), settings)


@pytest.fixture(scope="module")
def masked(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Timeline]:
    output = tmp_path_factory.mktemp("masked") / "masked.mp4"
    return output, process(clip, output, preset())[1]


@pytest.fixture(scope="module")
def missed(masked: tuple[Path, Timeline]) -> tuple[Timeline, int]:
    """A timeline that leaves out a track on the frames ``MISSED``, and that track."""
    timeline = masked[1]
    track = int(timeline.rows["track"].iloc[0])
    left_out = (timeline.rows["track"] == track) & timeline.rows["frame"].isin(MISSED)
    return replace(timeline, rows=timeline.rows[~left_out].reset_index(drop=True)), track


@pytest.fixture(scope="module")
def leaking(clip: Path, missed: tuple[Timeline, int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("leaking") / "leaking.mp4"
    render_clip(clip, missed[0], output, preset())
    return output


def frame_of(path: Path, index: int) -> Frame:
    with VideoFile(path) as video:
        return next(frame for frame in video.frames() if frame.index == index)


def remuxed(source: Path, target: Path, *, sound_until: float | None = None, codec: str | None = None) -> Path:
    """The same pictures without sound, with its beginning alone, or with it in another codec."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        video, audio = read.streams.video[0], read.streams.audio[0]
        copies = {video: written.add_stream_from_template(video)}
        if sound_until is not None:
            copies[audio] = written.add_stream_from_template(audio)
        coder = written.add_stream(codec, rate=audio.rate) if codec else None
        for packet in read.demux(video, audio):
            if packet.dts is None:
                continue
            if packet.stream in copies:
                if packet.stream is video or packet.pts * audio.time_base < sound_until:
                    packet.stream = copies[packet.stream]
                    written.mux(packet)
            elif coder is not None:
                for sound in packet.decode():
                    written.mux(coder.encode(sound))
        if coder is not None:
            written.mux(coder.encode(None))
    return target


# --- what is left of a face -------------------------------------------------------------------------------------------


@of_every_mask
def test_little_is_left_under_every_mask_and_all_without(clip: Path, kind: str, tmp_path: Path) -> None:
    truth = load_truth(clip.with_suffix(".gt.csv"))
    process(clip, tmp_path / "out.mp4", preset(f"mask.kind={kind}", "mask.diffusion_steps=2"))
    source, output = frame_of(clip, 10), frame_of(tmp_path / "out.mp4", 10)
    for face in truth[truth["frame"] == 10].itertuples():
        box = np.array([face.x, face.y, face.x + face.w, face.y + face.h])
        assert kept_detail(source, source, box, box) == pytest.approx(1)
        left = kept_detail(source, output, box, box)
        assert left is not None
        assert abs(left) < SHOWS - 0.1


def test_what_is_flat_or_outside_of_the_picture_cannot_be_told(clip: Path) -> None:
    frame = frame_of(clip, 0)
    flat = replace(frame, planes=tuple(np.full_like(plane, 90) for plane in frame.planes))
    box = np.array([100.0, 80.0, 200.0, 200.0])
    assert kept_detail(flat, frame, box, box) is None
    assert kept_detail(frame, frame, box - 900, box - 900) is None


def test_half_the_contrast_is_half_the_detail(clip: Path) -> None:
    frame = frame_of(clip, 0)
    paler = replace(frame, planes=tuple((plane // 2 + 64).astype(np.uint8) for plane in frame.planes))
    box = np.array([100.0, 40.0, 300.0, 280.0])
    assert kept_detail(frame, paler, box, box) == pytest.approx(0.5, abs=0.02)


# --- outputs ----------------------------------------------------------------------------------------------------------


@of_every_mask
@pytest.mark.parametrize("told", [True, False], ids=["with the timeline", "without"])
def test_a_masked_clip_passes(clip: Path, kind: str, told: bool, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    _, timeline = process(clip, output, preset(f"mask.kind={kind}", "mask.diffusion_steps=2"))
    audit = audit_output(output, clip, timeline=timeline if told else None)
    assert audit.passed
    assert audit.showing == ()
    assert (audit.frames, audit.looked, audit.times_kept, audit.sound) == (FRAMES, FRAMES, True, "identical")
    assert audit.gone >= len(timeline.rows) * told
    if told:
        assert {each.track for each in audit.weakest} == set(timeline.rows["track"])
    assert all(abs(each.detail) < SHOWS for each in audit.weakest)


@pytest.mark.parametrize("told", [True, False], ids=["with the timeline", "without"])
def test_a_face_that_was_missed_is_found(
    clip: Path, leaking: Path, missed: tuple[Timeline, int], masked: tuple[Path, Timeline], told: bool
) -> None:
    audit = audit_output(leaking, clip, timeline=missed[0] if told else None)
    assert not audit.passed
    (showing,) = audit.showing
    times = audit.times
    assert (showing.first_seconds, showing.last_seconds) == (times[MISSED[0]], times[MISSED[-1]])
    assert showing.frames == len(MISSED)
    assert showing.score is not None
    assert showing.track is None
    assert showing.detail > 0.9
    rows = masked[1].rows
    face = rows[(rows["frame"] == showing.frame) & (rows["track"] == missed[1])][["x", "y", "w", "h"]].to_numpy()[0]
    found = np.array([[showing.x, showing.y, showing.x + showing.w, showing.y + showing.h]])
    assert geometry.iou(found, np.array([[*face[:2], *(face[:2] + face[2:])]]))[0, 0] > 0.4


def test_boxes_that_were_never_masked_are_found_also_where_the_detector_does_not_look(
    clip: Path, masked: tuple[Path, Timeline]
) -> None:
    """The recording itself, called masked."""
    audit = audit_output(clip, clip, timeline=masked[1], detector=preset("detector.every=10").detector)
    assert audit.looked == 3
    assert {each.track for each in audit.showing} == set(masked[1].rows["track"])
    assert [each.frames for each in audit.showing] == [FRAMES] * 4


def test_a_kept_face_may_show(clip: Path, masked: tuple[Path, Timeline], tmp_path: Path) -> None:
    kept = decide_track(masked[1], 1, "keep")
    render_clip(clip, kept, tmp_path / "out.mp4", preset())
    assert audit_output(tmp_path / "out.mp4", clip, timeline=kept).passed
    assert len(audit_output(tmp_path / "out.mp4", clip).showing) == 1


def test_what_shows_can_be_hidden_too(clip: Path, leaking: Path, missed: tuple[Timeline, int], tmp_path: Path) -> None:
    mended = hide_too(missed[0], audit_output(leaking, clip, timeline=missed[0]))
    drawn = mended.rows[mended.rows["source"] == "manual"]
    assert set(MISSED) < set(drawn["frame"])  # and a moment longer
    render_clip(clip, mended, tmp_path / "mended.mp4", preset())
    assert audit_output(tmp_path / "mended.mp4", clip, timeline=mended).passed


def test_a_part_is_compared_with_its_part(clip: Path, missed: tuple[Timeline, int], tmp_path: Path) -> None:
    """From frame 5 on: everything is told by the source's frames and times."""
    part, output = Stretch(0.2, 0.7), tmp_path / "part.mp4"
    render_clip(clip, missed[0], output, preset(), stretch=part)
    audit = audit_output(output, clip, timeline=missed[0], stretch=part)
    assert (audit.first_frame, audit.frames, audit.times_kept) == (5, 13, True)
    (showing,) = audit.showing
    assert [place.frame for place in showing.places] == list(MISSED)
    mended = hide_too(missed[0], audit)
    render_clip(clip, mended, output.with_name("mended.mp4"), preset(), stretch=part)
    assert audit_output(output.with_name("mended.mp4"), clip, timeline=mended, stretch=part).passed


def test_a_smaller_output_is_told_in_its_own_pixels(
    clip: Path, missed: tuple[Timeline, int], leaking: Path, tmp_path: Path
) -> None:
    output = tmp_path / "small.mp4"
    render_clip(clip, missed[0], output, preset("output.max_height=360"))
    (small,), (large,) = (audit_output(each, clip, timeline=missed[0]).showing for each in (output, leaking))
    assert small.frames == large.frames
    assert [small.w, small.h] == pytest.approx([large.w / 2, large.h / 2], rel=0.15)


def test_a_turned_clip_of_variable_rate_is_compared_upright(short_clip: ShortClip, tmp_path: Path) -> None:
    clip, output = short_clip("phone_portrait", frames=15), tmp_path / "out.mp4"
    _, timeline = process(clip, output, preset())
    audit = audit_output(output, clip, timeline=timeline)
    assert audit.passed
    assert audit.gone >= len(timeline.rows) > 0


def test_only_every_nth_frame_is_looked_at_and_the_last(clip: Path, masked: tuple[Path, Timeline]) -> None:
    audit = audit_output(masked[0], clip, detector=preset("detector.every=6").detector)
    assert (audit.frames, audit.looked) == (FRAMES, 5)  # 0, 6, 12, 18, 19


def test_progress_reaches_the_end(clip: Path, masked: tuple[Path, Timeline]) -> None:
    told: list[tuple[int, int | None]] = []
    audit_output(masked[0], clip, progress=lambda update: told.append((update.frames_done, update.frames_expected)))
    assert told[-1] == (FRAMES, FRAMES)
    assert told == sorted(told)


# --- time and sound ---------------------------------------------------------------------------------------------------


def test_missing_frames_are_noticed(clip: Path, masked: tuple[Path, Timeline], tmp_path: Path) -> None:
    render_clip(clip, masked[1], tmp_path / "out.mp4", preset(), stretch=Stretch(end_seconds=0.5))
    audit = audit_output(tmp_path / "out.mp4", clip, timeline=masked[1])
    assert not audit.times_kept
    assert not audit.passed


def test_moved_frames_are_noticed(clip: Path, masked: tuple[Path, Timeline], tmp_path: Path) -> None:
    target = tmp_path / "slower.mp4"
    with av.open(str(masked[0])) as read, av.open(str(target), "w") as written:
        copy = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts = round(packet.pts * 1.01), round(packet.dts * 1.01)
                packet.stream = copy
                written.mux(packet)
    assert not audit_output(target, clip).times_kept


@pytest.mark.parametrize(
    ("sound", "options", "passes"),
    [
        ("missing", {}, False),
        ("shortened", {"sound_until": 0.2}, False),
        ("converted", {"codec": "libmp3lame"}, True),
    ],
)
def test_what_became_of_the_sound_is_said(
    short_clip: ShortClip, tmp_path: Path, sound: str, options: dict[str, object], passes: bool
) -> None:
    clip, output = short_clip("consultation", frames=25), tmp_path / "out.mp4"
    process(clip, output, preset())
    audit = audit_output(remuxed(output, tmp_path / "other.mp4", **options), clip)  # type: ignore[arg-type]
    assert (audit.sound, audit.passed) == (sound, passes)


def test_another_recording_is_refused(clip: Path, short_clip: ShortClip) -> None:
    with pytest.raises(UsageError, match=r"is no output of .* its pictures are 1280x720.* name its source"):
        audit_output(clip, short_clip("phone_portrait", frames=15))


def test_plain_values_only(clip: Path, leaking: Path) -> None:
    audit: Audit = audit_output(leaking, clip)
    told = audit.as_dict()
    assert told["passed"] is False
    assert told["source"]["name"] == clip.name
    assert "places" not in told["showing"][0]
    assert "times" not in told
