"""The documentation as a site, built once for all tests of a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The site's folder, and what building it said."""
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=PROJECT, capture_output=True, text=True, timeout=200, check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "ignore::SyntaxWarning"},  # of jieba, on 3.12
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return folder, run.stdout + run.stderr


@pytest.fixture
def site(built: tuple[Path, str]) -> Path:
    return built[0]
