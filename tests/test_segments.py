"""Work in segments: the result of ``process``, whatever interrupts it, and nothing that was finished is done again."""

from __future__ import annotations

import hashlib
import json
import pickle
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

import workbench.segments.analysis
import workbench.segments.work
from tests.conftest import ShortClip
from workbench.analyze import Analyzer
from workbench.data import Colour, Detections, Frame, Picture
from workbench.detectors.options import DetectorOptions
from workbench.errors import Cancelled, OutputError, SourceError, UsageError
from workbench.evaluate import evaluate_output, load_truth
from workbench.maskers import MaskOptions, People, open_masker
from workbench.presets.files import load_preset
from workbench.presets.model import Preset
from workbench.presets.settings import with_settings
from workbench.process import process, render_clip
from workbench.report import Report, report_path
from workbench.segments import forget_segments, process_in_segments
from workbench.segments.store import Looked, SegmentStore, load_segment
from workbench.stages import Masker, ProgressUpdate
from workbench.store import AnalysedFrame, DetectionStore, unpacked
from workbench.timeline import Timeline, decide_track
from workbench.trackers.options import TrackerOptions
from workbench.video.files import FramePoint, VideoFile
from workbench.video.synthetic import Clip, Tone, write_clip

SEGMENT = 0.4  # s: ten frames at 25 fps
Stamps = list[tuple[Fraction, bytes]]


@pytest.fixture(scope="module")
def preset() -> Preset:
    return with_settings(load_preset("balanced"), ("mask.kind=solid", "mask.colour=#00ff00"))


@pytest.fixture(scope="module")
def reference(
    short_clip: ShortClip, preset: Preset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Report, Timeline]:
    """50 frames of a clip, and what ``process`` makes of them: output, report, timeline."""
    clip = short_clip("consultation", frames=50)
    output = tmp_path_factory.mktemp("reference") / "out.mp4"
    return clip, output, *process(clip, output, preset)


Reference = tuple[Path, Path, Report, Timeline]


def packets(path: Path, kind: str) -> Stamps:
    with av.open(str(path)) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux()
            if packet.size and packet.stream.type == kind
        ]


def times(path: Path) -> list[Fraction]:
    return sorted(time for time, _ in packets(path, "video"))


def luma(path: Path) -> Iterator[np.ndarray]:
    with VideoFile(path) as video:
        for frame in video.frames():
            yield frame.planes[0].astype(np.int16)


def assert_same_result(output: Path, report: Report, timeline: Timeline, reference: Reference) -> None:
    clip, expected_output, expected_report, expected_timeline = reference
    pd.testing.assert_frame_equal(timeline.rows, expected_timeline.rows)  # to the bit
    assert timeline.decisions == expected_timeline.decisions
    assert (timeline.frames, timeline.first_frame) == (expected_timeline.frames, 0)
    assert times(output) == times(expected_output) == times(clip)
    assert packets(output, "audio") == packets(expected_output, "audio")
    for made, once in zip(luma(output), luma(expected_output), strict=True):
        assert np.abs(made - once).mean() < 1
    for name in ("source", "preset", "detector", "engine", "encoder", "frames", "hidden_boxes", "frames_with_faces"):
        assert getattr(report, name) == getattr(expected_report, name)
    assert report.review == expected_report.review
    assert json.loads(report_path(output).read_text())["output"]["bytes"] == output.stat().st_size


def one_box(frames: int, width_px: int, height_px: int) -> Timeline:
    """A timeline that hides the same place on every frame."""
    rows = {"frame": range(frames), "time_seconds": 0.0, "track": 1, "x": 5.0, "y": 5.0, "w": 20.0, "h": 20.0}
    return Timeline(pd.DataFrame(rows).assign(score=0.9, source="manual"), {}, frames, width_px, height_px)


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, Timeline]:
    """50 small frames and a timeline for them."""
    return write_clip(tmp_path / "clip.mp4", Clip(width=160, height=120, frames=50)), one_box(50, 160, 120)


class Watched:
    """Keeps the numbers of the frames that were masked; raises ``error`` after so many."""

    def __init__(self, stop_after: int | None = None, error: type[Exception] = Cancelled) -> None:
        self.frames: list[int] = []
        self._stop_after, self._error = stop_after, error

    def __call__(self, frame: Frame) -> None:
        self.frames.append(frame.index)
        if len(self.frames) == self._stop_after:
            raise self._error("stopped")


def interrupted(clip: Path, output: Path, preset: Preset, folder: Path, *, after: int, **more: Timeline) -> None:
    with pytest.raises(Cancelled):
        process_in_segments(clip, output, preset, folder=folder, segment_seconds=SEGMENT, shown=Watched(after), **more)


def test_an_uninterrupted_run_gives_what_processing_gives(reference: Reference, preset: Preset, tmp_path: Path) -> None:
    clip = reference[0]
    folder, watched, updates = tmp_path / "job", Watched(), list[ProgressUpdate]()
    (tmp_path / "out").mkdir()
    report, timeline = process_in_segments(
        clip, tmp_path / "out" / "a.mp4", preset, folder=folder, segment_seconds=SEGMENT,
        progress=updates.append, shown=watched,
    )  # fmt: skip
    assert_same_result(tmp_path / "out" / "a.mp4", report, timeline, reference)
    assert report.notes == reference[2].notes
    assert watched.frames == list(range(50))
    done = [update.frames_done for update in updates]
    assert done == sorted(done)
    assert sorted(set(done)) == list(range(51))
    assert updates[-1] == ProgressUpdate(50, 50, faces=report.hidden_boxes)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mp4", "a.mp4.report.json"]
    assert not (folder / "segments").exists()


SCRIPT = """
import pickle, sys
from pathlib import Path
from workbench.detectors.finder import FaceFinder
from workbench.maskers import MaskOptions, People, open_masker
from workbench.presets.files import load_preset
from workbench.presets.settings import with_settings
from workbench.segments import process_in_segments

clip, output, folder, log, segment = sys.argv[1:]
lines = open(log, "a", buffering=1)
find = FaceFinder.find

def noted(self, frames):
    for frame in frames:
        print("looked", frame.index, file=lines)
    return find(self, frames)

FaceFinder.find = noted
_, timeline = process_in_segments(
    Path(clip), Path(output), with_settings(load_preset("balanced"), ("mask.kind=solid", "mask.colour=#00ff00")),
    folder=Path(folder), segment_seconds=float(segment),
    shown=lambda frame: print("masked", frame.index, file=lines),
)
pickle.dump(timeline, Path(output).with_name("timeline").open("wb"))
"""


def logged(log: Path, kind: str) -> list[int]:
    words = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [int(word[1]) for word in words if len(word) == 2 and word[0] == kind]


def kept_frames(folder: Path) -> dict[str, set[int]]:
    """The frames in the finished parts that lie in the folder."""
    found: dict[str, set[int]] = {"looked": set(), "masked": set()}
    for path in (folder / "segments").glob("*-*[0-9]"):
        length = path.stat().st_size - hashlib.sha256().digest_size
        if path.name.startswith("looked"):
            found["looked"] |= {frame.index for frame in unpacked(path.read_bytes()[:length], path).frames}
        else:
            segment = load_segment(path, length)
            found["masked"] |= set(range(segment.first, segment.last.index + 1))
    return found


def run_and_kill(command: Sequence[object], log: Path, *, after_steps: int | None, pause: float) -> int:
    """Run a program, end it by SIGKILL when it has logged so many steps; its exit code."""
    with subprocess.Popen([str(word) for word in command]) as run:
        while run.poll() is None:
            if after_steps is not None and len(logged(log, "masked") + logged(log, "looked")) >= after_steps:
                time.sleep(pause)
                run.kill()
                break
            time.sleep(0.005)
    return run.returncode


@pytest.mark.timeout(200)
def test_killed_at_any_moment_the_next_run_goes_on(reference: Reference, tmp_path: Path) -> None:
    clip, folder, output = reference[0], tmp_path / "job", tmp_path / "out.mp4"
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # shown where the test fails
    moments = random.Random(seed)
    kept = kept_frames(folder)
    steps = (moments.randrange(1, 18), moments.randrange(35, 50), moments.randrange(1, 12), None)
    for number, kill_after in enumerate(steps):
        log = tmp_path / f"log{number}"
        command = [sys.executable, "-c", SCRIPT, clip, output, folder, log, SEGMENT]
        code = run_and_kill(command, log, after_steps=kill_after, pause=moments.uniform(0, 0.1))
        for kind, frames in kept.items():
            assert not frames & set(logged(log, kind)), f"{kind} again, killed after {kill_after}"
        if kill_after is not None:
            assert code == -signal.SIGKILL
            assert not output.exists()
            kept = kept_frames(folder)
    assert code == 0
    assert kept["looked"] and kept["masked"], "nothing was finished before the last kill: the test shows nothing"
    with output.with_name("timeline").open("rb") as file:
        timeline = pickle.load(file)
    report = Report(**json.loads(report_path(output).read_text()))
    assert_same_result(output, report, timeline, reference)
    assert any("continued after an interruption" in note for note in report.notes)
    assert not (folder / "segments").exists()
    assert not output.with_name("out.mp4.part").exists()


def test_what_is_kept_is_private_and_can_be_forgotten(reference: Reference, preset: Preset, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    interrupted(reference[0], tmp_path / "out.mp4", preset, folder, after=35)
    assert [path.name for path in tmp_path.iterdir()] == ["job"]  # no output
    kept = folder / "segments"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    parts = [path for path in kept.iterdir() if path.name != "lock"]
    assert {"video-000000000000", "video-000000000010", "looked-000000"} <= {path.name for path in parts}
    assert {stat.S_IMODE(path.stat().st_mode) for path in parts} == {0o600}
    (folder / "process.log").write_text("another's")
    forget_segments(folder)
    assert [path.name for path in folder.iterdir()] == ["process.log"]


def test_damaged_parts_are_done_again_and_no_others(reference: Reference, preset: Preset, tmp_path: Path) -> None:
    clip, folder, watched = reference[0], tmp_path / "job", Watched()
    interrupted(clip, tmp_path / "out.mp4", preset, folder, after=45)
    parts = {path.name: path for path in (folder / "segments").iterdir()}
    flipped = bytearray(parts["video-000000000010"].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    parts["video-000000000010"].write_bytes(flipped)
    parts["video-000000000030"].write_bytes(parts["video-000000000030"].read_bytes()[:-7])
    parts["looked-000001"].write_bytes(b"")
    report, timeline = process_in_segments(
        clip, tmp_path / "out.mp4", preset, folder=folder, segment_seconds=SEGMENT, shown=watched
    )
    assert watched.frames == [*range(10, 20), *range(30, 50)]
    assert_same_result(tmp_path / "out.mp4", report, timeline, reference)


def test_an_error_keeps_what_was_finished(small: tuple[Path, Timeline], preset: Preset, tmp_path: Path) -> None:
    clip, timeline = small
    for watched in (Watched(35, RuntimeError), Watched(15, RuntimeError)):
        with pytest.raises(RuntimeError):
            process_in_segments(
                clip, tmp_path / "out.mp4", preset, folder=tmp_path / "job", timeline=timeline,
                segment_seconds=SEGMENT, shown=watched,
            )  # fmt: skip
    assert watched.frames == list(range(30, 45))


def test_a_job_invents_its_own_faces_and_the_same_ones_after_an_interruption(
    small: tuple[Path, Timeline], preset: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bytes] = []

    def watched(options: MaskOptions, *, secret: bytes, people: People) -> Masker:
        given.append(secret)
        return open_masker(options, secret=secret, people=people)

    monkeypatch.setattr(workbench.segments.work, "open_masker", watched)
    clip, timeline = small
    folder, output = tmp_path / "job", tmp_path / "out.mp4"
    interrupted(clip, output, preset, folder, after=25, timeline=timeline)
    kept = folder / "segments" / "secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    for _ in range(2):
        process_in_segments(clip, output, preset, folder=folder, timeline=timeline, segment_seconds=SEGMENT)
        assert not kept.exists()
    assert given[0] == given[1] != given[2]
    assert len(given[0]) == 32


def test_it_can_be_stopped_before_the_first_frame_is_masked(
    reference: Reference, preset: Preset, tmp_path: Path
) -> None:
    def stop(update: ProgressUpdate) -> None:
        raise Cancelled("stopped")

    watched = Watched()
    with pytest.raises(Cancelled):
        process_in_segments(
            reference[0], tmp_path / "out.mp4", preset, folder=tmp_path / "job", progress=stop, shown=watched
        )
    assert watched.frames == []
    assert not (tmp_path / "out.mp4.part").exists()


def test_when_only_the_joining_is_left_no_frame_is_done_again(
    reference: Reference, preset: Preset, tmp_path: Path
) -> None:
    def stop(update: ProgressUpdate) -> None:
        told.append(update.frames_done)
        if told.count(50) == 2:  # the first segment is joined
            raise Cancelled("stopped")

    told: list[int] = []
    clip, folder, watched = reference[0], tmp_path / "job", Watched()
    with pytest.raises(Cancelled):
        process_in_segments(clip, tmp_path / "out.mp4", preset, folder=folder, segment_seconds=SEGMENT, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["job"]
    report, timeline = process_in_segments(
        clip, tmp_path / "out.mp4", preset, folder=folder, segment_seconds=SEGMENT, shown=watched
    )
    assert watched.frames == []
    assert_same_result(tmp_path / "out.mp4", report, timeline, reference)


def test_a_timeline_is_rendered_without_a_detector(
    reference: Reference, preset: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench.segments.analysis, "open_analyzer", None)
    clip, expected, _, timeline = reference
    interrupted(clip, tmp_path / "out.mp4", preset, tmp_path / "job", after=25, timeline=timeline)
    watched = Watched()
    report, same = process_in_segments(
        clip, tmp_path / "out.mp4", preset, folder=tmp_path / "job", timeline=timeline, segment_seconds=SEGMENT,
        shown=watched,
    )  # fmt: skip
    assert watched.frames == list(range(20, 50))
    assert same is timeline
    assert (report.frames, report.hidden_boxes, report.detector) == (50, 100, None)
    assert times(tmp_path / "out.mp4") == times(expected)
    for made, once in zip(luma(tmp_path / "out.mp4"), luma(expected), strict=True):
        assert np.abs(made - once).mean() < 1


def test_another_job_starts_anew(small: tuple[Path, Timeline], preset: Preset, tmp_path: Path) -> None:
    clip, timeline = small
    kept = decide_track(timeline, 1, "keep")
    other_clip = tmp_path / "other.mp4"
    other_clip.write_bytes(clip.read_bytes() + b"\0\0\0\x08free")  # plays the same, is another file
    changes = {
        "preset": (clip, with_settings(preset, ("mask.colour=#0000ff",)), timeline, "out.mp4", SEGMENT),
        "decision": (clip, preset, kept, "out.mp4", SEGMENT),
        "source": (other_clip, preset, timeline, "out.mp4", SEGMENT),
        "container": (clip, preset, timeline, "out.mkv", SEGMENT),
        "length": (clip, preset, timeline, "out.mp4", 0.5),
    }
    for name, (source, chosen, boxes, output, seconds) in changes.items():
        folder, watched = tmp_path / name, Watched(1)
        interrupted(clip, tmp_path / "out.mp4", preset, folder, after=25, timeline=timeline)
        with pytest.raises(Cancelled):
            process_in_segments(
                source, tmp_path / output, chosen, folder=folder, timeline=boxes, segment_seconds=seconds,
                shown=watched,
            )  # fmt: skip
        assert watched.frames == [0], name
        assert kept_frames(folder)["masked"] == set(), name


def test_two_runs_on_one_job_do_not_meet(small: tuple[Path, Timeline], preset: Preset, tmp_path: Path) -> None:
    def second(frame: Frame) -> None:
        if frame.index == 3:
            for call in (
                lambda: process_in_segments(clip, tmp_path / "b.mp4", preset, folder=folder, timeline=timeline),
                lambda: forget_segments(folder),
            ):
                with pytest.raises(OutputError, match="another run is at work"):
                    call()

    (clip, timeline), folder = small, tmp_path / "job"
    process_in_segments(clip, tmp_path / "a.mp4", preset, folder=folder, timeline=timeline, shown=second)
    assert (tmp_path / "a.mp4").exists()


CLIPS = {
    "variable rate": Clip(ticks=[0, 40, 90, 100, 300, 900, 910, 920, 2000, 2100, 2500], time_base=Fraction(1, 1000)),
    "ten bits": Clip(codec="libx265", pixel_format="yuv420p10le", colour=(1, 9, 9, 16), frames=20,
                     options={"x265-params": "log-level=none"}),
    "rotated": Clip(rotation_degrees=90, frames=20, tones=[Tone()]),
    "late start": Clip(start_seconds=Fraction(1, 2), time_base=Fraction(1, 12800), frames=20, tones=[Tone()]),
}  # fmt: skip


KINDS = [(kind, ending) for kind in CLIPS for ending in ("mp4", "mkv", "webm", "avi")]
KINDS.remove(("ten bits", "avi"))  # AVI holds no 10 bits


@pytest.mark.parametrize(("kind", "ending"), KINDS)
def test_every_kind_of_clip_and_file(kind: str, ending: str, preset: Preset, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", CLIPS[kind])
    with VideoFile(clip) as video:
        frames = sum(1 for _ in video.frames())
    boxes = one_box(frames, video.info.width_px, video.info.height_px)
    whole = render_clip(clip, boxes, tmp_path / f"whole.{ending}", preset)
    target, folder = tmp_path / f"out.{ending}", tmp_path / "job"
    interrupted(clip, target, preset, folder, after=frames - 2, timeline=boxes)
    report, _ = process_in_segments(clip, target, preset, folder=folder, timeline=boxes, segment_seconds=SEGMENT)
    with VideoFile(target) as made, VideoFile(tmp_path / f"whole.{ending}") as once:
        for frame, same in zip(made.frames(), once.frames(), strict=True):
            assert (frame.pts, frame.time_base, frame.colour) == (same.pts, same.time_base, same.colour)
            assert np.abs(frame.planes[0].astype(float) - same.planes[0]).mean() < 6 * 4 ** (kind == "ten bits")
        facts = [
            replace(video.info, path=None, size_bytes=0, duration_seconds_in_header=None) for video in (made, once)
        ]
    assert facts[0] == facts[1]
    assert packets(target, "audio") == packets(tmp_path / f"whole.{ending}", "audio")
    assert [note for note in report.notes if "continued" not in note] == whole.notes


def test_a_damaged_clip_is_read_alike_by_every_run(preset: Preset, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", Clip(width=160, height=120, frames=50, options={"g": "10"}))
    content = bytearray(clip.read_bytes())
    middle = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[middle : middle + 300] = random.Random(1).randbytes(300)
    clip.write_bytes(content)
    once, expected = process(clip, tmp_path / "once.mp4", preset)
    interrupted(clip, tmp_path / "out.mp4", preset, tmp_path / "job", after=45)
    report, timeline = process_in_segments(
        clip, tmp_path / "out.mp4", preset, folder=tmp_path / "job", segment_seconds=SEGMENT
    )
    assert any("damaged" in note for note in once.notes)
    assert [note for note in report.notes if "continued" not in note] == once.notes
    pd.testing.assert_frame_equal(timeline.rows, expected.rows)
    assert times(tmp_path / "out.mp4") == times(tmp_path / "once.mp4")


def test_an_encoder_whose_parts_do_not_fit_together_writes_in_one_go(
    reference: Reference, preset: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such an encoder is not at hand here, so the answer of the check is put in its place."""
    monkeypatch.setattr(workbench.segments.work, "common_header", lambda _: None)
    report, timeline = process_in_segments(reference[0], tmp_path / "out.mp4", preset, folder=tmp_path / "job")
    assert_same_result(tmp_path / "out.mp4", report, timeline, reference)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job", "out.mp4", "out.mp4.report.json"]


def test_the_phone_clip_shows_no_face(short_clip: ShortClip, preset: Preset, tmp_path: Path) -> None:
    clip = short_clip("phone_portrait", frames=40)
    interrupted(clip, tmp_path / "out.mp4", preset, tmp_path / "job", after=30)
    process_in_segments(clip, tmp_path / "out.mp4", preset, folder=tmp_path / "job", segment_seconds=SEGMENT)
    assert evaluate_output(tmp_path / "out.mp4", load_truth(clip.with_suffix(".gt.csv"))).recall == 1.0
    assert times(tmp_path / "out.mp4") == times(clip)


class Spots:
    """Finds two faces on each frame, side by side or one over the other, as one of its pixels says."""

    def __init__(self) -> None:
        self.looked: list[int] = []

    def find(self, frames: Sequence[Frame]) -> list[Detections]:
        self.looked += [frame.index for frame in frames]
        lefts = [np.array([[4], [4 + 9 * (frame.planes[0][0, 0] % 8)]], np.float32) for frame in frames]
        box = np.array([0, 20, 16, 40], np.float32)
        sides = np.array([1, 0, 1, 0], np.float32)
        return [Detections(box + left * sides, np.ones(2, np.float32)) for left in lefts]


class Grey:
    """Tells faces apart by nothing."""

    def embed(self, crops: Sequence[Picture]) -> np.ndarray:
        return np.ones((len(crops), 2), np.float32)


def flashes(count: int, seed: int) -> list[Frame]:
    """Pictures with sudden changes: scenes, and flashes of a few frames."""
    chance = np.random.default_rng(seed)
    luma = np.cumsum(chance.integers(0, 60, count) * (chance.random(count) < 0.15)) % 200
    noise = chance.integers(0, 20, (count, 64, 64))
    planes = [(picture + level).astype(np.uint8) for picture, level in zip(noise, luma, strict=True)]
    grey = np.full((32, 32), 128, np.uint8)
    return [Frame(index, index, Fraction(1, 25), (plane, grey, grey), Colour()) for index, plane in enumerate(planes)]


@pytest.mark.parametrize("seed", range(5))
def test_an_analysis_may_go_on_behind_every_frame_that_was_looked_at(seed: int) -> None:
    frames = flashes(80, seed)

    def analysed(part: Iterable[Frame], known: Sequence[AnalysedFrame] = ()) -> tuple[list[AnalysedFrame], list[int]]:
        spots = Spots()
        options = TrackerOptions(appearance="ambiguous")
        analyzer = Analyzer(spots, Grey(), DetectorOptions(every=3), options)  # type: ignore[arg-type]
        return list(analyzer.frames(part, known=known)), spots.looked

    def facts(seen: Sequence[AnalysedFrame]) -> list[tuple[object, ...]]:
        boxes = [None if each.detections is None else each.detections.boxes.tolist() for each in seen]
        vectors = [None if each.embeddings is None else str(each.embeddings) for each in seen]
        return [(each.index, each.pts, each.change, *rest) for each, *rest in zip(seen, boxes, vectors, strict=True)]

    whole, _ = analysed(frames)
    assert {each.embeddings is None for each in whole if each.detections is not None} == {True, False}
    ends = [seen.index for seen in whole if seen.detections is not None]
    for end in ends:
        rest, looked = analysed(frames[max(0, end - 5) :], known=whole[: end + 1])
        assert facts(rest) == facts(whole[end + 1 :])
        assert all(index > end for index in looked)


def test_appearance_is_kept_to_the_bit(tmp_path: Path) -> None:
    vectors = np.array([[0.1, 1 / 3], [np.nan, np.nan]], np.float32)
    faces = Detections(np.zeros((2, 4), np.float32), np.array([0.9, 0.1], np.float32))
    frames = (AnalysedFrame(0, 7, 0.0, faces, vectors), AnalysedFrame(1, 8, 1 / 3, None))
    seen = DetectionStore(64, 48, Fraction(1, 25), {"detector": "a"}, frames)
    begin = FramePoint(0, 7, 5, in_order=True)
    with SegmentStore(tmp_path, identity=dict) as store:
        store.resume()
        store.keep_looked(0, Looked(seen, begin, notes=("damaged",)))
        (path,) = store.looked()
        kept = store.load_looked(path)
    assert (kept.begin, kept.is_last, kept.notes, kept.store.facts) == (begin, False, ("damaged",), {"detector": "a"})
    first, second = kept.store.frames
    assert first.embeddings is not None
    assert np.array_equal(first.embeddings, vectors, equal_nan=True)
    assert (second.pts, second.detections, np.float32(second.change)) == (8, None, np.float32(1 / 3))


def test_what_cannot_be_done_is_said_at_once(preset: Preset, reference: Reference, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.mp4"):
        process_in_segments(tmp_path / "gone.mp4", tmp_path / "out.mp4", preset, folder=tmp_path / "job")
    with pytest.raises(OutputError, match="source itself"):
        process_in_segments(reference[0], reference[0], preset, folder=tmp_path / "job")
    with pytest.raises(OutputError, match="does not exist"):
        process_in_segments(reference[0], tmp_path / "no" / "out.mp4", preset, folder=tmp_path / "job")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        process_in_segments(reference[0], tmp_path / "out.mp4", preset, folder=tmp_path / "file")
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="above 0"):
            process_in_segments(
                reference[0], tmp_path / "out.mp4", preset, folder=tmp_path / "job", segment_seconds=seconds
            )
    assert not (tmp_path / "out.mp4").exists()
