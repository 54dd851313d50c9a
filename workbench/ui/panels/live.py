"""Live: streams that are masked while they happen. What is here is plain HTML; ``live.js`` fills it and works it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.ui.panels import html
from workbench.ui.texts import TEXTS, both

if TYPE_CHECKING:
    import gradio as gr

KINDS = ("webcam", "camera", "address", "clip")
"""What a stream can come from, in the order of the page."""

EXAMPLE = "rtsp://user:password@192.168.1.20/stream1"

_ICONS = {
    "webcam": '<circle cx="10" cy="8.5" r="5.5"/><circle cx="10" cy="8.5" r="2"/>'
    '<path d="M5.5 17h9M8.6 13.8 7.5 17m4-3.2 1 3.2"/>',
    "camera": '<rect x="2.5" y="6" width="10.5" height="8.5" rx="2"/><path d="m13 9 4.5-2.5V14L13 11.5"/>',
    "address": '<circle cx="10" cy="10" r="7"/>'
    '<path d="M3 10h14M10 3c2.4 2 3.4 4.4 3.4 7s-1 5-3.4 7c-2.4-2-3.4-4.4-3.4-7s1-5 3.4-7z"/>',
    "clip": '<rect x="3" y="4.5" width="14" height="11" rx="2"/><path d="m8.5 7.5 4 2.5-4 2.5z"/>',
}


def build(*, retention_hours: float) -> gr.HTML:
    """The page's other half. ``retention_hours``: how long recordings are kept."""
    return html(f'<div id="live">{_new_stream(retention_hours)}{_streams()}</div>', elem_id="panel-live")


def _new_stream(retention_hours: float) -> str:
    kinds = "".join(
        f'<label><input type="radio" name="kind" value="{kind}"{" checked" * (kind == KINDS[0])}>'
        f'<svg viewBox="0 0 20 20" aria-hidden="true">{_ICONS[kind]}</svg>{both(f"live_{kind}")}</label>'
        for kind in KINDS
    )
    kept = "".join(
        f'<span lang="{language}">{words.format(hours=f"{retention_hours:g}")}</span>'
        for language, words in zip(("en", "zh"), TEXTS["live_recordings_help"], strict=True)
    )
    return (
        '<section class="part live-new" aria-labelledby="live-new">'
        f'<h2 class="heading" id="live-new">{both("live_new")}</h2>'
        f'<form id="live-form" autocomplete="off"><fieldset class="live-kinds">'
        f"<legend>{both('live_source')}</legend><div>{kinds}</div></fieldset>"
        f"{''.join(_details(kind) for kind in KINDS)}"
        f'<label class="live-field">{both("live_preset")}<select name="preset"></select></label>'
        '<p class="note wrong" role="alert" hidden></p>'
        f'<button class="live-main">{both("live_start")}</button></form>'
        f'<div class="live-files"><h3>{both("live_recordings")}</h3><ul></ul>'
        f'<p class="lead live-no-files">{both("live_no_recordings")}</p><p class="lead live-kept">{kept}</p></div>'
        "</section>"
    )


def _details(kind: str) -> str:
    """What is asked about one kind of source."""
    fields = {
        "camera": f'<label class="live-field">{both("live_camera_number")}'
        '<input name="camera" type="number" min="0" max="63" step="1" value="0"></label>',
        "address": f'<label class="live-field">{both("live_address_field")}<input name="address" type="text" '
        f'inputmode="url" autocapitalize="none" spellcheck="false" maxlength="2000" placeholder="{EXAMPLE}"></label>',
        "clip": f'<label class="live-field">{both("live_clip_field")}<select name="clip"></select></label>',
    }
    hidden = "" if kind == KINDS[0] else " hidden"
    help = f'<p class="lead">{both(f"live_{kind}_help")}</p>'
    return f'<div class="live-details" data-kind="{kind}"{hidden}>{fields.get(kind, "")}{help}</div>'


def _streams() -> str:
    return (
        '<section class="live-streams" aria-labelledby="live-streams">'
        f'<h2 class="live-unseen" id="live-streams">{both("live_streams")}</h2><div id="live-grid"></div>'
        '<div class="live-none"><svg viewBox="0 0 48 48" aria-hidden="true">'
        '<rect x="5" y="11" width="27" height="26" rx="4"/><path d="m32 21 11-6v18l-11-6"/>'
        '<path d="M12 24h13" stroke-width="7" opacity=".3"/></svg>'
        f"<p>{both('live_tagline')}</p><small>{both('live_none_help')}</small></div>"
        "</section>"
    )
