"""What the tests of the page share: one browser a file, and two people behind the guard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.ui.browser import launched_browser
from tests.ui.served import PASSWORD, logged_in, served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched_browser() as launched:
        yield launched


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The context of a page without a network, and the browsers of anna and bert, who have logged in."""
    context, app = served(tmp_path_factory.mktemp("shared") / "w")
    for name in ("anna", "bert"):
        context.users.add(name, PASSWORD)
    yield context, logged_in(app, "anna"), logged_in(app, "bert")
    context.clips.close_all()
