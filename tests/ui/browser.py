"""A real browser for the tests: finds one, or fetches one, or says which command to run.

    an installed Chrome or Chromium ─▶ playwright's own ─▶ playwright's, downloaded ─▶ Debian's package ─▶ an error

The error is a failure where ``CI`` is set and on the developer's machine a skip that says what is missing.
Run as a program (``make test`` does, before the tests), it only fetches.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("google-chrome", "google-chrome-stable", "chrome", "chromium", "chromium-browser", "microsoft-edge")
PLACES = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)
FETCH_SECONDS = 240
WAIT = ("-o", "DPkg::Lock::Timeout=120")  # another test process may be at it
COMMAND = "python -m playwright install chromium   (or, on Debian and Ubuntu: sudo apt-get install chromium)"


def _installed() -> Path | None:
    named = os.environ.get("WORKBENCH_BROWSER")
    found = [Path(path) for name in ([named] if named else NAMES) if (path := shutil.which(name))]
    return next((path for path in (*found, *PLACES) if path.exists()), None)


def _playwrights_own() -> Path | None:
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


def _fetched(*command: str) -> bool:
    """Whether a command that installs a browser went well."""
    try:
        run = subprocess.run(command, capture_output=True, timeout=FETCH_SECONDS, check=False, env=_with_network())
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


def _with_network() -> dict[str, str]:
    """The environment without the closed proxy that keeps the programs under test on this machine."""
    return {name: value for name, value in os.environ.items() if not value.startswith("http://127.0.0.1:9")}


@functools.cache
def find_browser() -> Path | None:
    """The program to start, or None. Tried once per test process: a download that fails once fails again."""
    if found := (_installed() or _playwrights_own()):
        return found
    if _fetched(sys.executable, "-m", "playwright", "install", "chromium") and (found := _playwrights_own()):
        return found
    if shutil.which("apt-get") and os.geteuid() == 0:
        _fetched("apt-get", "update", *WAIT)
        if _fetched("apt-get", "install", "--yes", "--no-install-recommends", *WAIT, "chromium"):
            return _installed()
    return None


@contextmanager
def launched_browser(*extra: str) -> Iterator[Browser]:
    """A headless browser, with further arguments. Skips the test where there is none, and in CI fails it."""
    program = find_browser()
    if program is None:
        message = f"no Chrome or Chromium was found and none could be fetched; run: {COMMAND}"
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(message)
        pytest.skip(message)
    arguments = [*extra, "--disable-dev-shm-usage"]  # containers give it 64 MB, too little for pages full of pictures
    if os.name == "posix" and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chrome refuses to start as root with it
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__" and find_browser() is None:
    print(f"No Chrome or Chromium was found and none could be fetched; run: {COMMAND}")
