"""Every command in README.md and docs/ works; those that need what is not here are at least right."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import click
import pytest

from tests.conftest import ShortClip
from tests.docs.shell_lines import PROJECT, TEXTS, Line, check, check_words, lines_of, workbench_calls
from workbench.errors import UsageError
from workbench.live.options import LiveOptions
from workbench.presets.files import load_preset, save_preset
from workbench.presets.model import option_fields

FRAMES = 10

_INLINE = re.compile(r"`((?:\.venv/bin/)?workbench [^`]+|make [^`]+)`")
_OPTION = re.compile(r"`((?:detector|tracker|timeline|mask|output|live)\.(?!py`)[a-z_]+)")
_TRANSLATED = [path for path in TEXTS if path.name.endswith(".zh.md")]


@pytest.fixture
def folder(short_clip: ShortClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the texts speak of: a short ``clip.mp4``, ``truth.csv``, ``mine.yaml``, labelled ``pictures``, ``.venv``."""
    clip = short_clip("consultation", frames=FRAMES)
    shutil.copy(clip, tmp_path / "clip.mp4")
    shutil.copy(clip.with_suffix(".gt.csv"), tmp_path / "truth.csv")
    save_preset(load_preset("bright"), tmp_path / "mine.yaml")
    _write_pictures(clip, tmp_path / "pictures")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "workbench").symlink_to(Path(sys.executable).with_name("workbench"))
    (programs / "activate").write_text(f'PATH="{programs}:$PATH"\n')
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def _write_pictures(clip: Path, folder: Path) -> None:
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    with av.open(clip) as container:
        next(container.decode(video=0)).to_image().save(folder / "images" / "one.jpg")
    (folder / "labels" / "one.txt").write_text("0 0.5 0.5 0.1 0.2\n")


@pytest.mark.slow
@pytest.mark.parametrize("path", [each for each in TEXTS if each not in _TRANSLATED], ids=lambda path: path.stem)
def test_commands_work(path: Path, folder: Path) -> None:
    for line in lines_of(path):
        check(line, folder)


@pytest.mark.parametrize("path", _TRANSLATED, ids=lambda path: path.stem)
def test_translations_tell_the_same_commands(path: Path) -> None:
    english = {line.text for line in lines_of(path.with_name(path.name.replace(".zh.", ".")))}
    assert {line.text for line in lines_of(path)} <= english


def test_there_are_commands_to_check() -> None:
    lines = [line for path in TEXTS for line in lines_of(path)]
    told = {tuple(call)[:1] for line in lines for call in workbench_calls(line.words)}
    assert len(lines) > 50
    assert {("process",), ("live",), ("train",), ("doctor",), ("jobs",), ("users",)} <= told


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_commands_and_options_in_sentences_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    for spoken in _INLINE.findall(text):
        if spoken.startswith("make "):
            check(Line(path.name, spoken), path.parent)
        else:
            check_words(spoken)
    known = {*option_fields(), *(f"live.{name}" for name in LiveOptions.model_fields)}
    assert set(_OPTION.findall(text)) <= known


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_no_command_hides_in_another_kind_of_block(path: Path) -> None:
    text = path.read_text("utf-8")
    kinds = set(re.findall(r"^ *```(\S*).*\n(?:.*\n)*?^ *```$", text, re.MULTILINE))
    assert kinds <= {"sh", "text", "yaml", "ini", "nginx", "python"}
    assert not re.findall(r"^(?: {4,}|\$ )(?:\.venv/bin/\S+|workbench|make|docker|pip|conda) .*", text, re.MULTILINE)


def test_readme_names_every_command() -> None:
    from workbench.cli.app import COMMANDS

    text = (PROJECT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`workbench {name}" not in text] == []


@pytest.mark.parametrize(
    "text",
    [
        "workbench proces clip.mp4 -o out.mp4",
        "workbench process clip.mp4 --output-file out.mp4",
        "workbench process gone.mp4 -o out.mp4",
        "workbench process clip.mp4 -o out.mp4 --set mask.kind=paper    # needs: gpu",
        "workbench live 0 --recrod a.mp4    # needs: a camera",
        "workbench app --port eighty",
        "docker run --rm face-privacy-workbench users ad nurse    # needs: docker",
        "workbench presets show balanced | workbench presets chek -    # needs: nothing",
        "make everything",
        "no-such-program",
    ],
)
def test_a_wrong_command_is_found(text: str, folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```sh\n{text}\n```\n")
    (line,) = lines_of(page)
    with pytest.raises((AssertionError, click.UsageError, UsageError)):
        check(line, folder)


@pytest.mark.parametrize(
    "spoken", ["workbench jobs submit\\|lst", "workbench process CLIP --oops", "workbench nothing"]
)
def test_a_wrong_word_is_found(spoken: str) -> None:
    with pytest.raises(AssertionError):
        check_words(spoken)
