"""What ``import workbench`` offers: exact, sorted, light, and every example of it runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench
from tests.conftest import PROJECT, ShortClip
from workbench.evaluate import load_truth
from workbench.presets import load_preset
from workbench.preview.session import ClipSession

SOURCE = (PROJECT / "workbench" / "__init__.py").read_text("utf-8")
SLOW = {"train_detector"}  # loads torch


def test_the_list_is_sorted_and_exact() -> None:
    assert workbench.__all__ == sorted(set(workbench.__all__))
    assert set(workbench.__all__) == set(workbench._PLACES)
    assert {name for name in dir(workbench) if name in workbench._PLACES} == set(workbench.__all__)


def test_the_notebooks_use_all_of_it_and_nothing_else() -> None:
    used = set()
    for path in (PROJECT / "notebooks").glob("*.ipynb"):
        for tree in _cells(path):
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module == "workbench":
                    used |= {alias.name for alias in node.names}
    assert used == set(workbench.__all__)


def test_type_checkers_see_what_is_loaded() -> None:
    block = next(node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == workbench._PLACES


def test_no_public_name_is_hidden_by_a_module_of_the_same_name() -> None:
    modules = {path.stem for path in (PROJECT / "workbench").iterdir()}
    assert not modules & set(workbench.__all__)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        workbench.nothing  # noqa: B018


def test_importing_loads_no_other_module_of_the_program() -> None:
    program = "import sys, workbench; print([name for name in sys.modules if name.startswith('workbench.')])"
    program += "; print({'numpy', 'cv2', 'av', 'torch', 'pandas', 'openvino'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.splitlines() == ["[]", "set()"]


@pytest.mark.parametrize("name", workbench.__all__)
def test_everything_says_what_it_takes_and_returns(name: str) -> None:
    found = getattr(workbench, name)
    assert inspect.getdoc(found)
    assert ">>> " in found.__doc__
    if inspect.isfunction(found):
        parameters = inspect.signature(found).parameters.values()
        assert all(each.annotation is not inspect.Parameter.empty for each in parameters)


@pytest.fixture(scope="module")
def places(short_clip: ShortClip, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names that the examples speak of."""
    folder = tmp_path_factory.mktemp("examples")
    clip = short_clip("meeting_grid", frames=20)
    with ClipSession(clip, load_preset("balanced"), folder=folder / "session") as session:
        session.analyze()
        truth = load_truth(clip.with_suffix(".gt.csv"))
        yield {"clip": clip, "truth": truth, "session": session, "folder": folder}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in workbench.__all__]
)
def test_every_example_is_true(name: str, places: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(places["folder"] / "workspace"))
    session: ClipSession = places["session"]
    session.set_preset(load_preset("balanced"))  # an example may have changed it
    module, _, attribute = workbench._PLACES[name].rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    public = {each: getattr(workbench, each) for each in workbench.__all__}
    finder = doctest.DocTestFinder(recurse=False)
    examples = [test for test in finder.find(found, name, globs=public | places) if test.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    for test in examples:
        runner.run(test, out=said.append)
    assert runner.tries > 0
    assert runner.failures == 0, "".join(said)


def _cells(path: Path) -> list[ast.Module]:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    return [ast.parse(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
