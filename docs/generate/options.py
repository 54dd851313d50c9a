"""The reference of presets, from the options classes themselves, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from generate.table import code, plain, table
from workbench.live.options import LiveOptions
from workbench.presets.files import list_presets
from workbench.presets.model import SECTIONS, Preset, option_values
from workbench.stages import Options
from workbench.ui.texts import SECTION_TITLES

Language = Literal["en", "zh"]

HEADS: Mapping[Language, tuple[str, ...]] = {
    "en": ("Option", "Meaning", "Allowed", "Default"),
    "zh": ("选项", "含义", "取值范围", "默认值"),
}
WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"string": "text", "boolean": "true, false", "integer": "whole number", "number": "number",
           "null": "empty", "to": "to", "above": "above", "default": "default"},
    "zh": {"string": "文本", "boolean": "true、false", "integer": "整数", "number": "数值",
           "null": "留空", "to": "至", "above": "大于", "default": "默认值"},
}  # fmt: skip


def every_option(language: Language) -> str:
    """A table for each section of a preset."""
    parts = []
    for name, kind in SECTIONS.items():
        title = SECTION_TITLES[name][language == "zh"]
        parts.append(f"### {title}: `{name}` {{ #{name} }}\n\n{_options(kind, name, language)}")
    return "\n\n".join(parts)


def live_options(language: Language) -> str:
    """The options of a live stream."""
    return _options(LiveOptions, "live", language)


def shipped_presets(language: Language) -> str:
    """What each shipped preset is for, and every option in which one of them differs from the defaults."""
    presets = {preset.name: preset for preset in list_presets()}
    second = language == "zh"
    purposes = [
        [code(name), plain(preset.description_zh if second else preset.description)] for name, preset in presets.items()
    ]
    defaults = option_values(Preset())
    values = {name: own for name, preset in presets.items() if (own := option_values(preset)) != defaults}
    changed = [key for key, default in defaults.items() if any(each[key] != default for each in values.values())]
    rows = [
        [code(key), *("" if each[key] == defaults[key] else code(_written(each[key])) for each in values.values()),
         code(_written(defaults[key]))]
        for key in changed
    ]  # fmt: skip
    head = [HEADS[language][0], *map(code, values), WORDS[language]["default"]]
    purpose_head = ("预设", "适用场景") if second else ("Preset", "For")
    return f"{table(purpose_head, purposes)}\n\n{table(head, rows)}"


def allowed(schema: Mapping[str, Any], language: Language) -> str:
    """What a JSON schema admits, in words."""
    words = WORDS[language]
    if "anyOf" in schema:
        return " · ".join(allowed(member, language) for member in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return " · ".join(code(str(value)) for value in schema.get("enum", [schema.get("const")]))
    least, above, most = (schema.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    if most is not None:
        low = f"{words['above']} {above:g}" if least is None else f"{least:g}"
        return f"{low} {words['to']} {most:g}"
    return words[schema["type"]]


def _options(kind: type[Options], section: str, language: Language) -> str:
    schemas = kind.model_json_schema()["properties"]
    rows = []
    for key, field in kind.model_fields.items():
        schema = schemas[key]
        title, meaning = (
            (schema["title_zh"], schema["help_zh"]) if language == "zh" else (field.title, field.description)
        )
        unit = f" {schema['unit']}" if schema.get("unit") else ""
        rows.append(
            [
                code(f"{section}.{key}"),
                f"**{plain(str(title))}**<br>{plain(str(meaning))}",
                allowed(schema, language) + unit,
                code(_written(field.default)) or WORDS[language]["null"],
            ]
        )
    return table(HEADS[language], rows)


def _written(value: object) -> str:
    """As in a preset file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
