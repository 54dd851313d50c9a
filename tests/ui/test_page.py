"""The page as a nurse meets it, in a real browser over the real program: from the first look to the finished file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import ShortClip
from tests.ui.journey import (
    OPEN,
    OVER,
    Program,
    analysed,
    drop,
    new_context,
    new_tab,
    number,
    redrawn,
    saved,
    slide,
    visit,
)
from workbench.presets import load_preset
from workbench.video.probing import probe


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("page") / "workspace") as started:
        yield started


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One browser in English at 1280×720: as a user's, it loads the program's scripts only once."""
    with new_context(browser) as made:
        yield made


@pytest.fixture
def page(context: BrowserContext, program: Program) -> Iterator[Page]:
    context.clear_cookies()
    with new_tab(context, program) as (opened, _):
        yield opened


@pytest.fixture
def address(program: Program) -> str:
    return program.address


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_the_first_look_shows_what_to_do_and_nothing_else(page: Page, address: str) -> None:
    visit(page, address)
    assert page.title() == "Face Privacy Workbench"
    expect(page.locator("#clip-samples .sample")).to_have_count(6)
    expect(page.locator("#panel-step")).to_be_hidden()
    expect(page.locator("#way-start")).to_be_hidden()
    assert not scrolls_sideways(page)


def test_a_dropped_file_is_opened_described_and_masked(page: Page, address: str, short_clip: ShortClip) -> None:
    visit(page, address)
    clip = short_clip("consultation", frames=20)
    drop(page, clip, name="visit 7.mp4")
    analysed(page)
    assert OPEN.search(page.url)
    expect(page.locator("#clip-card")).to_contain_text("visit 7.mp4")
    expect(page.locator("#clip-card .facts")).to_contain_text("1280 × 720")
    expect(page.locator("#compare-grid .mask")).to_have_count(5)
    assert not scrolls_sideways(page)


def test_a_slider_masks_the_picture_anew_and_survives_a_reload(page: Page, address: str, short_clip: ShortClip) -> None:
    visit(page, address, clip=short_clip("consultation", frames=20))
    first = redrawn(page, lambda: slide(page, "mask-strength", 22))
    second = redrawn(page, lambda: page.click("#chip-advice_soft"))
    assert first != second
    expect(number(page, "mask-strength")).to_have_value("10")
    slide(page, "detector-confidence", 0.62)
    page.reload()  # at once
    analysed(page)
    expect(number(page, "detector-confidence")).to_have_value("0.62")
    expect(number(page, "mask-strength")).to_have_value("10")


def test_a_wrong_setting_is_said_in_one_line_and_changes_nothing(
    page: Page, address: str, short_clip: ShortClip
) -> None:
    visit(page, address, clip=short_clip("consultation", frames=20))
    page.click("#all-options > .label-wrap")
    page.click("#all-options .section:first-of-type > .label-wrap")
    page.fill("#option-detector-threads input", "999")
    note = page.locator("#tune-note .wrong")
    expect(note).to_contain_text("detector.threads = 999: must be a whole number between 0 and 256")
    page.fill("#option-detector-threads input", "1")
    expect(note).to_be_hidden()


def test_a_file_that_is_no_video_is_refused_in_one_line(page: Page, address: str, tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear ward,")
    visit(page, address)
    page.set_input_files("#clip-file input[type=file]", letter)
    said = page.locator(".toast-body")
    expect(said).to_contain_text("letter.mp4 is no video")
    assert "Traceback" not in said.inner_text()
    assert not OPEN.search(page.url)
    expect(page.locator("#clip-file .upload-container")).to_be_visible()


def test_a_preset_goes_out_as_a_file_and_comes_back(
    page: Page, address: str, tmp_path: Path, short_clip: ShortClip
) -> None:
    visit(page, address, clip=short_clip("consultation", frames=20))
    slide(page, "mask-strength", 19)
    page.fill("#preset-name :is(textarea, input)", "ward 3, evening")
    expect(page.locator("#preset-difference")).to_contain_text("19")
    page.click("#preset-save")
    expect(page.locator("#preset-choose input")).to_have_value("ward 3 evening · yours")
    kept = saved(page, page.locator("#preset-download"), tmp_path / "kept.yaml")
    assert load_preset(kept).mask.strength == 19
    page.click("#preset-choose input")
    page.get_by_role("option", name="maximum-privacy").click()
    expect(number(page, "mask-strength")).to_have_value("25")
    page.set_input_files("#preset-file input[type=file]", kept)
    expect(number(page, "mask-strength")).to_have_value("19")


def test_a_preset_that_names_a_file_of_the_machine_is_refused(
    page: Page, address: str, tmp_path: Path, short_clip: ShortClip
) -> None:
    evil = tmp_path / "evil.yaml"
    evil.write_text("schema: 1\nname: evil\ndetector:\n  weights: /etc/passwd\n")
    visit(page, address, clip=short_clip("consultation", frames=20))
    page.set_input_files("#preset-file input[type=file]", evil)
    expect(page.locator(".toast-body")).to_contain_text("detector.weights names a file")


def test_a_mask_that_takes_long_is_compared_when_asked_for(page: Page, address: str, short_clip: ShortClip) -> None:
    visit(page, address, clip=short_clip("consultation", frames=20))
    expect(page.locator("#compare-grid .mask img")).to_have_count(4)
    expect(page.locator("#compare-grid .missing")).to_contain_text("Compare on this frame")
    page.click("#compare-frame")
    expect(page.locator("#compare-grid .mask img")).to_have_count(5)
    expect(page.locator("#compare-grid .missing")).to_have_count(0)


def test_a_mask_is_taken_from_the_comparison(page: Page, address: str, short_clip: ShortClip) -> None:
    visit(page, address, clip=short_clip("consultation", frames=20))
    solid = page.locator('#compare-grid [data-pick="solid"]')
    expect(solid).to_have_attribute("aria-pressed", "false")
    redrawn(page, solid.click)
    expect(solid).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#option-mask-kind label.selected")).to_have_text("Solid")


def test_language_and_colours_are_switched_and_kept(page: Page, address: str, short_clip: ShortClip) -> None:
    visit(page, address, clip=short_clip("consultation", frames=20))
    page.click("#switch-language")
    analysed(page)
    expect(page.locator("#bar h1")).to_have_text("AI 视频隐私打码工作台", use_inner_text=True)
    expect(page.locator("#option-mask-strength")).to_contain_text("强度")
    expect(page.locator("#viewer")).to_contain_text("打码结果")
    expect(page.locator("#clip-card")).to_contain_text("时长")
    assert page.title() == "AI 视频隐私打码工作台"
    page.click("#switch-dark")
    expect(page.locator("body")).to_have_class(re.compile(r"\bdark\b"))
    page.reload()
    analysed(page)
    expect(page.locator("body")).to_have_class(re.compile(r"\bdark\b"))
    page.click("#switch-language")
    analysed(page)
    expect(page.locator("#option-mask-strength")).to_contain_text("Strength")


def test_the_whole_video_is_masked_and_downloaded(
    page: Page, address: str, tmp_path: Path, short_clip: ShortClip
) -> None:
    clip = short_clip("consultation", frames=20)
    visit(page, address, clip=clip)
    page.click("#way-start")
    done = page.locator(f".job{OVER}").first
    expect(done).to_be_visible()
    masked = saved(page, done.get_by_text("Masked video"), tmp_path / "masked.mp4")
    assert probe(masked).width_px == probe(clip).width_px
    page.reload()
    expect(done).to_be_visible()


def test_nothing_is_cut_off_at_the_sides(page: Page, address: str, short_clip: ShortClip) -> None:
    visit(page, address, clip=short_clip("consultation", frames=20))
    for width in (1280, 1024, 760):
        page.set_viewport_size({"width": width, "height": 720})
        assert not scrolls_sideways(page), width
        for part in page.locator(".part").all():
            box = part.bounding_box()
            assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= width), width


def test_the_dim_sample_has_its_guided_walk(page: Page, address: str) -> None:
    visit(page, address)
    page.click('[data-pick="dim_night_ward"]')
    expect(page.locator("#walk")).to_be_visible()
    page.click("#walk button:last-of-type")
    expect(number(page, "detector-confidence")).to_have_value("0.45")
