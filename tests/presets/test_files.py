"""Preset files: what is refused and how it is said, and that saving loses nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import OutputError, UsageError, WorkbenchError
from workbench.presets import Preset, check_preset, load_preset, save_preset
from workbench.presets.files import MAX_BYTES
from workbench.presets.model import SECTIONS, option_schemas


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_file(text: str | bytes, name: str = "dim.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


def message(path: str | Path) -> str:
    """The one line with which loading ``path`` is refused."""
    with pytest.raises(UsageError) as caught:
        load_preset(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.isprintable()
    assert caught.value.exit_code == 2
    return text


REFUSED = {
    "too high": ("detector: {confidence: 1.4}", "detector.confidence = 1.4: must be a number between 0.05 and 0.95"),
    "too low": ("detector: {every: 0}", "detector.every = 0: must be a whole number between 1 and 10 frames"),
    "not a whole number": ("detector: {every: 2.5}", "detector.every = 2.5: must be a whole number"),
    "text for a number": ("mask: {strength: strong}", "mask.strength = strong: must be a number between 1 and 30"),
    "number in quotes": ("mask: {strength: '15'}", "mask.strength = 15: must be a number"),
    "not a number": ("mask: {strength: .nan}", "mask.strength = nan: must be a number between 1 and 30"),
    "infinite": ("tracker: {max_distance: .inf}", "tracker.max_distance = inf: must be a number above 0 and at most"),
    "old-style truth": ("detector: {enhance: yes}", "detector.enhance = yes: must be true or false"),
    "number for truth": ("detector: {enhance: 1}", "detector.enhance = 1: must be true or false"),
    "truth for a number": ("detector: {every: true}", "detector.every = true: must be a whole number"),
    "not one of the values": ("mask: {shape: star}", "mask.shape = star: must be ellipse or box"),
    "neither of two kinds": ("detector: {image_size: huge}", "detector.image_size = huge: must be auto or a whole"),
    "empty": ("detector: {confidence: }", "detector.confidence = empty: must be a number"),
    "a date": ("detector: {weights: 2024-01-01}", "detector.weights = 2024-01-01: must be text or empty"),
    "no colour": ("mask: {colour: red}", "mask.colour: 'red' is not a colour: write it as #rrggbb"),
    "misspelt key": ("detector: {confidense: 0.4}", "detector.confidense: unknown key (did you mean confidence?)"),
    "misspelt section": ("detecter: {every: 1}", "detecter: unknown key (did you mean detector?)"),
    "key outside its section": ("confidence: 0.4", "confidence: unknown key (did you mean detector.confidence?)"),
    "unlike any key": ("mask: {qqq: 1}", "mask.qqq: unknown key"),
    "a key that is no text": ("mask: {1: 2}", "mask"),
    "section without keys": ("tracker:", "tracker = empty: must be a section with keys of its own"),
    "section that is a list": ("tracker: [1]", "tracker = [1]: must be a section with keys of its own"),
    "name of two lines": ('name: "a\\nb"', "name: must be one line of printable text"),
    "name for a terminal": ('name: "\\e[31mred"', "name: must be one line of printable text"),
    "key for a terminal": ('"\\e[31m": 1', "?[31m: unknown key"),
    "name too long": (f"name: {'x' * 61}", "must be text, not blank, of at most 60 characters"),
    "the same key twice": ("mask: {shape: box, shape: box}", "found duplicate key"),
    "anchors": ("mask: &m {shape: box}", "anchors and aliases (& and *) are not allowed (line 2)"),
    "tags that run code": ("mask: !!python/object/apply:os.system [true]", "is not valid YAML: could not determine"),
    "a date that is none": ("name: !!timestamp 2024-99-99", "is not valid YAML"),
    "broken syntax": ("mask: [", "is not valid YAML"),
    "two documents": ("---\nmask: {}", "is not valid YAML"),
    "depth": (f"mask: {'[' * 5000}", "nested too deeply (line 2)"),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_refuses_in_one_line_that_names_file_and_key(write: Any, text: str, expected: str) -> None:
    line = message(write(f"schema: 1\n{text}"))
    assert line.startswith("dim.yaml: ")
    assert expected in line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("mask: {shape: box}", "schema is missing: add the line schema: 1"),
        ("schema: 0", "schema = 0: must be 1"),
        ("schema: '1'", "must be 1"),
        ("schema: true", "schema = true: must be 1"),
        ("schema: 2", "schema = 2: made by a newer version, this one reads schema 1; update the program"),
        ("", "holds no preset"),
        ("- 1", "holds no preset"),
        ("just words", "holds no preset"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"schema: 1\x00", "is not valid YAML"),
        (b"#" * (MAX_BYTES + 1), "larger than 1 MB"),
    ],
)
def test_refuses_files_that_are_no_preset(write: Any, content: str | bytes, expected: str) -> None:
    assert expected in message(write(content))


def test_refuses_names_and_paths_that_do_not_exist(tmp_path: Path) -> None:
    assert "no preset ballanced (did you mean balanced?): there are balanced, bright" in message("ballanced")
    assert "No such file" in message(tmp_path / "missing.yaml")
    assert "directory" in message(f"{tmp_path}/")


def test_a_preset_may_be_partial(write: Any) -> None:
    preset = load_preset(write("\ufeffschema: 1\ntracker:\n  type: deepsort\n  max_age: 30\n  nn_budget: 100\n"))
    assert preset == Preset(name="dim")
    assert load_preset(write("schema: 1\nmask: {strength: 18}")).mask.strength == 18


def test_check_names_every_problem(write: Any) -> None:
    path = write("schema: 3\nmask: {shape: star, strengt: 1}\ndetector: {every: 99, image_size: x}")
    assert [line.removeprefix("dim.yaml: ").split(" ")[0] for line in check_preset(path)] == [
        "schema",
        "detector.image_size",
        "detector.every",
        "mask.shape",
        "mask.strengt:",
    ]
    assert "(and 4 more; see them with: workbench presets check)" in message(path)


def test_check_finds_nothing_in_a_good_preset() -> None:
    assert check_preset("balanced") == []


def test_check_reports_a_broken_file(write: Any) -> None:
    assert len(check_preset(write("mask: ["))) == 1


def values(key: str) -> st.SearchStrategy[Any]:
    """Anything that the option ``key`` may be."""
    if key == "mask.colour":
        return st.from_regex(r"\A#[0-9a-f]{6}\Z")
    return st.one_of([_values_of(member) for member in option_schemas()[key].get("anyOf", [option_schemas()[key]])])


def _values_of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    if schema["type"] == "number":
        return st.floats(low, schema["maximum"], exclude_min="exclusiveMinimum" in schema)
    if schema["type"] == "integer":
        return st.integers(low, schema["maximum"])
    text = st.text(st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"]) | st.just(" "), min_size=1, max_size=60)
    return {"boolean": st.booleans(), "null": st.none(), "string": text}[schema["type"]]


presets = st.fixed_dictionaries(
    {
        "name": values("name"),
        "description_zh": values("description_zh"),
        **{
            section: st.fixed_dictionaries(
                {}, optional={key: values(f"{section}.{key}") for key in options.model_fields}
            )
            for section, options in SECTIONS.items()
        },
    }
).map(Preset.model_validate)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(preset=presets)
def test_saving_and_loading_gives_the_same_preset(preset: Preset) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.yaml"
        save_preset(preset, path)
        assert load_preset(path) == preset
        assert list(Path(folder).iterdir()) == [path]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | st.text("{}[]:-&*!|>'\"# \n1a").map(str.encode)
)
def test_whatever_a_file_holds_there_is_no_traceback(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_bytes(b"schema: 1\n" + content)
        try:
            load_preset(path)
        except WorkbenchError as error:
            assert str(error).isprintable()


def test_saving_replaces_a_file_and_leaves_it_whole_when_it_cannot(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    save_preset(Preset(name="first"), path)
    save_preset(Preset(name="second"), path)
    assert load_preset(path).name == "second"
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        save_preset(Preset(), tmp_path / "file" / "mine.yaml")
    with pytest.raises(UsageError, match=r"ends in \.yaml"):
        save_preset(Preset(), tmp_path / "mine.txt")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file", path]
