"""The command line: parse, call, print. The only place that prints."""

from __future__ import annotations

import os
import sys

import click

from workbench.cli.app import workbench
from workbench.cli.lines import tell
from workbench.cli.stopping import end_undisturbed, stop_politely
from workbench.errors import Cancelled, WorkbenchError

__all__ = ["main"]

TRACEBACK = "WORKBENCH_TRACEBACK"
"""Environment variable; if it is set, a defect shows where it happened."""

EXPECTED = (WorkbenchError, click.ClickException, OSError, MemoryError)
"""What is no defect of the program."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong use, 3 done but needs review, 130 stopped."""
    stop_politely()
    code = run(sys.argv[1:] if arguments is None else arguments)
    end_undisturbed()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of the command line with these arguments."""
    try:
        return int(workbench(args=arguments, prog_name="workbench", standalone_mode=False) or 0)
    except (KeyboardInterrupt, Exception) as error:
        if _is_stop(error):
            tell("workbench: stopped; nothing half-written is left")
            return Cancelled.exit_code
        if not isinstance(error, EXPECTED) and TRACEBACK in os.environ:
            raise
        tell(f"workbench: {_message(error)}")
        return getattr(error, "exit_code", WorkbenchError.exit_code)


def _is_stop(error: BaseException | None) -> bool:
    """Whether the user stopped the program. A library that is being loaded may wrap Ctrl-C into an error of its own."""
    while error is not None:
        if isinstance(error, (KeyboardInterrupt, click.Abort)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _message(error: BaseException) -> str:
    """What went wrong, for the user."""
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "workbench"
        return f"{error.format_message()} See: {command} --help"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, WorkbenchError):
        return str(error)
    if isinstance(error, OSError):  # for example stdout, where it is a file on a full disk
        return f"{error.filename or 'the output'} failed: {error.strerror}"
    if isinstance(error, MemoryError):
        return "not enough memory; use detector.tiles=1 or a machine with more"
    return f"a defect of the program ({type(error).__name__}: {error}); {TRACEBACK}=1 shows where"
