"""Preset: choose settings, keep them, take them along as a file, and see what was changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import UsageError
from workbench.presets import Preset, diff_presets, list_presets, load_preset, preset_text, save_preset
from workbench.presets.files import DEFAULT_PRESET
from workbench.ui.form import words
from workbench.ui.panels import FOLLOWS, HIDDEN, REDRAW, Page, heading, html, lead, note, say, told
from workbench.ui.panels.tune import Tuning, answered
from workbench.ui.texts import Language, choice, language_of, option_title, text

KEEP = "(name, content) => window.workbenchPage.keep(name, content)"

SAVED = "yours/"
"""How the choice of a preset tells the user's own ones from the shipped ones."""


@dataclass(frozen=True)
class PresetPanel:
    chosen: gr.Dropdown
    about: gr.HTML
    name: gr.Textbox
    save: gr.Button
    download: gr.Button
    file: gr.File
    kept_name: gr.Textbox
    content: gr.Textbox
    difference: gr.HTML


def build() -> PresetPanel:
    with gr.Column(elem_id="panel-preset", elem_classes="part", min_width=0):
        heading("preset")
        chosen = gr.Dropdown(
            [(preset.name, preset.name) for preset in shipped()],
            value=DEFAULT_PRESET,
            label=words("text", "preset_choose"),
            filterable=False,
            elem_id="preset-choose",
        )
        about = html(elem_id="preset-about")
        difference = html(elem_id="preset-difference")
        with gr.Row(elem_classes="one-line bottom"):
            name = gr.Textbox(
                label=words("text", "preset_name"),
                placeholder=words("text", "preset_name_hint"),
                max_length=60,
                max_lines=1,
                elem_id="preset-name",
            )
            save = gr.Button(words("text", "preset_save"), elem_id="preset-save", min_width=0)
        download = gr.Button(words("text", "preset_download"), elem_id="preset-download")
        lead("preset_drop")
        file = gr.File(
            label=words("text", "preset_drop"), show_label=False, type="filepath", height=64, elem_id="preset-file"
        )
        kept_name, content = gr.Textbox(visible=HIDDEN), gr.Textbox(visible=HIDDEN)
    return PresetPanel(chosen, about, name, save, download, file, kept_name, content, difference)


def connect(panel: PresetPanel, page: Page, tuning: Tuning) -> None:
    filled = [tuning.note, *page.form]

    def use(preset: Preset, clip_id: str, request: gr.Request) -> list[Any]:
        return [answered(page.put(clip_id, preset, request), request), *page.form.show(preset)]

    @told
    def choose(chosen: str, clip_id: str, request: gr.Request) -> Any:
        return use(find(chosen, page.space(request).presets_folder), clip_id, request)

    @told
    def drop(path: str | None, clip_id: str, request: gr.Request) -> Any:
        preset, language = _from_browser(Path(path or "")), language_of(request)
        shown = use(preset, clip_id, request)
        say(text("preset_loaded", language, name=shown_name(preset, language)), language)
        return shown

    @told
    def save(values: dict[Any, Any], request: gr.Request) -> Any:
        folder, language = page.space(request).presets_folder, language_of(request)
        page.take(values, request)
        preset = named(page.settings(values[page.clip], request), values[panel.name])
        save_preset(preset, folder / f"{_stem(preset.name)}.yaml")
        page.put(values[page.clip], preset, request)
        say(text("preset_saved", language, name=preset.name), language)
        return gr.update(choices=choices(folder, language), value=SAVED + _stem(preset.name)), ""

    @told
    def export(values: dict[Any, Any], request: gr.Request) -> Any:
        page.take(values, request)
        preset = page.settings(values[page.clip], request)
        return preset.name, preset_text(preset)

    panel.chosen.input(choose, [panel.chosen, page.clip], filled, show_progress="hidden").then(None, js=REDRAW)
    dropped = panel.file.upload(drop, [panel.file, page.clip], filled, show_progress="minimal")
    dropped.then(None, js=REDRAW)
    dropped.then(lambda: None, None, panel.file, **FOLLOWS)
    panel.save.click(save, page.inputs | {panel.name}, [panel.chosen, panel.name], show_progress="minimal")
    given = [panel.kept_name, panel.content]
    panel.download.click(export, page.inputs, given, show_progress="hidden").then(None, given, None, js=KEEP)
    says = (describe(page), [panel.chosen, page.clip], [panel.about, panel.difference])
    tuning.settled.then(*says, **FOLLOWS)
    panel.chosen.change(*says, **FOLLOWS)


def describe(page: Page) -> Any:
    """The handler that says what the chosen preset is for, and how the settings in use differ from it."""

    def fill(chosen: str, clip_id: str, request: gr.Request) -> tuple[str, str]:
        language = language_of(request)
        try:
            base, used = find(chosen, page.space(request).presets_folder), page.settings(clip_id, request)
        except UsageError:
            return "", ""
        about = base.description_zh if language == "zh" and base.description_zh else base.description
        return f'<p class="lead">{escape(about)}</p>', _difference(base, used, language)

    return fill


def find(chosen: str, folder: Path) -> Preset:
    """The preset that the list calls ``chosen``: a shipped one, or one of the user's. Raises UsageError."""
    if chosen.startswith(SAVED):
        return load_preset(folder / f"{_stem(chosen.removeprefix(SAVED))}.yaml")
    found = next((preset for preset in shipped() if preset.name == chosen), None)
    if found is None:
        raise UsageError(f"no preset {chosen}: choose one from the list")
    return found


@cache
def shipped() -> tuple[Preset, ...]:
    """The shipped presets, read once: the page compares with them whenever a slider moves."""
    return tuple(list_presets())


def choices(folder: Path, language: Language) -> list[tuple[str, str]]:
    """What there is to choose from: the shipped presets, then the user's own."""
    own = sorted(folder.glob("*.yaml"))
    mine = text("preset_yours", language)
    of_all = [(shown_name(preset, language), preset.name) for preset in shipped()]
    return [*of_all, *((f"{path.stem} · {mine}", SAVED + path.stem) for path in own)]


def nearest(preset: Preset, choices: Sequence[tuple[str, str]]) -> str:
    """Which of the ``choices`` a preset in use was made from, as far as its name says."""
    known = [value for _, value in choices]
    return next((name for name in (preset.name, SAVED + _stem(preset.name)) if name in known), DEFAULT_PRESET)


def shown_name(preset: Preset, language: Language) -> str:
    return preset.name_zh if language == "zh" and preset.name_zh else preset.name


def named(preset: Preset, name: str) -> Preset:
    """``preset`` under another name. Raises UsageError for a name that is none."""
    name = " ".join(name.split())
    if not _stem(name) or name in {preset.name for preset in shipped()}:
        raise UsageError("give the preset a name of its own: letters and digits, not the name of a shipped one")
    return preset.model_copy(update={"name": name, "name_zh": "", "description": "", "description_zh": ""})


def _stem(name: str) -> str:
    """``name`` as a file may be called: letters and digits of any script, dash and space."""
    return re.sub(r"[^\w\- ]+", "", name).strip(" .")[:60]


def _from_browser(path: Path) -> Preset:
    preset = load_preset(path)
    weights = preset.detector.weights
    if weights and re.search(r"[/\\.]", weights):
        raise UsageError(f"{path.name}: detector.weights names a file; on the page it may only name an installed model")
    if preset.mask.diffusion_pipeline:
        raise UsageError(f"{path.name}: mask.diffusion_pipeline names a folder, which a preset on the page may not do")
    return preset


def _difference(base: Preset, preset: Preset, language: Language) -> str:
    rows = diff_presets(base, preset)
    name = shown_name(base, language)
    if not rows:
        return note(text("preset_same", language, name=name), kind="same")
    lines = "".join(
        f"<tr><td>{escape(option_title(key, language))}</td><td>{escape(choice(theirs, language))}</td>"
        f"<td>{escape(choice(ours, language))}</td></tr>"
        for key, theirs, ours in rows
    )
    columns = (text("setting", language), name, text("here", language))
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    title = f"<caption>{escape(text('preset_differs', language, name=name))}</caption>"
    return f'<table class="difference">{title}<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
