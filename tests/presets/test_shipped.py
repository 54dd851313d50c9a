"""The presets that come with the program: complete, described in both languages, and set as documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

import workbench.presets
from workbench.presets import Preset, diff_presets, list_presets, load_preset, preset_text
from workbench.presets.model import SECTIONS

FOLDER = Path(workbench.presets.__file__).parent / "shipped"
NAMES = ["balanced", "bright", "crowd", "dim-light", "enhanced", "fast", "maximum-privacy"]

shipped = pytest.mark.parametrize("name", NAMES)


def changed(name: str) -> dict[str, object]:
    """The options of a shipped preset that differ from the defaults."""
    return {key: value for key, _, value in diff_presets(Preset(), load_preset(name))}


def test_the_list_is_complete_and_begins_with_the_default() -> None:
    names = [preset.name for preset in list_presets()]
    assert names[0] == "balanced"
    assert sorted(names) == NAMES == sorted(path.stem for path in FOLDER.iterdir())


@shipped
def test_holds_every_key_of_every_section(name: str) -> None:
    document = YAML(typ="safe", pure=True).load(FOLDER / f"{name}.yaml")
    assert list(document) == ["schema", *Preset.model_fields]
    for section, options in SECTIONS.items():
        assert list(document[section]) == list(options.model_fields)


@shipped
def test_is_what_saving_it_writes(name: str) -> None:
    """So the comments are those of the options."""
    text = (FOLDER / f"{name}.yaml").read_text("utf-8")
    assert text == preset_text(load_preset(name)), "the options have changed: run make presets"


@shipped
def test_is_named_and_described_in_english_and_chinese(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert preset.description.isascii()
    assert preset.description
    for words in (preset.name_zh, preset.description_zh):
        assert any("一" <= letter <= "鿿" for letter in words)


def test_every_preset_finds_faces_in_the_dark_as_well() -> None:
    assert all(load_preset(name).detector.enhance for name in NAMES)


def test_balanced_is_the_defaults() -> None:
    assert changed("balanced") == {}


def test_dim_light() -> None:
    settings = changed("dim-light")
    assert settings["detector.confidence"] == 0.45
    assert settings["mask.strength"] == 18


def test_bright() -> None:
    assert changed("bright") == {"detector.confidence": 0.7}


def test_crowd_lets_faces_jump_less_far_and_looks_closer() -> None:
    settings = changed("crowd")
    assert settings["tracker.max_distance"] == 50
    assert int(str(settings["detector.image_size"])) > 640


def test_fast_looks_less_often_but_as_closely() -> None:
    settings = changed("fast")
    assert settings["detector.every"] == 5
    assert "detector.image_size" not in settings


def test_maximum_privacy_misses_less_than_every_other_preset() -> None:
    most = load_preset("maximum-privacy")
    assert most.detector.every == 1
    assert most.mask.kind == "solid"  # the only mask that keeps nothing of a face
    for other in list_presets():
        assert most.detector.confidence <= other.detector.confidence
        assert most.mask.growth >= other.mask.growth
        assert most.mask.strength >= other.mask.strength
        assert most.timeline.coast_seconds >= other.timeline.coast_seconds
        assert most.timeline.backfill_seconds >= other.timeline.backfill_seconds
