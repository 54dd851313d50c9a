"""Single options changed from outside a preset file (``--set mask.kind=solid``), and two presets compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from workbench.errors import UsageError
from workbench.presets.messages import problems, unknown_key
from workbench.presets.model import Preset, option_fields, option_schemas, option_values


def with_settings(preset: Preset, settings: Sequence[str]) -> Preset:
    """``preset`` with each ``section.key=value`` applied, the last one of a key winning.

    A value is read as in a preset file, except that ``#00ff00`` is a colour and no comment; nothing after the ``=``
    means empty. Raises UsageError, one line, for a key that does not exist or a value that is not allowed.

    >>> with_settings(load_preset("balanced"), ["mask.kind=mosaic", "mask.strength=18"]).mask.kind
    'mosaic'
    """
    values = preset.model_dump()
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals:
            raise UsageError(f"--set {setting}: write it as section.key=value, for example mask.strength=18")
        if key not in option_fields():
            raise UsageError(f"--set {unknown_key(key)}")
        section, name = key.split(".")
        values[section][name] = _value(text.strip(), schema=option_schemas()[key])
    try:
        return Preset.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"--set {problems(error)[0]}") from error


def diff_presets(first: Preset, second: Preset) -> list[tuple[str, Any, Any]]:
    """(key, first's value, second's value) of each option in which they differ; their names and descriptions aside.

    >>> diff_presets(load_preset("balanced"), load_preset("bright"))
    [('detector.confidence', 0.5, 0.7)]
    """
    theirs = option_values(second)
    return [(key, mine, theirs[key]) for key, mine in option_values(first).items() if mine != theirs[key]]


def _value(text: str, *, schema: dict[str, Any]) -> object:
    """The plain YAML value that ``text`` stands for; the text itself where it is none or where text is wanted."""
    if text.startswith("#"):
        return text
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError):
        return text
    if value is None or isinstance(value, str):
        return value
    free_text = any(
        member.get("type") == "string" and not member.keys() & {"const", "enum"}
        for member in schema.get("anyOf", (schema,))
    )
    return value if isinstance(value, bool | int | float) and not free_text else text
