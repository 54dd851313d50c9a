"""Video files as sinks: frames with the times of their source, its sound, and nothing else of it."""

from __future__ import annotations

import errno
from contextlib import suppress
from fractions import Fraction
from math import lcm
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from workbench.data import Frame, VideoInfo
from workbench.errors import OutputError, UsageError
from workbench.video.encoders import ContainerName, choose_encoder
from workbench.video.hdr import CARRIERS, hdr_description, hdr_options
from workbench.video.layout import Layout
from workbench.video.leftovers import left_out
from workbench.video.options import OutputOptions
from workbench.video.part_file import PartFile
from workbench.video.planes import Orientation, display_matrix
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

_FF_LAMBDA = 118  # FFmpeg's quality unit: one quantiser step


class VideoWriter:
    """Writes frames as they are in memory (``Frame.native``, whose planes were edited in place).

    Every frame keeps its source time. The sound of ``source`` is copied, bit for bit where the container can hold its
    codec. Rotation flag, pixel shape and colour tags survive; subtitles, chapters, covers and descriptive data do not.
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
        self._other_notes: list[str] = []
        self._stream: VideoStream
        self._layout: Layout
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

    def write(self, frame: Frame) -> None:
        """Encode one frame. Its picture may be reused by the caller afterwards, its time must grow."""
        native = frame.native
        if not isinstance(native, VideoFrame):
            raise TypeError("VideoWriter takes the frames of a VideoFile")
        try:
            if self._output is None:
                self._start(frame, native)
            assert self._output is not None and self._sound is not None
            picture = self._layout.apply(native)
            picture.pts = self._slots.place(frame.pts)
            picture.time_base = self._slots.time_base
            picture.pict_type = 0  # else the encoder repeats the source's choice of key frames
            self._output.mux(self._stream.encode(picture))
            self._sound.advance(frame.pts * frame.time_base)
        except (FFmpegError, OSError, ValueError) as problem:
            raise self._failed(problem) from problem
        self.frames_written += 1

    def _start(self, frame: Frame, native: VideoFrame) -> None:
        """Open the file, with everything known from the first frame."""
        assert self._part is not None, "use VideoWriter in a with block"
        first = frame.pts * frame.time_base
        self._slots = FrameSlots.plan(
            self._source, container=self._container, info=self._info, first=frame.pts, whole=self._range.is_whole
        )
        self._output = av.open(
            str(self._part.path), mode="w", format=FORMATS[self._container], container_options=self._muxer_options()
        )
        self._layout = Layout.plan(
            native,
            encoder=self._encoder,
            max_height=self._options.max_height,
            keeps_rotation=self._container != "avi" and self._options.rotation == "keep",
            pixel_shape=self._info.sample_aspect_ratio if self._container == "webm" else Fraction(1),
        )
        self._stream = self._add_video(native)
        self._sound = Sound(self._source, self._output, container=self._container)
        origin = Fraction(round(self._info.start_seconds / self._info.time_base)) * self._info.time_base
        end = None if self._range.end is None else origin + self._range.end
        self._other_notes = self._notes_of(native)
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

    def _add_video(self, native: VideoFrame) -> VideoStream:
        assert self._output is not None
        encoder, layout = self._encoder, self._layout
        rate = self._slots.rate
        stream = self._output.add_stream(encoder.codec, rate=rate)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = layout.encoded_width, layout.encoded_height
        context.pix_fmt = encoder.pixel_format
        context.time_base = stream.time_base = self._slots.time_base
        # VP9 and AV1 carry no pixel shape and PyAV cannot set the container's: Layout made the pixels square
        shape = Fraction(1) if self._container == "webm" else self._info.sample_aspect_ratio
        context.sample_aspect_ratio = 1 / shape if layout.orientation.transposed else shape
        context.color_range = 1 if layout.to_limited else native.color_range
        context.colorspace, context.color_primaries = native.colorspace, native.color_primaries
        context.color_trc = native.color_trc
        context.options = hdr_options(native, codec=encoder.codec, options=encoder.options)
        if encoder.quantiser is not None:
            context.qscale = True
            context.global_quality = encoder.quantiser * _FF_LAMBDA
        if encoder.tag is not None and self._container == "mp4":
            context.codec_tag = encoder.tag
        if self._info.interlaced and encoder.interlaced:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        matrix = display_matrix(native)
        if matrix is not None and layout.orientation == Orientation():
            stream.set_display_matrix(matrix)
        return stream

    def _finish(self) -> None:
        if self._output is None or self._sound is None:
            raise OutputError(f"{self.path} was not written: there is no frame to write")
        self._output.mux(self._stream.encode(None))
        self._sound.finish()
        self._output.close()
        self._output = None
        self.notes = [
            *self._layout.notes,
            *self._slots.notes(),
            *self._sound.notes,
            *left_out(self._source),
            *self._other_notes,
        ]

    def _notes_of(self, native: VideoFrame) -> list[str]:
        """What the encoder cannot carry over from the source's pictures."""
        notes = []
        if self._info.interlaced and (not self._encoder.interlaced or self._layout.height != native.height):
            notes.append("interlaced video was encoded as progressive: moving edges may show comb lines")
        if any(hdr_description(native)) and self._encoder.codec not in CARRIERS:
            notes.append("the HDR10 description of the mastering screen was left out")
        if not self._range.is_whole:
            notes.append("cut to a part: picture and sound start at 0")
        return notes

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
