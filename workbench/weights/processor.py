"""What the processor can do."""

from __future__ import annotations

from functools import cache
from pathlib import Path

BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


@cache
def has_bf16() -> bool:
    """Whether the processor multiplies bf16 in hardware. OpenVINO and torch also offer it where it is emulated."""
    facts = Path("/proc/cpuinfo")
    if not facts.exists():
        return False
    flags = set(facts.read_text().split("flags", 1)[-1].split("\n", 1)[0].split())
    return bool(flags & BF16_FLAGS)
