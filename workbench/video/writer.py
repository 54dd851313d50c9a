"""Video files as sinks: frames with the times of their source, its sound, and nothing else of it."""

from __future__ import annotations

import errno
from contextlib import suppress
from fractions import Fraction
from math import lcm
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from workbench.data import Frame, VideoInfo
from workbench.errors import OutputError, UsageError
from workbench.video.encoders import ContainerName, choose_encoder
from workbench.video.encoding import Encoding
from workbench.video.layout import Layout
from workbench.video.leftovers import left_out
from workbench.video.options import OutputOptions
from workbench.video.part_file import PartFile
from workbench.video.priority import same_priority
from workbench.video.slots import FrameSlots
from workbench.video.sound import FORMATS, Sound
from workbench.video.timing import TimeRange

CONTAINER_OF_ENDING: dict[str, ContainerName] = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mp4",
    ".webm": "webm",
    ".avi": "avi",
    ".mkv": "mkv",
}

MAX_TIMESCALE = 2**31 - 1
"""MP4 keeps its clocks in 32 bits, signed in some readers."""


class VideoWriter:
    """Writes frames as they are in memory (``Frame.native``, whose planes were edited in place).

    Every frame keeps its source time. The sound of ``source`` is copied, bit for bit where the container can hold its
    codec. Rotation flag, pixel shape and colour tags survive; subtitles, chapters, covers and descriptive data do not.
    Instead of frames it takes packets as well, made by encoders of the same ``plan`` (see ``joining``).
    With a start or an end (seconds after the first frame) the output begins at 0, picture and sound moved alike.

    The file appears under its name when the ``with`` block ends without an error; else nothing is left. ``notes`` then
    says what differs from the source, ``encoder`` which encoder really ran. Raises OutputError, in one line.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        source: Path | str,
        info: VideoInfo,
        options: OutputOptions,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        overwrite: bool = True,
    ) -> None:
        self.path = Path(path)
        self.frames_written = 0
        self.notes: list[str] = []
        self._source = Path(source)
        self._info = info
        self._options = options
        self._overwrite = overwrite
        self._range = TimeRange.of(start_seconds, end_seconds)
        self._container = container_for(self.path, options)
        self._encoder = choose_encoder(self._container, options=options, bit_depth=info.colour.bit_depth)
        self._part: PartFile | None = None
        self._output: OutputContainer | None = None
        self._sound: Sound | None = None
        self._encoding: Encoding | None = None
        self._stream: VideoStream
        self._slots: FrameSlots

    @property
    def encoder(self) -> str:
        """The encoder that really runs, with its speed and quality."""
        return self._encoder.label

    def __enter__(self) -> Self:
        self._part = PartFile(self.path, source=self._source, overwrite=self._overwrite)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._part is not None
        try:
            if error is None:
                self._finish()
                self._part.complete()
        except (FFmpegError, OSError, ValueError) as problem:
            raise self._failed(problem) from problem
        finally:
            self._abandon()

    def plan(self, first: Frame) -> tuple[Encoding, FrameSlots]:
        """Settle how every frame is encoded and when it is shown, from the source's first. ``write`` does it itself."""
        native = native_of(first)
        self._slots = FrameSlots.plan(
            self._source, container=self._container, info=self._info, first=first.pts, whole=self._range.is_whole
        )
        layout = Layout.plan(
            native,
            encoder=self._encoder,
            max_height=self._options.max_height,
            keeps_rotation=self._container != "avi" and self._options.rotation == "keep",
            pixel_shape=self._info.sample_aspect_ratio if self._container == "webm" else Fraction(1),
        )
        self._encoding = Encoding(
            self._container, self._encoder, layout, self._slots.time_base, self._slots.rate, self._info, native
        )
        return self._encoding, self._slots

    def write(self, frame: Frame) -> None:
        """Encode one frame. Its picture may be reused by the caller afterwards, its time must grow."""
        native = native_of(frame)
        try:
            if self._output is None:
                self.plan(frame)
                self._start(frame.pts * frame.time_base)
            assert self._output is not None and self._sound is not None and self._encoding is not None
            self._output.mux(self._encoding.encode(self._stream, native, tick=self._slots.place(frame.pts)))
            self._sound.advance(frame.pts * frame.time_base)
        except (FFmpegError, OSError, ValueError) as problem:
            raise self._failed(problem) from problem
        self.frames_written += 1

    def write_packet(self, packet: Packet[Any], *, header: bytes, time: Fraction) -> None:
        """Take a packet with its final times, and the sound up to the source time ``time``.

        Raises OutputError where ``header`` is not the output's own: players would read the packet wrongly.
        """
        try:
            if self._output is None:
                self._start(time)
            assert self._output is not None and self._sound is not None
            if (self._stream.codec_context.extradata or b"") != header:
                raise OutputError(f"{self.path} was not written: its parts were encoded differently; start it anew")
            packet.stream, packet.time_base = self._stream, self._slots.time_base
            self._output.mux_one(packet)
            self._sound.advance(time)
        except (FFmpegError, OSError, ValueError) as problem:
            raise self._failed(problem) from problem
        self.frames_written += 1

    def _start(self, first: Fraction) -> None:
        """Open the file, as planned. ``first`` is the source time of the first frame."""
        assert self._part is not None and self._encoding is not None, "use VideoWriter in a with block"
        self._output = av.open(
            str(self._part.path), mode="w", format=FORMATS[self._container], container_options=self._muxer_options()
        )
        self._stream = self._encoding.add_to(self._output)
        self._sound = Sound(self._source, self._output, container=self._container)
        origin = Fraction(round(self._info.start_seconds / self._info.time_base)) * self._info.time_base
        end = None if self._range.end is None else origin + self._range.end
        with same_priority():
            self._output.start_encoding()
        self._sound.start(from_time=None if self._range.is_whole else first, until_time=end)

    def _muxer_options(self) -> dict[str, str]:
        options = {"fflags": "+bitexact"}  # no random ids: the same input gives the same file
        if self._container == "mp4":
            clock = self._slots.time_base.denominator
            clocks = lcm(clock, *(sound.sample_rate_hz or 1 for sound in self._info.audio))
            options |= {
                "movflags": "+faststart",
                "video_track_timescale": str(clock),
                # start offsets are kept in the unit of the whole file: fine enough for picture and sound alike
                "movie_timescale": str(clocks if clocks <= MAX_TIMESCALE // 100 else clock),
            }
        if self._container != "mp4":
            options["avoid_negative_ts"] = "disabled"  # else the lead-in of the sound would delay the picture
        return options

    def _finish(self) -> None:
        if self._output is None or self._sound is None or self._encoding is None:
            raise OutputError(f"{self.path} was not written: there is no frame to write")
        self._output.mux(self._stream.encode(None))
        self._sound.finish()
        self._output.close()
        self._output = None
        self.notes = [
            *self._encoding.layout.notes,
            *self._slots.notes(),
            *self._sound.notes,
            *left_out(self._source),
            *self._encoding.notes(),
        ]
        if not self._range.is_whole:
            self.notes.append("cut to a part: picture and sound start at 0")

    def _abandon(self) -> None:
        """Free everything and remove what is unfinished; after a complete file nothing is left to do."""
        if self._part is not None:
            self._part.discard()  # before closing: a muxer that completes a removed file has little to do
        if self._output is not None:
            with suppress(FFmpegError, OSError, ValueError):
                self._output.close()
            self._output = None
        if self._sound is not None:
            self._sound.close()
        if self._part is not None:
            self._part.discard()

    def _failed(self, problem: Exception) -> OutputError:
        """The one-line error for a failure while writing."""
        number = getattr(problem, "errno", None)
        if number in {errno.ENOSPC, errno.EDQUOT}:
            return OutputError(f"{self.path} was not written: the disk is full")
        if number == errno.EFBIG:
            return OutputError(f"{self.path} was not written: the file became larger than this system allows")
        reason = str(getattr(problem, "strerror", None) or problem).splitlines()[0]
        size = f"{self._info.width_px}x{self._info.height_px}"
        return OutputError(f"{self.path} was not written ({self.encoder}, {size}): {reason}")


def native_of(frame: Frame) -> VideoFrame:
    if not isinstance(frame.native, VideoFrame):
        raise TypeError("VideoWriter takes the frames of a VideoFile")
    return frame.native


def container_for(path: Path, options: OutputOptions) -> ContainerName:
    """The container asked for, or the one that the name's ending means. Raises UsageError for an unknown ending."""
    if options.container != "auto":
        return options.container
    try:
        return CONTAINER_OF_ENDING[path.suffix.lower()]
    except KeyError:
        known = ", ".join(sorted(CONTAINER_OF_ENDING))
        raise UsageError(
            f"{path.name}: the ending names no container; use one of {known}, or --set output.container=…"
        ) from None
