"""``workbench audit``: what it prints, writes and ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ShortClip
from workbench.cli import run

Told = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def clip(short_clip: ShortClip) -> Path:
    return short_clip("meeting_grid", frames=10)


@pytest.fixture(scope="module")
def folder(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``masked.mp4`` with its timeline ``hidden.csv``; ``leaking.mp4``, in which nothing but track 1 is hidden."""
    made = tmp_path_factory.mktemp("outputs")
    assert run(["process", str(clip), "-o", str(made / "masked.mp4"), "--save-timeline", str(made / "hidden.csv")]) == 0
    lines = (made / "hidden.csv").read_text().splitlines(keepends=True)
    kept = [line for number, line in enumerate(lines) if number < 2 or line.split(",")[2] == "1"]
    (made / "first.csv").write_text("".join(kept))
    render = ["render", str(clip), "--timeline", str(made / "first.csv"), "-o", str(made / "leaking.mp4")]
    assert run(render) == 0
    return made


def test_a_safe_clip_is_said_to_be_safe(folder: Path, clip: Path, capsys: Told, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    output, hidden = str(folder / "masked.mp4"), str(folder / "hidden.csv")
    assert run(["audit", output, "--source", str(clip), "--timeline", hidden, "--sheet", str(sheet)]) == 0
    told = capsys.readouterr().err
    assert "no face shows; 10 frames, looked at 10," in told
    assert "every frame at its source's" in told
    assert "bit for bit" in told
    assert "weakest mask: " in told
    assert json.loads((folder / "masked.mp4.audit.json").read_text())["passed"] is True
    with Image.open(sheet) as picture:
        assert picture.width == 980


def test_what_shows_is_told_drawn_and_mended(folder: Path, clip: Path, capsys: Told, tmp_path: Path) -> None:
    leaking, first, mended = (str(folder / name) for name in ("leaking.mp4", "first.csv", "mended.csv"))
    asked = ["audit", leaking, "--source", str(clip), "--timeline", first, "--save-timeline", mended]
    assert run([*asked, "--sheet", str(tmp_path / "sheet.jpg"), "--every", "3"]) == 3
    told = capsys.readouterr().err
    assert "3 faces show; 10 frames, looked at 4," in told
    assert told.count("please look: 0.00–0.36 s") == 3
    assert (tmp_path / "sheet.jpg").is_file()
    again = str(tmp_path / "again.mp4")
    assert run(["render", str(clip), "--timeline", mended, "-o", again]) == 0
    assert run(["audit", again, "--source", str(clip), "--timeline", mended, "--every", "3"]) == 0


def test_json_is_all_that_is_printed(folder: Path, clip: Path, capsys: Told) -> None:
    assert run(["audit", str(folder / "leaking.mp4"), "--source", str(clip), "--json", "--every", "9"]) == 3
    printed = capsys.readouterr()
    assert printed.err == ""
    assert len(json.loads(printed.out)["showing"]) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["{masked}"], 2, "Missing option '--source'"),
        (["{masked}", "--source", "{gone}"], 1, "gone.mp4 cannot be read"),
        (["{gone}", "--source", "{clip}"], 1, "gone.mp4 cannot be read"),
        (["{masked}", "--source", "{masked}.audit.json"], 1, "is named for two things"),
        (["{masked}", "--source", "{clip}", "--save-timeline", "{new}"], 2, "name that with --timeline"),
        (["{masked}", "--source", "{clip}", "--timeline", "{clip}"], 1, "cannot be read as a timeline"),
        (["{masked}", "--source", "{clip}", "--sheet", "{masked}"], 1, "is named for two things"),
        (["{masked}", "--source", "{clip}", "--every", "0"], 2, "not in the range"),
        (["{masked}", "--source", "{clip}", "--start", "2", "--end", "1"], 2, "must be after the start"),
        (["{masked}", "--source", "{clip}", "--preset", "unheard"], 1, "unheard"),
    ],
)
def test_wrong_use_is_one_line(
    folder: Path, clip: Path, capsys: Told, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    places = {"masked": folder / "masked.mp4", "clip": clip, "gone": tmp_path / "gone.mp4", "new": tmp_path / "new.csv"}
    ended = run(["audit", *(each.format(**places) for each in arguments)])
    told = capsys.readouterr().err.strip()
    assert says in told
    assert ended in (code, 3 - code)
    assert "\n" not in told
    assert not list(tmp_path.iterdir())
