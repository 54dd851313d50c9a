"""The project itself: its files, its pins, its layers, and what importing it does not load."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "workbench"
HEAVY = ("torch", "torchvision", "ultralytics", "diffusers", "gradio", "onnxruntime", "ray", "nncf")

MODULES = sorted(
    f"workbench.{path.stem}"
    for path in PACKAGE.iterdir()
    if (path.suffix == ".py" and path.stem != "__main__") or (path / "__init__.py").exists()
)


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def requirements(pyproject: dict[str, Any]) -> list[Requirement]:
    """What the project asks for, extras included."""
    extras = pyproject["project"]["optional-dependencies"].values()
    return [Requirement(line) for group in (pyproject["project"]["dependencies"], *extras) for line in group]


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    """Name → exact version in constraints.txt."""
    lines = (PROJECT / "constraints.txt").read_text("utf-8").splitlines()
    found = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in found}


def test_extras_that_texts_name_exist(pyproject: dict[str, Any]) -> None:
    places = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md"), *PACKAGE.rglob("*.py")]
    named = {name for path in places for name in re.findall(r"-e \"?\.\[(\w+)\]", path.read_text("utf-8"))}
    assert named
    assert named <= pyproject["project"]["optional-dependencies"].keys()


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "LICENSE",
        "Makefile",
        "constraints.txt",
        "environment.yml",
        ".ci/run",
        ".pre-commit-config.yaml",
        "workbench/py.typed",
        "models/manifest.yaml",
    ],
)
def test_has_the_files_that_others_rely_on(name: str) -> None:
    assert (PROJECT / name).is_file()


def test_the_licence_is_the_complete_agpl() -> None:
    text = (PROJECT / "LICENSE").read_text("utf-8")
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in text
    assert "13. Remote Network Interaction" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_every_requirement_is_pinned_to_a_version_that_it_admits(
    requirements: list[Requirement], pins: dict[str, str]
) -> None:
    for requirement in requirements:
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin, f"{requirement.name} is not in constraints.txt"
        assert requirement.specifier.contains(pin), f"{requirement} does not admit the pinned {pin}"


def test_pins_are_exact_and_resolve_on_every_machine(pins: dict[str, str]) -> None:
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pins.values())  # no +cpu, no *


def test_every_import_is_a_declared_requirement(requirements: list[Requirement]) -> None:
    declared = {canonicalize_name(requirement.name) for requirement in requirements}
    providers = packages_distributions()
    imported = re.compile(r"^\s*(?:from|import) ([a-z_A-Z0-9]+)", re.MULTILINE)
    for path in PACKAGE.rglob("*.py"):
        for name in imported.findall(_code(path)):
            packages = {canonicalize_name(package) for package in providers.get(name, ())}
            assert name == "workbench" or not packages or packages & declared, f"{path.name} imports {name}"


def _code(path: Path) -> str:
    """A module's text without its docstrings, where a line may begin with *from* as well."""
    return re.sub(r'""".*?"""', "", path.read_text("utf-8"), flags=re.DOTALL)


def test_importing_the_program_loads_nothing_heavy() -> None:
    """Every module in turn; each line says what the module was the first to load."""
    program = f"""
import importlib, sys
for module in {MODULES!r}:
    before = set(sys.modules)
    importlib.import_module(module)
    for name in {HEAVY!r}:
        if name in sys.modules and name not in before:
            print(module, "loads", name)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""


def test_imports_point_down() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], capture_output=True, text=True, cwd=PROJECT, timeout=120, check=False)
    assert run.returncode == 0, run.stdout


def test_make_says_what_is_missing(tmp_path: Path) -> None:
    """On a machine without a suitable Python; the folder has the make files only, so that nothing is installed."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("make", "sh", "echo"):
        found = next(folder / tool for folder in (Path("/bin"), Path("/usr/bin")) if (folder / tool).exists())
        (tools / tool).symlink_to(found)
    run = subprocess.run(
        [tools / "make", "test"], capture_output=True, text=True, cwd=tmp_path, env={"PATH": str(tools)}, check=False
    )
    assert run.returncode != 0
    assert run.stderr.splitlines()[0].startswith("Python 3.11 or newer is needed and was not found")


def test_no_text_names_the_machine_it_was_written_on() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, cwd=PROJECT, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    machine = re.compile("/" + r"(home|root|Users)/\w|/" + r"(work|tmp/w)/")
    for name in listed.stdout.split("\0"):
        path = PROJECT / name
        if (
            path.suffix in {".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".json", ".csv", ".ipynb", ""}
            and path.is_file()
        ):
            found = machine.search(path.read_text("utf-8", errors="replace"))
            assert found is None, f"{name} names {found and found.group()}"
