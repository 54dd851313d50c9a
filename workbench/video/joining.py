"""A video encoded segment by segment, each by an encoder of its own, and joined to the file that one would have made.

A segment begins with a key frame and refers to nothing outside (closed groups of pictures), and all of them have one
header. So their packets may stand one after another; only the decoding times have to be given anew, because an encoder
makes up those of its first packets without knowing what stands before them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import NamedTuple, Protocol

from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from workbench.data import Frame
from workbench.errors import OutputError
from workbench.video.encoding import Encoding
from workbench.video.writer import VideoWriter, native_of


class PacketFacts(NamedTuple):
    """A packet without its data: times in ticks of the output, ``size`` in bytes."""

    pts: int
    dts: int
    duration: int
    is_keyframe: bool
    size: int


@dataclass(frozen=True)
class EncodedPacket:
    """One encoded picture."""

    facts: PacketFacts
    data: bytes


@dataclass(frozen=True)
class SegmentIndex:
    """What a segment consists of: its ``packets`` in decoding order, and the source ``times`` (s) of its frames."""

    packets: Sequence[PacketFacts]
    times: Sequence[Fraction]


class EncodedSegment(Protocol):
    """A finished segment, wherever it is kept. ``header`` is its encoder's, ``delay`` its ``reordering_delay``."""

    @property
    def header(self) -> bytes: ...

    @property
    def delay(self) -> int: ...

    def index(self) -> SegmentIndex: ...

    def data(self) -> Iterable[bytes]:
        """The bytes of every packet, in decoding order."""
        ...


class SegmentEncoder:
    """Encodes the frames of one segment. Raises OutputError when the encoder fails or does not do what is needed."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._waiting: set[int] = set()  # ticks of the frames that the encoder holds
        self._begun = False
        try:
            self._stream = encoding.opened()
        except (FFmpegError, OSError, ValueError) as problem:
            raise self._failed(problem) from problem

    @property
    def header(self) -> bytes:
        """What a player needs to know before the first packet; empty for codecs that repeat it in the packets."""
        return self._stream.codec_context.extradata or b""

    def encode(self, frame: Frame, *, tick: int) -> Iterator[EncodedPacket]:
        """The packets that are ready when ``frame``, shown at the output's ``tick``, has gone in."""
        self._waiting.add(tick)
        try:
            packets = self._encoding.encode(self._stream, native_of(frame), tick=tick)
        except (FFmpegError, OSError, ValueError) as problem:
            raise self._failed(problem) from problem
        yield from self._checked(packets)

    def finish(self) -> Iterator[EncodedPacket]:
        """The packets that the encoder still holds."""
        try:
            packets = self._stream.encode(None)
        except (FFmpegError, OSError, ValueError) as problem:
            raise self._failed(problem) from problem
        yield from self._checked(packets)
        if self._waiting:
            lost = f"{self._encoding.encoder.label} lost {len(self._waiting)} frames"
            raise OutputError(f"{lost}: choose another encoder")

    def _checked(self, packets: Iterable[Packet[VideoStream]]) -> Iterator[EncodedPacket]:
        for packet in packets:
            if packet.pts not in self._waiting or not (self._begun or packet.is_keyframe):
                raise OutputError(f"{self._encoding.encoder.label} cannot write in parts: choose another encoder")
            self._waiting.remove(packet.pts)
            self._begun = True
            dts = packet.pts if packet.dts is None else packet.dts
            yield EncodedPacket(
                PacketFacts(packet.pts, dts, packet.duration or 0, packet.is_keyframe, packet.size), bytes(packet)
            )

    def _failed(self, problem: Exception) -> OutputError:
        reason = str(getattr(problem, "strerror", None) or problem).splitlines()[0]
        return OutputError(f"the video cannot be encoded ({self._encoding.encoder.label}): {reason}")


def common_header(encoding: Encoding) -> bytes | None:
    """The header that encoders with these settings have. None where it differs from one to the next: such cannot join.

    Only two are asked; ``VideoWriter.write_packet`` looks at the header of every packet.
    """
    first, second = (SegmentEncoder(encoding).header for _ in range(2))
    return first if first == second else None


def reordering_delay(packets: Sequence[PacketFacts]) -> int:
    """How many packets a decoder gets before it shows the first picture: by their times, and at least by their order.

    ``packets`` are those of a whole segment.
    """
    shown = {tick: place for place, tick in enumerate(sorted(facts.pts for facts in packets))}
    first = next(iter(shown))
    by_times = next((place for place, facts in enumerate(packets) if facts.dts == first), 0)
    return max(by_times, *(place - shown[facts.pts] for place, facts in enumerate(packets)))


def decoding_ticks(shown: Iterable[int], *, delay: int) -> Iterator[int]:
    """When each packet of a video is decoded, in order: times that grow and are never later than it is shown.

    ``shown`` are the growing times of its pictures. A packet is decoded when the picture ``delay`` places before is
    shown, the first ones as much before the first picture. These are x264's own times within a segment.
    """
    ticks = iter(shown)
    first = list(islice(ticks, delay + 1))
    yield from (tick - (first[-1] - first[0]) for tick in first[:delay])
    waiting: deque[int] = deque()
    for tick in chain(first, ticks):
        waiting.append(tick)
        if len(waiting) > delay:
            yield waiting.popleft()


def join(writer: VideoWriter, segments: Sequence[EncodedSegment]) -> Iterator[EncodedSegment]:
    """Write the segments, one after another, and the sound that goes with each; yields every one that is written."""
    ticks = decoding_ticks(_shown(segments), delay=max((segment.delay for segment in segments), default=0))
    for segment in segments:
        index = segment.index()
        for facts, data, time in zip(index.packets, segment.data(), index.times, strict=True):
            packet = Packet(data)
            packet.pts, packet.dts, packet.duration = facts.pts, next(ticks), facts.duration
            packet.is_keyframe = facts.is_keyframe
            writer.write_packet(packet, header=segment.header, time=time)
        yield segment


def _shown(segments: Iterable[EncodedSegment]) -> Iterator[int]:
    """The times of all pictures, in order."""
    last: int | None = None
    for segment in segments:
        for tick in sorted(facts.pts for facts in segment.index().packets):
            if last is not None and tick <= last:
                raise OutputError("the encoded parts of the video overlap; start the work anew")
            yield tick
            last = tick
