"""The notebooks: thin callers of the public functions, committed with small outputs, and running top to bottom."""

from __future__ import annotations

import ast
import base64
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.conftest import PROJECT

FOLDER = PROJECT / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
TOPICS = [
    "01_first_clip",
    "02_detection",
    "03_tracking",
    "04_masks",
    "05_tune_a_preset",
    "06_full_video",
    "07_your_own_detector",
]
ALLOWED_IMPORTS = {"workbench", "pandas", "matplotlib", "ipywidgets", "IPython"}
LARGEST_BYTES = 700_000
CELL_SECONDS = 240  # a hanging cell; a notebook as a whole takes about a minute where two cores are free

of_every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def _code(path: Path) -> list[ast.Module]:
    cells = nbformat.read(path, as_version=4).cells
    return [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]


def _outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_there_is_one_for_every_topic() -> None:
    assert [path.stem for path in PATHS] == TOPICS


@of_every_notebook
def test_it_only_calls(path: Path) -> None:
    """No function, class, loop or condition of its own: what needs one belongs into the library."""
    own = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If, ast.Try)
    comprehensions = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    for tree in _code(path):
        found = [type(node).__name__ for node in ast.walk(tree) if isinstance(node, own + comprehensions)]
        assert not found, ast.unparse(tree)


@of_every_notebook
def test_it_imports_the_public_surface_alone(path: Path) -> None:
    for tree in _code(path):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= ALLOWED_IMPORTS - {"workbench"}
            elif isinstance(node, ast.ImportFrom):
                assert node.module in ALLOWED_IMPORTS


@of_every_notebook
def test_it_says_what_one_learns_and_how_long_it_takes(path: Path) -> None:
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith(f"# {int(path.stem[:2])} · ")
    assert "**You will learn**" in first.source
    assert re.search(r"\*\*It takes\*\* about .*(minute|seconds)", first.source)


@of_every_notebook
def test_its_links_lead_somewhere(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for link in re.findall(r"\]\(([^)#]+)\)", cell.source):
                assert (FOLDER / link).exists(), link


@of_every_notebook
def test_it_is_committed_with_small_outputs_of_one_run(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size <= LARGEST_BYTES
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert not [output for output in _outputs(notebook) if output.output_type in ("error", "stream")
                and output.get("name") != "stdout"]  # fmt: skip


@of_every_notebook
def test_widgets_show_a_picture_to_who_only_reads(path: Path) -> None:
    for output in _outputs(nbformat.read(path, as_version=4)):
        data = output.get("data", {})
        if "application/vnd.jupyter.widget-view+json" in data:
            assert base64.b64decode(data["image/jpeg"]).startswith(b"\xff\xd8")


@pytest.mark.slow
@pytest.mark.timeout(900)
@of_every_notebook
def test_it_runs_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a fresh kernel, in a copy of the folder, with nothing of an earlier run."""
    from nbclient import NotebookClient

    copy = shutil.copytree(FOLDER, tmp_path / "notebooks")
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the page sets it; a kernel brings its own
    notebook = nbformat.read(copy / path.name, as_version=4)
    kinds = [_kinds(cell) for cell in notebook.cells]
    resources = {"metadata": {"path": str(copy)}}
    NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=resources).execute()
    assert [_kinds(cell) for cell in notebook.cells] == kinds  # what is committed is what a run shows
    assert sorted(copy.iterdir()) == sorted(copy / one.name for one in FOLDER.iterdir())  # results lie elsewhere


def _kinds(cell: Any) -> list[list[str]]:
    """What a cell shows: the media types of its outputs."""
    return [sorted(output.get("data", {"stream": ""})) for output in cell.get("outputs", [])]
