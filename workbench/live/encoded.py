"""Masked frames and sound made into MP4 or FLV, complete at every moment, with as little delay as encoders have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from workbench.colour import to_yuv
from workbench.data import Colour, Frame
from workbench.live.sound import LiveContainer, SoundFormat, SoundPacket, SoundTrack
from workbench.video.encoders import choose_encoder
from workbench.video.options import OutputOptions
from workbench.video.planes import SCALER_THREADS, stored_planes

KEY_SECONDS = 2
"""A picture that needs no other at least this often: so late does a viewer come in, so much may a loss spoil."""

FRAGMENT_SECONDS = 1
"""What a crash may cost of a recording at most."""

PUSH_BITS_PER_PIXEL = 0.15
"""Bound of the rate pushed: 3.5 Mbit/s for 1280x720 at 25 frames a second, what services ask for at that size."""

QUALITY = OutputOptions(crf=22, speed="superfast")
"""Half the work of the recorded clips' veryfast: live, the encoder shares the processor with the detector."""

_LOW_DELAY: Mapping[str, Mapping[str, str]] = {
    "libx264": {"tune": "zerolatency", "forced-idr": "1"},
    "h264_nvenc": {"tune": "ull", "zerolatency": "1", "delay": "0", "bf": "0", "forced-idr": "1"},
    "h264_qsv": {"async_depth": "1", "bf": "0", "forced_idr": "1"},
    "h264_videotoolbox": {"realtime": "1", "bf": "0"},
    "h264_vaapi": {"async_depth": "1", "bf": "0"},
}

_MUXER: Mapping[LiveContainer, Mapping[str, str]] = {
    "mp4": {
        "movflags": "+frag_keyframe+empty_moov+delay_moov+default_base_moof",
        "frag_duration": str(FRAGMENT_SECONDS * 1_000_000),
        "flush_packets": "1",
        "max_interleave_delta": "1000000",  # picture and sound wait for each other no longer than this (µs)
    },
    "flv": {"flvflags": "no_duration_filesize", "flush_packets": "1", "max_interleave_delta": "1000000"},
}

_MATRIX_TAG = {"bt601": 6, "bt709": 1, "bt2020": 9}  # AVColorSpace, which swscale takes as well


class ByteSink(Protocol):
    """Where the bytes go, in order."""

    def write(self, data: bytes) -> int: ...


class Encoded:
    """An output whose size, rate and sound are settled by its first frame, which is shown at 0.

    Frames of another size are fitted into the first one's with black bars. ``encoder`` says what really encodes.
    Raises OSError of the ``sink`` and FFmpegError.
    """

    def __init__(
        self,
        sink: ByteSink,
        first: Frame,
        *,
        container: LiveContainer,
        rate: Fraction,
        form: SoundFormat | None,
        options: OutputOptions = QUALITY,
    ) -> None:
        self._origin = first.pts * first.time_base
        self._unit = _unit(first.time_base)
        self._last_tick = -1
        self._last_key = -1
        encoder = choose_encoder("mp4", options=options, bit_depth=8)
        self.encoder = encoder.label
        self._fitting = _Fitting(first)
        self._output: OutputContainer = av.open(
            sink, mode="w", format=container, container_options=dict(_MUXER[container])
        )
        stream = self._output.add_stream(encoder.codec, rate=rate)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        context = stream.codec_context
        context.width, context.height = self._fitting.width, self._fitting.height
        context.pix_fmt = encoder.pixel_format
        context.time_base = self._stream.time_base = self._unit
        context.colorspace = _MATRIX_TAG[first.colour.matrix]
        context.color_range = ColorRange.JPEG if first.colour.full_range else ColorRange.MPEG
        context.gop_size = max(1, round(KEY_SECONDS * rate))
        bits = PUSH_BITS_PER_PIXEL * context.width * context.height * float(rate)
        bound = {"maxrate": str(round(bits)), "bufsize": str(round(bits))} if container == "flv" else {}
        context.options = {**encoder.options, **_LOW_DELAY.get(encoder.codec, {}), **bound}
        self._sound = SoundTrack(self._output, form, container=container) if form is not None else None

    def write(self, frame: Frame, sounds: Iterable[SoundPacket]) -> None:
        """Encode a frame and the sound that came with it. A frame not later than the one before is left out."""
        moment = frame.pts * frame.time_base - self._origin
        tick = round(moment / self._unit)
        if tick > self._last_tick:
            self._last_tick = tick
            picture = self._fitting.fitted(frame)
            picture.pts, picture.time_base = tick, self._unit
            if self._last_key < 0 or (tick - self._last_key) * self._unit >= KEY_SECONDS:
                picture.pict_type = PictureType.I
                self._last_key = tick
            self._output.mux(self._stream.encode(picture))
        if self._sound is not None:
            self._sound.send(sounds, origin=self._origin)

    def finish(self) -> None:
        """Write what is still held, and the end."""
        if self._last_tick >= 0:
            self._output.mux(self._stream.encode(None))
            if self._sound is not None:
                self._sound.finish()
        self._output.close()

    def close(self) -> None:
        """Free everything, after whatever went wrong."""
        with suppress(FFmpegError, OSError, ValueError):
            self._output.close()
        if self._sound is not None:
            self._sound.close()


class _Fitting:
    """Lays pictures into one size, with even sides, and one meaning of colours: those of the first."""

    def __init__(self, first: Frame) -> None:
        self.width, self.height = first.width_px + first.width_px % 2, first.height_px + first.height_px % 2
        self._size = first.width_px, first.height_px
        self._colour = first.colour
        self._reformatter = VideoReformatter()

    def fitted(self, frame: Frame) -> VideoFrame:
        result = VideoFrame(self.width, self.height, "yuv420p")
        targets = stored_planes(result)
        if (frame.width_px, frame.height_px) == self._size and frame.colour == self._colour:
            for source, target in zip(frame.planes, targets, strict=True):
                high, wide = source.shape
                target[:high, :wide] = source
                target[high:] = target[high - 1 : high]
                target[:, wide:] = target[:, wide - 1 : wide]
            return result
        scaled = self._scaled(frame)
        left, top = (self.width - scaled.width) // 4 * 2, (self.height - scaled.height) // 4 * 2
        for i, (source, target, black) in enumerate(
            zip(stored_planes(scaled), targets, to_yuv((0, 0, 0), self._colour), strict=True)
        ):
            x, y = (left, top) if i == 0 else (left // 2, top // 2)
            target[:] = black
            target[y : y + source.shape[0], x : x + source.shape[1]] = source
        return result

    def _scaled(self, frame: Frame) -> VideoFrame:
        factor = min(self.width / frame.width_px, self.height / frame.height_px)
        width, height = (max(2, int(side * factor) // 2 * 2) for side in (frame.width_px, frame.height_px))
        source = VideoFrame(frame.width_px, frame.height_px, "yuv420p")
        for plane, target in zip(frame.planes, stored_planes(source), strict=True):
            np.copyto(target, plane)
        return self._reformatter.reformat(
            source,
            width,
            height,
            "yuv420p",
            src_colorspace=_MATRIX_TAG[frame.colour.matrix],
            dst_colorspace=_MATRIX_TAG[self._colour.matrix],
            src_color_range=_range(frame.colour),
            dst_color_range=_range(self._colour),
            interpolation=Interpolation.BILINEAR,
            threads=SCALER_THREADS,
        )


def _range(colour: Colour) -> Any:
    return ColorRange.JPEG if colour.full_range else ColorRange.MPEG


def _unit(time_base: Fraction) -> Fraction:
    """The clock of the output: the source's own where it is fine enough and MP4 can keep it."""
    fits = time_base.numerator == 1 and 1000 <= time_base.denominator <= 1_000_000
    return time_base if fits else Fraction(1, 90_000)
