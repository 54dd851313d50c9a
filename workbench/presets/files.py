"""Preset files: load, check, list, save. YAML with plain values only; whatever is not understood is refused."""

from __future__ import annotations

import contextlib
import io
import textwrap
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

from workbench.errors import OutputError, UsageError
from workbench.presets.messages import allowed, found, nearest, problems
from workbench.presets.model import SCHEMA, SECTIONS, Preset

DEFAULT_PRESET = "balanced"

MAX_BYTES = 1_000_000  # a complete preset has about 10 kB
COMMENT_WIDTH = 110
MAX_DEPTH = 8  # a preset has two levels; the reader's own limit would be Python's stack

_SHIPPED = Path(__file__).parent / "shipped"
_ENDINGS = (".yaml", ".yml")


def load_preset(name_or_path: str | Path) -> Preset:
    """The shipped preset of that name, or the one in that file. Raises UsageError with what is wrong, on one line.

    >>> load_preset("dim-light").detector.confidence
    0.45
    """
    path = _find(name_or_path)
    preset, wrong = _read(path)
    if preset is None or wrong:
        more = f" (and {len(wrong) - 1} more; see them with: workbench presets check)" if len(wrong) > 1 else ""
        raise UsageError(f"{path.name}: {wrong[0]}{more}")
    return preset


def check_preset(name_or_path: str | Path) -> list[str]:
    """Everything that is wrong with a preset, one line each; nothing when it can be used."""
    try:
        path = _find(name_or_path)
        _, wrong = _read(path)
    except UsageError as error:
        return [str(error)]
    return [f"{path.name}: {line}" for line in wrong]


def list_presets() -> list[Preset]:
    """The shipped presets, the default one first.

    >>> [preset.name for preset in list_presets()]
    ['balanced', 'bright', 'crowd', 'dim-light', 'enhanced', 'fast', 'maximum-privacy']
    """
    presets = [load_preset(path) for path in sorted(_SHIPPED.glob("*.yaml"))]
    return sorted(presets, key=lambda preset: preset.name != DEFAULT_PRESET)


def save_preset(preset: Preset, path: str | Path) -> None:
    """Write ``preset_text`` to a file, all or nothing. Raises UsageError or OutputError.

    >>> save_preset(load_preset("bright"), folder / "mine.yaml")
    >>> load_preset(folder / "mine.yaml") == load_preset("bright")
    True
    """
    path = Path(path)
    if path.suffix not in _ENDINGS:
        raise UsageError(f"{path}: the name of a preset file ends in .yaml")
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(preset_text(preset), encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; choose another place") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def preset_text(preset: Preset) -> str:
    """``preset`` as a complete file, with a comment above each option that says what it does and takes."""
    writer = YAML()
    writer.width = MAX_BYTES  # one line a value
    text = io.StringIO()
    writer.dump(_document(preset), text)
    return text.getvalue()


def _find(name_or_path: str | Path) -> Path:
    shipped = {path.stem: path for path in _SHIPPED.glob("*.yaml")}
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    path = Path(name_or_path)
    if path.suffix in _ENDINGS or len(path.parts) > 1 or path.is_file():
        return path
    hint = nearest(str(name_or_path), shipped)
    raise UsageError(f"no preset {name_or_path}{hint}: there are {', '.join(sorted(shipped))}; or name a .yaml file")


def _read(path: Path) -> tuple[Preset | None, list[str]]:
    """The preset in a file, or None, and what is wrong with its keys. Raises UsageError where there are no keys."""
    document = _parse(_text(path), name=path.name)
    if not isinstance(document, dict):
        raise UsageError(f"{path.name}: holds no preset: expected keys such as schema, {', '.join(SECTIONS)}")
    wrong = _schema_problems(document)
    values = {key: value for key, value in document.items() if key != "schema"}
    try:
        return Preset.model_validate({"name": path.stem, **values}), wrong
    except ValidationError as error:
        return None, wrong + problems(error)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path.name}: larger than {MAX_BYTES // 1_000_000} MB, so it is no preset")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: is not UTF-8 text (byte {error.start + 1}); save it as UTF-8") from error


def _parse(text: str, *, name: str) -> object:
    """Plain YAML values. Raises UsageError for what could stand for more than it shows: anchors, tags, depth."""
    reader = YAML(typ="safe", pure=True)
    try:
        _refuse_tricks(text, name=name)
        return reader.load(text)
    except YAMLError as error:
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise UsageError(f"{name}: is not valid YAML: {problem}{where}") from error
    except ValueError as error:  # a value with an explicit type that does not fit it, such as a date of day 99
        raise UsageError(f"{name}: is not valid YAML: {error}") from error


def _refuse_tricks(text: str, *, name: str) -> None:
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise UsageError(f"{name}: anchors and aliases (& and *) are not allowed (line {line})")
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise UsageError(f"{name}: nested too deeply (line {line}): a preset has sections with keys, nothing below")


def _schema_problems(document: dict[Any, Any]) -> list[str]:
    if "schema" not in document:
        return [f"schema is missing: add the line schema: {SCHEMA}"]
    schema = document["schema"]
    if type(schema) is int and schema == SCHEMA:
        return []
    if type(schema) is int and schema > SCHEMA:
        return [f"schema = {schema}: made by a newer version, this one reads schema {SCHEMA}; update the program"]
    return [f"schema = {found(schema)}: must be {SCHEMA}"]


def _document(preset: Preset) -> CommentedMap:
    values = preset.model_dump()
    top = CommentedMap(schema=SCHEMA)
    for key, value in values.items():
        if key not in SECTIONS:
            top[key] = value
            continue
        section = CommentedMap(value)
        for name, field in SECTIONS[key].model_fields.items():
            comment = textwrap.wrap(f"{field.description} ({allowed(f'{key}.{name}')})", width=COMMENT_WIDTH)
            section.yaml_set_comment_before_after_key(name, before="\n".join(comment), indent=2)
        top[key] = section
        top.yaml_set_comment_before_after_key(key, before="\n")
    return top
