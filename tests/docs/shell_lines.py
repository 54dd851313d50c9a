"""The commands that the texts tell, and how one is checked.

A line in a ``sh`` block of README.md or docs/ is a command. It is

- run for real, in a folder that has what the texts speak of, and must succeed; or
- parsed only, where it runs until it is stopped or for hours (``ENDLESS``), and where the line ends in
  ``# needs: WHAT``, which says what is not there when tests run. Command, options and values must be right.

``make`` is asked what it would do.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from workbench.cli import run
from workbench.cli.app import workbench
from workbench.cli.options import chosen_preset

PROJECT = Path(__file__).parents[2]
TEXTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]

ENDLESS = (("app",), ("live", "0"), ("train",), ("bench",), ("jobs", "work"), ("jobs", "watch"))
"""Commands that end only when they are stopped, or after hours: the beginnings of their arguments."""

GOOD = {"process": (0, 3), "doctor": (0, 1)}  # 3: please review; 1: not every model is here
SECONDS = 200

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NEEDS = re.compile(r"\s#\sneeds: (?P<what>\S.*)$")
_PROGRAM = re.compile(r"(?:.*/)?workbench")
_REDIRECTION = re.compile(r"[|>&;]+")


@dataclass(frozen=True)
class Line:
    """One command of a text. ``needs``: what is not there when tests run; empty where it can be run."""

    page: str
    text: str
    needs: str = ""

    @property
    def words(self) -> list[str]:
        return shlex.split(re.sub(r"\s#\s.*$", "", self.text))


def lines_of(path: Path) -> list[Line]:
    """The commands in the ``sh`` blocks of a text, in order."""
    found = []
    for block in _BLOCK.findall(path.read_text("utf-8")):
        for text in filter(None, map(str.strip, block.splitlines())):
            needs = _NEEDS.search(text)
            found.append(Line(path.name, _NEEDS.sub("", text), needs["what"] if needs else ""))
    return found


def check(line: Line, folder: Path) -> None:
    """Run or parse one command in ``folder``, the working folder. Raises AssertionError or click's error."""
    words = line.words
    program = next(index for index, word in enumerate(words) if not re.match(r"[A-Z_]+=", word))
    if words[program] == "make":
        _would_make(words[program + 1 :])
        return
    calls = workbench_calls(words)
    for arguments in calls:
        parse(arguments)
    if line.needs or any(tuple(arguments[: len(each)]) == each for arguments in calls for each in ENDLESS):
        return
    code, said = _run_here(words[1:], folder) if _is_one_call(words) else _run_by_shell(line.text, folder)
    good = GOOD.get(calls[-1][0], (0,)) if calls else (0,)
    assert code in good, f"{line.page}: {line.text}\nended with {code}\n{said}"


def _is_one_call(words: list[str]) -> bool:
    return bool(_PROGRAM.fullmatch(words[0])) and not any(set(word) & set("|<>&;$*~") for word in words)


def _run_here(arguments: list[str], folder: Path) -> tuple[int, str]:
    """Exit code and output of one call of ``workbench``, in this process: starting one costs more than most do."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        for name, value in _environment(folder).items():
            patch.setenv(name, value)
        return run(arguments), said.getvalue()


def _run_by_shell(text: str, folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", text],
        cwd=folder, env=_environment(folder), capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def workbench_calls(words: list[str]) -> list[list[str]]:
    """The arguments of each call of ``workbench`` in a command line, those in a container of ours included."""
    calls: list[list[str]] = []
    current: list[str] | None = None
    in_docker = words[:2] == ["docker", "run"]
    for word in words:
        if _REDIRECTION.fullmatch(word) or re.match(r"\d?>", word):
            current = None
        elif current is not None:
            current.append(word)
        elif _PROGRAM.fullmatch(word) or (in_docker and re.fullmatch(r"face-privacy-workbench(:\w+)?", word)):
            current = []
            calls.append(current)
    return [call for call in calls if call]


def parse(arguments: list[str]) -> None:
    """Check a command, its options and their values without running it. Raises click's or the product's error."""
    context, rest = _command(arguments)
    try:
        parsed = context.command.make_context(context.info_name, rest, parent=context.parent)
    except click.exceptions.Exit:  # --help and --version end there
        return
    if {"preset", "settings"} <= parsed.params.keys():
        settings = (each for each in parsed.params["settings"] if not each.startswith("live."))
        preset = parsed.params["preset"]
        chosen_preset("balanced" if preset.endswith(".yaml") else preset, tuple(settings))


def check_words(command_line: str) -> None:
    """Check a command as it is spoken of in a sentence, ``jobs submit|list [--json]``: its names and its options."""
    words = re.sub(r"[\[\]…]|\.\.\.", " ", command_line.replace("\\|", "|")).split()[1:]
    alternatives = next((word.split("|") for word in words[:2] if re.fullmatch(r"[a-z-]+(\|[a-z-]+)+", word)), None)
    for name in alternatives or [""]:
        context, rest = _command([name if alternatives and word.split("|") == alternatives else word for word in words])
        known = {flag for option in context.command.params for flag in (*option.opts, *option.secondary_opts)}
        for flag in (word.partition("=")[0] for word in rest if word.startswith("-")):
            assert flag in {*known, "--help"}, f"{context.command_path} has no option {flag}"


def _command(arguments: list[str]) -> tuple[click.Context, list[str]]:
    """The command that the first words name, and the words that are left for it."""
    context, rest = click.Context(workbench, info_name="workbench"), list(arguments)
    while isinstance(context.command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        command = context.command.get_command(context, name)
        assert command is not None, f"{context.command_path} has no command {name}"
        context = click.Context(command, info_name=name, parent=context)
    return context, rest


def _would_make(arguments: list[str]) -> None:
    dry = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *arguments],
        cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert dry.returncode == 0, f"make {arguments}: {dry.stderr}"


def _environment(folder: Path) -> dict[str, str]:
    """Programs of this installation; everything that is written goes into the folder."""
    return os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": str(folder / "data"),
        "WORKBENCH_WORKSPACE": str(folder / "workspace"),
    }
