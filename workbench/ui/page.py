"""The page: its parts from left to right, and what happens between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.preview.samples import DIM
from workbench.ui.header import header_html, page_words
from workbench.ui.panels import FOLLOWS, HIDDEN, Page, clip, compare, html, job, live, note, preset, step, told, tune
from workbench.ui.texts import CHINESE_LOCALES, dictionary, language_of, text
from workbench.ui.theme import build_theme
from workbench.ui.viewer import viewer_head

if TYPE_CHECKING:
    from workbench.ui.context import AppContext

EARLY_HEAD = (
    '<script src="/static/early.js"></script><script src="/static/answers.js"></script>'
    f'{viewer_head()}<script type="module" src="/static/page.js"></script>'
)
"""Has to stand at the top of the page's ``<head>``: what is there runs before Gradio's own script, in this order."""

STYLES = ("page.css", "live.css")
"""After Gradio's own styles, which they overrule."""

AT_ONCE = 8  # handlers of one kind that may run side by side: several people, several tabs


@dataclass(frozen=True)
class _Parts:
    clip: clip.ClipPanel
    step: step.StepPanel
    tune: tune.TunePanel
    compare: compare.ComparePanel
    preset: preset.PresetPanel
    job: job.JobPanel


def build_page(context: AppContext) -> gr.Blocks:
    """The page with all its handlers. It is shown with the arguments of ``mount_options``."""
    with gr.Blocks(title=text("title", "en"), fill_width=True, analytics_enabled=False) as blocks:
        clip_id = gr.Textbox("", visible=HIDDEN, elem_id="clip-id", show_label=False)
        parts = _build_parts(context)
        page = Page(context, clip_id, parts.tune.form)
        tuning = tune.connect(parts.tune, page)
        step.connect(parts.step, page)
        compare.connect(parts.compare, page, tuning)
        preset.connect(parts.preset, page, tuning)
        job.connect(parts.job, page)
        for event in clip.connect(parts.clip, page):
            _follow(event, page, parts)
        _begin(blocks, page, parts)
        blocks.queue(default_concurrency_limit=AT_ONCE)
    return blocks  # type: ignore[no-any-return]


def mount_options() -> dict[str, Any]:
    """What ``gr.mount_gradio_app`` has to be given with the page: its looks and its languages."""
    chinese = dictionary("zh")
    return {
        "theme": build_theme(),
        "head": "".join(f'<link rel="stylesheet" href="/static/{name}">' for name in STYLES),
        "i18n": gr.I18n(en=dictionary("en"), **dict.fromkeys(CHINESE_LOCALES, chinese)),
    }


def _build_parts(context: AppContext) -> _Parts:
    html(header_html(signed_in=context.login_needed) + page_words(), elem_id="header")
    live.build(retention_hours=context.retention_hours)
    with gr.Row(elem_id="workbench"):
        clip_panel, step_panel, tune_panel = clip.build(), step.build(), tune.build()
    with gr.Row(elem_id="further"):
        compare_panel, preset_panel = compare.build(), preset.build()
    return _Parts(clip_panel, step_panel, tune_panel, compare_panel, preset_panel, job.build())


def _follow(event: Any, page: Page, parts: _Parts) -> None:
    """What comes after a clip was opened or closed: show it, then say what it is."""
    shown = event.then(
        _tune_clip(page),
        page.clip,
        [parts.tune.walk, parts.clip.card, parts.compare.grid],
        **FOLLOWS,
    )
    shown.then(None, page.clip, None, js="(clip) => window.workbenchPage.open(clip)")
    shown.then(clip.list_clips(page), page.clip, parts.clip.mine, **FOLLOWS)
    shown.then(clip.describe(page), page.clip, parts.clip.card, **FOLLOWS)


def _tune_clip(page: Page) -> Any:
    """The handler that gives a clip just opened the settings of the page, and the guidance that it has a use for."""

    @told
    def fill(clip_id: str, request: gr.Request) -> Any:
        if not clip_id:
            return gr.update(visible=False), "", ""
        opened, _ = page.open(clip_id, request)
        page.use_kept(clip_id, request)
        looking = note(text("looking", language_of(request)))
        return gr.update(visible=opened.sample == DIM), looking, ""

    return fill


def _begin(blocks: gr.Blocks, page: Page, parts: _Parts) -> None:
    """What happens when the page is loaded: the clip comes back from its address, the settings as they were left."""

    @told
    def begin(address: str, request: gr.Request) -> Any:
        page.context.page_shown.set()
        space = page.space(request)
        kept = space.settings
        opened = bool(address) and address in {each.id for each in space.clips()}
        choices = preset.choices(space.presets_folder, language_of(request))
        listed = gr.update(choices=choices, value=preset.nearest(kept, choices))
        # whoever is quick has opened a clip or moved a slider by the time of this answer: it touches only what it must
        came_back = (address, gr.update(open=False)) if opened else (gr.skip(), gr.skip())
        return [came_back[0], listed, came_back[1], *page.form.show(kept, fresh=True)]

    loaded = blocks.load(
        begin,
        page.clip,
        [page.clip, parts.preset.chosen, parts.clip.source, *page.form],
        js="() => window.workbenchPage.clipInAddress()",
        show_progress="hidden",
    )
    _follow(loaded, page, parts)
