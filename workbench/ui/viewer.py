"""The frame viewer as the page embeds it: a piece of HTML and the tags that load its look and its behaviour.

The viewer itself is the plain files in ``static/``: ``viewer.html`` says what is there, ``*.css`` how it looks and
``viewer.js`` (with the modules it imports) what it does. It speaks to ``/api/clips/…`` and puts ``workbenchViewer`` on
``window``: ``open(clip_id)``, ``refresh()``, ``language("en" | "zh")``, ``frame()``; it fires ``viewer-frame`` (detail:
``{index}``), ``viewer-edited`` and, when a clip's analysis is over, ``viewer-complete``, which bubble up to
``document``.
"""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""The folder that the server answers ``/static/`` from."""

STYLES = ("picture.css", "viewer.css", "timeline_strip.css")


def viewer_html() -> str:
    """The viewer's fragment, for ``gr.HTML(viewer_html(), apply_default_css=False)``: once per page, it has ids."""
    return (STATIC / "viewer.html").read_text(encoding="utf-8")


def viewer_head(static_url: str = "/static") -> str:
    """Tags for the page's ``<head>``. The module finds the fragment by itself, whenever the page shows it."""
    links = [f'<link rel="stylesheet" href="{static_url}/{name}">' for name in STYLES]
    return "\n".join([*links, f'<script type="module" src="{static_url}/viewer.js"></script>'])
