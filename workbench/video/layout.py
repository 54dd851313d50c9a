"""How a source's pictures are laid out for an encoder: scaled, padded to even sizes, turned, or passed on untouched."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from workbench.video.encoders import Encoder
from workbench.video.planes import SCALER_THREADS, Orientation, copy_tags, stored_planes


@dataclass(frozen=True)
class Layout:
    """What has to be done to each picture before it is encoded; sizes are stored sizes, before a rotation flag."""

    width: int  # of the scaled picture, before turning and padding
    height: int
    encoded_width: int
    encoded_height: int
    pixel_format: str  # what is handed to the encoder, which may repack it (nv12)
    redrawn: bool  # planes are copied into a new picture: padded, turned or renamed
    to_limited: bool
    orientation: Orientation  # what is turned in the pixels; none where the rotation flag survives
    notes: tuple[str, ...] = ()
    _reformatter: VideoReformatter = field(default_factory=VideoReformatter, compare=False, repr=False)

    @classmethod
    def plan(
        cls,
        native: VideoFrame,
        *,
        encoder: Encoder,
        max_height: int | None,
        keeps_rotation: bool,
        pixel_shape: Fraction,
    ) -> Layout:
        """The layout for a source whose first 4:2:0 picture is ``native``.

        ``pixel_shape`` is the width of a stored pixel over its height where the container cannot say it (else 1):
        the picture is then stretched to square pixels.
        """
        orientation = Orientation.of(native)
        width, height = _scaled(native, orientation, max_height=max_height, pixel_shape=pixel_shape)
        turn = Orientation() if keeps_rotation else orientation
        encoded_width, encoded_height = turned = turn.size(width, height)
        if encoder.even_size:
            encoded_width, encoded_height = (side + side % 2 for side in turned)
        full = native.color_range == ColorRange.JPEG or native.format.name.startswith("yuvj")
        deep = native.format.name == "yuv420p10le"
        pixel_format = "yuv420p10le" if deep else "yuv420p"
        to_limited = full and not encoder.full_range
        padded = (encoded_width, encoded_height) != turned
        notes = (
            (
                (width, height) != (native.width, native.height),
                f"scaled from {native.width}x{native.height} to {width}x{height}",
            ),
            (
                padded,
                f"padded from {turned[0]}x{turned[1]} to {encoded_width}x{encoded_height}: H.264 needs even sizes",
            ),
            (turn != Orientation(), "turned upright, without a rotation flag"),
            (to_limited, "converted from full to limited colour range: the container cannot say that it is full"),
        )
        return cls(
            width=width,
            height=height,
            encoded_width=encoded_width,
            encoded_height=encoded_height,
            pixel_format=pixel_format,
            redrawn=padded or turn != Orientation() or (full and not to_limited and native.format.name != pixel_format),
            to_limited=to_limited,
            orientation=turn,
            notes=tuple(text for applies, text in notes if applies),
        )

    def apply(self, native: VideoFrame) -> VideoFrame:
        """The picture as the encoder wants it: ``native`` itself where nothing has to be done."""
        picture = native
        if self.to_limited or (native.width, native.height) != (self.width, self.height):
            picture = self._reformat(native)
        return self._redraw(picture) if self.redrawn else picture

    def _reformat(self, native: VideoFrame) -> VideoFrame:
        full = native.color_range == ColorRange.JPEG or native.format.name.startswith("yuvj")
        source = ColorRange.JPEG if full else ColorRange.MPEG
        target = ColorRange.MPEG if self.to_limited else source
        result = self._reformatter.reformat(
            native,
            self.width,
            self.height,
            self.pixel_format if self.to_limited else native.format.name,
            src_color_range=source,
            dst_color_range=target,
            interpolation=Interpolation.BICUBIC,
            threads=SCALER_THREADS,
        )
        copy_tags(native, result)
        result.color_range = target
        return result

    def _redraw(self, picture: VideoFrame) -> VideoFrame:
        """A new picture of the encoded size: turned, and its last row and column repeated where it is padded."""
        result = VideoFrame(self.encoded_width, self.encoded_height, self.pixel_format)
        for source, target in zip(stored_planes(picture), stored_planes(result), strict=True):
            turned = self.orientation.turn(source)
            height, width = turned.shape
            target[:height, :width] = turned
            target[height:, :width] = turned[-1:]
            target[:, width:] = target[:, width - 1 : width]
        copy_tags(picture, result)
        if picture.format.name.startswith("yuvj"):
            result.color_range = ColorRange.JPEG
        return result


def _scaled(
    native: VideoFrame, orientation: Orientation, *, max_height: int | None, pixel_shape: Fraction
) -> tuple[int, int]:
    """Stored (width, height) with square pixels that fits ``max_height`` as displayed; even where it is scaled."""
    wide, high = native.width * max(pixel_shape, Fraction(1)), native.height * max(1 / pixel_shape, Fraction(1))
    shown_height = wide if orientation.transposed else high
    factor = min(Fraction(1), max_height / shown_height) if max_height is not None else Fraction(1)
    if factor == 1 and pixel_shape == 1:
        return native.width, native.height
    return max(2, 2 * round(wide * factor / 2)), max(2, 2 * round(high * factor / 2))
