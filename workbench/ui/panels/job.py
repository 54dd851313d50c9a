"""Full video: hand the whole recording to the queue, and watch it. The list itself is drawn by ``jobs.js``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.errors import UsageError
from workbench.ui.form import words
from workbench.ui.panels import Page, heading, html, lead, say, told
from workbench.ui.texts import both, language_of, text


@dataclass(frozen=True)
class JobPanel:
    start: gr.Button


def build() -> JobPanel:
    with gr.Column(elem_id="panel-job", elem_classes="part", min_width=0):
        heading("job")
        with gr.Row(elem_id="job-row"):
            lead("job_help")
            start = gr.Button(words("text", "job_start"), variant="primary", elem_id="job-start")
        html(f'<div id="jobs" aria-live="polite"><p class="lead">{both("job_none")}</p></div>')
    return JobPanel(start)


def connect(panel: JobPanel, page: Page) -> None:
    @told
    def start(values: dict[Any, Any], request: gr.Request) -> None:
        language = language_of(request)
        clip, session = page.open(values[page.clip], request)
        page.take(values, request)
        preset, timeline = session.decided
        if timeline is None and session.edited:
            raise UsageError(text("job_wait_edits", language))
        page.context.queue.submit(clip.path, preset=preset, owner=page.user(request), name=clip.name, timeline=timeline)
        say(text("job_started", language, name=clip.name), language)

    panel.start.click(start, page.inputs, None, show_progress="minimal").then(
        None, js="() => window.workbenchPage.jobsChanged()"
    )
