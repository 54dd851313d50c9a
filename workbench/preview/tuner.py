"""Controls of any options, bound to a picture of a clip: what a notebook has for the page's sliders."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any, get_args

import ipywidgets as widgets
from PIL import Image

from workbench.data import Picture
from workbench.errors import UsageError
from workbench.presets.messages import unknown_key
from workbench.presets.model import option_fields, option_schemas, option_values
from workbench.presets.settings import with_settings
from workbench.preview.session import ClipSession, View

WIDTH_PX = 800
JPEG_QUALITY = 80
LEAST_STEPS = 50  # of a slider
WIDE = widgets.Layout(width="520px")
LABEL = {"description_width": "190px"}


class Tuner:
    """A frame of a clip with controls: every change sets the session's options and draws the frame anew.

    ``controls`` by option key, ``frame`` and ``view`` are widgets: set a ``value``, and ``image`` and
    ``caption`` follow.
    """

    def __init__(self, session: ClipSession, keys: Sequence[str], *, frame: int, view: View) -> None:
        self._session = session
        self.controls = {key: _control(key, session) for key in keys}
        self.frame = widgets.IntSlider(
            frame, 0, session.frames - 1, description="Frame", continuous_update=False, layout=WIDE, style=LABEL
        )
        self.view = widgets.ToggleButtons(options=list(get_args(View)), value=view)
        self.image = widgets.Image(format="jpeg")
        self.caption = widgets.HTML()
        self.box = widgets.VBox([*self.controls.values(), self.frame, self.view, self.image, self.caption])
        for control in self.controls.values():
            control.observe(self._decide, "value")
        for control in (self.frame, self.view):
            control.observe(self._draw, "value")
        self._draw()

    def __repr__(self) -> str:
        return f"Tuner({', '.join(self.controls) or 'no options'}; frame {self.frame.value} as {self.view.value})"

    def _decide(self, _change: object = None) -> None:
        settings = [f"{key}={_text(control.value)}" for key, control in self.controls.items()]
        if self._session.set_preset(with_settings(self._session.preset, settings)):
            self.caption.value = "Looking at the clip again …"
            self._session.analyze()
        self._draw()

    def _draw(self, _change: object = None) -> None:
        picture = self._session.picture(self.frame.value, self.view.value, width_px=WIDTH_PX)
        self.image.value = _jpeg(picture)
        timeline = self._session.timeline
        hidden = int((timeline.masked_rows()["frame"] == self.frame.value).sum())
        tracks = timeline.tracks()
        doubtful = int((tracks["decision"] == "review").sum())
        self.caption.value = (
            f"{hidden} faces hidden on this frame; {len(tracks)} tracks in the clip, {doubtful} of them to be reviewed"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The widget, and for readers without a running notebook the picture that it shows now."""
        bundle = dict(self.box._repr_mimebundle_(include=include, exclude=exclude))
        return bundle | {"text/plain": repr(self), "image/jpeg": base64.b64encode(self.image.value).decode()}


def tuner(session: ClipSession, keys: Sequence[str] = (), *, frame: int = 0, view: View = "mask") -> Tuner:
    """Controls for the options ``keys`` (``section.key``) bound to a frame of an analysed clip, in a notebook.

    Without keys it is a viewer. Raises UsageError for an option, a frame or a view that does not exist.

    >>> controls = tuner(session, ["detector.confidence"], frame=10, view="detection")
    >>> controls.controls["detector.confidence"].value = 0.7
    >>> session.preset.detector.confidence
    0.7
    """
    unknown = [key for key in keys if key not in option_fields()]
    if unknown:
        raise UsageError(unknown_key(unknown[0]))
    if not 0 <= frame < session.frames:
        raise UsageError(f"frame {frame}: the clip has frames 0 to {session.frames - 1}")
    if view not in get_args(View):
        raise UsageError(f"view {view!r}: must be one of {', '.join(get_args(View))}")
    return Tuner(session, keys, frame=frame, view=view)


def _control(key: str, session: ClipSession) -> Any:
    """The widget that fits an option's declaration, at its present value."""
    schema, value = option_schemas()[key], option_values(session.preset)[key]
    field = option_fields()[key]
    common = {
        "description": field.title, "tooltip": field.description, "value": value, "layout": WIDE,
        "style": LABEL,
    }  # fmt: skip
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum")
    if isinstance(value, bool):
        return widgets.Checkbox(**common)
    if "enum" in schema:
        return widgets.Dropdown(options=schema["enum"], **common)
    if low is None or high is None or not isinstance(value, int | float):
        return widgets.Text(**(common | {"value": _text(value), "continuous_update": False}))
    if schema["type"] == "integer":
        return widgets.IntSlider(min=low, max=high, continuous_update=False, **common)
    step = 10.0 ** math.floor(math.log10((high - low) / LEAST_STEPS))
    low = low if "minimum" in schema else low + step
    return widgets.FloatSlider(min=low, max=high, step=step, continuous_update=False, **common)


def _text(value: object) -> str:
    """A value as ``with_settings`` reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _jpeg(picture: Picture) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "JPEG", quality=JPEG_QUALITY)
    return packed.getvalue()
