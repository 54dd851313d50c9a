"""``workbench jobs`` as its user meets it."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.jobs.conftest import QUICK
from workbench.cli import run
from workbench.jobs.queue import JobQueue

SETTINGS = [word for setting in QUICK for word in ("--set", setting)]


@pytest.fixture(autouse=True)
def workspace(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace that the commands use by themselves."""
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(root))
    return root


def submitted(*arguments: object, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The ids that ``jobs submit`` prints."""
    assert run(["jobs", "submit", *map(str, arguments)]) == 0
    return capsys.readouterr().out.split()


def test_a_folder_is_submitted_worked_through_and_watched(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "new" / "out"
    folder.mkdir()
    shutil.copy(clip, folder / "Visit.mp4")
    (folder / "notes.txt").write_text("no video")
    ids = submitted(folder, "-o", out, *SETTINGS, capsys=capsys)
    assert len(ids) == 1
    with ThreadPoolExecutor(1) as beside:
        worker = beside.submit(run, ["jobs", "work", "--until-empty", "--show-names"])
        assert run(["jobs", "watch", ids[0][:6]]) == 0
        assert worker.result() == 0
    told = capsys.readouterr().err
    assert "Visit.mp4 · running" in told
    assert told.splitlines()[-1] == "Visit.mp4 · done"
    assert sorted(path.name for path in out.iterdir()) == [
        f"Visit.masked.mp4{ending}" for ending in ("", ".preset.yaml", ".report.json", ".timeline.csv")
    ]
    assert run(["jobs", "show", ids[0], "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["state"], facts["frames_done"], facts["attempt"]) == ("done", 5, 1)
    assert set(facts["files"]) == {"output", "report", "timeline", "preset", "log"}
    assert "Visit.mp4" in Path(facts["files"]["log"]).read_text(), "--show-names was given"
    assert run(["jobs", "show", ids[0]]) == 0
    assert str(out / "Visit.masked.mp4") in capsys.readouterr().out
    assert run(["jobs", "remove", ids[0]]) == 0
    assert (out / "Visit.masked.mp4").exists()


def test_jobs_are_listed_cancelled_and_retried(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "list"]) == 0
    assert capsys.readouterr().err == "no jobs\n"
    first, second = submitted(clip, *SETTINGS, capsys=capsys) + submitted(clip, capsys=capsys)
    assert run(["jobs", "cancel", first]) == 0
    assert run(["jobs", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [second[:8], first[:8]]
    assert run(["jobs", "watch", first]) == 130
    assert run(["jobs", "retry", first]) == 0
    assert run(["jobs", "list", "--json"]) == 0
    assert {job["state"] for job in json.loads(capsys.readouterr().out)} == {"queued"}


def test_two_clips_of_one_name_clash_only_where_they_would_share_a_folder(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(clip, tmp_path / name / "clip.mp4")
    clips = (tmp_path / "a" / "clip.mp4", tmp_path / "b" / "clip.mp4")
    assert len(submitted(*clips, capsys=capsys)) == 2
    assert run(["jobs", "submit", *map(str, clips), "-o", str(tmp_path)]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["submit", "{clip}", "--set", "mask.colour=red"], 2, "#rrggbb"),
        (["submit", "{tmp}/gone.mp4"], 2, "gone.mp4"),
        (["submit", "{text}"], 1, "text.mp4"),
        (["submit", "{clip}", "-o", "{text}/o"], 1, "cannot be made"),
        (["show", "nothing"], 2, "workbench jobs list"),
        (["cancel", ""], 2, "workbench jobs list"),
        (["show", "{shared}"], 2, "more letters"),
        (["retry", "{queued}"], 2, "is queued"),
        (["list", "--workspace", "{full}"], 2, "holds other things"),
        (["work", "--jobs", "0"], 2, "--jobs"),
    ],
)
def test_wrong_use_is_one_line_that_says_why(
    arguments: list[str], code: int, says: str, clip: Path, queue: JobQueue, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    ids = [queue.submit(clip).id]
    while "{shared}" in arguments and ids[-1][0] not in {id[0] for id in ids[:-1]}:
        ids.append(queue.submit(clip).id)
    shared = ids[-1][0]
    words = {"clip": clip, "tmp": tmp_path, "text": tmp_path / "text.mp4", "full": tmp_path / "full"}
    assert run(["jobs", *(word.format(**words, queued=ids[0], shared=shared) for word in arguments)]) == code
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == 1
    assert says in told.err
    assert told.out == ""


@pytest.mark.parametrize("command", ["submit", "list", "show", "cancel", "retry", "remove", "watch", "work"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["jobs", command, "--help"])
    assert "--workspace" in capsys.readouterr().out
