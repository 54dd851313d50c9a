"""Words for what does not fit: one line with the key, what was found, and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from workbench.presets.model import SECTIONS, option_schemas

_LONGEST_VALUE = 60  # a longer one would push what is allowed off the line


def problems(error: ValidationError) -> list[str]:
    """One line for each key that pydantic refused, in the order of a complete file."""
    lines: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        key = _key(detail["loc"])
        lines.setdefault(key, _line(key, detail))  # a union reports each of its members; one line is enough
    return list(lines.values())


def allowed(key: str) -> str:
    """What the option ``key`` takes: ``a number between 0.05 and 0.95``, ``ellipse or box``."""
    if key in SECTIONS:
        return "a section with keys of its own"
    schema = option_schemas()[key]
    return _allowed(schema, unit=schema.get("unit", ""))


def nearest(word: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)`` with the known word most like ``word``, or nothing when none is."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def found(value: object) -> str:
    """``value`` as a file would show it: on one line, shortened, and without characters that a terminal obeys."""
    if value is None:
        return "empty"
    text = str(value).lower() if isinstance(value, bool) else str(value) or "''"
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return line if len(line) <= _LONGEST_VALUE else f"{line[:_LONGEST_VALUE]}…"


def unknown_key(key: str) -> str:
    """The line for a key that does not exist: what there is instead."""
    section, _, name = key.rpartition(".")
    if section in SECTIONS:
        return f"{key}: unknown key{nearest(name, SECTIONS[section].model_fields)}"
    whole = [full for full in option_schemas() if full.rpartition(".")[2] == key]
    hint = f" (did you mean {whole[0]}?)" if whole else nearest(key, option_schemas())
    return f"{key}: unknown key{hint}"


def _key(location: tuple[int | str, ...]) -> str:
    """The dotted key, without what pydantic adds for members of a union."""
    deep = len(location) > 1 and location[0] in SECTIONS
    return ".".join(found(part) for part in location[: 2 if deep else 1])


def _line(key: str, detail: Any) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown_key(key)
    if detail["type"] == "invalid_key":
        return f"{key}: a key must be text"
    if detail["type"] == "value_error":
        return f"{key}: {detail['ctx']['error']}"
    return f"{key} = {found(detail['input'])}: must be {allowed(key)}"


def _allowed(schema: dict[str, Any], *, unit: str) -> str:
    if "anyOf" in schema:
        return " or ".join(_allowed(member, unit=unit) for member in schema["anyOf"])
    if "enum" in schema:
        return " or ".join([", ".join(schema["enum"][:-1]), schema["enum"][-1]])
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type")
    if kind in ("number", "integer"):
        size = "a number" if kind == "number" else "a whole number"
        return f"{size}{_range(schema)} {unit}".rstrip()
    if kind == "string":
        longest = f" of at most {schema['maxLength']} characters" if "maxLength" in schema else ""
        return ("text, not blank," if longest and schema.get("minLength") else "text") + longest
    return {"boolean": "true or false", "null": "empty"}[str(kind)]


def _range(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" between {low:g} and {high:g}"
    above = f" above {schema['exclusiveMinimum']:g}" if "exclusiveMinimum" in schema else ""
    return above + (f" and at most {high:g}" if high is not None else "")
