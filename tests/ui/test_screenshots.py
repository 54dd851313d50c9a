"""The pictures of the page for the documentation, and what must not be wrong in them.

``make screenshots`` writes them to ``docs/images``; an ordinary test run makes them elsewhere and looks for words that
are cut off, things that stick out, and panels that overlap.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.conftest import PROJECT, ShortClip
from tests.ui.journey import (
    Program,
    analysed,
    new_context,
    new_tab,
    newest_job,
    played,
    redrawn,
    seek,
    sharp,
    shows,
    slide,
    unfold,
    visit,
)

FOR_DOCS = bool(os.environ.get("WORKBENCH_SCREENSHOTS"))
MOST_BYTES = 2_500_000
ENDING = ".webp"
QUALITY = 82  # text and thin lines without visible traces
WITHOUT_TOP = "#header { visibility: hidden !important; }"  # it stays in the window, and would lie on a tall part

CUT = """() => [...document.querySelectorAll("button, h1, h2, h3, dt, dd, th, td, label span, .lead, .note, .figure")]
    .filter((e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .filter((e) => !e.closest("[aria-hidden=true], .fv-lanes, .clips") && getComputedStyle(e).clipPath === "none")
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== "inline")
    .map((e) => `${e.outerHTML.slice(0, 160)}: ${e.scrollWidth} > ${e.clientWidth}`)"""

OVERLAPPING = """() => {
    const parts = [...document.querySelectorAll(".part")].filter((e) => e.checkVisibility());
    const boxes = parts.map((e) => [e.id, e.getBoundingClientRect()]);
    return boxes.flatMap(([id, a], at) => boxes.slice(at + 1)
        .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        .map(([other]) => `${id} and ${other}`));
}"""

SETTLED = "() => ![...document.querySelectorAll('.pending')].some((e) => e.checkVisibility())"
"""Gradio fades what a handler is still at work on."""

UNALIGNED = """() => [["panel-clip", "panel-step", "panel-tune"], ["panel-compare", "panel-preset"]]
    .filter((row) => new Set(row.map((id) => document.getElementById(id).offsetTop)).size > 1)
    .map((row) => row.join(" "))"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("screenshots") / "workspace") as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = PROJECT / "docs" / "images" if FOR_DOCS else tmp_path_factory.mktemp("images")
    made.mkdir(parents=True, exist_ok=True)
    return made


def test_the_page_looks_right_from_the_first_look_to_the_result(
    program: Program, browser: Browser, folder: Path, short_clip: ShortClip
) -> None:
    clip = "meeting_grid" if FOR_DOCS else short_clip("meeting_grid", frames=60)
    with tour(browser, program) as page:
        take(page, folder / f"landing{ENDING}")
        open_clip(page, clip)
        take(page, folder / f"page-light{ENDING}")
        page.click("#fv-tab-tracking")
        seek(page, 40)
        shows(page, index=40, view="tracking")
        page.wait_for_load_state("networkidle")
        take(page, folder / f"step-tracking{ENDING}", part="#panel-step")
        page.click("#fv-tab-mask")
        page.click('[data-do="compare"]')
        page.wait_for_function("document.querySelector('.fv-before').width > 480")
        take(page, folder / f"step-before-after{ENDING}", part="#panel-step")
        page.click('[data-do="compare"]')
        redrawn(page, lambda: slide(page, "mask-strength", 20))
        unfold(page, "sweep")
        page.click("#sweep-run")
        expect(page.locator("#sweep-use")).to_be_visible()
        expect(page.locator("#sweep-plot img")).to_be_visible()
        take(page, folder / f"tune{ENDING}", part="#panel-tune")
        take(page, folder / f"sweep{ENDING}", part="#panel-more")
        unfold(page, "sweep")
        slide(page, "detector-confidence", 0.55)
        expect(page.locator("#preset-difference")).to_contain_text("0.55")
        page.click("#compare-frame")
        expect(page.locator("#compare-grid .mask img").first).to_be_visible()
        take(page, folder / f"compare{ENDING}", part="#panel-compare")
        take(page, folder / f"preset{ENDING}", part="#panel-preset")
        page.click("#compare-clip")
        played(page, "compare-film")
        problems(page)
        page.click("#way-start")
        running = newest_job(page, state=("running", "done", "needs_review"))
        if FOR_DOCS:
            expect(running.locator(".live")).to_be_visible()
            expect(running).to_contain_text(re.compile(r"[4-7]\d %.*left"))
            take(page, folder / f"job-running{ENDING}", part="#panel-job")
        newest_job(page, state=("done", "needs_review"))
        page.get_by_role("alert").or_(page.locator(".toast-body")).first.wait_for(state="hidden")
        take(page, folder / f"job-done{ENDING}", part="#panel-job")
        if FOR_DOCS:  # what is wrong with it is looked for in test_live_page.py
            page.click("#tab-live")
            page.check("#live-form input[value=clip]", force=True)
            page.click(".live-main")
            expect(page.locator(".live-tile[data-pictures]")).to_have_attribute("data-state", "running")
            page.wait_for_timeout(4000)  # figures of some seconds
            take(page, folder / f"live{ENDING}")
            page.click('[data-act="stop"]')


@pytest.mark.parametrize(
    ("name", "shown", "options"),
    [
        ("page-dark", "profile_and_occlusion", {"color_scheme": "dark"}),
        ("page-chinese", "consultation", {"locale": "zh-CN"}),
    ],
    ids=["dark", "chinese"],
)
def test_the_page_looks_right_in_the_dark_and_in_chinese(
    program: Program,
    browser: Browser,
    folder: Path,
    short_clip: ShortClip,
    name: str,
    shown: str,
    options: dict[str, Any],
) -> None:
    with tour(browser, program, **options) as page:
        problems(page)
        open_clip(page, shown if FOR_DOCS else short_clip(shown, frames=30))
        take(page, folder / f"{name}{ENDING}")


def test_the_pictures_are_small_enough_for_the_repository(folder: Path) -> None:
    assert sum(picture.stat().st_size for picture in folder.glob(f"*{ENDING}")) < MOST_BYTES


def tour(browser: Browser, program: Program, **options: Any) -> Any:
    return _Tour(browser, program, options)


class _Tour:
    """A fresh browser at the page, with two pixels for each of the page's."""

    def __init__(self, browser: Browser, program: Program, options: dict[str, Any]) -> None:
        self._context = new_context(browser, device_scale_factor=2, **options)
        self._tab = new_tab(self._context, program)
        self._address = program.address

    def __enter__(self) -> Page:
        page, _ = self._tab.__enter__()
        visit(page, self._address)
        expect(page.locator("#clip-samples .sample")).to_have_count(6)
        page.wait_for_function("document.querySelector('#figure-cpu b').textContent !== '–'")
        return page

    def __exit__(self, *error: Any) -> None:
        try:
            self._tab.__exit__(*error)
        finally:
            self._context.close()


def open_clip(page: Page, clip: str | Path) -> None:
    if isinstance(clip, str):
        page.click(f'[data-pick="{clip}"]')
    else:
        page.set_input_files("#clip-file input[type=file]", clip)
    analysed(page)
    expect(page.locator("#compare-grid .mask")).to_have_count(5)
    expect(page.locator("#clip-card .facts")).to_be_visible()
    sharp(page)


def problems(page: Page) -> None:
    """Fail where something is cut off or in the way of something else."""
    found: Callable[[str], list[str]] = page.evaluate
    assert found(CUT) == []
    assert found(OVERLAPPING) == []
    if page.locator("#panel-step").is_visible():
        assert found(UNALIGNED) == []


def take(page: Page, path: Path, *, part: str = "") -> None:
    """A picture of the window or of one part of the page."""
    problems(page)
    page.wait_for_function(SETTLED)
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    if part:
        data = page.locator(part).screenshot(animations="disabled", style=WITHOUT_TOP)
    else:
        page.evaluate("scrollTo(0, 0)")
        data = page.screenshot(animations="disabled")
    Image.open(io.BytesIO(data)).convert("RGB").save(path, quality=QUALITY, method=6)
