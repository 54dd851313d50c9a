"""What a file is: opened by its content, never by its name, and never following it to another file or address."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream

from workbench.data import AudioInfo, VideoInfo
from workbench.errors import SourceError
from workbench.video.planes import Orientation, colour_of

READABLE_FORMATS = (
    "mov,matroska,avi,flv,mpegts,mpeg,mpegvideo,m4v,h264,hevc,obu,av1,ivf,mjpeg,ogg,asf,mxf,dv,nut,rm,gif,"
    "yuv4mpegpipe,mp3,wav,flac,aac"
)
"""FFmpeg demuxers that read one file and nothing else. Left out on purpose: playlists (hls, dash, concat, …), which
name further files or addresses; picture sequences; and text shown as video (tty). The sound formats at the end are
there to be told apart in the message."""

FIRST_FRAME_PACKETS = 600
"""A file that gives no picture within this many packets (20 s at 30 fps) gives none."""

FALLBACK_FPS = Fraction(25)

_CONTAINER_NAMES = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "mkv"}
_HDR_TRANSFERS = {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67}
_INTERLACED_FIELD_ORDERS = {2, 3, 4, 5}  # AVFieldOrder: 0 unknown, 1 progressive, then the four interlaced orders


@dataclass(frozen=True)
class StoredPicture:
    """How the pictures lie in the file: size before the rotation flag, and how they are turned for display."""

    width: int
    height: int
    orientation: Orientation


def open_source(path: Path) -> InputContainer:
    """The file, opened for reading. Raises SourceError, in one line, for whatever is no readable media file."""
    path = path.absolute()  # FFmpeg takes a name with a colon for an address unless it starts with a slash
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{path} is a folder: name a video file")
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{path} is not a file: name a video file")
    if status.st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes)")
    limits = {"format_whitelist": READABLE_FORMATS, "protocol_whitelist": "file"}
    try:
        return av.open(str(path), mode="r", metadata_errors="replace", container_options=limits)
    except PermissionError as error:
        raise SourceError(f"{path} cannot be read: permission denied") from error
    except (FFmpegError, ValueError) as error:
        raise SourceError(f"{path} is no video, is damaged beyond reading, or is of an unknown kind") from error


def is_cover(stream: Stream) -> bool:
    """Whether a video stream is a still picture that only decorates the file."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def main_video(container: InputContainer) -> VideoStream:
    """The video to work on: the one marked as default, then the largest. Raises SourceError if there is none."""
    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    if not streams:
        covers = " and a cover picture" if container.streams.video else ""
        what = f"only sound{covers}" if container.streams.audio else "no video"
        raise SourceError(f"{container.name} holds {what}: name a file with a video")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise SourceError(f"{container.name} holds a video in a codec that this program does not know")
    return max(known, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height, -s.index))


def probe(path: Path | str) -> VideoInfo:
    """Facts about a video file. Decodes its first frame; raises SourceError if there is none."""
    return examine(Path(path))[0]


def examine(path: Path) -> tuple[VideoInfo, StoredPicture]:
    """``probe`` and how the pictures are stored."""
    with open_source(path) as container:
        stream = main_video(container)
        native = _first_frame(container, stream)
        orientation = Orientation.of(native)
        width, height = orientation.size(native.width, native.height)
        time_base = stream.time_base or Fraction(1, 90000)
        info = VideoInfo(
            path=path,
            container=_CONTAINER_NAMES.get(container.format.name, container.format.name),
            codec=stream.codec_context.codec.canonical_name,
            pixel_format=native.format.name,
            width_px=width,
            height_px=height,
            rotation_degrees=orientation.rotation_degrees,
            sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
            average_fps=_rate(stream),
            time_base=time_base,
            frames_in_header=stream.frames or None,
            duration_seconds_in_header=_duration(container, stream),
            start_seconds=float((stream.start_time or 0) * time_base),
            colour=colour_of(native),
            hdr=native.color_trc in _HDR_TRANSFERS,
            interlaced=native.interlaced_frame or stream.codec_context.field_order in _INTERLACED_FIELD_ORDERS,
            size_bytes=path.stat().st_size,
            audio=tuple(_audio(sound) for sound in container.streams.audio),
            subtitle_streams=len(container.streams.subtitles),
            other_streams=len(container.streams) - 1 - len(container.streams.audio) - len(container.streams.subtitles),
        )
        return info, StoredPicture(native.width, native.height, orientation)


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    try:
        for packet in islice(container.demux(stream), FIRST_FRAME_PACKETS):
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            if frames:
                return frames[0]
    except FFmpegError as error:
        raise SourceError(f"{container.name} breaks before its first picture") from error
    raise SourceError(f"{container.name} holds no picture that can be read")


def _rate(stream: VideoStream) -> Fraction:
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return next((rate for rate in rates if rate), FALLBACK_FPS)


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _audio(stream: Any) -> AudioInfo:
    context = stream.codec_context
    return AudioInfo(
        index=stream.index,
        codec=context.codec.canonical_name if context else "unknown",
        channels=context.channels if context else 0,
        sample_rate_hz=context.sample_rate if context else 0,
        language=stream.language,
    )
