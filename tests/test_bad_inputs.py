"""Odd files, names and places, through the command line: a correct result or one line, never anything half-written."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from tests.conftest import ShortClip
from workbench.cli import run
from workbench.errors import MaskingError, OutputError, SourceError
from workbench.presets.files import load_preset
from workbench.process import process
from workbench.stages import ProgressUpdate
from workbench.video import synthetic
from workbench.video.files import VideoFile
from workbench.video.part_file import PartFile
from workbench.video.synthetic import Clip, Tone, write_clip

PROGRAM = [sys.executable, "-m", "workbench"]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    lines: list[str]


Workbench = Callable[..., Outcome]


@pytest.fixture
def workbench(capfd: pytest.CaptureFixture[str]) -> Workbench:
    """Runs the command line in this process. What C libraries print is captured as well."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capfd.readouterr()
        return Outcome(code, said.out, said.err.splitlines())

    return call


def state(folder: Path) -> dict[str, str]:
    """Name and content of every file of a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "special"
        for path in folder.iterdir()
    }


def frames_of(path: Path) -> int:
    with VideoFile(path) as video:
        return sum(1 for _ in video.frames())


def is_one_refusal(outcome: Outcome, *, code: int, says: str) -> None:
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert len(outcome.lines) == 1, outcome.lines
    assert outcome.lines[0].startswith("workbench: ")
    assert says in outcome.lines[0]


# --- what is no video -------------------------------------------------------------------------------------------------


def _text(path: Path) -> None:
    path.write_text("Dear all, this is no video.\n" * 50)


def _sound_only(path: Path) -> None:
    write_clip(path, Clip(container="mp4", video=False, tones=[Tone()]))


def _half_without_index(path: Path) -> None:
    data = write_clip(path, Clip(container="mp4", frames=50, tones=[Tone()])).read_bytes()
    path.write_bytes(data[: len(data) // 2])  # the index lies at the end


def _no_pictures(path: Path, container: str) -> None:
    """A file with a video track, sound, and not one picture."""
    with av.open(str(path), "w", format=container) as output:
        clip, tone = Clip(), Tone()
        synthetic._add_video(output, clip).codec_context.open()
        stream = synthetic._add_tone(output, tone)
        for sound in synthetic._sine(tone, seconds=1):
            output.mux(stream.encode(sound))
        output.mux(stream.encode(None))


def _playlist(path: Path) -> None:
    write_clip(path.with_name("real.ts"), Clip())
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.ts\n#EXT-X-ENDLIST\n")


def _concat(path: Path) -> None:
    write_clip(path.with_name("real.ts"), Clip())
    path.write_text("ffconcat version 1.0\nfile real.ts\n")


def _huge_by_its_header(path: Path) -> None:
    """A JPEG stream whose pictures say that they are 65,500 pixels wide and high."""
    data = bytearray(write_clip(path, Clip(container="avi", codec="mjpeg", pixel_format="yuvj420p")).read_bytes())
    place = data.find(b"\xff\xc0")
    while place >= 0:
        data[place + 5 : place + 9] = (65_500).to_bytes(2, "big") * 2
        place = data.find(b"\xff\xc0", place + 2)
    path.write_bytes(data)


BAD_SOURCES: dict[str, Callable[[Path], object]] = {
    "text": _text,
    "empty": Path.touch,
    "sound only": _sound_only,
    "half without index": _half_without_index,
    "mp4 without pictures": lambda path: _no_pictures(path, "mp4"),
    "mkv without pictures": lambda path: _no_pictures(path, "matroska"),
    "pipe": os.mkfifo,
    "playlist": _playlist,
    "list of files": _concat,
    "huge by its header": _huge_by_its_header,
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("kind", BAD_SOURCES)
def test_what_is_no_video_is_refused_in_one_line(kind: str, workbench: Workbench, tmp_path: Path) -> None:
    BAD_SOURCES[kind](tmp_path / "source.mp4")
    before = state(tmp_path)
    is_one_refusal(workbench("process", tmp_path / "source.mp4", "-o", tmp_path / "o.mp4"), code=1, says="source.mp4")
    assert state(tmp_path) == before


def test_a_device_is_no_video(workbench: Workbench, tmp_path: Path) -> None:
    is_one_refusal(workbench("process", "/dev/zero", "-o", tmp_path / "o.mp4"), code=1, says="not a file")


@pytest.mark.parametrize("ending", ["mkv", "flv", "ts", "avi"])
def test_a_cut_off_file_gives_what_is_left_of_it(ending: str, workbench: Workbench, tmp_path: Path) -> None:
    codec = {"ts": "mpeg2video", "avi": "mpeg4"}.get(ending, "libx264")
    sound = {"ts": "mp2", "avi": "mp2"}.get(ending, "aac")
    source = write_clip(
        tmp_path / f"cut.{ending}",
        Clip(codec=codec, width=320, height=240, frames=50, tones=[Tone(codec=sound, rate_hz=44_100)]),
    )
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    before = state(tmp_path)["cut." + ending]
    outcome = workbench("process", source, "-o", tmp_path / "o.mp4")
    assert outcome.code == 0, outcome.lines
    assert 10 < frames_of(tmp_path / "o.mp4") < 40
    if ending != "ts":  # a transport stream has neither length nor index: nothing tells that more was to come
        assert any("note:" in line and ("damaged" in line or "the file says" in line) for line in outcome.lines)
    assert state(tmp_path)["cut." + ending] == before


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 33), (4, 400)])
def test_tiny_and_thin_videos_are_written(width: int, height: int, workbench: Workbench, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "s.mkv", Clip(codec="ffv1", width=width, height=height, frames=4))
    assert workbench("process", source, "-o", tmp_path / "o.mp4").code == 0
    with VideoFile(tmp_path / "o.mp4") as video:
        assert (video.info.width_px, video.info.height_px) == (width + width % 2, height + height % 2)
        assert sum(1 for _ in video.frames()) == 4


def test_a_source_that_shrinks_while_it_is_read_leaves_no_output(short_clip: ShortClip, tmp_path: Path) -> None:
    source = tmp_path / "s.mp4"
    shutil.copy(short_clip("consultation", frames=50), source)

    def shrink(update: ProgressUpdate) -> None:
        if update.frames_done == 1:
            os.truncate(source, source.stat().st_size // 2)

    with pytest.raises((MaskingError, SourceError)):
        process(source, tmp_path / "o.mp4", load_preset("balanced"), progress=shrink)
    assert list(state(tmp_path)) == ["s.mp4"]


# --- names ------------------------------------------------------------------------------------------------------------

NAMES = [
    "sp ace.mp4",
    "new\nline.mp4",
    "病房 ünï.mp4",
    "-dash.mp4",
    "a[b]c[red].mp4",
    "q'\".mp4",
    "%03d.mp4",
    "a:b.mp4",
]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"bad\xff.mp4")], ids=ascii)
def test_any_file_name_works(name: str, workbench: Workbench, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    shutil.move(write_clip(tmp_path / "made.mp4", Clip(frames=3)), tmp_path / name)
    outcome = workbench("process", tmp_path / name, "-o", folder / name, "--json")
    assert outcome.code == 0, outcome.lines
    assert outcome.lines == []
    assert json.loads(outcome.out)["source"]["name"] == name
    assert sorted(state(folder)) == sorted([name, name + ".report.json"])
    assert json.loads((folder / (name + ".report.json")).read_bytes())["output"]["name"] == name


def test_a_name_cannot_break_a_message_into_lines_or_colour_the_terminal(workbench: Workbench, tmp_path: Path) -> None:
    name = "a\n\x1b[31mdone\x07.mp4"
    (tmp_path / name).touch()
    outcome = workbench("process", tmp_path / name, "-o", tmp_path / "o.mp4")
    is_one_refusal(outcome, code=1, says="done")
    assert outcome.lines[0].isprintable()


def test_the_progress_bar_takes_a_name_as_it_is(tmp_path: Path) -> None:
    """On a terminal the bar is drawn by a library that reads [brackets] as its own language."""
    source = tmp_path / "a[bold]c[red.mp4"
    shutil.move(write_clip(tmp_path / "made.mp4", Clip(frames=30)), source)
    code, said = _on_a_terminal(["process", str(source), "-o", str(tmp_path / "o.mp4")])
    assert code == 0, said
    assert "a[bold]c[red.mp4" in said
    assert "fps" in said
    assert "Traceback" not in said


def _on_a_terminal(arguments: Sequence[str]) -> tuple[int, str]:
    """Exit code and everything shown."""
    main, terminal = pty.openpty()
    child = subprocess.Popen([*PROGRAM, *arguments], stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(main, 4096)
        except OSError:  # the terminal's other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    return child.wait(timeout=60), shown.decode()


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", Clip(frames=5))


def test_no_spelling_of_the_source_is_written(clip: Path, workbench: Workbench, tmp_path: Path) -> None:
    before = clip.read_bytes()
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.mp4").symlink_to(clip)
    (tmp_path / "hard.mp4").hardlink_to(clip)
    (tmp_path / "o.mp4.report.json").hardlink_to(clip)
    (tmp_path / "p.mp4.part").hardlink_to(clip)
    (tmp_path / "q.mp4.report.json.part").symlink_to(clip)
    listed = sorted(path.name for path in tmp_path.iterdir())
    for output in ("clip.mp4", "link.mp4", "hard.mp4", "sub/../clip.mp4", "o.mp4", "p.mp4", "q.mp4"):
        outcome = workbench("process", clip, "-o", tmp_path / output)
        is_one_refusal(outcome, code=1, says=Path(output).name)
        assert clip.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == listed


@pytest.mark.parametrize(
    "command",
    [
        "process {clip} -o {tmp}/o.mp4 --save-timeline {clip}",
        "process {clip} -o {tmp}/o.mp4 --save-timeline {tmp}/o.mp4",
        "process {clip} -o {tmp}/t.csv --timeline {tmp}/t.csv --set output.container=mp4",
        "analyze {clip} -o {clip}",
        "analyze {clip} -o {tmp}/t.csv --detections {clip}",
        "analyze {clip} -o {tmp}/d --detections {tmp}/d",
        "render {clip} --timeline {tmp}/t.csv -o {tmp}/t.csv --set output.container=mp4",
    ],
)
def test_no_file_is_named_for_two_things(command: str, clip: Path, workbench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("frame,time_seconds,track,x,y,w,h,score,source\n")
    before = state(tmp_path)
    is_one_refusal(workbench(*command.format(clip=clip, tmp=tmp_path).split()), code=1, says="two things")
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    ("output", "code", "says"),
    [
        ("o.xyz", 2, "ending"),
        ("o", 2, "ending"),
        ("folder.mp4", 1, "is a folder"),
        ("missing/o.mp4", 1, "does not exist"),
        ("clip.mp4/o.mp4", 1, "does not exist"),
        ("pipe.mp4", 1, "no plain file"),
        ("/proc/o.mp4", 1, "cannot be written"),
        ("n" * 300 + ".mp4", 1, "cannot be written"),
    ],
)
def test_places_that_cannot_be_written(
    output: str, code: int, says: str, clip: Path, workbench: Workbench, tmp_path: Path
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    before = state(tmp_path)
    is_one_refusal(workbench("process", clip, "-o", tmp_path / output), code=code, says=says)
    assert state(tmp_path) == before


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small disk in memory at ``folder``; skips the test where this user may not mount."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not permitted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_disk_is_one_line(clip: Path, workbench: Workbench, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro"):
        outcome = workbench("process", clip, "-o", tmp_path / "disk" / "o.mp4")
        is_one_refusal(outcome, code=1, says="Read-only")


def test_a_full_disk_is_one_line_and_nothing_is_left(workbench: Workbench, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "s.mp4", Clip(width=320, height=240, frames=60))
    with mounted(tmp_path / "disk", "size=32k"):
        outcome = workbench("process", source, "-o", tmp_path / "disk" / "o.mp4", "--set", "output.crf=1")
        is_one_refusal(outcome, code=1, says="disk is full")
        assert state(tmp_path / "disk") == {}


def test_stdout_on_a_full_disk_is_one_line(workbench: Workbench) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "presets", "show", "balanced"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "workbench: the output failed: No space left on device\n"


def test_two_runs_never_write_one_output(tmp_path: Path) -> None:
    first = PartFile(tmp_path / "o.mp4", source=tmp_path / "s.mp4")
    with pytest.raises(OutputError, match="another run"):
        PartFile(tmp_path / "o.mp4", source=tmp_path / "s.mp4")
    first.path.unlink()  # by hand, and then a new run
    second = PartFile(tmp_path / "o.mp4", source=tmp_path / "s.mp4")
    with pytest.raises(OutputError, match="another run"):
        first.complete()
    assert list(state(tmp_path)) == ["o.mp4.part"]
    second.complete()
    assert list(state(tmp_path)) == ["o.mp4"]


# --- being stopped ----------------------------------------------------------------------------------------------------


def _started(source: Path, output: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, "process", str(source), "-o", str(output)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, "the work never began"
        time.sleep(0.01)


def test_what_a_killed_run_leaves_is_replaced_by_the_next(
    sample: Callable[[str], Path], clip: Path, workbench: Workbench, tmp_path: Path
) -> None:
    child = _started(sample("ward_round_1080p"), tmp_path / "o.mp4")
    _wait_for(tmp_path / "o.mp4.part")
    child.kill()
    child.communicate(timeout=60)
    assert sorted(state(tmp_path)) == ["clip.mp4", "o.mp4.part"]
    assert (tmp_path / "o.mp4.part").stat().st_mode & 0o777 == 0o600
    assert workbench("process", clip, "-o", tmp_path / "o.mp4").code == 0
    assert sorted(state(tmp_path)) == ["clip.mp4", "o.mp4", "o.mp4.report.json"]
    assert frames_of(tmp_path / "o.mp4") == 5


@pytest.mark.parametrize("seconds", [0.5, 1.2])
def test_ctrl_c_while_loading_says_one_line(seconds: float, sample: Callable[[str], Path], tmp_path: Path) -> None:
    child = _started(sample("ward_round_1080p"), tmp_path / "o.mp4")
    time.sleep(seconds)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert errors.strip() == "workbench: stopped; nothing half-written is left"
    assert state(tmp_path) == {}


def test_ctrl_c_in_code_that_a_library_executes_is_a_stop_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "stopped_in_exec.py").write_text(
        "from workbench import cli\ncli.workbench = lambda **_: exec('raise KeyboardInterrupt')\ncli.main([])\n"
    )
    command = [sys.executable, "-m", "stopped_in_exec"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.strip() == "workbench: stopped; nothing half-written is left"


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGHUP])
def test_an_impatient_stop_still_cleans_up(kind: signal.Signals, sample: Callable[[str], Path], tmp_path: Path) -> None:
    child = _started(sample("ward_round_1080p"), tmp_path / "o.mp4")
    _wait_for(tmp_path / "o.mp4.part")
    for _ in range(5):
        child.send_signal(kind)
        time.sleep(0.02)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert errors.strip() == "workbench: stopped; nothing half-written is left"
    assert state(tmp_path) == {}


# --- wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "process {clip} -o {tmp}/o.mp4 --start nan",
        "process {clip} -o {tmp}/o.mp4 --end inf",
        "process {clip} -o {tmp}/o.mp4 --start -1",
        "process {clip} -o {tmp}/o.mp4 --end 0",
        "process {clip} -o {tmp}/o.mp4 --set mask",
        "process {clip} -o {tmp}/o.mp4 --set mask.kind",
        "process {clip} -o {tmp}/o.mp4 --set a.b=c",
        "process {clip} -o {tmp}/o.mp4 --preset {clip}",
        "process {clip} -o {tmp}/o.mp4 --unknown",
        "process {clip}",
        "process",
        "nothing",
        "evaluate {clip}",
    ],
)
def test_wrong_use_is_one_line_and_exit_code_two(words: str, clip: Path, workbench: Workbench, tmp_path: Path) -> None:
    before = state(tmp_path)
    is_one_refusal(workbench(*words.format(clip=clip, tmp=tmp_path).split()), code=2, says="")
    assert state(tmp_path) == before


def test_a_part_outside_the_clip_is_refused(clip: Path, workbench: Workbench, tmp_path: Path) -> None:
    outcome = workbench("process", clip, "-o", tmp_path / "o.mp4", "--start", "100")
    is_one_refusal(outcome, code=1, says="no frame")
    assert list(state(tmp_path)) == ["clip.mp4"]


def test_kept_detections_of_another_clip_are_refused(clip: Path, workbench: Workbench, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", Clip(frames=6))
    kept = ("-o", tmp_path / "t.csv", "--detections", tmp_path / "d.npz")
    assert workbench("analyze", clip, *kept).code == 0
    assert workbench("analyze", clip, *kept).code == 0
    is_one_refusal(workbench("analyze", other, *kept), code=2, says="another clip")
    is_one_refusal(workbench("analyze", clip, *kept, "--start", "0.1"), code=2, says="--start")


# --- several clips ----------------------------------------------------------------------------------------------------


def test_a_clip_that_fails_does_not_stop_the_others(workbench: Workbench, tmp_path: Path) -> None:
    for name in ("a.mp4", "c.mkv"):
        write_clip(tmp_path / name, Clip(frames=3))
    (tmp_path / "b.mp4").write_text("no video")
    inputs = [tmp_path / name for name in ("a.mp4", "b.mp4", "c.mkv")]
    outcome = workbench("process", *inputs, "-o", tmp_path / "out", "--json")
    assert outcome.code == 1
    assert [row["status"] for row in json.loads(outcome.out)] == ["done", "failed", "done"]
    assert outcome.lines == []
    assert {"a.masked.mp4", "c.masked.mkv"} < set(state(tmp_path / "out"))


def test_clips_of_one_name_never_overwrite_each_other(workbench: Workbench, tmp_path: Path) -> None:
    for name in ("x/a.mp4", "y/a.mp4", "x/a.mov", "x/A.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_clip(tmp_path / name, Clip(frames=3))
    out = tmp_path / "out"
    two = workbench("process", tmp_path / "x" / "a.mp4", tmp_path / "y" / "a.mp4", "-o", out)
    is_one_refusal(two, code=2, says="two folders")
    assert state(out) == {}
    assert workbench("process", tmp_path / "x", tmp_path / "x" / "a.mp4", "-o", out).code == 0
    videos = [name for name in state(out) if not name.endswith(".json")]
    assert sorted(videos) == ["A.masked.mkv", "a.mov.masked.mp4", "a.mp4.masked.mp4"]


def test_a_batch_never_writes_one_of_its_inputs(workbench: Workbench, tmp_path: Path) -> None:
    for name in ("a.mp4", "a.masked.mp4"):
        write_clip(tmp_path / name, Clip(frames=3))
    before = state(tmp_path)
    is_one_refusal(workbench("process", tmp_path, "-o", tmp_path), code=2, says="another folder")
    assert state(tmp_path) == before
