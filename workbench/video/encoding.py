"""How a source's frames become the packets of an output: settled with the first frame, the same for all that follow."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from workbench.data import VideoInfo
from workbench.video.encoders import ContainerName, Encoder
from workbench.video.hdr import CARRIERS, hdr_description, hdr_options
from workbench.video.layout import Layout
from workbench.video.planes import Orientation, display_matrix
from workbench.video.priority import same_priority
from workbench.video.sound import FORMATS

_FF_LAMBDA = 118  # FFmpeg's quality unit: one quantiser step


@dataclass(frozen=True, eq=False)
class Encoding:
    """Encoder, layout, clock and tags of an output's video. ``first`` is the source's first picture, which they fit."""

    container: ContainerName
    encoder: Encoder
    layout: Layout
    time_base: Fraction
    rate: Fraction
    info: VideoInfo
    first: VideoFrame

    def add_to(self, output: OutputContainer) -> VideoStream:
        """The video stream in a file that is not yet started; starting the file opens the stream's encoder."""
        encoder, layout, native = self.encoder, self.layout, self.first
        stream = output.add_stream(encoder.codec, rate=self.rate)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = layout.encoded_width, layout.encoded_height
        context.pix_fmt = encoder.pixel_format
        context.time_base = stream.time_base = self.time_base
        # VP9 and AV1 carry no pixel shape and PyAV cannot set the container's: Layout made the pixels square
        shape = Fraction(1) if self.container == "webm" else self.info.sample_aspect_ratio
        context.sample_aspect_ratio = 1 / shape if layout.orientation.transposed else shape
        context.color_range = 1 if layout.to_limited else native.color_range
        context.colorspace, context.color_primaries = native.colorspace, native.color_primaries
        context.color_trc = native.color_trc
        # PyAV's default cuts each picture into a slice per thread: slower by a sixth, and larger files.
        context.thread_type = "AUTO"
        context.options = hdr_options(native, codec=encoder.codec, options=encoder.options)
        if encoder.quantiser is not None:
            context.qscale = True
            context.global_quality = encoder.quantiser * _FF_LAMBDA
        if encoder.tag is not None and self.container == "mp4":
            context.codec_tag = encoder.tag
        if self.info.interlaced and encoder.interlaced:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        matrix = display_matrix(native)
        if matrix is not None and layout.orientation == Orientation():
            stream.set_display_matrix(matrix)
        return stream

    def opened(self) -> VideoStream:
        """A stream of its own with an open encoder. Its container lies in memory and never gets a packet."""
        aside = av.open(io.BytesIO(), mode="w", format=FORMATS[self.container])
        stream = self.add_to(aside)
        with same_priority():
            aside.start_encoding()
        return stream

    def encode(self, stream: VideoStream, native: VideoFrame, *, tick: int) -> list[Packet[VideoStream]]:
        """What the stream's encoder gives back when it gets the picture ``native``, to be shown at ``tick``."""
        picture = self.layout.apply(native)
        picture.pts, picture.time_base = tick, self.time_base
        picture.pict_type = 0  # else the encoder repeats the source's choice of key frames
        return stream.encode(picture)

    def notes(self) -> list[str]:
        """What of the source's pictures the output cannot carry, or has in another form."""
        native, encoder = self.first, self.encoder
        notes = []
        if self.info.interlaced and (not encoder.interlaced or self.layout.height != native.height):
            notes.append("interlaced video was encoded as progressive: moving edges may show comb lines")
        if any(hdr_description(native)) and encoder.codec not in CARRIERS:
            notes.append("the HDR10 description of the mastering screen was left out")
        return notes
