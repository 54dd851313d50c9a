"""Sound of a live source on its way to an output: packets that describe themselves, copied or made into AAC."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from workbench.video.sound import BITS_PER_SECOND_AND_CHANNEL, LAYOUTS

LiveContainer = Literal["mp4", "flv"]

COPIED: dict[LiveContainer, frozenset[str]] = {"mp4": frozenset({"aac", "mp3"}), "flv": frozenset({"aac"})}
"""Sound that is passed on as it is. Both could hold more that few players play: that is made into AAC."""

JUMP_SECONDS = Fraction(1, 10)
"""A step in the sound's time beyond this is a gap; within it sample follows sample, so that jitter makes no clicks."""


@dataclass(frozen=True, eq=False)
class SoundFormat:
    """How packets of sound are to be read: kept apart from the connection that they came by, which may be gone.

    ``sample`` is a file of one packet in NUT, which holds every codec: FFmpeg takes parameters from a file alone.
    """

    codec: str
    sample_rate_hz: int
    channels: int
    sample: bytes = field(repr=False)

    @classmethod
    def of(cls, packet: Packet[AudioStream]) -> SoundFormat | None:
        """The format of a packet fresh from its demuxer; None for sound that this program cannot read."""
        stream = packet.stream
        if stream.codec_context is None or not stream.codec_context.sample_rate:
            return None
        file, copy = io.BytesIO(), Packet(bytes(packet))
        copy.pts = copy.dts = 0
        copy.time_base = packet.time_base
        try:
            with av.open(file, "w", format="nut") as output:
                copy.stream = output.add_stream_from_template(stream)
                output.mux_one(copy)
        except (FFmpegError, ValueError):
            return None
        context = stream.codec_context
        return cls(context.codec.canonical_name, context.sample_rate, context.channels, file.getvalue())

    def open(self) -> InputContainer:
        """A container whose one stream has this format."""
        return av.open(io.BytesIO(self.sample), "r", format="nut")

    @property
    def key(self) -> tuple[str, int, int]:
        """Equal for formats that can follow each other in one track."""
        return self.codec, self.sample_rate_hz, self.channels


@dataclass(frozen=True, eq=False)
class SoundPacket:
    """A packet of sound as it was demuxed; ``pts`` in units of ``time_base`` on the clock of the source's frames."""

    data: bytes = field(repr=False)
    pts: int
    time_base: Fraction
    format: SoundFormat

    @property
    def time(self) -> Fraction:
        return self.pts * self.time_base


class SoundTrack:
    """The track of an output that packets of one format go to. Added before the output's header is written."""

    def __init__(self, output: OutputContainer, form: SoundFormat, *, container: LiveContainer) -> None:
        self._output, self._form = output, form
        self._template = form.open()
        stream = self._template.streams.audio[0]
        self.copied = form.codec in COPIED[container] and bool(stream.codec_context.extradata or form.codec == "mp3")
        self._stream = output.add_stream_from_template(stream) if self.copied else self._encoder()
        self._unit = Fraction(1, form.sample_rate_hz)
        self._next: int | None = None  # tick at which the next sample is due

    def send(self, packets: Iterable[SoundPacket], *, origin: Fraction) -> None:
        """Write packets; ``origin`` is the source time at which the output begins. What cannot be used is left out."""
        for packet in packets:
            tick = round((packet.time - origin) / self._unit)
            if tick < 0 or packet.format.key != self._form.key:
                continue
            if self.copied:
                self._copy(packet, tick)
            else:
                self._recode(Packet(packet.data), tick)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if not self.copied and self._next is not None:
            self._output.mux(self._stream.encode(None))

    def close(self) -> None:
        self._template.close()

    def _copy(self, packet: SoundPacket, tick: int) -> None:
        if self._next is not None and tick < self._next:
            tick = self._next
        self._next = tick + 1
        copy: Packet[Any] = Packet(packet.data)
        copy.pts = copy.dts = tick
        copy.stream, copy.time_base, copy.is_keyframe = self._stream, self._unit, True
        self._output.mux_one(copy)

    def _recode(self, packet: Packet[Any], tick: int) -> None:
        packet.pts = packet.dts = tick
        packet.time_base = self._unit
        try:
            frames = self._template.streams.audio[0].codec_context.decode(packet)
        except FFmpegError:
            return  # damaged on its way: a moment of silence
        for frame in frames:
            if self._next is None or abs(tick - self._next) * self._unit > JUMP_SECONDS:
                self._next = max(tick, self._next or 0)
            frame.pts, frame.time_base = self._next, self._unit
            self._next += frame.samples
            self._output.mux(self._stream.encode(frame))

    def _encoder(self) -> AudioStream:
        channels = self._form.channels if self._form.channels in LAYOUTS else 2
        out = self._output.add_stream("aac", rate=self._form.sample_rate_hz)
        assert isinstance(out, AudioStream)
        out.codec_context.layout = LAYOUTS[channels]
        out.codec_context.bit_rate = BITS_PER_SECOND_AND_CHANNEL * channels
        out.codec_context.time_base = Fraction(1, self._form.sample_rate_hz)
        return out
