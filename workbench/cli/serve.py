"""``workbench app``: the page. ``workbench users``: who may log in."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import click

from workbench.errors import Cancelled, UsageError
from workbench.workspace import Workspace, default_root

LEAVE_SECONDS = 0.7  # for what Python does at its end

with_workspace = click.option(
    "--workspace",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="The private folder for clips, jobs and users. Default: $WORKBENCH_WORKSPACE, or one among your data.",
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen on this address. Others need users.")
@click.option("--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="0: any free one.")
@click.option("--host-name", "host_names", multiple=True, metavar="NAME", help="Another name browsers know it by.")
@click.option("--max-upload", type=click.FloatRange(min=0.001), default=2.0, show_default=True, metavar="GB")
@click.option("--retention", type=click.FloatRange(min=0.01), default=72.0, show_default=True, metavar="HOURS",
              help="Delete clips, previews and finished jobs that nobody used for so long.")  # fmt: skip
@click.option("--workers/--no-workers", default=True, show_default=True, help="Do the jobs of the queue as well.")
@click.option("--open/--no-open", "open_browser", default=False, show_default=True, help="Open a browser window.")
@with_workspace
def app(
    *,
    host: str,
    port: int,
    host_names: tuple[str, ...],
    max_upload: float,
    retention: float,
    workers: bool,
    open_browser: bool,
    root: Path | None,
) -> None:
    """Show the page in a browser of this machine. Ctrl-C ends it; nothing is lost."""
    from workbench.ui.offline import stay_local
    from workbench.ui.server import serve

    stay_local()
    try:
        serve(
            workspace=Workspace(root or default_root()),
            host=host,
            port=port,
            host_names=host_names,
            max_upload_gb=max_upload,
            retention_hours=retention,
            workers=workers,
            open_browser=open_browser,
            ready=lambda address: click.echo(f"The workbench is ready: {address}   (Ctrl-C ends it)"),
        )
    except KeyboardInterrupt:
        threading.Thread(target=_leave, daemon=True).start()
        raise


@click.group()
def users() -> None:
    """Who may log in to the page. Without any user it can be opened on this machine alone."""


@users.command("list")
@with_workspace
def list_(root: Path | None) -> None:
    """The names of all users."""
    from workbench.users import Users

    for name in Users(root or default_root()).names():
        click.echo(name)


@users.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@with_workspace
def add(name: str, password_stdin: bool, root: Path | None) -> None:
    """Let NAME log in, with a password that is asked for."""
    from workbench.users import Users

    Users(_root(root)).add(name, _password(from_stdin=password_stdin))
    click.echo(f"{name} may log in", err=True)


@users.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@with_workspace
def password(name: str, password_stdin: bool, root: Path | None) -> None:
    """Give NAME another password; browsers that are logged in with the old one are logged out."""
    from workbench.users import Users

    Users(_root(root)).set_password(name, _password(from_stdin=password_stdin))
    click.echo(f"{name} has another password", err=True)


@users.command()
@click.argument("name")
@with_workspace
def remove(name: str, root: Path | None) -> None:
    """Log NAME out and let them in no more. Their clips are deleted when they are old enough."""
    from workbench.users import Users

    Users(_root(root)).remove(name)
    click.echo(f"{name} may not log in any more", err=True)


def _leave() -> None:
    """End the process even where it still computes an answer: Python would wait for that, a long preview for minutes.

    By now everything is put away; nobody gets the answer any more.
    """
    time.sleep(LEAVE_SECONDS)
    os._exit(Cancelled.exit_code)


def _root(root: Path | None) -> Path:
    return Workspace(root or default_root()).root


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError("no terminal to ask for the password: use --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
