"""What a person does with the page in a browser: the words in which tests, screenshots and measurements are written."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.ui.test_serve import running

PATIENCE_MS = 60_000  # a busy machine may be slow; what is awaited is what is tested
SIZE = {"width": 1280, "height": 720}
OPEN = re.compile(r"#clip=([0-9a-f]{32})$")
OVER = ':is([data-state="done"], [data-state="needs_review"])'

SHARP = """
() => {
    const { width, view } = document.querySelector(".fv-stage").dataset;
    if (!(Number(width) > 480) || !view) return false;
    const small = new OffscreenCanvas(320, 180).getContext("2d", { willReadFrequently: true });
    small.drawImage(document.querySelector(".fv-after"), 0, 0, 320, 180);
    let print = 2166136261; // FNV-1a
    for (const byte of small.getImageData(0, 0, 320, 180).data) print = Math.imul(print ^ byte, 16777619);
    return String(print);
}
"""
"""A fingerprint of the picture on screen, once it is the sharp one; until then false."""


class Program:
    """``workbench app`` over one workspace: can be killed and started again at the same address."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self.root = root
        self.address = ""
        self._arguments = arguments
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        port = ("--port", str(urlsplit(self.address).port)) if self.address else ()
        _, self.address = self._running.enter_context(running(self.root, *self._arguments, *port))

    def forget_settings(self) -> None:
        """Every user's settings are again those of the default preset, for clips that are opened from now on."""
        for settings in self.root.glob("users/*/settings.json"):
            settings.unlink()

    def kill(self) -> None:
        """As by ``kill -9``: nothing is put away."""
        self._running.close()


LEAVING = ("AbortError", "Connection errored out")
"""What Gradio says when its page is left while an answer is still on its way: nobody is there to read it."""


@dataclass
class Watched:
    """What a browser said in its console and asked of others. ``expected``: what else it may say in this test."""

    wrong: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.wrong.append(f"{said.text} [{said.location.get('url', '')}]")

    def check(self) -> None:
        wrong = [said for said in self.wrong if not any(words in said for words in (*LEAVING, *self.expected))]
        assert not wrong, f"the console says: {wrong}"
        assert not self.elsewhere, f"asked elsewhere: {self.elsewhere}"


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A browser of its own, in English, on a small laptop's screen."""
    context = browser.new_context(**({"viewport": SIZE, "locale": "en-US", "accept_downloads": True} | options))
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return context


@contextmanager
def new_tab(context: BrowserContext, program: Program) -> Iterator[tuple[Page, Watched]]:
    """A tab that nobody has used, over default settings; at the end its console has to be clean."""
    program.forget_settings()
    watched, page = Watched(), context.new_page()
    page.goto(f"{program.address}/static/early.js")
    page.evaluate("localStorage.clear()")
    page.on("console", watched.hear)
    page.on("pageerror", lambda error: watched.wrong.append(str(error)))
    page.on("request", lambda asked: _note_elsewhere(asked.url, program.address, watched))
    yield page, watched
    page.close()
    watched.check()


def _note_elsewhere(url: str, address: str, watched: Watched) -> None:
    if not url.startswith((f"{address}/", "data:", "blob:")):
        watched.elsewhere.append(url)


# --- a clip -----------------------------------------------------------------------------------------------------------


def visit(page: Page, address: str, *, clip: Path | None = None) -> None:
    page.goto(address)
    expect(page.locator("#clip-demo")).to_be_visible()
    expect(page.locator("#switch-dark")).to_be_visible()
    if clip is not None:
        page.set_input_files("#clip-file input[type=file]", clip)
        analysed(page)


def log_in(page: Page, address: str, name: str, password: str) -> None:
    page.goto(address)
    page.fill("[name=name]", name)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    expect(page.locator("#bar h1")).to_be_visible()


def drop(page: Page, clip: Path, *, name: str | None = None) -> None:
    """Drop the file onto the page, as a hand does with a mouse. ``window.dropped``: when that was."""
    page.evaluate(
        """([data, name]) => {
            const transfer = new DataTransfer(), bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            transfer.items.add(new File([bytes], name));
            window.dropped = performance.now();
            document.querySelector("#clip-file .upload-container")
                .dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        [base64.b64encode(clip.read_bytes()).decode(), name or clip.name],
    )


def analysed(page: Page) -> None:
    expect(page.locator("#viewer")).to_have_attribute("data-phase", "ready")


def clip_of(page: Page) -> str:
    found = OPEN.search(page.url)
    assert found, page.url
    return found[1]


# --- the viewer -------------------------------------------------------------------------------------------------------


def sharp(page: Page) -> str:
    """A fingerprint of what the picture area shows, once it is sharp."""
    return str(page.wait_for_function(SHARP).json_value())


def shows(page: Page, *, index: int, view: str) -> None:
    """Wait until that view of that frame is on screen, sharp."""
    page.wait_for_function(
        """([index, view]) => {
            const shown = document.querySelector(".fv-stage").dataset;
            return shown.index === String(index) && shown.view === view && Number(shown.width) > 480;
        }""",
        arg=[index, view],
    )


def redrawn(page: Page, change: Callable[[], None]) -> str:
    """The fingerprint of the sharp picture after ``change``, once it differs from the one before."""
    before = sharp(page)
    change()
    after = page.wait_for_function(
        f"before => {{ const now = ({SHARP})(); return now !== before && now; }}", arg=before
    )
    return str(after.json_value())


def seek(page: Page, index: int) -> None:
    page.locator(".fv-scrub").fill(str(index))


# --- the settings -----------------------------------------------------------------------------------------------------


def slide(page: Page, option: str, value: float) -> None:
    """Move a slider as a hand does: the browser tells its page of an input."""
    page.locator(f"#option-{option} input[type=range]").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        value,
    )


def number(page: Page, option: str) -> Locator:
    return page.locator(f"#option-{option} input[type=number]")


def unfold(page: Page, part: str) -> None:
    page.click(f"#{part} > .label-wrap")


def played(page: Page, part: str) -> Mapping[str, float]:
    """Length and size of the film in that part, once it runs."""
    film = page.locator(f"#{part} video")
    expect(film).to_be_visible()
    page.wait_for_function("film => film.readyState > 1 && film.currentTime > 0", arg=film.element_handle())
    return dict(film.evaluate("({ duration, videoWidth, videoHeight }) => ({ duration, videoWidth, videoHeight })"))


# --- jobs and files ---------------------------------------------------------------------------------------------------


def newest_job(page: Page, *, state: Sequence[str] = ()) -> Locator:
    """The newest job's row, once it has one of the states."""
    row = page.locator(".job").first
    if state:
        expect(row).to_have_attribute("data-state", re.compile(f"^({'|'.join(state)})$"))
    return row


def frames_done(job: Locator) -> int:
    """How many frames its line says are done; 0 before it says any."""
    found = re.search(r"frame (\d+) of", job.inner_text())
    return int(found[1]) if found else 0


def saved(page: Page, link: Locator, path: Path) -> Path:
    """The file that is downloaded when ``link`` is pressed."""
    with page.expect_download() as download:
        link.click()
    download.value.save_as(path)
    return path
