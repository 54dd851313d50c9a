"""The command line as its user meets it: a process of its own, exit codes, one-line errors, nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import ShortClip
from workbench.cli import run
from workbench.cli.app import COMMANDS, workbench
from workbench.video.synthetic import Clip, write_clip

PROGRAM = [sys.executable, "-m", "workbench"]


def start(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=200, check=False, **options
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(workbench, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom workbench.cli import run\nrun(['--help'])\n"
        "heavy = {'torch', 'cv2', 'av', 'pandas', 'openvino', 'gradio'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_a_clip_is_analysed_rendered_and_evaluated(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=25)
    truth = clip.with_suffix(".gt.csv")
    green = ("--set", "mask.kind=solid", "--set", "mask.colour=#00ff00")
    assert start("analyze", clip, "-o", tmp_path / "t.csv").returncode == 0
    rendered = start("render", clip, "--timeline", tmp_path / "t.csv", "-o", tmp_path / "out.mp4", *green, "--json")
    assert rendered.returncode == 0, rendered.stderr
    assert json.loads(rendered.stdout)["frames"] == 25
    for subject in ("t.csv", "out.mp4"):
        measured = start("evaluate", tmp_path / subject, "--truth", truth, "--json")
        assert measured.returncode == 0, measured.stderr
        assert json.loads(measured.stdout)["recall"] == 1.0


def test_kept_detections_are_decided_again_without_looking(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=25)
    kept = ("--detections", tmp_path / "d.npz")
    assert start("analyze", clip, "-o", tmp_path / "a.csv", *kept).returncode == 0
    again = start("analyze", tmp_path / "gone.mp4", "-o", tmp_path / "b.csv", *kept, "--set", "detector.confidence=0.6")
    assert again.returncode == 0, again.stderr
    other = start("analyze", clip, "-o", tmp_path / "c.csv", *kept, "--set", "detector.every=2")
    assert other.returncode == 2
    assert "other detector options" in other.stderr


def test_a_folder_is_worked_through_once(short_clip: ShortClip, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(short_clip("consultation", frames=10), folder / "a.mp4")
    write_clip(folder / "b.mkv", Clip(frames=5))
    (folder / "notes.txt").write_text("no video")
    (folder / "broken.mp4").write_bytes(b"\x00" * 100)
    first = start("process", folder, "-o", out)
    assert first.returncode == 0, first.stderr
    assert "2 done" in first.stderr
    assert "2 not a video" in first.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        "a.masked.mp4", "a.masked.mp4.report.json", "b.masked.mkv", "b.masked.mkv.report.json",
    ]  # fmt: skip
    second = start("process", folder, "-o", out)
    assert "2 skipped" in second.stderr
    changed = start("process", folder, "-o", out, "--set", "mask.kind=mosaic", "--json")
    assert [row["status"] for row in json.loads(changed.stdout)].count("done") == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["process", "{clip}", "-o", "{tmp}/o.mp4", "--preset", "gloomy"], "gloomy"),
        (["process", "{clip}", "-o", "{tmp}/o.mp4", "--set", "detector.confidence=1.4"], "between 0.05 and 0.95"),
        (["process", "{clip}", "-o", "{tmp}/o.mp4", "--set", "mask.colour=red"], "#rrggbb"),
        (["process", "{clip}", "-o", "{tmp}/o.mp4", "--start", "2", "--end", "1"], "later end"),
        (["process", "{clip}", "{clip}", "-o", "{tmp}/o", "--start", "2"], "for one clip"),
        (["process", "{clip}"], "--output"),
        (["proces", "{clip}"], "proces"),
        (["bench", "--against", "magic", "{clip}"], "deface"),
    ],
)
def test_wrong_use_ends_with_two_and_says_why(
    arguments: list[str], says: str, short_clip: ShortClip, tmp_path: Path
) -> None:
    clip = short_clip("consultation", frames=10)
    result = start(*(word.format(clip=clip, tmp=tmp_path) for word in arguments))
    assert result.returncode == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def bad_inputs(folder: Path) -> dict[str, Path]:
    """Files that are no video that can be masked."""
    folder.mkdir()
    (folder / "text.mp4").write_text("This is no video.\n" * 50)
    (folder / "empty.mp4").touch()
    whole = write_clip(folder / "whole.mp4", Clip(frames=25))
    (folder / "cut.mp4").write_bytes(whole.read_bytes()[:300])
    return {"text": folder / "text.mp4", "empty": folder / "empty.mp4", "cut": folder / "cut.mp4",
            "folder that is empty": folder / "nothing.mp4", "missing": folder / "gone.mp4"}  # fmt: skip


def test_bad_inputs_end_with_one_line_and_nothing_written(tmp_path: Path) -> None:
    for name, path in bad_inputs(tmp_path / "in").items():
        result = start("process", path, "-o", tmp_path / "out.mp4")
        assert result.returncode == 1, name
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        assert path.name in result.stderr
        assert not list(tmp_path.glob("out*")), name


def test_the_output_must_not_be_the_input(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    shutil.copy(short_clip("consultation", frames=10), clip)
    (tmp_path / "link.mp4").symlink_to(clip)
    before = clip.read_bytes()
    for output in ("clip.mp4", "link.mp4"):
        result = start("process", clip, "-o", tmp_path / output)
        assert result.returncode == 1
        assert len(result.stderr.strip().splitlines()) == 1
    assert clip.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "link.mp4"]


def test_missing_weights_are_named_with_the_command_that_fetches_them(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=10)
    result = start("process", clip, "-o", tmp_path / "out.mp4", "--set", "detector.kind=yolov8_face")
    assert result.returncode == 1
    assert "workbench models fetch yolov8n-face" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_half_written(
    kind: signal.Signals, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "process", str(sample("ward_round_1080p")), "-o", str(tmp_path / "out.mp4")],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(tmp_path.iterdir()), "the work never began"
    process.send_signal(kind)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("quiet", [True, False])
def test_a_stop_that_got_lost_is_heeded_at_the_next_frame(quiet: bool) -> None:
    """Python forgets what is raised while an object is finalised, Ctrl-C as well."""
    code = f"""
import os, signal, sys
from workbench.cli.progress import shown
from workbench.cli.stopping import stop_politely
from workbench.stages import ProgressUpdate

class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        len(str(self))

stop_politely()
with shown("clip", quiet={quiet}) as progress:
    Last()
    print("lost", flush=True)
    try:
        progress(ProgressUpdate(1, 2))
    except KeyboardInterrupt:
        print("heeded")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "KeyboardInterrupt" in result.stderr
    assert result.stdout.split() == ["lost", "heeded"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take the network away from a process")
def test_it_works_where_there_is_no_network(short_clip: ShortClip, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a process leave its network namespace")
    clip = short_clip("consultation", frames=10)
    result = subprocess.run(
        ["unshare", "-n", *PROGRAM, "process", str(clip), "-o", str(tmp_path / "out.mp4")],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_presets_are_listed_shown_checked_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["presets", "list"]) == 0
    assert "dim-light" in capsys.readouterr().out
    assert run(["presets", "show", "dim-light"]) == 0
    shown = tmp_path / "mine.yaml"
    shown.write_text(capsys.readouterr().out)
    assert run(["presets", "check", str(shown)]) == 0
    assert run(["presets", "diff", str(shown), "balanced"]) == 0
    assert "detector.confidence" in capsys.readouterr().out
    shown.write_text("mask: {strength: 99}\n")
    assert run(["presets", "check", str(shown)]) == 2
    assert "mask.strength" in capsys.readouterr().err


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list"]) == 0
    assert "centerface" in capsys.readouterr().out
