"""Longer ways through the page, in a real browser over the real program and its worker, by people who log in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import ShortClip
from tests.ui.journey import (
    OVER,
    Program,
    Watched,
    analysed,
    clip_of,
    frames_done,
    log_in,
    new_context,
    new_tab,
    newest_job,
    number,
    played,
    redrawn,
    saved,
    seek,
    sharp,
    shows,
    slide,
    unfold,
    visit,
)
from workbench.cli.app import workbench
from workbench.jobs.queue import JobQueue
from workbench.presets import load_preset
from workbench.video.probing import probe

PASSWORDS = {"anna": "correct horse battery", "bert": "staple of the ward"}
MOST_UPLOAD_BYTES = 1_000_000
VIEWS = ("original", "detection", "tracking", "mask")
KILLED = ("net::ERR_", "Failed to fetch", "network error", "does not answer")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    root = tmp_path_factory.mktemp("journeys") / "workspace"
    for name, password in PASSWORDS.items():
        added = CliRunner().invoke(
            workbench, ["users", "add", name, "--password-stdin", "--workspace", str(root)], input=f"{password}\n"
        )
        assert added.exit_code == 0, added.output
    with Program(root, "--max-upload", str(MOST_UPLOAD_BYTES / 1e9)) as started:
        yield started


def logged_in(browser: Browser, program: Program, name: str) -> BrowserContext:
    context = new_context(browser)
    with new_tab(context, program) as (page, _):
        log_in(page, program.address, name, PASSWORDS[name])
    return context


@pytest.fixture(scope="module")
def anna(browser: Browser, program: Program) -> Iterator[BrowserContext]:
    with logged_in(browser, program, "anna") as context:
        yield context


@pytest.fixture
def tab(anna: BrowserContext, program: Program) -> Iterator[tuple[Page, Watched]]:
    with new_tab(anna, program) as opened:
        yield opened


@pytest.fixture
def page(tab: tuple[Page, Watched]) -> Page:
    return tab[0]


# --- a clip -----------------------------------------------------------------------------------------------------------


def test_the_demo_is_masked_at_once_and_can_be_looked_through_while_it_is_analysed(
    page: Page, program: Program
) -> None:
    visit(page, program.address)
    page.click("#clip-demo")
    phase = page.wait_for_function(
        "document.querySelector('.fv-stage').dataset.width > 0 && document.querySelector('#viewer').dataset.phase"
    )
    assert phase.json_value() == "analysing"
    seen = set()
    for index, view in enumerate(VIEWS):
        page.click(f"#fv-tab-{view}")
        seek(page, 40 * index)
        shows(page, index=40 * index, view=view)
        seen.add(sharp(page))
    assert len(seen) == len(VIEWS)
    unfold(page, "clip-source")
    page.click("#clip-mine .here .remove")
    expect(page.locator("#clip-demo")).to_be_visible()
    expect(page.locator("#panel-step")).to_be_hidden()
    assert "#clip" not in page.url


def test_every_control_of_the_tuning_changes_the_picture(page: Page, program: Program, short_clip: ShortClip) -> None:
    visit(page, program.address, clip=short_clip("ward_round_1080p", frames=20))
    pictures = [sharp(page)]
    for option, value in (("tracker-max_distance", 10), ("detector-confidence", 0.95), ("mask-strength", 30)):
        pictures.append(redrawn(page, lambda option=option, value=value: slide(page, option, value)))
    pictures.append(redrawn(page, lambda: slide(page, "mask-growth", 1)))
    pictures.append(redrawn(page, lambda: page.click("#option-mask-kind label:has-text('Solid')")))
    assert len(set(pictures)) == len(pictures)
    page.click("#option-detector-enhance input")
    expect(page.locator("#tune-note")).to_contain_text("looked at again")
    analysed(page)


def test_masks_and_sides_are_compared_in_motion(
    page: Page, program: Program, tmp_path: Path, short_clip: ShortClip
) -> None:
    visit(page, program.address, clip=short_clip("consultation", frames=90))
    seek(page, 5)
    page.click("#compare-clip")
    film = played(page, "panel-compare")
    assert film["duration"] == pytest.approx(3, abs=0.1)
    unfold(page, "side-by-side")
    page.fill("#preview-seconds input[type=number]", "3")
    page.click("#preview-make")
    film = played(page, "preview-video")
    assert film["duration"] == pytest.approx(3, abs=0.1)
    kept = probe(saved(page, page.locator("#preview-video a"), tmp_path / "both.mp4"))
    assert (kept.width_px, kept.height_px) == (film["videoWidth"], film["videoHeight"])
    assert kept.width_px > 3 * kept.height_px  # two wide pictures, side by side


def test_the_advised_threshold_is_taken_from_the_sweep(page: Page, program: Program, short_clip: ShortClip) -> None:
    visit(page, program.address, clip=short_clip("consultation", frames=20))
    unfold(page, "sweep")
    page.click("#sweep-run")
    use = page.locator("#sweep-use")
    expect(use).to_be_visible()
    expect(page.locator("#sweep-plot img")).to_be_visible()
    expect(page.locator("#sweep-result .note")).not_to_be_empty()
    knee = use.inner_text().split()[1]
    slide(page, "detector-confidence", 0.3)
    expect(page.locator("#preset-difference")).to_contain_text("0.3")
    use.click()
    expect(number(page, "detector-confidence")).to_have_value(knee)
    expect(page.locator("#preset-difference")).not_to_contain_text("0.3")  # by now the browser keeps it
    page.reload()
    analysed(page)
    expect(number(page, "detector-confidence")).to_have_value(knee)


def test_too_large_a_file_is_refused_in_one_line(
    tab: tuple[Page, Watched], program: Program, tmp_path: Path, short_clip: ShortClip
) -> None:
    page, watched = tab
    watched.expected = ("413", "upload_progress", "Response")  # what Gradio says of an upload that was broken off
    large = tmp_path / "long ward round.mp4"
    large.write_bytes(short_clip("consultation", frames=20).read_bytes() + bytes(MOST_UPLOAD_BYTES))
    visit(page, program.address)
    page.set_input_files("#clip-file input[type=file]", large)
    said = page.locator(".toast-body")
    expect(said).to_be_visible()
    assert "maximum allowed size" in said.inner_text()
    assert "Traceback" not in said.inner_text()
    assert not any(program.root.rglob("long ward round*"))
    page.set_input_files("#clip-file input[type=file]", short_clip("consultation", frames=20))
    analysed(page)


# --- by keyboard ------------------------------------------------------------------------------------------------------


def test_the_page_is_worked_by_keyboard_alone(page: Page, program: Program) -> None:
    visit(page, program.address)
    tab_to(page, "#clip-samples [data-pick=phone_portrait]")
    page.keyboard.press("Enter")
    expect(page.locator("#panel-step")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    shows(page, index=0, view="mask")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    shows(page, index=1, view="original")
    tab_to(page, "#option-mask-strength input[type=range]")
    page.keyboard.press("ArrowRight")
    expect(number(page, "mask-strength")).to_have_value("15.5")
    assert page.evaluate("workbenchViewer.frame()") == 1
    tab_to(page, "#preset-name :is(textarea, input)")
    page.keyboard.type("ward 2")
    assert page.evaluate("workbenchViewer.frame()") == 1
    tab_to(page, "#job-start")
    page.keyboard.press("Enter")
    job = newest_job(page, state=("queued", "running"))
    tab_to(page, '.job [data-act="cancel"]')
    page.keyboard.press("Enter")
    expect(job).to_have_attribute("data-state", "cancelled")
    assert nameless(page) == []


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until that is focused."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} is not reached by Tab")


def nameless(page: Page) -> list[str]:
    """Everything that can be worked and has no name for a screen reader."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("button, a[href], input, select, textarea, [role=slider], [role=tab]")]
            .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest("[aria-hidden=true]"))
            .filter((e) => !(e.ariaLabel || e.getAttribute("aria-labelledby") || e.innerText?.trim() || e.title
                || e.querySelector("img[alt]:not([alt=''])") || [...(e.labels ?? [])].some((l) => l.innerText.trim())))
            .map((e) => e.outerHTML.slice(0, 200))"""
    )
    return found


# --- the whole video --------------------------------------------------------------------------------------------------


def test_the_exported_preset_gives_the_pages_timeline_on_the_command_line(
    page: Page, program: Program, tmp_path: Path, short_clip: ShortClip
) -> None:
    clip = short_clip("ward_round_1080p", frames=20)
    visit(page, program.address, clip=clip)
    for option, value in (("tracker-max_distance", 10), ("mask-growth", 0.4), ("detector-confidence", 0.62)):
        slide(page, option, value)  # faster than anything can answer
    page.click("#option-mask-kind label:has-text('Solid')")
    page.click("#way-start")
    job = newest_job(page, state=("done", "needs_review"))
    ours = saved(page, job.get_by_text("Timeline"), tmp_path / "page.csv").read_text()
    preset = saved(page, page.locator("#preset-download"), tmp_path / "page.yaml")
    settings = load_preset(preset)
    assert (settings.tracker.max_distance, settings.mask.growth, settings.mask.kind) == (10, 0.4, "solid")
    assert settings.detector.confidence == 0.62
    theirs = tmp_path / "command.csv"
    arguments = ["--preset", str(preset), "--save-timeline", str(theirs)]
    done = CliRunner().invoke(workbench, ["process", str(clip), "-o", str(tmp_path / "masked.mp4"), *arguments])
    assert done.exit_code in (0, 3), done.output
    assert len(ours.splitlines()) > 20
    assert ours == theirs.read_text()
    used = saved(page, job.get_by_text("Preset"), tmp_path / "job.yaml")
    assert used.read_text() == preset.read_text()


def test_a_job_goes_on_over_a_reload_until_it_is_cancelled(page: Page, program: Program) -> None:
    visit(page, program.address)
    page.click("[data-pick=consultation]")
    page.click("#way-start")
    job = newest_job(page, state=("running",))
    expect(job.locator(".live")).to_be_visible()
    expect(job).to_contain_text(re.compile(r"frame [1-9]"))
    before = frames_done(job)
    page.reload()
    expect(job).to_have_attribute("data-state", "running")
    expect(job).to_contain_text(re.compile(r"frame [1-9].*fps"))
    assert frames_done(job) >= before
    identity = job.get_attribute("data-id")
    job.get_by_text("Cancel").click()
    expect(job).to_have_attribute("data-state", "cancelled", timeout=10_000)
    expect(job.locator("a")).to_have_count(0)
    expect(job.get_by_text("Try again")).to_be_visible()
    assert page.request.get(f"{program.address}/api/jobs/{identity}/files/output").status == 404
    assert not any((program.root / "jobs" / str(identity)).rglob("*.mp4*"))


def test_nothing_is_lost_when_the_program_is_killed_in_the_middle_of_a_job(
    tab: tuple[Page, Watched], program: Program, tmp_path: Path, short_clip: ShortClip
) -> None:
    page, watched = tab
    watched.expected = KILLED
    visit(page, program.address, clip=short_clip("consultation", frames=20))
    edited = clip_of(page)
    page.get_by_role("radio", name="Leave visible").first.check(force=True)
    expect(page.locator(".fv-spoken")).to_contain_text("stays visible")
    unfold(page, "clip-source")
    page.click("[data-pick=consultation]")
    expect(page.locator("#clip-card")).to_contain_text("Consultation")
    slide(page, "mask-strength", 22)
    expect(page.locator("#preset-difference")).to_contain_text("22")
    page.click("#way-start")
    job = newest_job(page, state=("running",))
    expect(job).to_contain_text("frame")
    identity = str(job.get_attribute("data-id"))

    program.kill()
    expect(page.locator("#jobs")).to_have_class("offline")
    program.start()
    expect(page.locator("#jobs")).not_to_have_class("offline")
    done = page.locator(f'.job[data-id="{identity}"]{OVER}')
    expect(done).to_be_visible()  # without a reload
    masked = saved(page, done.get_by_text("Masked video"), tmp_path / "masked.mp4")
    assert probe(masked).frames_in_header == 250
    with JobQueue(program.root) as queue:
        assert queue.get(identity).attempt == 2

    page.reload()
    analysed(page)
    expect(page.locator("#clip-card")).to_contain_text("Consultation")
    expect(number(page, "mask-strength")).to_have_value("22")
    unfold(page, "clip-source")
    page.click(f'#clip-mine [data-pick="{edited}"][data-act="open"]')
    expect(page.get_by_role("radio", name="Leave visible").first).to_be_checked()


# --- two people -------------------------------------------------------------------------------------------------------


def test_two_people_see_nothing_of_each_other(
    page: Page, program: Program, browser: Browser, short_clip: ShortClip
) -> None:
    visit(page, program.address, clip=short_clip("consultation", frames=20))
    page.click("#way-start")
    job = newest_job(page, state=("done", "needs_review")).get_attribute("data-id")
    clip = clip_of(page)
    private = [
        *(f"clips/{clip}/{rest}" for rest in ("state", "frame/0.jpg?view=original", "thumb/1.jpg", "files/x.mp4")),
        *(f"jobs/{job}{rest}" for rest in ("", "/live.jpg", "/files/output", "/files/timeline")),
    ]
    with logged_in(browser, program, "bert") as context, new_tab(context, program) as (theirs, _):
        theirs.goto(f"{program.address}/#clip={clip}")
        expect(theirs.locator("#clip-demo")).to_be_visible()
        expect(theirs.locator("#panel-step")).to_be_hidden()
        expect(theirs.locator("#clip-mine .clips li")).to_have_count(0)
        expect(theirs.locator(".job")).to_have_count(0)
        for address in private:
            assert theirs.request.get(f"{program.address}/api/{address}").status in (400, 404), address
        theirs.set_input_files("#clip-file input[type=file]", short_clip("meeting_grid", frames=5))
        analysed(theirs)
        assert clip_of(theirs) != clip
        page.reload()
        analysed(page)
        unfold(page, "clip-source")
        expect(page.locator("#clip-mine")).to_contain_text("consultation")
        expect(page.locator("#clip-mine")).not_to_contain_text("meeting_grid")
    nobody = page.context.browser.new_context() if page.context.browser else None
    assert nobody
    with nobody:
        for address in private:
            assert nobody.request.get(f"{program.address}/api/{address}").status == 401, address
