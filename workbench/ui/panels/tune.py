"""Tune: the few settings that matter with the advice of the field, all others, and help in finding the threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.evaluate import evaluate_timeline, load_truth
from workbench.presets.model import SECTIONS, option_fields
from workbench.preview.sweep import Sweep, sweep
from workbench.ui.form import ADVICE, MAIN_KEYS, NOT_ON_PAGE, Form, words
from workbench.ui.panels import FOLLOWS, HIDDEN, PROGRESS, REDRAW, Page, heading, html, lead, note, shown, told
from workbench.ui.texts import Language, both, language_of, text

if TYPE_CHECKING:
    from workbench.preview.session import ClipSession
    from workbench.workspace import Clip

WALK: Mapping[str, Mapping[str, Any]] = {
    "walk_start": {"detector.confidence": 0.7, "detector.enhance": False},
    "walk_enhance": {"detector.enhance": True},
    "walk_threshold": {"detector.confidence": 0.45},
}
"""The guided walk on the dim sample: the words of each step and the settings it makes."""


@dataclass(frozen=True)
class TunePanel:
    form: Form
    advice: Mapping[gr.Button, tuple[str, float]]
    note: gr.HTML
    measured: gr.HTML
    calm: gr.Button
    enhance_too: gr.Checkbox
    run_sweep: gr.Button
    swept: gr.HTML
    plot: gr.Plot
    knee: gr.Number
    knee_enhance: gr.Checkbox
    use_knee: gr.Button
    walk: gr.Column
    walk_steps: Mapping[gr.Button, Mapping[str, Any]]


def build() -> TunePanel:
    form, advice = Form(), {}
    with gr.Column(elem_id="panel-tune", elem_classes="part", min_width=0):
        heading("tune")
        with gr.Column(visible=False, elem_id="walk", min_width=0) as walk:
            html(f'<h3>{both("walk")}</h3><p class="lead">{both("walk_help")}</p>')
            steps = {gr.Button(words("text", key), size="sm"): values for key, values in WALK.items()}
        for key in MAIN_KEYS:
            with gr.Column(elem_classes="main-option", min_width=0):
                form.add(key)
                with gr.Row(elem_classes="chips"):
                    for name, value in ADVICE.get(key, ()):
                        advice[_chip(name)] = (key, value)
        message = html(elem_id="tune-note")
        measured = html(elem_id="measured")
        calm = gr.Button("", visible=HIDDEN, elem_id="calm")  # pressed by page.js once nothing changes any more
    with gr.Column(elem_id="panel-more", elem_classes="part", min_width=0):
        with gr.Accordion(words("text", "find_threshold"), open=False, elem_id="sweep"):
            with gr.Column(elem_id="sweep-asks", min_width=0):
                lead("find_threshold_help")
                enhance_too = gr.Checkbox(False, label=words("text", "sweep_enhance"))
                run_sweep = gr.Button(words("text", "run_sweep"), elem_id="sweep-run")
                swept = html(elem_id="sweep-result")
                knee, knee_enhance = gr.Number(0, visible=HIDDEN), gr.Checkbox(False, visible=HIDDEN)
                use_knee = gr.Button("", variant="primary", visible=False, elem_id="sweep-use")
            plot = gr.Plot(show_label=False, visible=False, elem_id="sweep-plot")
        with gr.Accordion(words("text", "all_options"), open=False, elem_id="all-options"):
            _all_options(form)
    return TunePanel(
        form=form, advice=advice, note=message, measured=measured, calm=calm,
        enhance_too=enhance_too, run_sweep=run_sweep, swept=swept, plot=plot, knee=knee,
        knee_enhance=knee_enhance, use_knee=use_knee, walk=walk, walk_steps=steps,
    )  # fmt: skip


@dataclass(frozen=True)
class Tuning:
    """How other parts change settings. ``in_force(event, keys)``: after ``event`` the form holds other settings under
    ``keys``. ``settled``: the event of the calm after a change or after the analysis, for what takes longer.
    ``note``: an output of a handler that puts settings into force itself, filled by ``answered``.
    """

    in_force: Callable[[Any, Iterable[str]], None]
    settled: Any
    note: gr.HTML


def connect(panel: TunePanel, page: Page) -> Tuning:
    def in_force(event: Any, keys: Iterable[str]) -> None:
        event.then(apply(page), page.holding(keys), panel.note, **FOLLOWS).then(None, js=REDRAW)

    for key, control in page.form.controls.items():
        # a slider's moves reach the server by a shorter way (static/sliders.js); its end may differ: reset, clamped
        changed = control.release if isinstance(control, gr.Slider) else control.input  # type: ignore[attr-defined]
        changed(apply(page), page.holding([key]), panel.note, **FOLLOWS).then(None, js=REDRAW)
    for button, (key, value) in panel.advice.items():
        in_force(_fills(button, {key: value}, page), [key])
    for button, values in panel.walk_steps.items():
        in_force(_fills(button, values, page), values)
    settled = panel.calm.click(settle(page), page.clip, panel.measured, **FOLLOWS)
    panel.run_sweep.click(
        _try_thresholds(page),
        [page.clip, panel.enhance_too],
        [panel.plot, panel.swept, panel.knee, panel.knee_enhance, panel.use_knee],
        show_progress="minimal",
        show_progress_on=panel.run_sweep,
    )
    advised = {"detector.confidence": panel.knee, "detector.enhance": panel.knee_enhance}
    controls = [page.form.controls[key] for key in advised]
    used = panel.use_knee.click(lambda *values: values, list(advised.values()), controls, show_progress="hidden")
    in_force(used, advised)
    return Tuning(in_force, settled, panel.note)


def answered(again: bool, request: gr.Request) -> str:
    """The value of ``Tuning.note`` after settings were put into force. ``again``: the detector looks again."""
    return note(text("looks_again", language_of(request)) if again else "")


def apply(page: Page) -> Any:
    """The handler that decides again with the form's settings; what is wrong with them is said beside the form."""

    def fill(values: dict[Any, Any], request: gr.Request) -> str:
        try:
            return answered(page.take(values, request), request)
        except WorkbenchError as error:
            return note(str(error), kind="wrong")

    return fill


def settle(page: Page) -> Any:
    """The handler for the calm after a change or after the analysis: says how the settings do where the true faces are
    known. It reads no control: what the browser held when it asked may be older than the settings in use."""

    @told
    def fill(clip_id: str, request: gr.Request) -> str:
        if not clip_id:
            return ""
        clip, session = page.open(clip_id, request)
        return _measured(clip, session, language_of(request)) if session.complete else ""

    return fill


def _measured(clip: Clip, session: ClipSession, language: Language) -> str:
    if clip.truth is None:
        return ""
    mask, times, truth = session.preset.mask, session.times.tolist(), load_truth(clip.truth)
    found = evaluate_timeline(session.timeline, truth, growth=mask.growth, shape=mask.shape, times=times)
    share = "–" if found.recall is None else f"{found.recall:.1%}"
    return note(text("measured", language, recall=share, leak=f"{found.leak_seconds:.2f}"), kind="measured")


def _fills(button: gr.Button, values: Mapping[str, Any], page: Page) -> Any:
    """Make ``button`` put values into the form."""
    given = list(values.values())
    controls = [page.form.controls[key] for key in values]
    return button.click(lambda: given if len(given) > 1 else given[0], None, controls, show_progress="hidden")


def _try_thresholds(page: Page) -> Any:
    @told
    def run(clip_id: str, enhance: bool, request: gr.Request, bar: gr.Progress = PROGRESS) -> Any:
        clip, session = page.open(clip_id, request)
        truth = None if clip.truth is None else load_truth(clip.truth)
        found = sweep(session, enhance=enhance, truth=truth, progress=shown(bar))
        language = language_of(request)
        words = "use_knee_enhanced" if found.knee_enhance else "use_knee"
        button = gr.update(value=text(words, language, value=f"{found.knee:g}"), visible=True)
        from workbench.preview.plots import sweep_figure  # matplotlib: a second that the start has no use for

        plot = gr.update(value=sweep_figure(found, language), visible=True)
        return plot, _reason(found, language), found.knee, found.knee_enhance, button

    return run


def _chip(name: str) -> gr.Button:
    return gr.Button(words("text", name), size="sm", elem_classes="chip", min_width=0, elem_id=f"chip-{name}")


def _reason(found: Sweep, language: Language) -> str:
    return note(found.reason_zh if language == "zh" else found.reason_en)


def _all_options(form: Form) -> None:
    left = [key for key in option_fields() if key not in form.controls and key not in NOT_ON_PAGE]
    for section in SECTIONS:
        with gr.Accordion(words("section", section), open=False, elem_classes="section"):
            for key in left:
                if key.partition(".")[0] == section:
                    form.add(key)
