"""Step through: the viewer, and a short preview with the original and the masked picture side by side."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from workbench.preview.clips import side_by_side
from workbench.ui.form import words
from workbench.ui.panels import FRAME, HIDDEN, PROGRESS, Page, heading, html, lead, shown, start_of, told, video
from workbench.ui.texts import language_of
from workbench.ui.viewer import viewer_html

SHORTEST_SECONDS, LONGEST_SECONDS = 3, 10


@dataclass(frozen=True)
class StepPanel:
    seconds: gr.Slider
    make: gr.Button
    frame: gr.Number
    preview: gr.HTML


def build() -> StepPanel:
    with gr.Column(elem_id="panel-step", elem_classes="part", min_width=0):
        heading("step")
        gr.HTML(viewer_html(), apply_default_css=False, elem_id="viewer-place")
        with gr.Accordion(words("text", "side_by_side"), open=False, elem_id="side-by-side"):
            lead("side_by_side_help")
            with gr.Row(elem_classes="one-line"):
                label = words("text", "seconds")
                seconds = gr.Slider(
                    SHORTEST_SECONDS, LONGEST_SECONDS, 5, step=1, label=label, elem_id="preview-seconds"
                )
                make = gr.Button(words("text", "make_preview"), elem_id="preview-make")
            frame = gr.Number(0, precision=0, visible=HIDDEN)
            preview = html(elem_id="preview-video")
    return StepPanel(seconds, make, frame, preview)


def connect(panel: StepPanel, page: Page) -> None:
    @told
    def make(clip_id: str, frame: int, seconds: int, request: gr.Request, bar: gr.Progress = PROGRESS) -> str:
        clip, session = page.open(clip_id, request)
        output = clip.previews / f"side-by-side-{frame}-{seconds}.mp4"
        language, start = language_of(request), start_of(session, frame)
        side_by_side(session, start, float(seconds), output, language=language, progress=shown(bar))
        return video(clip.id, output.name, language=language)

    panel.make.click(None, None, panel.frame, js=FRAME).then(
        make, [page.clip, panel.frame, panel.seconds], panel.preview, show_progress="minimal"
    )
