"""``workbench live`` as its user meets it: what it tells, what it writes, how it ends, and what it never says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from tests.conftest import ShortClip

PROGRAM = [sys.executable, "-m", "workbench", "live"]
PATIENCE_SECONDS = 60
NO_SCREEN = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


def live(*arguments: str | Path, **environment: str) -> tuple[int, str]:
    """Exit code and what is told of a run that ends by itself."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def frames_in(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def test_a_file_is_played_as_if_live_masked_and_recorded(tmp_path: Path, short_clip: ShortClip) -> None:
    code, told = live(short_clip("consultation", frames=75), "--record", tmp_path / "out.mp4", "--look-ahead", "200")
    assert code == 0, told
    assert frames_in(tmp_path / "out.mp4") > 0
    assert " fps · " in told
    assert "times hidden whole (starting 1" in told
    assert told.splitlines()[-1] == f"{tmp_path / 'out.mp4'}: recorded"


def test_ctrl_c_completes_the_recording(tmp_path: Path, short_clip: ShortClip) -> None:
    command = [*PROGRAM, str(short_clip("consultation", frames=50)), "--set", "live.loop=true"]
    record = tmp_path / "out.mp4"
    with subprocess.Popen([*command, "--record", str(record)], stderr=subprocess.PIPE, text=True) as program:
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (record.exists() and record.stat().st_size > 50_000):
                assert time.monotonic() < deadline
                assert program.poll() is None
                time.sleep(0.05)
            program.send_signal(signal.SIGINT)
            _, told = program.communicate(timeout=PATIENCE_SECONDS)
        finally:
            program.kill()
    assert program.returncode == 130
    assert f"{record}: recorded" in told
    assert told.splitlines()[-1] == "workbench: stopped; nothing half-written is left"
    assert frames_in(record) > 0


def test_several_streams_of_a_file_run_side_by_side(tmp_path: Path, short_clip: ShortClip) -> None:
    clip = short_clip("meeting_grid", frames=25)
    (tmp_path / "streams.yaml").write_text(
        f"- name: ward 3\n  source: {clip}\n  record: {tmp_path}/3.mp4\n  preset: fast\n"
        f"- name: ward 4\n  source: ${{WARD_4}}\n  record: {tmp_path}/4.mp4\n  options: {{look_ahead_ms: 0}}\n"
    )
    code, told = live("--config", tmp_path / "streams.yaml", WARD_4=str(clip))
    assert code == 0, told
    for ward in ("3", "4"):
        assert f"ward {ward}: running" in told
        assert frames_in(tmp_path / f"{ward}.mp4") > 0


def test_a_source_that_is_not_there_is_said_tried_again_and_left_in_time() -> None:
    code, told = live("rtsp://nurse:${SECRET}@127.0.0.1:9/ward?token=hidden", "--seconds", "8", SECRET="top/secret")
    assert code == 1
    assert "rtsp://127.0.0.1:9/…: waiting: " in told
    assert "secret" not in told
    assert "hidden" not in told


def test_a_push_that_is_refused_is_said_and_the_rest_goes_on(tmp_path: Path, short_clip: ShortClip) -> None:
    clip, record = short_clip("consultation", frames=50), tmp_path / "out.mp4"
    begin = (clip, "--set", "live.loop=true", "--seconds", "10", "--record", record)
    code, told = live(*begin, "--push", "rtmp://127.0.0.1:9/live/${KEY}", KEY="k3y")
    assert code == 0, told
    assert "push waiting: " in told
    assert "k3y" not in told
    assert frames_in(record) > 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "name one SOURCE, or --config FILE"),
        (("0", "--config", "streams.yaml"), 2, "name one SOURCE, or --config FILE"),
        (("--config", "none.yaml"), 2, "none.yaml: cannot be read"),
        (("--config", "none.yaml", "--preset", "fast"), 2, "leave out --preset"),
        (("none.mp4",), 1, "none.mp4 is no file here"),
        (("gopher://x",), 2, "gopher:// is not a source"),
        (("0", "--push", "http://x/y"), 2, "http:// is not a place to push to"),
        (("0", "--record", "out.avi"), 2, "out.avi: a recording is an MP4 file"),
        (("0", "--record", "none/out.mp4"), 1, "does not exist: make it first"),
        (("0", "--set", "live.fps=500"), 2, "--set live.fps = 500: should be less than or equal to 240"),
        (("0", "--set", "live.fsp=5"), 2, "live.fsp: unknown key (did you mean fps?)"),
        (("0", "--set", "mask.knd=solid"), 2, "mask.knd: unknown key"),
        (("rtsp://${NOT_SET_ANYWHERE}@x/",), 2, "SOURCE: the environment has no variable NOT_SET_ANYWHERE"),
        (("0", "--show"), 2, "--show needs a screen"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    left, told = live(*arguments, **NO_SCREEN)
    assert (left, told.count("\n")) == (code, 1), told
    assert said in told


def test_the_source_itself_is_not_recorded_over(short_clip: ShortClip) -> None:
    clip = short_clip("consultation", frames=20)
    before = clip.read_bytes()
    code, told = live(clip, "--record", clip)
    assert (code, clip.read_bytes()) == (1, before), told
    assert "is named for two things" in told
