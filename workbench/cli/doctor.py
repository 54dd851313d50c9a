"""``workbench doctor``: what is installed, what really works, how to fix the rest."""

from __future__ import annotations

import click

MARKS = {"ok": "ok     ", "info": "info   ", "missing": "MISSING", "broken": "BROKEN "}


@click.command()
def doctor() -> int:
    """What is installed, which engine and encoder really work, and how to fix the rest."""
    from workbench.doctor import examine

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        click.echo(f"{MARKS[finding.status]}  {finding.name:<{width}}  {finding.found}")
        if finding.status in ("missing", "broken") and finding.advice:
            click.echo(f"{'':9}{'':<{width}}  → {finding.advice}")
    return 1 if any(finding.status == "broken" for finding in findings) else 0
