"""The command line: parse, call, print. The only place that prints."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType

import click

from workbench.cli.app import workbench
from workbench.cli.lines import tell
from workbench.errors import Cancelled, WorkbenchError

__all__ = ["main"]

STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C, a polite kill, a closed terminal (not on Windows)
PATIENCE_SECONDS = 2.0  # whoever presses Ctrl-C again within this time does not interrupt the cleaning up
TRACEBACK = "WORKBENCH_TRACEBACK"
"""Environment variable; if it is set, a defect shows where it happened."""

EXPECTED = (WorkbenchError, click.ClickException, OSError, MemoryError)
"""What is no defect of the program."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong use, 3 done but needs review, 130 stopped."""
    _stop_politely()
    code = run(sys.argv[1:] if arguments is None else arguments)
    _end_undisturbed()
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


def _stop_politely() -> None:
    """Every way to be stopped ends the program like Ctrl-C: unfinished files are removed."""
    asked = -PATIENCE_SECONDS

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        before, asked = asked, time.monotonic()
        if asked - before >= PATIENCE_SECONDS:
            raise KeyboardInterrupt

    for name in STOPPING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, stop)


def _end_undisturbed() -> None:
    """The work is done or undone: while it shuts down, Python would let one more Ctrl-C change the exit code.

    So would the first, had it come while a library ran ``exec`` (dataclasses do): Python notes it as unhandled, and
    ``python -m`` then dies by the signal. Whatever is executed next takes the note back.
    """
    for name in STOPPING:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)
    exec("")
