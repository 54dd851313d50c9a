"""The live half of the page in a real browser: a clip and a webcam masked while they happen, and what goes wrong."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import ShortClip
from tests.ui.browser import launched_browser
from tests.ui.journey import Program, new_context, new_tab, visit
from tests.ui.test_screenshots import problems
from tests.ui.test_serve import running, stopped
from workbench.workspace import Workspace

pytestmark = pytest.mark.quiet  # live pictures come late where others keep the machine busy

WEBCAM_SIZE = (640, 360)
FINGERPRINT = """() => {
    const canvas = document.querySelector(".live-tile[data-pictures] canvas");
    if (!canvas) return false;
    const small = new OffscreenCanvas(64, 36).getContext("2d");
    small.drawImage(canvas, 0, 0, 64, 36);
    return small.getImageData(0, 0, 64, 36).data.reduce((print, byte) => (print * 31 + byte) % 2147483647, 7);
}"""
"""Of the picture that the first tile shows; false before there is one."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("live") / "workspace", "--no-workers") as started:
        yield started


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, short_clip: ShortClip) -> Iterator[Browser]:
    """A browser whose camera sees the consultation."""
    film = tmp_path_factory.mktemp("webcam") / "camera.mjpeg"
    width, height = WEBCAM_SIZE
    with av.open(str(short_clip("consultation", frames=50))) as clip, av.open(str(film), "w", format="mjpeg") as made:
        stream = made.add_stream("mjpeg", rate=25, options={"qscale": "3"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for frame in clip.decode(video=0):
            made.mux(stream.encode(frame.reformat(width, height, "yuvj420p")))
        made.mux(stream.encode(None))
    seen = f"--use-file-for-fake-video-capture={film}"
    with launched_browser("--use-fake-device-for-media-stream", seen) as launched:
        yield launched


@pytest.fixture
def page(browser: Browser, program: Program) -> Iterator[Page]:
    context = new_context(browser)
    yield from tab_of(context, program)


def tab_of(context: BrowserContext, program: Program, *expected: str) -> Iterator[Page]:
    """A tab whose console has to be clean but for what is ``expected``; its streams are stopped at the end."""
    with new_tab(context, program) as (page, watched):
        watched.expected += expected
        yield page
        page.evaluate("() => document.querySelectorAll('[data-act=stop]').forEach((button) => button.click())")
        expect(page.locator(".live-tile")).to_have_count(0)
    context.close()


def go_live(page: Page, program: Program) -> None:
    page.goto(program.address)
    tab = page.locator("#tab-live")
    while tab.get_attribute("aria-selected") != "true":  # a click is lost on a page whose scripts still load
        tab.click()
        page.wait_for_timeout(100)
    expect(page.locator("#live-form [name=preset] option").first).to_be_attached()


def start(page: Page, kind: str, **fields: str) -> None:
    expect(page.locator(".live-main")).to_be_enabled()  # the one before is under way
    page.check(f"#live-form input[value={kind}]", force=True)
    for name, value in fields.items():
        page.fill(f"#live-form [name={name}]", value)
    page.click(".live-main")


def moves(page: Page) -> None:
    """Wait until the first tile shows one picture, and then another."""
    first = page.wait_for_function(FINGERPRINT).json_value()
    page.wait_for_function(f"first => {{ const now = ({FINGERPRINT})(); return now && now !== first; }}", arg=first)


def figure(page: Page, name: str) -> Any:
    return page.locator(f'.live-tile [data-figure="{name}"] dd')


def test_a_clip_is_masked_live_recorded_and_kept(
    page: Page, program: Program, short_clip: ShortClip, tmp_path: Path
) -> None:
    visit(page, program.address, clip=short_clip("meeting_grid", frames=25))
    page.focus("#tab-recording")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-live")).to_be_focused()
    expect(page.locator("#tab-live")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#panel-clip")).to_be_hidden()
    expect(page.locator(".live-none")).to_be_visible()
    start(page, "clip")
    moves(page)
    expect(page.locator(".live-tile")).to_have_attribute("data-state", re.compile("^(running|hidden)$"))
    expect(figure(page, "fps")).to_have_text(re.compile(r"^[1-9]"))
    expect(figure(page, "delay")).to_have_text(re.compile(r"^\d+ / \d+ ms$"))
    expect(page.locator(".live-why")).to_contain_text("starting ×1")
    expect(page.locator("#figure-fps b")).to_have_text(re.compile(r"^[1-9]"))
    problems(page)
    page.click('[data-act="record"]')
    expect(page.locator(".live-rec")).to_be_visible()
    page.wait_for_timeout(1500)
    page.click('[data-act="record"]')
    link = page.locator(".live-files a")
    expect(link).to_contain_text("meeting_grid")
    with page.expect_download() as download:
        link.click()
    download.value.save_as(tmp_path / "recorded.mp4")
    with av.open(str(tmp_path / "recorded.mp4")) as recorded:
        assert sum(1 for _ in recorded.decode(video=0)) > 1
    page.click(".live-files button")
    expect(link).to_have_count(0)
    page.reload()
    expect(page.locator(".live-tile h3")).to_have_text("meeting_grid_25.mp4")
    moves(page)
    page.click('[data-act="stop"]')
    expect(page.locator(".live-tile")).to_have_count(0)
    page.click("#tab-recording")
    expect(page.locator("#viewer")).to_be_visible()


def test_the_visitors_webcam_comes_back_masked(browser: Browser, program: Program) -> None:
    for page in tab_of(new_context(browser, permissions=["camera"]), program):
        go_live(page, program)
        start(page, "webcam")
        moves(page)
        expect(page.locator(".live-tile h3")).to_have_text("Webcam")
        expect(page.locator(".live-tile")).to_have_attribute("data-state", "running")
        expect(figure(page, "faces")).to_have_text(re.compile("^[1-9]"))
        assert page.evaluate("document.querySelectorAll('video').length") == 0, "the raw picture is shown nowhere"


def test_a_browser_that_may_not_use_its_camera_is_told_so(page: Page, program: Program) -> None:
    go_live(page, program)
    start(page, "webcam")
    expect(page.locator("#live-form .note")).to_have_text(re.compile("^This browser gives no camera"))
    expect(page.locator(".live-tile")).to_have_count(0)


def test_addresses_keep_their_secrets_and_say_what_is_wrong(browser: Browser, program: Program) -> None:
    for page in tab_of(new_context(browser), program, "status of 400"):
        _name_addresses(page, program)


def _name_addresses(page: Page, program: Program) -> None:
    go_live(page, program)
    start(page, "address", address="file:///etc/passwd")
    note = page.locator("#live-form .note")
    expect(note).to_contain_text("file:// is not a source")
    start(page, "address", address="rtsp://nurse:secret@127.0.0.1:9/ward?key=hidden-key")
    tile = page.locator(".live-tile")
    expect(tile).to_have_attribute("data-state", "waiting")
    expect(tile.locator("h3")).to_have_text("rtsp://127.0.0.1:9/…")
    expect(tile.locator(".live-message")).to_contain_text("127.0.0.1:9")
    expect(note).to_be_hidden()
    page.click('[data-act="push"]')
    field = page.locator(".live-push input")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("type", "password")
    field.fill("http://127.0.0.1/live/stream-key")
    page.keyboard.press("Enter")
    expect(tile.locator(".live-wrong")).to_contain_text("http:// is not a place to push to")
    field.fill("rtmp://127.0.0.1:9/live/stream-key")
    page.keyboard.press("Enter")
    expect(tile.locator(".live-sent")).to_have_text("Pushing to rtmp://127.0.0.1:9/…")
    expect(field).to_have_value("")
    shown = page.content() + (program.root / "service.log").read_text()
    assert not [word for word in ("secret", "hidden-key", "stream-key") if word in shown]
    page.click('[data-act="push"]')
    expect(tile.locator(".live-sent")).to_be_hidden()


def test_ctrl_c_completes_what_is_being_recorded(tmp_path: Path, short_clip: ShortClip) -> None:
    space = Workspace(tmp_path / "w").space("local")
    clip = space.add_clip(short_clip("meeting_grid", frames=25), name="ward 3.mp4", move=False)
    with running(tmp_path / "w", "--no-workers") as (server, address):
        stream = asked(f"{address}/api/live", {"kind": "clip", "clip": clip.id, "preset": "fast"})["id"]
        asked(f"{address}/api/live/{stream}/record", {})
        deadline = time.monotonic() + 60
        while asked(f"{address}/api/live/{stream}")["fps"] < 1:
            assert time.monotonic() < deadline
        time.sleep(1)
        assert stopped(server) == 130
    (made,) = (tmp_path / "w" / "users" / "local" / "recordings").glob("ward 3 *.mp4")
    with av.open(str(made)) as recorded:
        assert sum(1 for _ in recorded.decode(video=0)) > 1


def asked(url: str, body: dict[str, Any] | None = None) -> Any:
    """The answer to what the page itself asks."""
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return json.load(answer)


@pytest.mark.parametrize("options", [{"locale": "zh-CN"}, {"color_scheme": "dark"}], ids=["chinese", "dark"])
def test_nothing_is_cut_off_in_chinese_or_in_the_dark(
    browser: Browser, program: Program, options: dict[str, Any]
) -> None:
    for page in tab_of(new_context(browser, **options), program):
        go_live(page, program)
        for kind in ("camera", "address", "clip", "webcam"):
            page.check(f"#live-form input[value={kind}]", force=True)
            problems(page)
        for _ in range(2):
            start(page, "address", address="rtsp://127.0.0.1:9/ward")
        expect(page.locator(".live-tile")).to_have_count(2)
        page.locator('[data-act="push"]').first.click()
        problems(page)
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
