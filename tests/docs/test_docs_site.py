"""The site of the documentation: it builds without a warning, is complete, fetches nothing, and can be searched."""

from __future__ import annotations

import functools
import re
import sys
import threading
import tomllib
import types
from collections.abc import Callable, Iterator
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from tests.docs.shell_lines import PROJECT
from tests.ui.browser import launched_browser
from workbench.cli.app import workbench
from workbench.data import FaceCrop
from workbench.live.config import load_plans
from workbench.live.options import LiveOptions
from workbench.presets.files import list_presets
from workbench.presets.model import option_fields

PAGES = (
    "index", "quick-start", "guide", "live", "troubleshooting", "presets", "notebooks", "commands", "performance",
    "privacy", "deployment", "how-it-works", "training", "extending", "ARCHITECTURE",
)  # fmt: skip
TRANSLATED = ("index", "quick-start", "guide", "presets", "troubleshooting")


def text_of(page: Path) -> str:
    """What a reader sees of a page's article."""
    article = page.read_text("utf-8").partition("<article")[2].partition("</article>")[0]
    return unescape(re.sub(r"<[^>]+>", "", article))


def test_builds_without_a_warning(built: tuple[Path, str]) -> None:
    assert not re.search(r"warning|deprecat|error", built[1], re.IGNORECASE), built[1]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_there_and_has_content(page: str, site: Path) -> None:
    assert len(text_of(site / f"{page}.html")) > 500
    chinese = re.findall(r"[\u4e00-\u9fff]", text_of(site / "zh" / f"{page}.html"))
    assert (len(chinese) > 150) == (page in TRANSLATED)


def test_no_generated_part_is_missing(site: Path) -> None:
    assert not [path.name for path in site.rglob("*.html") if "generated:" in path.read_text("utf-8")]


@pytest.mark.parametrize("language", ["", "zh"])
def test_the_presets_reference_has_every_option_and_preset(language: str, site: Path) -> None:
    text = text_of(site / language / "presets.html")
    for key, field in option_fields().items():
        assert key in text
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        assert str(extra["title_zh"] if language else field.title) in text
        assert str(extra["help_zh"] if language else field.description) in text
    for preset in list_presets():
        assert (preset.description_zh if language else preset.description) in text


def test_the_live_guide_has_every_option(site: Path) -> None:
    text = text_of(site / "live.html")
    assert [name for name in LiveOptions.model_fields if f"live.{name}" not in text] == []


def commands(group: click.Group, parent: click.Context) -> Iterator[click.Context]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        yield context
        if isinstance(command, click.Group):
            yield from commands(command, context)


def test_the_command_reference_has_every_command_and_option(site: Path) -> None:
    text = text_of(site / "commands.html")
    chapters = dict(re.findall(r"^(workbench [a-z -]+)¶?\n(.*?)(?=^workbench [a-z -]+¶|\Z)", text, re.M | re.S))
    every = list(commands(workbench, click.Context(workbench, info_name="workbench")))
    assert len(every) > 20
    for context in every:
        chapter = chapters[context.command_path]
        for option in context.command.params:
            for name in (*option.opts, *option.secondary_opts) if isinstance(option, click.Option) else ():
                assert name in chapter, f"{context.command_path} {name}"
            assert " ".join((getattr(option, "help", "") or "").split()) in " ".join(chapter.split())


def test_pages_fetch_nothing_from_elsewhere(site: Path) -> None:
    """As written; what a browser really asks for is the next test's business."""
    fetched = r"<(?:script|img|link|iframe|source|video)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^\s\"'>]+"
    for page in site.rglob("*.html"):
        assert re.findall(fetched, page.read_text("utf-8")) == [], page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text("utf-8")), sheet.name


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "words", "expected"),
    [("index.html", "confidence threshold", "Presets reference"), ("zh/index.html", "置信度阈值", "预设参考")],
)
def test_can_be_searched_in_a_browser_without_a_network(start: str, words: str, expected: str, address: str) -> None:
    with launched_browser() as browser:
        page = browser.new_page()
        asked: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{address}/{start}")
        query = page.locator("[data-md-component=search-query]")
        query.fill(words)
        query.press("End")  # the search listens to keys
        page.locator(".md-search-result__item").first.wait_for(timeout=30_000)
        found = [item.replace("\u200b", "") for item in page.locator(".md-search-result__item").all_inner_texts()]
        every_word = [item for item in found if not re.search(r"Missing:|缺少:", item)]
        assert any(item.startswith(expected) for item in every_word), found
        assert all(url.startswith((address, "blob:", "data:")) for url in asked), asked
        assert problems == []


def test_the_architecture_names_every_layer() -> None:
    contract = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    named = set(
        re.findall(r"`(\w+)/?`", (PROJECT / "docs/ARCHITECTURE.md").read_text("utf-8").partition("## Layers")[2])
    )
    assert {name for line in contract["layers"] for name in line.split(" | ")} - named == {"__main__"}


@pytest.mark.parametrize("page", sorted((PROJECT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:workbench|tests|docs|models|notebooks)/[\w./-]+\.\w+)`", page.read_text("utf-8"))
    examples = {"workbench/detectors/mine.py"}
    assert [name for name in named if not (PROJECT / name).is_file() and name not in examples] == []


def blocks(page: str, title: str) -> str:
    """The block of a page that is titled so."""
    text = (PROJECT / "docs" / page).read_text("utf-8")
    found = re.search(rf'^```\w+ title="{re.escape(title)}"\n(.*?)^```', text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def test_the_streams_file_of_the_live_guide_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CAMERA_PASSWORD", "STREAM_KEY"):
        monkeypatch.setenv(name, "secret")
    (tmp_path / "streams.yaml").write_text(blocks("live.md", "streams.yaml"))
    first, second = load_plans(tmp_path / "streams.yaml")
    assert (first.name, first.source) == ("ward 3", "rtsp://nurse:secret@10.0.0.7/stream1")
    assert second.options.look_ahead_ms == 200


def test_the_masker_of_the_guide_works(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("workbench.maskers.stripes")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(blocks("extending.md", "workbench/maskers/stripes.py"), "stripes.py", "exec"), module.__dict__)
    masker: Any = module.StripesMasker(15.0)  # type: ignore[attr-defined]
    noise: Callable[..., Any] = np.random.default_rng(1).integers
    crops = [FaceCrop(noise(0, 256, (90, 70, 3), np.uint8), (5, 5, 65, 85)) for _ in range(2)]
    fillings = masker.fill(crops)
    assert len(fillings) == len(crops)
    assert all((filling == filling[:1]).all() for filling in fillings)
    assert all(0 < filling.shape[1] <= 12 for filling in fillings)
