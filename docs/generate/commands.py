"""The reference of commands, from the command line itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from generate.options import Language
from generate.table import code, plain, table
from workbench.cli.app import COMMANDS, workbench

HEAD = ("Option", "Meaning", "Allowed", "Default")


def every_command(_language: Language) -> str:
    """A chapter for each command, its subcommands in it. In English, as ``--help`` is."""
    root = click.Context(workbench, info_name="workbench")
    return "\n\n".join(part for name in COMMANDS for part in _chapter(name, root, level=2))


def _chapter(name: str, parent: click.Context, *, level: int) -> Iterator[str]:
    group = parent.command
    assert isinstance(group, click.Group)
    command = group.get_command(parent, name)
    assert command is not None
    ctx = click.Context(command, info_name=name, parent=parent)
    yield f"{'#' * level} {ctx.command_path}"
    yield plain(inspect.cleandoc(command.help or ""))
    if isinstance(command, click.Group):
        for each in command.list_commands(ctx):
            yield from _chapter(each, ctx, level=level + 1)
        return
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    yield f"```text\n{usage}\n```"
    rows = [_row(option, ctx) for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if rows:
        yield table(HEAD, rows)


def _row(option: click.Option, ctx: click.Context) -> list[str]:
    metavar = "" if option.is_flag else option.make_metavar(ctx)
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    choices = isinstance(option.type, click.Choice)
    extra = option.get_help_extra(ctx)
    value = "" if choices or "RANGE" in metavar else f" {code(metavar)}"
    admitted = " · ".join(map(code, option.type.choices)) if isinstance(option.type, click.Choice) else ""
    return [
        names + value.rstrip(),
        plain(option.help or ""),
        admitted or _bounds(extra.get("range", "")),
        "required" if option.required else code(str(extra.get("default", ""))),
    ]


def _bounds(text: str) -> str:
    """click's ``0<=x<=1`` and ``x>=1``, to be read: ``0 to 1``, ``at least 1``."""
    both = re.fullmatch(r"(\S+?)<=?x<=?(\S+)", text)
    if both:
        return f"{both[1]} to {both[2]}"
    for sign, words in ((">=", "at least"), (">", "above"), ("<=", "at most"), ("<", "below")):
        if text.startswith(f"x{sign}"):
            return f"{words} {text.removeprefix(f'x{sign}')}"
    return plain(text)
