"""Decoded pictures of one file in presentation order, read past damage, from any point in time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import floor
from pathlib import Path
from typing import Literal

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from workbench.video.probing import main_video, open_source

Threads = Literal["AUTO", "SLICE"]

MAX_READ_FAILURES = 8
"""Read errors in a row, without a packet between them, after which the rest of a file is given up."""

SEEK_MARGINS_SECONDS = (0, 5, 30)
"""How much earlier to seek when the first try lands behind the wanted time, before reading from the beginning."""


@dataclass
class Damage:
    """What was wrong with a file, counted while it is read."""

    read_errors: int = 0
    bad_packets: int = 0
    corrupt_frames: int = 0

    def notes(self) -> list[str]:
        said = [
            (self.read_errors, "read errors in the file"),
            (self.bad_packets, "damaged packets: what they held is missing or was patched up"),
            (self.corrupt_frames, "pictures are damaged and were used as far as they could be decoded"),
        ]
        return [f"{count} {text}" for count, text in said if count]


class _DamageMet(Exception):
    """Decoding on several threads met damage: pictures behind it may be lost."""


def decoded(path: Path, *, from_tick: int | None, damage: Damage) -> Iterator[VideoFrame]:
    """Every picture from the key frame at or before ``from_tick`` on (None: from the beginning).

    Frame threads lose pictures behind a damaged packet, how many depends on their number. So at the first damage the
    reading goes on from the last key frame without them: the same pictures come out on every machine.
    """
    last: int | None = None
    count = 0
    try:
        for native in _from(path, from_tick, threads="AUTO", damage=Damage()):
            last, count = native.pts, count + 1
            yield native
    except _DamageMet:
        pass
    else:
        return
    resume = from_tick if last is None else last
    with closing(_from(path, resume, threads="SLICE", damage=damage)) as rest:
        yield from islice(rest, count, None) if last is None else _behind(rest, last)


def _behind(natives: Iterator[VideoFrame], last: int) -> Iterator[VideoFrame]:
    """The pictures behind the one at ``last``. Times may jump back later, so they are compared only up to there."""
    for native in natives:
        if native.pts is not None and native.pts >= last:
            if native.pts > last:
                yield native
            break
    yield from natives


def packets(container: InputContainer, *streams: Stream, damage: Damage) -> Iterator[Packet[Stream]]:
    """The packets of the streams, read past errors, then an empty one that drains a decoder of the first."""
    failures = 0
    while failures < MAX_READ_FAILURES:
        try:
            for packet in container.demux(*streams):
                if packet.size:
                    failures = 0
                    yield packet
                elif packet.pts is None and packet.dts is None:
                    yield packet
                    return
        except FFmpegError:
            damage.read_errors += 1
            failures += 1
    drain: Packet[Stream] = Packet()
    drain.stream, drain.time_base = streams[0], streams[0].time_base or Fraction(1)
    yield drain


def only(container: InputContainer, *wanted: Stream) -> None:
    """Let the demuxer skip every other stream."""
    for stream in container.streams:
        if stream not in wanted:
            stream.discard = Discard.all


def frames_before(path: Path, tick: int) -> int:
    """How many frames of the video are shown before ``tick``: counted in the file, nothing is decoded."""
    count = 0
    with open_source(path) as container:
        stream = main_video(container)
        only(container, stream)
        for packet in packets(container, stream, damage=Damage()):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if packet.dts is not None and packet.dts >= tick:
                break  # no later packet is shown earlier than it is decoded
            count += stamp is not None and stamp < tick and not packet.is_discard
    return count


def _from(path: Path, tick: int | None, *, threads: Threads, damage: Damage) -> Generator[VideoFrame, None, None]:
    """Pictures from a key frame that is certainly at or before ``tick``."""
    for margin in SEEK_MARGINS_SECONDS if tick is not None else ():
        run = _run(path, tick, margin_seconds=margin, threads=threads, damage=damage)
        first = next(run, None)
        if first is not None and first.pts is not None and tick is not None and first.pts <= tick:
            yield first
            yield from run
            return
        run.close()
    yield from _run(path, None, margin_seconds=0, threads=threads, damage=damage)


def _run(
    path: Path, tick: int | None, *, margin_seconds: int, threads: Threads, damage: Damage
) -> Generator[VideoFrame, None, None]:
    with open_source(path) as container:
        stream = main_video(container)
        only(container, stream)
        stream.codec_context.thread_type = threads
        if tick is not None and not _seek(container, stream, tick, margin_seconds):
            return
        owed = 0
        for packet in packets(container, stream, damage=damage):
            owed += bool(packet.size) and not packet.is_discard
            try:
                natives: list[VideoFrame] = packet.decode()  # type: ignore[assignment]
            except FFmpegError as error:
                if threads == "AUTO":
                    raise _DamageMet from error
                damage.bad_packets += 1
                continue
            owed -= len(natives)
            corrupt = sum(native.is_corrupt for native in natives)
            if threads == "AUTO" and (corrupt or packet.is_corrupt or damage.read_errors):
                raise _DamageMet  # without frame threads the decoder can also patch up what is missing
            damage.bad_packets += packet.is_corrupt
            damage.corrupt_frames += corrupt
            yield from natives
        if threads == "AUTO" and owed > 0:
            raise _DamageMet


def _seek(container: InputContainer, stream: VideoStream, tick: int, margin_seconds: int) -> bool:
    margin = floor(margin_seconds / (stream.time_base or 1))
    try:
        container.seek(tick - margin, stream=stream, backward=True)
    except FFmpegError:
        return False
    return True
