"""The options of the masks: section ``mask`` of a preset."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import field_validator

from workbench.regions import RegionOptions
from workbench.stages import option


class MaskOptions(RegionOptions):
    """What hides a face, and where it lies."""

    kind: Literal["gaussian", "mosaic", "solid"] = option(
        "gaussian",
        title="Mask",
        title_zh="遮罩类型",
        help="Gaussian blur, mosaic or one solid colour; only solid keeps nothing at all of the face.",
        help_zh="高斯模糊、马赛克或纯色；只有纯色完全不保留人脸信息。",
    )
    strength: float = option(
        15.0,
        ge=1.0,
        le=30.0,
        title="Strength",
        title_zh="强度",
        help="How little of a face is left, relative to its width: 15 leaves about 8 dots across it. Useful: 10 to 20.",
        help_zh="相对于人脸宽度的遮盖强度：15 表示脸宽方向约剩 8 个色块。常用范围 10 到 20。",
    )
    colour: str = option(
        "#000000",
        title="Colour",
        title_zh="颜色",
        help="Colour of the solid mask, as #rrggbb.",
        help_zh="纯色遮罩的颜色，格式为 #rrggbb。",
    )

    @field_validator("colour")
    @classmethod
    def _is_a_colour(cls, value: str) -> str:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            raise ValueError(f"{value!r} is not a colour: write it as #rrggbb, for example #1e90ff")
        return value.lower()

    @property
    def rgb(self) -> tuple[int, int, int]:
        """``colour`` as red, green, blue, each 0..255."""
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue
