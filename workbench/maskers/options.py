"""The options of the masks: section ``mask`` of a preset."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import field_validator

from workbench.regions import RegionOptions
from workbench.stages import option


class MaskOptions(RegionOptions):
    """What hides a face, and where it lies."""

    kind: Literal["gaussian", "mosaic", "solid", "gan", "diffusion"] = option(
        "gaussian",
        title="Mask",
        title_zh="遮罩类型",
        help="Gaussian blur, mosaic, one solid colour, or an invented face that belongs to nobody: gan, or diffusion "
        "(slow). Blur and mosaic keep a little of the face, the others nothing at all.",
        help_zh="高斯模糊、马赛克、纯色，或生成一张不属于任何人的脸：gan，或 diffusion（慢）。"
        "模糊和马赛克会保留少量人脸信息，其余的完全不保留。",
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

    underlay: bool = option(
        False,
        title="Blurred rim",
        title_zh="边缘模糊",
        help="Blurs what gan and diffusion invent round the face itself: hair and ears, which come out less well.",
        help_zh="对 gan 和 diffusion 在脸部周围生成的头发和耳朵再做模糊，因为那里的效果较差。",
    )
    diffusion_steps: int = option(
        4,
        ge=1,
        le=50,
        title="Diffusion steps",
        title_zh="扩散步数",
        help="Steps in which diffusion draws a face. The time grows with them. A pipeline of yours may want 20.",
        help_zh="扩散模型生成一张脸所用的步数，耗时随之增加；自备模型可能需要 20 步。",
    )
    diffusion_pipeline: str = option(
        "",
        title="Diffusion pipeline",
        title_zh="扩散模型目录",
        help="Folder of an inpainting pipeline in diffusers' format for the diffusion mask. Empty: its own network.",
        help_zh="扩散遮罩所用的 diffusers 格式修复（inpainting）模型的文件夹；留空则用自带模型。",
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
