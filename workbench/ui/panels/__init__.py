"""The parts of the page, one a file: what it shows, and handlers that read the form, call the library and answer."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from workbench.errors import UsageError, WorkbenchError
from workbench.presets import Preset
from workbench.stages import Progress, ProgressUpdate
from workbench.ui.form import Form
from workbench.ui.header import STEPS
from workbench.ui.texts import Language, both, language_of, text

if TYPE_CHECKING:
    from workbench.preview.session import ClipSession
    from workbench.ui.context import AppContext
    from workbench.workspace import Clip, UserSpace

log = logging.getLogger(__name__)

HIDDEN: Any = "hidden"  # in the page, but not to be seen: its value stays in the browser and outlives the server

FOLLOWS: Mapping[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
"""How an event follows another one. Left to itself, Gradio leaves it out while one of its kind is still running."""

PROGRESS = gr.Progress()
"""Default of a handler's argument: how Gradio knows that it wants a bar."""

PICKED = """element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-pick]');
  if (button) trigger('select', { pick: button.dataset.pick, act: button.dataset.act });
});"""
"""Lets a list in a ``gr.HTML`` say which of its buttons was pressed."""

REDRAW = "() => window.workbenchPage.redraw()"
FRAME = "() => window.workbenchPage.frame()"


@dataclass(frozen=True)
class Page:
    """What the parts share. ``clip`` holds the id of the open clip, which stands in the page's address as well. The
    settings in use belong to the open clip and are kept for their user, so neither a reload nor a restart loses them.
    """

    context: AppContext
    clip: gr.Textbox
    form: Form

    @property
    def inputs(self) -> set[Any]:
        """What a handler needs for ``change``, and the clip."""
        return {self.clip, *self.form}

    def holding(self, keys: Iterable[str]) -> set[Any]:
        """The same with only some of the controls: the browser is slow in collecting many."""
        return {self.clip, *(self.form.controls[key] for key in keys)}

    def user(self, request: gr.Request) -> str:
        return self.context.user_of(request)

    def space(self, request: gr.Request) -> UserSpace:
        return self.context.workspace.space(self.user(request))

    def open(self, clip_id: str, request: gr.Request) -> tuple[Clip, ClipSession]:
        """The open clip. Raises UsageError where there is none or it is not theirs."""
        if not clip_id:
            raise UsageError(text("no_clip", language_of(request)))
        return self.space(request).clip(clip_id), self.context.clips.get(self.user(request), clip_id)

    def settings(self, clip_id: str, request: gr.Request) -> Preset:
        """The settings in use."""
        return self.open(clip_id, request)[1].preset if clip_id else self.space(request).settings

    def put(self, clip_id: str, preset: Preset, request: gr.Request) -> bool:
        """Use these settings from now on; the open clip is decided again. True: the detector looks again."""
        return self._change(clip_id, lambda _: preset, request)

    def use_kept(self, clip_id: str, request: gr.Request) -> None:
        """Decide the open clip again with the settings that its user has come to with other clips."""
        self._change(clip_id, lambda _: self.space(request).settings, request)

    def take(self, values: Mapping[Component, Any], request: gr.Request) -> bool:
        """The same with what the controls among ``values`` hold. Raises UsageError, one line."""
        return self._change(values[self.clip], lambda preset: self.form.read(values, preset), request)

    def _change(self, clip_id: str, change: Callable[[Preset], Preset], request: gr.Request) -> bool:
        if clip_id:
            return self.context.clips.change_settings(self.user(request), clip_id, change)
        space = self.space(request)
        space.keep_settings(change(space.settings))
        return False


def start_of(session: ClipSession, frame: int) -> float:
    """Seconds from the clip's begin to ``frame``, where a short film from there begins."""
    at = min(max(frame, 0), session.frames - 1)
    return float(session.times[at] - session.times[0])


def html(value: str = "", **named: Any) -> gr.HTML:
    """A piece of the page in the page's own style."""
    return gr.HTML(value, apply_default_css=False, **named)


def heading(step: str) -> gr.HTML:
    """The title of a part with its number in the work."""
    number = STEPS.index(step) + 1
    return html(f'<h2 class="heading"><span class="number">{number}</span>{both(step)}</h2>')


def lead(key: str) -> gr.HTML:
    """A line of explanation in both languages."""
    return html(f'<p class="lead">{both(key)}</p>')


def note(message: str, *, kind: str = "") -> str:
    """A line for the user as HTML."""
    return f'<p class="note {kind}" role="status">{escape(message)}</p>' if message else ""


def video(clip_id: str, name: str, *, language: Language) -> str:
    """A player for one of the clip's preview files, and the link to keep it."""
    address = f"/api/clips/{clip_id}/files/{name}"
    fresh = f"{address}?made={time.time():.0f}"  # the same name may hold another film by now
    return (
        f'<video class="player" controls autoplay playsinline src="{fresh}"></video>'
        f'<a class="keep" href="{address}" download="{name}">{escape(text("download_preview", language))}</a>'
    )


def shown(bar: gr.Progress) -> Progress:
    """The library's progress as Gradio's bar."""

    def show(update: ProgressUpdate) -> None:
        if update.frames_expected:
            bar((min(update.frames_done, update.frames_expected), update.frames_expected), unit="frames")

    return show


def say(message: str, language: Language) -> None:
    """A line that comes up in the corner and goes again. Needs the queue."""
    gr.Info(escape(message), title=text("done", language))


def warn(message: str, language: Language) -> None:
    gr.Warning(escape(message), title=text("attention", language))


def _asked_in(args: tuple[Any, ...]) -> Language:
    return language_of(next((arg for arg in args if isinstance(arg, gr.Request)), None))


def told(handler: Callable[..., Any]) -> Callable[..., Any]:
    """``handler`` whose errors reach the user as one line and change nothing on the page. Needs the queue."""

    @functools.wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except WorkbenchError as error:
            warn(str(error), _asked_in(args))
        except Exception:
            log.exception("the page could not answer")
            warn(text("unexpected", _asked_in(args)), _asked_in(args))
        return gr.skip()

    return guarded
