"""The page's controls, made from the options of the stages: one declaration gives slider, words, bounds and error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.i18n import I18nData

from workbench.errors import UsageError
from workbench.presets import Preset, with_settings
from workbench.presets.model import option_schemas, option_values
from workbench.ui.texts import CHOICES, label_key

MAIN_KEYS = (
    "mask.kind",
    "mask.strength",
    "detector.confidence",
    "tracker.max_distance",
    "mask.growth",
    "detector.enhance",
)
"""What most people ever need to change, in the order of the page."""

ADVICE: Mapping[str, tuple[tuple[str, float], ...]] = {
    "detector.confidence": (("advice_dim", 0.45), ("advice_normal", 0.5), ("advice_bright", 0.7)),
    "mask.strength": (("advice_soft", 10.0), ("advice_usual", 15.0), ("advice_strong", 20.0)),
    "tracker.max_distance": (("advice_crowded", 50.0), ("advice_sparse", 100.0)),
}
"""The advice of the field, as values to choose: the words' key and the value."""

NOT_ON_PAGE = frozenset({"detector.weights", "mask.diffusion_pipeline"})
"""Paths: no browser may name files of this machine."""

USUAL_RANGES = {"tracker.max_distance": (10.0, 300.0, 5.0)}
"""Lowest, highest and step of a slider whose option allows far more than anyone uses; a preset may widen it."""

MOST_STEPS = 200  # with more than that a slider is too coarse for a finger, and a number field is better
MOST_RADIO_CHOICES = 5
COLOURS = frozenset({"mask.colour"})


def words(kind: Any, name: str) -> I18nData:
    """Words that the browser fills in, in its language."""
    return I18nData(label_key(kind, name))


@dataclass(frozen=True)
class Form:
    """The controls by their option's dotted key."""

    controls: dict[str, Component] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Component]:
        return iter(self.controls.values())

    def add(self, key: str) -> Component:
        """Make the control of one option where the page is being built now."""
        self.controls[key] = control(key)
        return self.controls[key]

    def read(self, values: Mapping[Component, Any], base: Preset) -> Preset:
        """``base`` with what the controls hold. Raises UsageError, one line, for a value that is not allowed."""
        return changed(base, {key: values[control] for key, control in self.controls.items() if control in values})

    def show(self, preset: Preset, *, fresh: bool = False) -> list[Any]:
        """What each control has to become to show ``preset``, in the order of the form. ``fresh``: the page was just
        loaded, so the controls hold the options' defaults, and those that are right are left alone.
        """
        values = option_values(preset)
        held = {key: option_schemas()[key].get("default") for key in self.controls} if fresh else {}
        return [
            gr.skip() if key in held and held[key] == values[key] else _shown(key, values[key]) for key in self.controls
        ]


def changed(base: Preset, values: Mapping[str, Any]) -> Preset:
    """``base`` with ``values`` by their option's key, as controls give them. Raises UsageError, one line, for a value
    that is not allowed, or an option that is not on the page.
    """
    before = option_values(base)
    held = {key: _setting(key, value) for key, value in values.items()}
    unknown = sorted(key for key in held if key not in before or key in NOT_ON_PAGE)
    if unknown:
        raise UsageError(f"{unknown[0]} is no setting of the page")
    other = [f"{key}={value}" for key, value in held.items() if value != _setting(key, before[key])]
    try:
        return with_settings(base, other) if other else base
    except UsageError as error:
        raise UsageError(str(error).removeprefix("--set ")) from error


def control(key: str) -> Component:
    """The control of the option ``key``: its kind follows the type and bounds of the option."""
    schema = option_schemas()[key]
    named: dict[str, Any] = {
        "label": words("title", key),
        "info": words("help", key),
        "elem_id": f"option-{key.replace('.', '-')}",
        "elem_classes": ["option"],
        "interactive": True,
    }
    value = schema.get("default")
    if schema.get("type") == "boolean":
        return gr.Checkbox(bool(value), **named)
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return _choice_of(values, value, named)
    if schema.get("type") in ("number", "integer"):
        return _number(key, schema, named)
    if "anyOf" in schema:
        return _either(schema["anyOf"], value, named)
    if key in COLOURS:
        return gr.ColorPicker(value, **named)
    return gr.Textbox(value or "", **named)


def slider_range(key: str) -> tuple[float, float, float] | None:
    """Lowest, highest and step of an option that a slider is good for."""
    if key in USUAL_RANGES:
        return USUAL_RANGES[key]
    schema = option_schemas()[key]
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if low is None or high is None:
        return None
    step = 1.0 if schema["type"] == "integer" else _step(high - low)
    lowest = low if "minimum" in schema else low + step
    return (lowest, high, step) if (high - lowest) / step <= MOST_STEPS else None


def _step(width: float) -> float:
    return 0.01 if width <= 2 else 0.05 if width <= 10 else 0.5


def _number(key: str, schema: dict[str, Any], named: dict[str, Any]) -> Component:
    bounds = slider_range(key)
    value, whole = schema.get("default"), schema["type"] == "integer"
    if bounds is None:
        return gr.Number(value, precision=0 if whole else None, **named)
    low, high, step = bounds
    return gr.Slider(low, high, value, step=step, **named)


def _either(members: Sequence[Mapping[str, Any]], value: Any, named: dict[str, Any]) -> Component:
    """A number or a word, a number or nothing."""
    fixed = [member["const"] for member in members if "const" in member]
    if fixed:
        return gr.Dropdown(_choices(fixed), value=value, allow_custom_value=True, **named)
    return gr.Number(value, precision=0, **named)


def _choice_of(values: Iterable[str], value: Any, named: dict[str, Any]) -> Component:
    choices = _choices(values)
    if len(choices) <= MOST_RADIO_CHOICES:
        return gr.Radio(choices, value=value, **named)
    return gr.Dropdown(choices, value=value, filterable=False, **named)


def _choices(values: Iterable[str]) -> list[Any]:
    return [(words("choice", value) if value in CHOICES else value, value) for value in values]


def _shown(key: str, value: Any) -> Any:
    bounds = slider_range(key) if option_schemas()[key].get("type") in ("number", "integer") else None
    if bounds is None:
        return gr.update(value="" if value is None and not _is_number(key) else value)
    low, high, _ = bounds
    return gr.update(value=value, minimum=min(low, value), maximum=max(high, value))


def _is_number(key: str) -> bool:
    return any(member.get("type") == "integer" for member in option_schemas()[key].get("anyOf", ()))


def _setting(key: str, value: Any) -> str:
    """``value`` as ``presets.with_settings`` reads it; sliders give 0.30000000000000004 and 3.0 for whole numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.10g}"
    if key in COLOURS:
        return _hex_colour(str(value))
    return str(value).strip()


def _hex_colour(value: str) -> str:
    """Gradio's picker answers ``rgba(30, 144, 255, 1)`` once it was moved, ``#1e90ff`` before that."""
    if not value.startswith("rgb"):
        return value.lower()
    parts = value[value.find("(") + 1 : value.rfind(")")].split(",")
    return "#" + "".join(f"{min(255, max(0, round(float(part)))):02x}" for part in parts[:3])
