"""Clip: bring a recording in, or take a sample; what the file is and what will become of it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from workbench.errors import UsageError
from workbench.preview.preflight import CODEC_NAMES, Preflight, preflight
from workbench.preview.samples import DEMO, Sample, sample, samples
from workbench.ui.form import words
from workbench.ui.panels import FOLLOWS, PICKED, Page, heading, html, told
from workbench.ui.texts import Language, both, language_of, text
from workbench.workspace import Clip

CODECS = CODEC_NAMES | {"aac": "AAC", "mp3": "MP3", "opus": "Opus", "vorbis": "Vorbis", "flac": "FLAC"}

STREAMS = re.compile(r", \d+ streams?")
"""Of an engine's name what only an engineer wants to know; a job's report has it."""


@dataclass(frozen=True)
class ClipPanel:
    """The events after which another clip is open (or the same one again)."""

    file: gr.File
    demo: gr.Button
    samples: gr.HTML
    mine: gr.HTML
    source: gr.Accordion
    card: gr.HTML


def build() -> ClipPanel:
    with gr.Column(elem_id="panel-clip", elem_classes="part", min_width=0):
        heading("clip")
        html(f"<p>{both('tagline')}</p>", elem_id="tagline")
        card = html(elem_id="clip-card")
        with gr.Accordion(words("text", "other_clip"), open=True, elem_id="clip-source") as source:
            file = gr.File(
                label=words("text", "upload"), type="filepath", height=150, elem_id="clip-file", show_label=False
            )
            html(f'<p class="lead">{both("clip_help")}</p>', elem_id="clip-help")
            demo = gr.Button(words("text", "demo"), variant="primary", elem_id="clip-demo")
            html(f'<p class="lead">{both("demo_help")}</p>', elem_id="demo-help")
            html(f"<h3>{both('samples')}</h3>", elem_id="samples-title")
            gallery = html(_gallery(samples()), js_on_load=PICKED, elem_id="clip-samples")
            mine = html(js_on_load=PICKED, elem_id="clip-mine")
    return ClipPanel(file, demo, gallery, mine, source, card)


def connect(panel: ClipPanel, page: Page) -> list[Any]:
    """The events that open a clip; what has to follow each of them is for the page to add."""
    opened = [page.clip, panel.source]

    @told
    def upload(path: str | None, request: gr.Request) -> Any:
        if not path:
            return gr.skip()
        arrived = page.context.uploaded(request, path)
        clip = page.space(request).add_clip(arrived, name=arrived.name, move=True)
        return _opened(page, clip.id, request)

    @told
    def demo(request: gr.Request) -> Any:
        return _opened(page, _sample_clip(page, DEMO, request), request)

    @told
    def try_sample(event: gr.EventData, request: gr.Request) -> Any:
        return _opened(page, _sample_clip(page, str(event.pick), request), request)

    @told
    def pick(current: str, event: gr.EventData, request: gr.Request) -> Any:
        if event.act != "remove":
            return _opened(page, str(event.pick), request)
        _remove(page, str(event.pick), request)
        return "" if current == event.pick else gr.skip(), gr.skip()

    return [
        panel.file.upload(upload, panel.file, opened, show_progress="minimal").then(
            lambda: None, None, panel.file, **FOLLOWS
        ),
        panel.demo.click(demo, None, opened, show_progress="hidden"),
        panel.samples.select(try_sample, None, opened, show_progress="hidden"),
        panel.mine.select(pick, page.clip, opened, show_progress="hidden"),
    ]


def describe(page: Page) -> Any:
    """The handler that fills the pre-flight card of the open clip."""

    @told
    def fill(clip_id: str, request: gr.Request) -> str:
        if not clip_id:
            return ""
        clip, session = page.open(clip_id, request)
        language = language_of(request)
        facts = preflight(clip.path, session.preset, folder=clip.folder, analysed=session.complete)
        return card(_name(clip, language), facts, language)

    return fill


def list_clips(page: Page) -> Any:
    """The handler that lists the user's clips."""

    @told
    def fill(current: str, request: gr.Request) -> str:
        language = language_of(request)
        rows = [_row(clip, clip.id == current, language) for clip in page.space(request).clips()]
        return f'<h3>{both("your_clips")}</h3><ul class="clips">{"".join(rows)}</ul>' if rows else ""

    return fill


def card(name: str, facts: Preflight, language: Language) -> str:
    """The pre-flight card: what the file is, how long the full job takes, what will be different in the result."""
    rows = "".join(
        f"<div><dt>{escape(text(key, language))}</dt><dd>{escape(value)}</dd></div>"
        for key, value in _facts(facts, language)
    )
    changes = [change.zh if language == "zh" else change.en for change in facts.changes]
    listed = "".join(f"<li>{escape(change)}</li>" for change in changes)
    below = f"<h3>{escape(text('changes', language))}</h3><ul>{listed}</ul>" if changes else ""
    calm = "" if changes else f'<p class="calm">{escape(text("no_changes", language))}</p>'
    return f'<h3 class="clip-name">{escape(name)}</h3><dl class="facts">{rows}</dl>{below}{calm}'


def _opened(page: Page, clip_id: str, request: gr.Request) -> tuple[Any, ...]:
    """Values for the id of the open clip and the accordion. Raises where the clip does not open."""
    page.open(clip_id, request)
    return clip_id, gr.update(open=False)


def _remove(page: Page, clip_id: str, request: gr.Request) -> None:
    user, clip = page.user(request), page.space(request).clip(clip_id)
    if any(job.source == clip.path and job.state in ("queued", "running") for job in page.context.queue.jobs(user)):
        raise UsageError(text("clip_at_work", language_of(request), name=clip.name))
    page.context.clips.close(user, clip_id)
    page.space(request).remove(clip_id)


def _sample_clip(page: Page, name: str, request: gr.Request) -> str:
    found = sample(name)
    title = _title(found, language_of(request))  # names the job's files
    return page.space(request).add_clip(found.path, name=title, move=False, sample=found.name, truth=found.truth).id


def _name(clip: Clip, language: Language) -> str:
    """As the person who looks calls it: a sample has a name in each language."""
    shown = next((each for each in samples() if each.name == clip.sample), None) if clip.sample else None
    return clip.name if shown is None else _title(shown, language)


def _title(shown: Sample, language: Language) -> str:
    return shown.title_zh if language == "zh" else shown.title


def _row(clip: Clip, here: bool, language: Language) -> str:
    pick, name = f'type="button" data-pick="{clip.id}"', _name(clip, language)
    remove = escape(text("remove_clip", language, name=name))
    return (
        f'<li{" class=here" if here else ""}><button {pick} data-act="open">{escape(name)}</button>'
        f'<button {pick} data-act="remove" class="remove" aria-label="{remove}">×</button></li>'
    )


def _gallery(found: list[Sample]) -> str:
    cards = "".join(
        f'<button type="button" class="sample" data-pick="{escape(each.name)}">'
        f'<img src="{_thumbnail(each)}" alt=""><b>{_in_both(each.title, each.title_zh)}</b>'
        f"<small>{_in_both(each.description, each.description_zh)}</small></button>"
        for each in found
    )
    return f'<div class="samples">{cards}</div>'


def _in_both(english: str, chinese: str) -> str:
    return f'<span lang="en">{escape(english)}</span><span lang="zh">{escape(chinese)}</span>'


def _thumbnail(shown: Sample) -> str:
    """The sample's picture as an address that holds it: the files of the package are not served."""
    return f"data:image/jpeg;base64,{base64.b64encode(shown.thumbnail.read_bytes()).decode()}"


def _facts(facts: Preflight, language: Language) -> list[tuple[str, str]]:
    rate = text("variable" if facts.variable_rate else "constant", language)
    sound = ", ".join(f"{CODECS.get(track.codec, track.codec)} {track.channels} ch" for track in facts.audio)
    size = f"{facts.width_px} × {facts.height_px}"
    turned = f", {text('rotation', language)} {facts.rotation_degrees}°" if facts.rotation_degrees else ""
    hdr = f", {text('hdr', language)}" if facts.hdr else ""
    free = gigabytes(facts.free_bytes)
    return [
        ("estimate", "–" if facts.estimated_seconds is None else clock(facts.estimated_seconds)),
        ("duration", clock(facts.duration_seconds)),
        ("picture", size + turned + hdr),
        ("frame_rate", f"{facts.fps:.4g} {text('fps', language)}, {rate}"),
        ("codec", f"{CODECS.get(facts.codec, facts.codec)}, {gigabytes(facts.size_bytes)}"),
        ("sound", sound or text("no_sound", language)),
        ("engine", STREAMS.sub("", facts.engine or "–")),
        ("encoder", facts.encoder or "–"),
        ("free_disk", free if facts.disk_is_enough else text("too_little", language, free=free)),
    ]


def clock(seconds: float) -> str:
    """``0:10``, ``1:02:03``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
