"""Several streams from one file, and secrets that stand in the environment instead of in a file or a command.

    - name: ward 3
      source: rtsp://nurse:${CAMERA_PASSWORD}@10.0.0.7/stream1
      preset: balanced
      record: ward3.mp4
      push: rtmp://media.example/live/${STREAM_KEY}
      options: {look_ahead_ms: 200}

Only ``source`` must be there. Paths are relative to where the program is started, as on the command line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from workbench.errors import UsageError
from workbench.live.options import LiveOptions
from workbench.presets.files import DEFAULT_PRESET, load_preset
from workbench.presets.messages import found, nearest
from workbench.presets.model import Preset

KEYS = ("name", "source", "preset", "record", "push", "options")
MAX_BYTES = 1_000_000
MOST_STREAMS = 64  # far more than one machine can look at: a file with more is not what it seems

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_USER_INFO = re.compile(r"^[a-z0-9+.-]+://[^/?#]*@", re.IGNORECASE)


@dataclass(frozen=True)
class StreamPlan:
    """One stream that is to be run. ``source`` and ``push`` may hold passwords: they are never shown or logged."""

    name: str
    source: str = field(repr=False)
    preset: Preset
    record: Path | None = None
    push: str = field(default="", repr=False)
    options: LiveOptions = field(default_factory=LiveOptions)


def load_plans(path: Path) -> list[StreamPlan]:
    """The streams of a file. Raises UsageError, one line: which file, which stream, which key, and what to do."""
    entries = _entries(path)
    plans = [_plan(entry, number, where=f"{path.name}: stream {number}") for number, entry in enumerate(entries, 1)]
    for key in ("name", "record"):
        seen: dict[Any, int] = {}
        for number, plan in enumerate(plans, start=1):
            value = getattr(plan, key)
            first = seen.setdefault(value, number)
            if value is not None and first != number:
                raise UsageError(f"{path.name}: stream {number}: {key}: {found(value)} is stream {first}'s already")
    return plans


def with_environment(text: str, *, where: str) -> str:
    """``text`` with every ``${NAME}`` replaced by that environment variable.

    In the part of an address that holds user and password a value is percent-encoded, so that a password may have any
    letter. Raises UsageError for a variable that is not set.
    """
    sign_in = _USER_INFO.match(text)
    end = sign_in.end() if sign_in else 0

    def value(match: re.Match[str]) -> str:
        known = os.environ.get(match[1])
        if known is None:
            raise UsageError(f"{where}: the environment has no variable {match[1]}: set it, or write the value")
        return quote(known, safe="") if match.start() < end else known

    return _VARIABLE.sub(value, text)


def live_options(values: Mapping[str, Any], *, where: str) -> LiveOptions:
    """The options of that mapping, the rest at their defaults. Raises UsageError naming ``where`` and the key."""
    unknown = next((key for key in values if key not in LiveOptions.model_fields), None)
    if unknown is not None:
        raise UsageError(f"{where}.{found(unknown)}: unknown key{nearest(str(unknown), LiveOptions.model_fields)}")
    try:
        return LiveOptions.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, wrong = first["loc"][0], first["msg"].removeprefix("Input ")
        raise UsageError(f"{where}.{key} = {found(first['input'])}: {wrong}") from error


def _entries(path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise UsageError(f"{path.name}: larger than {MAX_BYTES // 1_000_000} MB, so it is no list of streams")
        entries = YAML(typ="safe", pure=True).load(content.decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: is not UTF-8 text (byte {error.start + 1}); save it as UTF-8") from error
    except (YAMLError, ValueError) as error:
        raise UsageError(f"{path.name}: is not valid YAML{_place(error)}") from error
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path.name}: holds no streams: write a list, each with a source: '- source: rtsp://…'")
    if len(entries) > MOST_STREAMS:
        raise UsageError(f"{path.name}: {len(entries)} streams are too many: at most {MOST_STREAMS} in one file")
    return entries


def _place(error: Exception) -> str:
    """Where it is wrong; not the line itself, which may hold a password."""
    mark = getattr(error, "problem_mark", None)
    return f": look at line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _plan(entry: Any, number: int, *, where: str) -> StreamPlan:
    if not isinstance(entry, dict):
        raise UsageError(f"{where}: must have keys of its own: {', '.join(KEYS)}")
    unknown = next((key for key in entry if key not in KEYS), None)
    if unknown is not None:
        raise UsageError(f"{where}: {found(unknown)}: unknown key{nearest(str(unknown), KEYS)}")
    source = _text(entry, "source", where=where)
    if not source:
        raise UsageError(f"{where}: source is missing: a camera's number, an address or a file")
    record, push = _text(entry, "record", where=where), _text(entry, "push", where=where)
    return StreamPlan(
        name=_text(entry, "name", where=where) or f"stream {number}",
        source=source,
        preset=_preset(_text(entry, "preset", where=where), where=where),
        record=Path(record) if record else None,
        push=push,
        options=_options(entry.get("options"), where=f"{where}: options"),
    )


def _text(entry: Mapping[str, Any], key: str, *, where: str) -> str:
    """The text under a key; a camera's number is text as well."""
    value = entry.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UsageError(f"{where}: {key} must be text")
    return with_environment(str(value), where=f"{where}: {key}").strip()


def _preset(name: str, *, where: str) -> Preset:
    try:
        return load_preset(name or DEFAULT_PRESET)
    except UsageError as error:
        raise UsageError(f"{where}: preset: {error}") from error


def _options(values: Any, *, where: str) -> LiveOptions:
    if values is None:
        return LiveOptions()
    if not isinstance(values, dict):
        raise UsageError(f"{where} must have keys of its own: {', '.join(LiveOptions.model_fields)}")
    return live_options(values, where=where)
