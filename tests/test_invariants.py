"""What must always hold, whatever the clip, the preset and the moment: shown on whole runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.conftest import SAMPLES, ShortClip
from workbench.analyze import Analyzer, open_analyzer
from workbench.cli import run
from workbench.data import Colour, Detections, FaceCrop, Frame, Picture
from workbench.detectors.options import DetectorOptions
from workbench.errors import MaskingError
from workbench.evaluate import evaluate_output, load_truth
from workbench.presets.files import load_preset
from workbench.presets.settings import with_settings
from workbench.process import analyze_clip, decide_store, process, render_clip
from workbench.store import DetectionStore, save_store
from workbench.timeline import BoxLookup, load_timeline, save_timeline
from workbench.trackers.options import TrackerOptions
from workbench.video.stretch import Stretch
from workbench.video.synthetic import Clip, write_clip

GREEN = ("mask.kind=solid", "mask.colour=#00ff00")
PROGRAM = [sys.executable, "-m", "workbench"]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- fail closed ------------------------------------------------------------------------------------------------------


class FailingMask:
    """Hides two frames, then has no memory left."""

    name = "failing"
    calls = 0

    def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
        self.calls += 1
        if self.calls > 2:
            raise MemoryError("none left")
        return [np.zeros_like(crop.pixels) for crop in crops]


def test_a_mask_that_fails_leaves_no_output(
    short_clip: ShortClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.process.open_masker", lambda options, people: FailingMask())
    with pytest.raises(MaskingError, match="frame 2"):
        process(short_clip("consultation", frames=10), tmp_path / "o.mp4", load_preset("balanced"))
    assert names(tmp_path) == []


class FailingFinder:
    """Finds nothing twice, then breaks."""

    def __init__(self, finder: object) -> None:
        self.detector = finder.detector  # type: ignore[attr-defined]
        self.calls = 0

    def find(self, frames: Sequence[Frame]) -> list[Detections]:
        self.calls += 1
        if self.calls > 2:
            raise RuntimeError("the engine is gone")
        return [Detections.empty() for _ in frames]


def test_a_detector_that_fails_leaves_no_output(
    short_clip: ShortClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> Analyzer:
        analyzer = open_analyzer(*arguments)  # type: ignore[arg-type]
        return replace(analyzer, finder=FailingFinder(analyzer.finder))  # type: ignore[arg-type]

    monkeypatch.setattr("workbench.process.open_analyzer", broken)
    clip = short_clip("consultation", frames=50)
    assert run(["process", str(clip), "-o", str(tmp_path / "o.mp4"), "--set", "detector.every=1"]) == 1
    said = capfd.readouterr()
    assert len(said.err.splitlines()) == 1
    assert "the engine is gone" in said.err
    assert names(tmp_path) == []


def test_frames_that_nobody_looked_at_are_never_written(short_clip: ShortClip, tmp_path: Path) -> None:
    """A timeline that was made from a part of a clip does not pass for one of the whole clip."""
    clip, preset = short_clip("consultation", frames=50), load_preset("balanced")
    made = decide_store(analyze_clip(clip, preset, stretch=Stretch(0.4, 1.2)), preset)
    save_timeline(made, tmp_path / "t.csv")
    part = load_timeline(tmp_path / "t.csv")
    assert (part.first_frame, part.frames) == (10, 30)
    for stretch in (Stretch(), Stretch(0.0, 1.2), Stretch(0.4, None)):
        with pytest.raises(MaskingError, match="nobody looked at it"):
            render_clip(clip, part, tmp_path / "o.mp4", preset, stretch=stretch)
    assert names(tmp_path) == ["t.csv"]
    assert render_clip(clip, part, tmp_path / "o.mp4", preset, stretch=Stretch(0.4, 1.2)).frames == 20
    _, streamed = process(clip, tmp_path / "o.mp4", preset, stretch=Stretch(0.4, 1.2))
    assert (streamed.first_frame, streamed.frames) == (10, 30)


# --- no face is shown -------------------------------------------------------------------------------------------------


def _pictures(name: str, first: int, last: int) -> list[tuple[NDArray[np.uint8], pd.DataFrame]]:
    """Frames ``first`` to before ``last`` of a sample clip at half its size, each with its true faces."""
    truth = load_truth(SAMPLES / f"{name}.gt.csv")
    truth[["x", "y", "w", "h"]] /= 2
    found = []
    with av.open(str(SAMPLES / f"{name}.mp4")) as source:
        for number, frame in enumerate(source.decode(video=0)):
            if number >= last:
                break
            if number >= first:
                picture = cv2.resize(frame.to_ndarray(format="rgb24"), None, fx=0.5, fy=0.5)
                found.append((picture, truth[truth["frame"] == number]))
    return found


def _joined(path: Path, pictures: Sequence[tuple[NDArray[np.uint8], pd.DataFrame]]) -> pd.DataFrame:
    """Write the pictures as a clip; its truth."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "16"})
        stream.height, stream.width = pictures[0][0].shape[:2]  # type: ignore[attr-defined]
        for number, (picture, _) in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))  # type: ignore[attr-defined]
        output.mux(stream.encode(None))  # type: ignore[attr-defined]
    return pd.concat([truth.assign(frame=number) for number, (_, truth) in enumerate(pictures)], ignore_index=True)


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Three scenes with hard cuts at odd places: one backwards, one at double speed, one with a flash in it."""
    still, walking = _pictures("consultation", 0, 17), _pictures("profile_and_occlusion", 60, 104)
    flash = [
        (np.clip(picture * 0.3 + 170, 0, 255).astype(np.uint8) if number == 8 else picture, truth)
        for number, (picture, truth) in enumerate(still)
    ]
    path = tmp_path_factory.mktemp("hard") / "hard.mp4"
    return path, _joined(path, [*still[::-1], *walking[::2], *flash])


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("balanced", ()),
        ("balanced", ("detector.every=1",)),
        ("balanced", ("detector.every=10",)),
        ("fast", ()),
        ("crowd", ()),
        ("dim-light", ()),
        ("maximum-privacy", ("detector.tiles=1",)),
        ("balanced", ("detector.tiles=2", "mask.shape=box")),
    ],
)
def test_no_preset_shows_a_face_at_a_cut_or_in_motion(
    preset: str, settings: tuple[str, ...], hard: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    clip, truth = hard
    process(clip, tmp_path / "o.mp4", with_settings(load_preset(preset), (*GREEN, *settings)))
    found = evaluate_output(tmp_path / "o.mp4", truth)
    assert found.faces > 100
    assert found.recall == 1.0, found.leaks


class Blind:
    """Sees one face, but not while the picture is bright."""

    detector = None

    def find(self, frames: Sequence[Frame]) -> list[Detections]:
        seen = Detections(np.array([[20, 20, 40, 45]], np.float32), np.array([0.9], np.float32))
        return [Detections.empty() if frame.planes[0].mean() > 180 else seen for frame in frames]


def _lit(brightness: Sequence[int]) -> Iterator[Frame]:
    for number, level in enumerate(brightness):
        luma = np.full((64, 96), level, np.uint8)
        chroma = np.full((32, 48), 128, np.uint8)
        yield Frame(number, number, Fraction(1, 25), (luma, chroma, chroma), Colour())


@pytest.mark.parametrize("flashes", [[10], [10, 11, 12], [10, 14, 18]])
def test_a_flash_that_blinds_the_detector_shows_nobody(flashes: list[int]) -> None:
    """Over in a moment, it is no scene of its own: the face is hidden in it from the frames behind it."""
    preset = with_settings(load_preset("balanced"), ("detector.every=1",))
    analyzer = Analyzer(Blind(), None, preset.detector, TrackerOptions())  # type: ignore[arg-type]
    brightness = [220 if number in flashes else 80 for number in range(30)]
    facts = {"average_fps": 25.0, "options": {"every": 1}}
    seen = DetectionStore(96, 64, Fraction(1, 25), facts, tuple(analyzer.frames(_lit(brightness))))
    hidden = BoxLookup(decide_store(seen, preset))
    assert all(len(hidden.on(frame).boxes) for frame in range(30))


def test_a_cut_is_a_cut_once() -> None:
    analyzer = Analyzer(Blind(), None, DetectorOptions(every=3), TrackerOptions())  # type: ignore[arg-type]
    seen = list(analyzer.frames(_lit([80] * 10 + [140] * 10)))
    assert [frame.index for frame in seen if frame.change > 28] == [10]
    assert [frame.index for frame in seen if frame.detections is not None] == [0, 3, 6, 9, 10, 12, 15, 18, 19]


def test_low_confidence_is_hidden_and_asked_about(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=10)
    unsure = ("--set", "detector.confidence=0.95", *(word for option in GREEN for word in ("--set", option)))
    assert run(["process", str(clip), "-o", str(tmp_path / "o.mp4"), *unsure]) == 3
    assert evaluate_output(tmp_path / "o.mp4", load_truth(clip.with_suffix(".gt.csv"))).recall == 1.0
    assert len(json.loads((tmp_path / "o.mp4.report.json").read_text())["review"]) >= 1


def test_a_track_to_review_without_a_score_is_valid_json(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=10)
    line = "0,,1,10,10,50,50,,manual,review"
    (tmp_path / "t.csv").write_text(f"frame,time_seconds,track,x,y,w,h,score,source,decision\n{line}\n")
    out = ("-o", str(tmp_path / "o.mp4"), "--timeline", str(tmp_path / "t.csv"))
    assert run(["process", str(clip), *out]) == 3

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    report = json.loads((tmp_path / "o.mp4.report.json").read_text(), parse_constant=refuse)
    assert report["review"][0]["mean_score"] is None


# --- the same every time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["mp4", "webm"])
def test_two_runs_give_the_same_bytes(ending: str, short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("phone_portrait", frames=8)
    for number in (1, 2):
        process(clip, tmp_path / f"{number}.{ending}", load_preset("balanced"))
    assert digest(tmp_path / f"1.{ending}") == digest(tmp_path / f"2.{ending}")


# --- memory -----------------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Both clips are longer than all that is ever held at once: with these options some four seconds."""
    short, long = (_peak_mb(tmp_path / name, seconds=seconds) for name, seconds in (("short.mp4", 8), ("long.mp4", 32)))
    assert long <= short * 1.05 + 8


def _peak_mb(clip: Path, *, seconds: int) -> float:
    """Peak memory of a process that masks a clip of this length."""
    write_clip(
        clip, Clip(width=160, height=120, frames=25 * seconds, options={"preset": "ultrafast", "g": "50", "crf": "35"})
    )
    code = (
        "import resource, sys\nfrom workbench.cli import run\n"
        "assert run(sys.argv[1:]) == 0\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    command = ["process", str(clip), "-o", str(clip.with_suffix(".out.mp4")), "--set", "detector.every=10"]
    command += ["--set", "timeline.hold_seconds=0.2", "--set", "timeline.bridge_seconds=0.5"]
    settings = ["--set", "detector.threads=1", "--set", "output.speed=ultrafast"]
    done = subprocess.run(
        [sys.executable, "-c", code, *command, *settings], capture_output=True, text=True, check=True, timeout=200
    )
    return float(done.stdout)


# --- nothing is left, nothing leaks, the source stays -----------------------------------------------------------------


def test_a_run_writes_two_files_and_nothing_else_anywhere(short_clip: ShortClip, tmp_path: Path) -> None:
    """No cache, no configuration folder, no temporary file: not at home, not where the command was started."""
    folders = {name: tmp_path / name for name in ("home", "temporary", "started", "out")}
    for folder in folders.values():
        folder.mkdir()
    source = tmp_path / "s.mp4"
    shutil.copy(short_clip("consultation", frames=10), source)
    source.chmod(0o400)
    before, facts = digest(source), source.stat()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    environment |= {"HOME": str(folders["home"]), "TMPDIR": str(folders["temporary"])}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*PROGRAM, "process", str(source), "-o", str(folders["out"] / "o.mp4")],
        cwd=folders["started"], env=environment, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {name: names(folder) for name, folder in folders.items()} == {
        "home": [], "temporary": [], "started": [], "out": ["o.mp4", "o.mp4.report.json"],
    }  # fmt: skip
    assert digest(source) == before
    assert (source.stat().st_mtime_ns, source.stat().st_mode) == (facts.st_mtime_ns, facts.st_mode)


def test_what_tells_of_people_is_private(short_clip: ShortClip, tmp_path: Path) -> None:
    """Report, timeline and detections are the owner's alone, also where a file or a trap of that name was there."""
    clip, preset = short_clip("consultation", frames=10), load_preset("balanced")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("o.mp4.report.json", "t.csv", "d.npz"):
        (tmp_path / name).write_text("old")
        (tmp_path / name).chmod(0o666)
        (tmp_path / f"{name}.part").symlink_to(victim)
    process(clip, tmp_path / "o.mp4", preset)
    store = analyze_clip(clip, preset)
    save_store(store, tmp_path / "d.npz")
    save_timeline(decide_store(store, preset), tmp_path / "t.csv")
    for name in ("o.mp4.report.json", "t.csv", "d.npz"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
        assert (tmp_path / name).read_bytes() != b"old"
    assert victim.read_text() == "precious"
    assert names(tmp_path) == ["d.npz", "o.mp4", "o.mp4.report.json", "t.csv", "victim"]


def test_the_report_names_files_and_no_places(short_clip: ShortClip, tmp_path: Path) -> None:
    process(short_clip("consultation", frames=10), tmp_path / "o.mp4", load_preset("balanced"))
    assert str(tmp_path) not in (tmp_path / "o.mp4.report.json").read_text()
    assert str(Path.home()) not in (tmp_path / "o.mp4.report.json").read_text()
