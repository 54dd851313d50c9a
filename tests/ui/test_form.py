"""The page's controls: every option has one, and what they hold is the preset that the command line would make."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from workbench.errors import UsageError
from workbench.presets import Preset, list_presets, load_preset, with_settings
from workbench.presets.model import option_fields, option_schemas, option_values
from workbench.ui.form import ADVICE, MAIN_KEYS, NOT_ON_PAGE, Form, slider_range
from workbench.ui.texts import GRADIO_WORDS, TEXTS, dictionary, label_key, language_of

KEYS = [key for key in option_fields() if key not in NOT_ON_PAGE]


@pytest.fixture(scope="module")
def form() -> Form:
    made = Form()
    with gr.Blocks(analytics_enabled=False):
        for key in KEYS:
            made.add(key)
    return made


def held(form: Form, preset: Preset) -> dict[Any, Any]:
    """The values that the controls have once they show ``preset``."""
    return {control: update["value"] for control, update in zip(form, form.show(preset), strict=True)}


@pytest.mark.parametrize("preset", list_presets(), ids=lambda preset: preset.name)
def test_a_preset_goes_through_the_form_unchanged(form: Form, preset: Preset) -> None:
    shown = form.read(held(form, preset), Preset())
    assert option_values(shown) == option_values(preset)


def test_the_form_reads_as_the_command_line_does(form: Form) -> None:
    base = load_preset("balanced")
    values = held(form, base) | {
        form.controls["detector.confidence"]: 0.30000000000000004,  # as a browser's slider gives it
        form.controls["detector.image_size"]: "800",  # typed into the list
        form.controls["detector.every"]: 2.0,
        form.controls["mask.colour"]: "rgba(30, 144, 255, 1)",  # as the colour picker gives it
        form.controls["output.max_height"]: 480,
    }
    settings = ["detector.confidence=0.3", "detector.image_size=800", "detector.every=2", "mask.colour=#1e90ff"]
    assert form.read(values, base) == with_settings(base, [*settings, "output.max_height=480"])


def test_a_single_control_changes_only_its_option(form: Form) -> None:
    base = load_preset("crowd")
    changed = form.read({form.controls["mask.strength"]: 18}, base)
    assert changed == with_settings(base, ["mask.strength=18"])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("detector.confidence", 2, "detector.confidence = 2"),
        ("detector.threads", -1, "detector.threads = -1"),
        ("detector.threads", None, "detector.threads"),
        ("mask.colour", "blue", "colour"),
        ("detector.image_size", "huge", "detector.image_size = huge"),
    ],
)
def test_a_wrong_value_is_one_line_without_the_command_lines_words(form: Form, key: str, value: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        form.read({form.controls[key]: value}, Preset())
    assert "--set" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_slider_reaches_every_value_of_its_option_or_widens(form: Form) -> None:
    preset = with_settings(Preset(), ["tracker.max_distance=800"])
    shown = form.show(preset)[list(form.controls).index("tracker.max_distance")]
    assert (shown["value"], shown["maximum"]) == (800, 800)
    for key in KEYS:
        schema = option_schemas()[key]
        bounds = slider_range(key) if schema.get("type") in ("number", "integer") else None
        if bounds and key != "tracker.max_distance":
            assert bounds[1] == schema["maximum"], key


def test_the_advice_is_allowed_and_the_main_options_exist() -> None:
    assert set(MAIN_KEYS) <= set(KEYS)
    assert set(ADVICE) <= set(MAIN_KEYS)
    for key, advised in ADVICE.items():
        for name, value in advised:
            assert name in TEXTS
            with_settings(Preset(), [f"{key}={value}"])


def test_every_word_has_both_languages_and_a_key_that_the_browser_finds() -> None:
    english, chinese = dictionary("en"), dictionary("zh")
    assert english.keys() == chinese.keys()
    assert all(word.strip() for word in (*english.values(), *chinese.values()))
    assert not [key for key in english if "." in key and key not in GRADIO_WORDS]
    assert label_key("title", "mask.strength") in english
    json.dumps(TEXTS)


def test_no_control_names_a_file_of_the_machine() -> None:
    assert "detector.weights" not in KEYS


class Asked:
    def __init__(self, cookies: dict[str, str], accept: str = "") -> None:
        self.cookies, self.headers = cookies, {"accept-language": accept}


def test_the_switch_wins_over_the_browsers_language() -> None:
    assert language_of(Asked({}, "zh-TW,zh;q=0.9")) == "zh"
    assert language_of(Asked({}, "fr,zh;q=0.5")) == "en"
    assert language_of(Asked({"workbench-language": "en"}, "zh-CN")) == "en"
    assert language_of(Asked({"workbench-language": "<x>"}, "zh-CN")) == "zh"
    assert language_of(None) == "en"
