"""Whether the sound of a source is still in an output: packet by packet, without decoding any."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from workbench.video.decoding import Damage, only, packets
from workbench.video.probing import open_source

SoundKept = Literal["none", "identical", "converted", "shortened", "missing"]
"""``converted``: as long as the source's, in other packets. ``none``: the source has no sound."""

LOST_SECONDS = Fraction(1, 2)  # less may be missing at an end: encoders cut and fill the last packet differently


@dataclass(frozen=True)
class _Track:
    """One audio stream: a digest of its packets, their times after the first one, and its end; in seconds."""

    digest: bytes
    times: tuple[Fraction, ...]
    tick: Fraction
    seconds: Fraction


def compare_sound(source: Path, output: Path) -> SoundKept:
    """The worst of what became of the source's audio streams. Raises SourceError for a file that cannot be read."""
    theirs, ours = _tracks(source), _tracks(output)
    if not theirs:
        return "none"
    if len(ours) < len(theirs):
        return "missing"
    return _worst([_compared(before, after) for before, after in zip(theirs, ours, strict=False)])


def _worst(kept: Sequence[SoundKept]) -> SoundKept:
    order: tuple[SoundKept, ...] = ("missing", "shortened", "converted", "identical")
    return next(word for word in order if word in kept)


def _compared(before: _Track, after: _Track) -> SoundKept:
    tick = max(before.tick, after.tick)
    if before.digest == after.digest and all(
        abs(one - other) <= tick for one, other in zip(before.times, after.times, strict=True)
    ):
        return "identical"
    if not after.times and before.times:
        return "missing"
    return "shortened" if after.seconds < before.seconds - LOST_SECONDS else "converted"


def _tracks(path: Path) -> list[_Track]:
    with open_source(path) as container:
        streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
        if not streams:
            return []
        only(container, *streams)
        found: dict[int, list[Any]] = {stream.index: [] for stream in streams}
        digests = {stream.index: hashlib.sha256() for stream in streams}
        for packet in packets(container, *streams, damage=Damage()):
            if packet.size and packet.pts is not None:
                digests[packet.stream_index].update(bytes(packet))
                found[packet.stream_index].append((packet.pts, packet.duration or 0))
        return [
            _track(digests[stream.index].digest(), found[stream.index], stream.time_base or Fraction(1, 48000))
            for stream in streams
        ]


def _track(digest: bytes, found: Sequence[tuple[int, int]], tick: Fraction) -> _Track:
    first = found[0][0] if found else 0
    end = max((pts + duration for pts, duration in found), default=0)
    return _Track(digest, tuple((pts - first) * tick for pts, _ in found), tick, (end - first) * tick)
