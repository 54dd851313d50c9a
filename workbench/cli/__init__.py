"""The command line: parse, call, print. The only place that prints."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from workbench.cli.app import workbench
from workbench.errors import WorkbenchError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong use, 3 done but needs review, 130 stopped."""
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """The exit code of the command line with these arguments."""
    try:
        return int(workbench(args=arguments, prog_name="workbench", standalone_mode=False) or 0)
    except WorkbenchError as error:
        click.echo(f"workbench: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("workbench: stopped; nothing half-written is left", err=True)
        return 130


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends the program the same way as Ctrl-C, so that unfinished files are removed."""
    raise KeyboardInterrupt
