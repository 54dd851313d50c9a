"""Pictures and sound out of an open container: a file's or a connection's, read in one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import Any, Literal

from av.container import InputContainer
from av.error import ExitError, FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from workbench.data import AudioInfo, VideoInfo
from workbench.errors import SourceError
from workbench.live.pictures import upright
from workbench.live.sound import SoundFormat, SoundPacket
from workbench.video.planes import colour_of
from workbench.video.probing import FALLBACK_FPS, is_cover

MOST_FPS = 240  # beyond it a rate in a header is the clock's, not the pictures'


@dataclass(frozen=True, eq=False)
class Shown:
    """An upright picture and its time in seconds of the container's clock; None where the container has no times."""

    picture: VideoFrame
    time: Fraction | None


class Demuxed:
    """The largest video and the first sound of ``container``. ``label`` names it in errors, which hold nothing else.

    The first picture is decoded at once, so that ``info`` states facts. With ``stall_seconds`` a container that gives
    no picture for so long is broken. ``stopped``, set by another thread, ends the reading at the next packet.
    """

    def __init__(
        self,
        container: InputContainer,
        *,
        label: str,
        on_sound: Callable[[Any], None] | None,
        stopped: threading.Event,
        threads: Literal["AUTO", "SLICE"],
        stall_seconds: float | None = None,
    ) -> None:
        self.container, self.label = container, label
        self.damaged = 0  # packets that could not be decoded, and pictures left out because parts of them were lost
        self._stands = True  # what pictures build on: the last key frame came whole
        self.ends_at = Fraction(0)  # where the last picture read ceases to be shown
        self._on_sound, self._stopped, self._stall = on_sound, stopped, stall_seconds
        self._reformatter = VideoReformatter()
        self._video = _largest(container, label)
        self._video.codec_context.thread_type = threads  # frame threads hold back as many pictures as there are
        if threads == "SLICE":  # of several, FFmpeg would look for no damage
            self._video.codec_context.thread_count = 1
        self._sound = next(iter(container.streams.audio), None) if on_sound is not None else None
        self._form: SoundFormat | None = None
        self._unit = self._video.time_base or Fraction(1, 90_000)
        self.rate = _rate(self._video)
        self._rest = self._pictures()
        first = next(self._rest, None)
        if first is None:
            raise SourceError(f"{label} holds no picture that can be read")
        self._first: list[Shown] = [first]
        self.info = _info(container, self._video, first.picture, rate=self.rate, unit=self._unit)

    def pictures(self) -> Iterator[Shown]:
        """Every picture once. Raises SourceError where the container breaks or stalls."""
        first, self._first = self._first, []
        return chain(first, self._rest)

    def close(self) -> None:
        """Free it; only in the thread that reads it."""
        self._rest.close()  # type: ignore[attr-defined]
        self.container.close()

    def _pictures(self) -> Iterator[Shown]:
        heard = time.monotonic()
        for packet in self._packets():
            if self._stopped.is_set():
                return
            if packet.stream is self._sound:
                self._hear(packet)
            else:
                for native in self._decoded(packet):
                    if self._is_whole(native):
                        yield self._shown(native)
                        heard = time.monotonic()
            if self._stall is not None and time.monotonic() - heard > self._stall:
                raise SourceError(f"{self.label} has given no picture for {self._stall:g} s")

    def _packets(self) -> Iterator[Packet[Any]]:
        streams = [self._video] if self._sound is None else [self._video, self._sound]
        try:
            yield from self.container.demux(*streams)
        except ExitError:
            said = f"{self.label} has sent nothing for {float(self.container.read_timeout or 0):g} s"
        except (FFmpegError, OSError):
            said = f"{self.label} broke off"
        else:
            return
        raise SourceError(said)  # out here, so that what FFmpeg says, with the address in it, hangs on no error

    def _decoded(self, packet: Packet[Any]) -> list[VideoFrame]:
        try:
            return packet.decode()
        except FFmpegError:
            self.damaged += 1
            return []

    def _is_whole(self, native: VideoFrame) -> bool:
        """Whether nothing of the picture was lost on the way. In what a decoder makes up in its place, a person may
        see a face and the detector none; behind a damaged key frame that holds for all until the next one.
        """
        if native.key_frame:
            self._stands = not native.is_corrupt
        if self._stands and not native.is_corrupt:
            return True
        self.damaged += 1
        return False

    def _shown(self, native: VideoFrame) -> Shown:
        picture = upright(native, reformatter=self._reformatter)
        stamp = native.pts if native.pts is not None else native.dts
        moment = None if stamp is None else stamp * self._unit
        if moment is not None:
            self.ends_at = max(self.ends_at, moment + 1 / self.rate)
        picture.time_base = self._unit
        return Shown(picture, moment)

    def _hear(self, packet: Packet[Any]) -> None:
        if not packet.size or self._on_sound is None:
            return
        if self._form is None:
            self._form = SoundFormat.of(packet)
        stamp = packet.pts if packet.pts is not None else packet.dts
        if self._form is not None and stamp is not None:
            self._on_sound(SoundPacket(bytes(packet), stamp, packet.time_base, self._form))


@dataclass
class Pace:
    """Holds pictures back to the moment at which they are due, counted from the first one.

    ``patient``: a picture that comes late moves what follows, as for a stream that comes in bursts; else it is made up.
    """

    stopped: threading.Event
    patient: bool
    _anchor: float | None = field(default=None, init=False)  # the monotonic time that is 0 on the pictures' clock

    def wait(self, moment: Fraction) -> None:
        now = time.monotonic()
        if self._anchor is None:
            self._anchor = now - float(moment)
        early = self._anchor + float(moment) - now
        if early > 0:
            self.stopped.wait(early)
        elif self.patient:
            self._anchor -= early


def _largest(container: InputContainer, label: str) -> VideoStream:
    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        what = "a video in a codec that this program does not know" if streams else "no video"
        raise SourceError(f"{label} holds {what}")
    return max(known, key=lambda stream: (stream.width * stream.height, -stream.index))


def _rate(stream: VideoStream) -> Fraction:
    rates = (stream.average_rate, stream.guessed_rate)
    return next((rate for rate in rates if rate and 0 < rate <= MOST_FPS), FALLBACK_FPS)


def _info(
    container: InputContainer, stream: VideoStream, first: VideoFrame, *, rate: Fraction, unit: Fraction
) -> VideoInfo:
    """Facts about what is shown: upright, 8 bit; the header's claims about a length are left out."""
    return VideoInfo(
        path=None,
        container=container.format.name,
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=first.format.name,
        width_px=first.width,
        height_px=first.height,
        rotation_degrees=0,
        sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
        average_fps=rate,
        time_base=unit,
        frames_in_header=None,
        duration_seconds_in_header=None,
        start_seconds=0.0,
        colour=colour_of(first),
        hdr=False,
        interlaced=False,
        size_bytes=None,
        audio=tuple(
            AudioInfo(
                s.index, s.codec_context.codec.canonical_name, s.codec_context.channels, s.sample_rate, s.language
            )
            for s in container.streams.audio
            if s.codec_context is not None
        ),
    )
