"""What is told on stderr: always one line, whatever a file is called."""

from __future__ import annotations

import click


def one_line(text: str) -> str:
    """``text`` with every line break, control character and broken letter as ``�``: a file name may hold any."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def tell(text: str) -> None:
    """Print one line on stderr."""
    click.echo(one_line(text), err=True)
