"""MkDocs hook: fills the places of the pages that are generated, so that they cannot fall behind the program.

A page says ``<!-- generated: NAME -->`` on a line of its own; ``GENERATED`` says what takes its place.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # mkdocs loads a hook as a lone file, outside of its package

from generate import commands, notebooks, options

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

PLACE = re.compile(r"^<!-- generated: (?P<name>[a-z -]+) -->$", re.MULTILINE)

GENERATED: dict[str, Callable[[options.Language], str]] = {
    "options": options.every_option,
    "shipped presets": options.shipped_presets,
    "live options": options.live_options,
    "commands": commands.every_command,
    "notebooks": notebooks.every_notebook,
}


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """The page's text with every generated part in its place. Raises KeyError for a part that nobody makes."""
    language: options.Language = "zh" if page.file.src_uri.endswith(".zh.md") else "en"
    return PLACE.sub(lambda place: GENERATED[place["name"]](language), markdown)
