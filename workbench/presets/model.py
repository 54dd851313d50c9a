"""What a preset is: a name and one section of options per stage."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import field_validator
from pydantic.fields import FieldInfo

from workbench.decide import TimelineOptions
from workbench.detectors.options import DetectorOptions
from workbench.maskers.options import MaskOptions
from workbench.stages import Options, option
from workbench.trackers.options import TrackerOptions
from workbench.video.options import OutputOptions

SCHEMA = 1
"""Number of the file format. It rises when a key changes its name or its meaning."""

SECTIONS: dict[str, type[Options]] = {
    "detector": DetectorOptions,
    "tracker": TrackerOptions,
    "timeline": TimelineOptions,
    "mask": MaskOptions,
    "output": OutputOptions,
}


class Preset(Options):
    """All options of all stages. What a file leaves out has its default."""

    name: str = option(
        "unnamed",
        title="Name",
        title_zh="名称",
        help="What the preset is called in lists and reports.",
        help_zh="预设在列表和报告中的名称。",
        min_length=1,
        max_length=60,
    )
    name_zh: str = option(
        "",
        title="Name in Chinese",
        title_zh="中文名称",
        help="Shown instead of the name on a Chinese page; may be empty.",
        help_zh="中文界面中显示的名称，可留空。",
        max_length=60,
    )
    description: str = option(
        "",
        title="Description",
        title_zh="说明",
        help="One line: which recordings it is for.",
        help_zh="一行文字：适用于哪类视频。",
        max_length=300,
    )
    description_zh: str = option(
        "",
        title="Description in Chinese",
        title_zh="中文说明",
        help="The same in Chinese; may be empty.",
        help_zh="说明的中文版，可留空。",
        max_length=300,
    )
    detector: DetectorOptions = DetectorOptions()
    tracker: TrackerOptions = TrackerOptions()
    timeline: TimelineOptions = TimelineOptions()
    mask: MaskOptions = MaskOptions()
    output: OutputOptions = OutputOptions()

    @field_validator("name", "name_zh", "description", "description_zh")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("must be one line of printable text")
        return value


@cache
def option_fields() -> dict[str, FieldInfo]:
    """Every option of every stage by its dotted key, ``mask.strength``, in the order of the file."""
    return {f"{name}.{key}": field for name, kind in SECTIONS.items() for key, field in kind.model_fields.items()}


@cache
def option_schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema (type, bounds, values) of every key of a preset: dotted for options, bare for the name etc."""
    schemas: dict[str, dict[str, Any]] = dict(Preset.model_json_schema()["properties"])
    for name, kind in SECTIONS.items():
        of_section = kind.model_json_schema()["properties"]
        schemas.update({f"{name}.{key}": schema for key, schema in of_section.items()})
    return schemas


def option_values(preset: Preset) -> dict[str, Any]:
    """The value of every option by its dotted key, in the order of the file."""
    return {f"{name}.{key}": value for name in SECTIONS for key, value in getattr(preset, name)}
