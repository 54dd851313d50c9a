"""Compare: the same frame, or the same three seconds, under every mask, with what each one costs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import cv2
import gradio as gr
import numpy as np

from workbench.data import Picture
from workbench.preview.clips import compare_clip
from workbench.preview.compare import SLOW_KINDS, TITLES, MaskSample, compare_masks, mask_kinds
from workbench.ui.form import words
from workbench.ui.jpeg import jpeg
from workbench.ui.panels import (
    FOLLOWS,
    FRAME,
    HIDDEN,
    PICKED,
    PROGRESS,
    Page,
    heading,
    html,
    lead,
    shown,
    start_of,
    told,
    video,
)
from workbench.ui.panels.tune import Tuning
from workbench.ui.texts import Language, language_of, text

CLIP_SECONDS = 3.0
TILE_WIDTH_PX = 640


@dataclass(frozen=True)
class ComparePanel:
    on_frame: gr.Button
    in_motion: gr.Button
    frame: gr.Number
    grid: gr.HTML
    film: gr.HTML


def build() -> ComparePanel:
    with gr.Column(elem_id="panel-compare", elem_classes="part", min_width=0):
        heading("compare")
        lead("compare_help")
        with gr.Row(elem_classes="one-line"):
            on_frame = gr.Button(words("text", "compare_frame"), elem_id="compare-frame")
            in_motion = gr.Button(words("text", "compare_clip"), elem_id="compare-clip")
        frame = gr.Number(0, precision=0, visible=HIDDEN)
        grid = html(js_on_load=PICKED, elem_id="compare-grid")
        film = html(elem_id="compare-film")
    return ComparePanel(on_frame, in_motion, frame, grid, film)


def connect(panel: ComparePanel, page: Page, tuning: Tuning) -> None:
    compare = compare_frame(page)

    @told
    def film(clip_id: str, frame: int, request: gr.Request, bar: gr.Progress = PROGRESS) -> str:
        clip, session = page.open(clip_id, request)
        output = clip.previews / f"compare-{frame}.mp4"
        start = start_of(session, frame)
        compare_clip(session, start, CLIP_SECONDS, output, shown(bar), language=language_of(request))
        return video(clip.id, output.name, language=language_of(request))

    asks = [page.clip, panel.frame]
    tuning.settled.then(compare_frame(page, unasked=True), asks, panel.grid, **FOLLOWS)
    panel.on_frame.click(None, None, panel.frame, js=FRAME).then(compare, asks, panel.grid, show_progress="minimal")
    panel.in_motion.click(None, None, panel.frame, js=FRAME).then(film, asks, panel.film, show_progress="minimal")

    def use(event: gr.EventData) -> str:
        return str(event.pick)

    kind: Any = page.form.controls["mask.kind"]
    tuning.in_force(panel.grid.select(use, None, kind, show_progress="hidden"), ["mask.kind"])
    # the tiles say which mask is in use: mark the new one without drawing them all again
    kind.change(None, kind, None, js="(kind) => window.workbenchPage.markMask(kind)")


def compare_frame(page: Page, *, unasked: bool = False) -> Any:
    """The handler that shows a frame of the open clip under every mask.

    ``unasked``: not before all is analysed, and without the masks that take long.
    """

    @told
    def fill(clip_id: str, frame: int, request: gr.Request) -> Any:
        if unasked and not clip_id:
            return ""
        _, session = page.open(clip_id, request)
        if unasked and not session.complete:
            return gr.skip()
        used = session.preset.mask.kind
        wanted = [kind for kind in mask_kinds() if not (unasked and kind in SLOW_KINDS and kind != used)]
        samples = compare_masks(session, min(frame, session.frames - 1), kinds=wanted)
        samples += [_left_out(kind) for kind in mask_kinds() if kind not in wanted]
        return _grid(samples, used=used, language=language_of(request))

    return fill


def _left_out(kind: str) -> MaskSample:
    """A mask that is shown only when somebody asks."""
    return MaskSample(kind, *TITLES[kind], None, None, text("compare_slow", "en"), text("compare_slow", "zh"))


def _grid(samples: Sequence[MaskSample], *, used: str, language: Language) -> str:
    tiles = "".join(_tile(sample, used=used, language=language) for sample in samples)
    return f'<div class="masks">{tiles}</div>'


def _tile(sample: MaskSample, *, used: str, language: Language) -> str:
    name = escape(sample.title_zh if language == "zh" else sample.title_en)
    remark = escape(sample.note_zh if language == "zh" else sample.note_en)
    if sample.picture is None:
        caption = f"<figcaption><b>{name}</b></figcaption><p>{remark}</p>"
        return f'<figure class="mask missing"><div class="blank"></div>{caption}</figure>'
    cost = "" if sample.milliseconds_per_face is None else _cost(sample.milliseconds_per_face, language)
    button = (
        f'<button type="button" data-pick="{escape(sample.kind)}" aria-pressed="{str(sample.kind == used).lower()}">'
        f'<span class="use">{escape(text("use_mask", language))}</span>'
        f'<span class="used">{escape(text("used_mask", language))}</span></button>'
    )
    return (
        f'<figure class="mask"><img src="{_jpeg(sample.picture)}" alt="{name}">'
        f"<figcaption><b>{name}</b><span>{cost}</span>{button}</figcaption><p>{remark}</p></figure>"
    )


def _cost(milliseconds: float, language: Language) -> str:
    return escape(text("per_face", language, milliseconds=f"{milliseconds:.1f}"))


def _jpeg(picture: Picture) -> str:
    """The picture as an address that holds it, so that nothing is left behind."""
    height, width = picture.shape[:2]
    if width > TILE_WIDTH_PX:
        size = (TILE_WIDTH_PX, round(height * TILE_WIDTH_PX / width))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(picture)).decode()}"
