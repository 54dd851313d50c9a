"""The list of notebooks, from the notebooks themselves."""

from __future__ import annotations

import json
from pathlib import Path

from generate.options import Language
from generate.table import code

FOLDER = Path(__file__).parents[2] / "notebooks"


def every_notebook(_language: Language) -> str:
    """Title and first paragraph of each notebook, in the order of their numbers."""
    return "\n\n".join(_entry(path) for path in sorted(FOLDER.glob("*.ipynb")))


def _entry(path: Path) -> str:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    first = next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    title, _, rest = first.strip().partition("\n")
    opening = rest.strip().partition("\n\n")[0]
    return f"**{title.lstrip('# ')}** · {code(f'notebooks/{path.name}')}\n\n: {' '.join(opening.split())}"
