"""Options changed one by one, and presets compared."""

from __future__ import annotations

import pytest

from workbench.errors import UsageError
from workbench.presets import Preset, diff_presets, load_preset, with_settings


@pytest.mark.parametrize(
    ("setting", "section", "key", "value"),
    [
        ("mask.kind=solid", "mask", "kind", "solid"),
        ("mask.colour=#00ff00", "mask", "colour", "#00ff00"),
        ("mask.colour='#00FF00'", "mask", "colour", "#00ff00"),
        ("mask.strength=18", "mask", "strength", 18.0),
        (" mask.strength = 18 ", "mask", "strength", 18.0),
        ("detector.image_size=auto", "detector", "image_size", "auto"),
        ("detector.image_size=1280", "detector", "image_size", 1280),
        ("detector.enhance=true", "detector", "enhance", True),
        ("detector.weights=weights/a=b: c.onnx", "detector", "weights", "weights/a=b: c.onnx"),
        ("detector.weights=2024", "detector", "weights", "2024"),
        ("detector.weights=2024-01-01", "detector", "weights", "2024-01-01"),
        ("detector.weights=", "detector", "weights", None),
        ("output.max_height=720", "output", "max_height", 720),
        ("output.max_height=null", "output", "max_height", None),
    ],
)
def test_a_setting_changes_its_option_and_no_other(setting: str, section: str, key: str, value: object) -> None:
    before = Preset(name="mine")
    after = with_settings(before, [setting])
    assert getattr(getattr(after, section), key) == value
    assert {changed for changed, _, _ in diff_presets(before, after)} <= {f"{section}.{key}"}
    assert after.name == "mine"


def test_the_last_setting_of_a_key_wins() -> None:
    assert with_settings(Preset(), ["mask.strength=1", "mask.strength=2"]).mask.strength == 2


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("detector.confidence=1.4", "--set detector.confidence = 1.4: must be a number between 0.05 and 0.95"),
        ("detector.confidence=", "--set detector.confidence = empty: must be a number"),
        ("detector.every=[1]", "--set detector.every = [1]: must be a whole number between 1 and 10 frames"),
        ("detector.enhance=on", "--set detector.enhance = on: must be true or false"),
        ("mask.colour=000000", "--set mask.colour: '000000' is not a colour"),
        ("mask.colour=", "--set mask.colour = empty: must be text"),
        ("mask.kid=solid", "--set mask.kid: unknown key (did you mean kind?)"),
        ("maks.kind=solid", "--set maks.kind: unknown key (did you mean mask.kind?)"),
        ("strength=18", "--set strength: unknown key (did you mean mask.strength?)"),
        ("name=mine", "--set name: unknown key"),
        ("mask=solid", "--set mask: unknown key"),
        ("=1", "--set"),
        ("mask.kind", "--set mask.kind: write it as section.key=value"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(setting: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        with_settings(Preset(), [setting])
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_comparing_names_what_differs() -> None:
    assert diff_presets(load_preset("balanced"), load_preset("bright")) == [("detector.confidence", 0.5, 0.7)]
    assert diff_presets(load_preset("crowd"), load_preset("crowd")) == []
