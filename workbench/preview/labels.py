"""Captions on preview clips, and how pictures are laid into one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workbench import colour
from workbench.data import Frame, Picture
from workbench.preview.fonts import Language, chinese_font

FONT_PX = 17
PADDING_PX = (10, 5)
MARGIN_PX = 8
OPACITY = 0.66  # of the chip behind the text: readable on white walls, and the picture is still seen through it
CHIP, TEXT = 24, 255


@dataclass(frozen=True, eq=False)
class Label:
    """A caption: ``pixels`` (h, w, 3) RGB and how much of each replaces the picture, ``weight`` (h, w)."""

    pixels: Picture
    weight: NDArray[np.int16]

    @classmethod
    def of(cls, text: str, *, language: Language = "en") -> Label:
        """White text on a dark chip. ``text`` in Chinese needs a font that has it: see ``fonts.writable_language``."""
        font = _font(language)
        left, _, right, _ = font.getbbox(text)
        ascent, descent = font.getmetrics()
        width = int(right - left) + 2 * PADDING_PX[0]
        height = ascent + descent + 2 * PADDING_PX[1]
        width, height = width + width % 2, height + height % 2
        chip, letters = Image.new("L", (width, height)), Image.new("L", (width, height))
        ImageDraw.Draw(chip).rounded_rectangle((0, 0, width - 1, height - 1), radius=6, fill=255)
        ImageDraw.Draw(letters).text((PADDING_PX[0] - left, PADDING_PX[1]), text, font=font, fill=255)
        share = np.asarray(letters, np.float32) / 255
        pixels = np.rint(CHIP + (TEXT - CHIP) * share).astype(np.uint8)
        weight = np.maximum(np.asarray(chip, np.float32) / 255 * OPACITY, share) * colour.OPAQUE
        return cls(np.repeat(pixels[..., None], 3, axis=2), np.rint(weight).astype(np.int16))

    def put_on(self, canvas: Frame, corner: tuple[int, int]) -> None:
        """Lay the caption into the frame, near the panel's ``corner`` (x, y) px, as far as there is room."""
        x, y = corner[0] + MARGIN_PX, corner[1] + MARGIN_PX
        height = min(self.weight.shape[0], canvas.height_px - y)
        width = min(self.weight.shape[1], canvas.width_px - x)
        if width > 0 and height > 0:
            window = (x, y, x + width, y + height)
            colour.paste(canvas, self.pixels[:height, :width], window, weight=self.weight[:height, :width])


def put(canvas: Frame, picture: Picture, corner: tuple[int, int]) -> None:
    """Lay an RGB picture into the frame with its upper left at ``corner`` (even x, even y)."""
    height, width = picture.shape[:2]
    x, y = corner
    colour.paste(
        canvas, picture, (x, y, x + width, y + height), weight=np.full((height, width), colour.OPAQUE, np.int16)
    )


def _font(language: Language) -> ImageFont.FreeTypeFont:
    found = chinese_font() if language == "zh" else None
    font = ImageFont.load_default(FONT_PX) if found is None else ImageFont.truetype(str(found[1]), FONT_PX)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
