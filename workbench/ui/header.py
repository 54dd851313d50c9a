"""The top of the page: title, the way through the page, live figures, and the switches for language and colours."""

from __future__ import annotations

import json

from workbench.ui.texts import TEXTS, both

STEPS = ("clip", "step", "tune", "compare", "preset", "job")
"""The parts of the page in the order of the work; each has the id ``panel-NAME``."""

TABS = {"recording": ("workbench", "further", "panel-job"), "live": ("panel-live",)}
"""The halves of the page, and the ids of what each of them shows."""

FIGURES = ("fps", "faces", "cpu", "memory", "gpu")

_MARK = (
    '<svg viewBox="0 0 32 32" width="30" height="30" aria-hidden="true"><rect width="32" height="32" rx="8" '
    'class="mark-back"/><circle cx="16" cy="12.5" r="5.5" class="mark-face"/><path d="M5.5 27c1.6-5.6 5.6-8.4 10.5-8.4S'
    '24.9 21.4 26.5 27z" class="mark-face"/><rect x="7" y="9.6" width="18" height="6.2" rx="2" class="mark-bar"/></svg>'
)
_MOON = (
    '<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path fill="currentColor" '
    'd="M20.6 14.4A8.6 8.6 0 0 1 9.6 3.4 8.9 8.9 0 1 0 20.6 14.4z"/></svg>'
)


def header_html(*, signed_in: bool) -> str:
    """The bar at the top. The figures are filled in by ``page.js``, which also works the switches."""
    figures = "".join(
        f'<span class="figure" id="figure-{name}" hidden><b>–</b> <small>{both(name)}</small></span>'
        for name in FIGURES
    )
    sign_out = (
        f'<form method="post" action="/logout"><button class="switch">{both("sign_out")}</button></form>'
        if signed_in
        else ""
    )
    return (
        f'<div id="bar"><div class="brand">{_MARK}<h1>{both("title")}</h1></div>{_tabs()}'
        f'<div id="figures" role="group" {_named("monitor")}>{figures}</div>'
        '<div class="switches"><button type="button" class="switch" id="switch-language">'
        f"{both('to_language')}</button>"
        f'<button type="button" class="switch round" id="switch-dark" aria-pressed="false" {_named("to_dark")}>{_MOON}'
        f"</button>{sign_out}</div></div>"
        f'<nav id="way" {_named("steps")}>{_way()}'
        f'<button type="button" id="way-start">{both("job_start")}</button></nav>'
    )


def page_words() -> str:
    """The words that ``page.js`` needs, as a JSON island for both languages."""
    words = {key: {"en": pair[0], "zh": pair[1]} for key, pair in TEXTS.items()}
    return f'<template id="page-words" data-words="{_attribute(json.dumps(words, ensure_ascii=False))}"></template>'


def _tabs() -> str:
    """The two halves of the page; ``tabs.js`` switches between them."""
    buttons = "".join(
        f'<button type="button" role="tab" id="tab-{name}" data-tab="{name}" aria-controls="{" ".join(parts)}" '
        f'aria-selected="{str(name == "recording").lower()}">{both(f"tab_{name}")}</button>'
        for name, parts in TABS.items()
    )
    return f'<div id="tabs" role="tablist" {_named("tabs")}>{buttons}</div>'


def _way() -> str:
    return "".join(
        f'<a href="#panel-{step}" data-step="{step}"><span class="number">{number}</span>{both(step)}</a>'
        for number, step in enumerate(STEPS, start=1)
    )


def _named(key: str) -> str:
    """An accessible name in both languages: ``page.js`` copies the right one into ``aria-label`` and ``title``."""
    english, chinese = TEXTS[key]
    first, second = _attribute(english), _attribute(chinese)
    return f'aria-label="{first}" data-name-en="{first}" data-name-zh="{second}"'


def _attribute(value: str) -> str:
    return value.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
