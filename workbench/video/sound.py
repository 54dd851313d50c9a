"""The sound of a source, carried into an output while its video is being written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition

from workbench.video.decoding import Damage, only, packets
from workbench.video.encoders import ContainerName
from workbench.video.probing import open_source
from workbench.video.timing import SteadyClock

FORMATS = {"mp4": "mp4", "webm": "webm", "avi": "avi", "mkv": "matroska"}
"""FFmpeg's muxer for each container."""

RECODE_TO = {"mp4": "aac", "webm": "libopus", "avi": "libmp3lame", "mkv": "aac"}
"""Codec for sound that a container cannot hold as it is."""

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}
"""Speaker layout of re-encoded sound by its number of channels; other numbers become stereo."""

BITS_PER_SECOND_AND_CHANNEL = 96_000
"""Re-encoded sound loses no intelligibility at this rate in any of the codecs above."""

SEEK_MARGIN_SECONDS = 5
"""How much earlier than the wanted part the sound is read, for files with a coarse index."""

AUDIBLE_OFFSET_SECONDS = Fraction(1, 50)
"""Less than one packet of sound is not worth a note."""

END_MARGIN_SECONDS = 2
"""How far behind the wanted part reading goes on, for tracks that lie apart in the file."""

_OPUS_RATE_HZ = 48_000
_MP3_RATES_HZ = (32_000, 44_100, 48_000)


@dataclass
class _Track:
    out: AudioStream
    clock: SteadyClock
    recoded: bool


class Sound:
    """All audio streams of ``source``: copied packet by packet where ``container`` can hold their codec, else
    re-encoded. ``notes`` says what could not be copied. Memory stays bounded: packets are read as they are needed.

    ``from_time`` cuts the sound to a part and moves that time to 0; ``until_time`` ends it. Both in seconds of the
    source's own clock.
    """

    def __init__(self, source: Path, output: OutputContainer, *, container: ContainerName) -> None:
        self.notes: list[str] = []
        self._output = output
        self._container = container
        self._input: InputContainer = open_source(source)
        self._tracks: dict[int, _Track] = {}
        self._damage = Damage()
        for stream in self._input.streams.audio:
            self._add(stream)
        self._packets: Iterator[Packet[Any]] = iter(())
        self._waiting: Packet[Any] | None = None
        self._from: Fraction | None = None
        self._until: Fraction | None = None

    def start(self, *, from_time: Fraction | None, until_time: Fraction | None) -> None:
        """Begin reading: everything, or the part from ``from_time`` on, up to ``until_time``."""
        streams = [stream for stream in self._input.streams.audio if stream.index in self._tracks]
        if not streams:
            return
        only(self._input, *streams)
        self._from, self._until = from_time, until_time
        if from_time is not None:
            target = floor((from_time - SEEK_MARGIN_SECONDS) * av.time_base)
            try:
                self._input.seek(target)
            except FFmpegError:
                self._input.seek(0)
        self._packets = self._read(streams)
        self._waiting = next(self._packets, None)
        if self._container == "avi" and self._waiting is not None:
            late = _time(self._waiting) - (from_time or 0)
            if late > AUDIBLE_OFFSET_SECONDS:
                self.notes.append(f"AVI has no start times: the sound begins {float(late) * 1000:.0f} ms early")

    def advance(self, until: Fraction | None) -> None:
        """Write the sound up to the source time ``until`` (None: all of it)."""
        while self._waiting is not None and (until is None or _time(self._waiting) <= until):
            self._send(self._waiting)
            self._waiting = next(self._packets, None)

    def finish(self) -> None:
        """Write the rest, and what the encoders still hold."""
        self.advance(None)
        for index, track in self._tracks.items():
            if track.recoded:
                for frame in self._decode(self._input.streams[index], None):
                    self._output.mux(track.out.encode(frame))
                self._output.mux(track.out.encode(None))
        if self._damage.read_errors or self._damage.bad_packets:
            self.notes.append("the sound is damaged in places: what could be read was kept")
        moved = sum(track.clock.repaired + track.clock.jumps for track in self._tracks.values())
        if moved:
            self.notes.append(f"{moved} sound packets had wrong times and were moved behind the ones before")

    def close(self) -> None:
        self._input.close()

    def _add(self, stream: AudioStream) -> None:
        if stream.codec_context is None:
            self.notes.append(f"sound track {stream.index} has an unknown codec and was left out")
            return
        copied = _can_copy(stream, self._container)
        out = self._output.add_stream_from_template(stream) if copied else self._encoder(stream)
        if stream.language and stream.language != "und":
            out.metadata["language"] = stream.language
        out.disposition = stream.disposition & Disposition.default
        time_base = stream.time_base or Fraction(1, stream.codec_context.sample_rate)
        clock = SteadyClock(time_base=time_base, step=round(Fraction(1, 50) / time_base))
        self._tracks[stream.index] = _Track(out=out, clock=clock, recoded=not copied)
        if not copied:
            codec = stream.codec_context.codec.canonical_name
            self.notes.append(
                f"sound track {stream.index} ({codec}) cannot be held by {self._container}: "
                f"re-encoded as {out.codec_context.codec.canonical_name}"
            )

    def _encoder(self, stream: AudioStream) -> AudioStream:
        name, context = RECODE_TO[self._container], stream.codec_context
        rate = context.sample_rate
        channels = context.channels if context.channels in LAYOUTS else 2
        if name == "libopus":
            rate = _OPUS_RATE_HZ
        elif name == "libmp3lame":
            rate, channels = min(_MP3_RATES_HZ, key=lambda known: abs(known - rate)), min(channels, 2)
        out = self._output.add_stream(name, rate=rate)
        assert isinstance(out, AudioStream)
        out.codec_context.layout = LAYOUTS.get(channels, "stereo")
        out.codec_context.bit_rate = BITS_PER_SECOND_AND_CHANNEL * channels
        out.codec_context.time_base = Fraction(1, rate)
        return out

    def _read(self, streams: list[AudioStream]) -> Iterator[Packet[Any]]:
        """Packets of the wanted part that carry sound."""
        for packet in packets(self._input, *streams, damage=self._damage):
            time = _time(packet)
            if self._until is not None and time >= self._until + END_MARGIN_SECONDS:
                return
            inside = (self._from is None or time >= self._from) and (self._until is None or time < self._until)
            if packet.size and inside:
                yield packet

    def _send(self, packet: Packet[Any]) -> None:
        track, stream = self._tracks[packet.stream_index], packet.stream
        tick = track.clock.next(packet.pts, packet.dts)
        tick -= round((self._from or 0) / packet.time_base)
        packet.pts = packet.dts = tick
        if track.recoded:
            for frame in self._decode(stream, packet):
                self._output.mux(track.out.encode(frame))
        elif tick >= 0 or self._container != "avi":  # AVI counts packets: an inaudible lead-in would delay the rest
            packet.stream = track.out
            self._output.mux_one(packet)

    def _decode(self, stream: Any, packet: Packet[Any] | None) -> list[Any]:
        try:
            return list(stream.decode(packet))
        except FFmpegError:
            self._damage.bad_packets += packet is not None
            return []


def _time(packet: Packet[Any]) -> Fraction:
    """Time of a packet in seconds of the source's clock."""
    tick = packet.pts if packet.pts is not None else packet.dts
    return Fraction(tick or 0) * packet.time_base


def _can_copy(stream: AudioStream, container: ContainerName) -> bool:
    """Whether the container holds the stream's codec: asked of the muxer itself, with a trial header in memory."""
    try:
        with av.open(io.BytesIO(), mode="w", format=FORMATS[container]) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True
