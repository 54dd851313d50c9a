"""Fonts with Chinese characters: none is brought along, so those of the machine are looked through."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]

FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Noto Sans CJK JP",  # how some systems name the font that holds the Chinese characters as well
)
"""Families with simplified Chinese and Latin, upright and evenly weighted, best first: Linux, Windows, macOS."""


@cache
def chinese_font() -> tuple[str, Path] | None:
    """Family and file of a font that can write Chinese; None where the machine has none."""
    from matplotlib.font_manager import fontManager

    by_family = {font.name: Path(font.fname) for font in reversed(fontManager.ttflist)}
    return next(((family, by_family[family]) for family in FAMILIES if family in by_family), None)


def writable_language(language: Language) -> Language:
    """``language``, or English where a picture cannot show Chinese on this machine."""
    return "zh" if language == "zh" and chinese_font() is not None else "en"
