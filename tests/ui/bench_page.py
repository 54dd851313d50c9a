"""How long the page lets a person wait, measured in a browser over the real program. Run: ``make bench-page``.

Prints JSON: the figure, and the most it may be. Wants a machine that does nothing else.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from tests.conftest import SAMPLES
from tests.ui.browser import launched_browser
from tests.ui.journey import PATIENCE_MS, SHARP, Program, analysed, drop, new_context, sharp, visit

CLIP = SAMPLES / "consultation.mp4"
"""1280×720, 10 s."""

TIMES = 15
MOST_SECONDS = {"page_usable": 3.0, "drop_to_masked_frame": 3.0, "slider_to_redraw": 0.3, "scrub": 0.2}

MASKED = """() => {
    const { width, view } = document.querySelector(".fv-stage")?.dataset ?? {};
    return Number(width) > 0 && view === "mask" && performance.now() - window.dropped;
}"""

REDRAW = """async (value) => {
    const print = %s, slider = document.querySelector("#option-mask-strength input[type=range]");
    const before = print(), began = performance.now();
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    for (;;) {
        await new Promise(requestAnimationFrame);
        const now = print();
        if (now && now !== before) return performance.now() - began;
    }
}"""

SCRUB = """async (index) => {
    const stage = document.querySelector(".fv-stage"), scrub = document.querySelector(".fv-scrub");
    const began = performance.now();
    scrub.value = index;
    scrub.dispatchEvent(new Event("change"));
    while (stage.dataset.index !== String(index) || Number(stage.dataset.width) <= 480)
        await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""


def measure(page: Page, address: str, *, ready: float) -> dict[str, list[float]]:
    """Seconds of each wait. ``ready``: when the program said so."""
    visit(page, address)
    usable = time.monotonic() - ready
    drop(page, CLIP)
    first = page.wait_for_function(MASKED, timeout=PATIENCE_MS).json_value() / 1000
    analysed(page)
    page.wait_for_selector("#compare-grid .mask")
    sharp(page)
    redraws = []
    for number in range(TIMES):
        redraws.append(page.evaluate(REDRAW % SHARP, 8 + number) / 1000)
        page.wait_for_timeout(400)  # a hand that thinks between two moves
    sharp(page)
    scrubs = [page.evaluate(SCRUB, 3 + 16 * number) / 1000 for number in range(TIMES)]
    return {"page_usable": [usable], "drop_to_masked_frame": [first], "slider_to_redraw": redraws, "scrub": scrubs}


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        launched_browser() as browser,
        new_context(browser) as context,
        Program(Path(folder) / "workspace") as program,
    ):
        waits = measure(context.new_page(), program.address, ready=time.monotonic())
    figures = {
        name: {"median_s": round(statistics.median(took), 3), "worst_s": round(max(took), 3), "most_s": most}
        for name, most in MOST_SECONDS.items()
        for took in [waits[name]]
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
