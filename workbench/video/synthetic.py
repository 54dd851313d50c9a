"""Test clips of any codec, container, shape and timing: a moving gradient with noise, and sine tones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from workbench.video.planes import SCALER_THREADS
from workbench.video.priority import same_priority

SUBTITLE_CODECS = {"mp4": "mov_text", "mov": "mov_text", "webm": "webvtt"}
"""Text subtitle codec by container; the others take SubRip."""


@dataclass(frozen=True)
class Tone:
    """One sound track: a sine."""

    codec: str = "aac"
    rate_hz: int = 48_000
    channels: int = 1
    frequency_hz: float = 440
    start_seconds: float = 0
    language: str | None = None


@dataclass(frozen=True)
class Clip:
    """What a test clip is made of. ``container`` is FFmpeg's name of a muxer (None: by the file's ending).

    ``ticks`` are the frames' times in units of ``time_base`` (None: ``frames`` frames at ``fps``). Size and pixel
    shape are as stored, ``rotation_degrees`` is the clockwise turn that shows the picture upright. ``colour`` is
    (range, matrix, primaries, transfer) in FFmpeg's numbers.
    """

    container: str | None = None
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    width: int = 64
    height: int = 48
    frames: int = 12
    fps: Fraction = Fraction(25)
    time_base: Fraction | None = None
    ticks: Sequence[int] | None = None
    start_seconds: Fraction = Fraction(0)
    rotation_degrees: int = 0
    sample_aspect_ratio: Fraction = Fraction(1)
    colour: tuple[int, int, int, int] = (0, 2, 2, 2)
    interlaced: bool = False
    tones: Sequence[Tone] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    chapters: int = 0
    subtitles: bool = False
    cover: bool = False
    video: bool = True


def write_clip(path: Path, clip: Clip) -> Path:
    """Write ``clip`` to ``path`` and return the path. Raises PyAV's errors: this is for tests and checks."""
    with same_priority(), av.open(str(path.absolute()), mode="w", format=clip.container) as output:
        output.metadata.update(clip.metadata)
        if clip.chapters:
            output.set_chapters([_chapter(number) for number in range(clip.chapters)])
        video = _add_video(output, clip) if clip.video else None
        tones = [(tone, _add_tone(output, tone)) for tone in clip.tones]
        subtitles = output.add_mux_stream(SUBTITLE_CODECS.get(output.format.name, "subrip")) if clip.subtitles else None
        cover = _add_cover(output) if clip.cover else None
        if cover is not None:
            output.mux(cover.encode(picture(0, width=32, height=32, pixel_format="yuvj420p")))
        for number, tick in enumerate(_ticks(clip) if video is not None else ()):
            assert video is not None
            frame = picture(number, width=clip.width, height=clip.height, pixel_format=clip.pixel_format)
            frame.pts, frame.time_base = tick, video.codec_context.time_base
            _tag(frame, clip)
            output.mux(video.encode(frame))
        if video is not None:
            output.mux(video.encode(None))
        for tone, stream in tones:
            for sound in _sine(tone, seconds=_seconds(clip)):
                output.mux(stream.encode(sound))
            output.mux(stream.encode(None))
        if subtitles is not None:
            text: Packet = Packet(b"\x00\x05Hello" if output.format.name in {"mp4", "mov"} else b"Hello")  # type: ignore[type-arg]
            text.stream, text.time_base, text.pts, text.dts, text.duration = subtitles, Fraction(1, 1000), 0, 0, 200
            output.mux(text)
    return path


def picture(number: int, *, width: int, height: int, pixel_format: str = "yuv420p") -> VideoFrame:
    """The ``number``-th picture: a gradient that moves by two pixels a frame, with noise; the same at every call."""
    noise = np.random.default_rng(number)
    x, y = np.meshgrid(np.arange(width) + 2 * number, np.arange(height))
    colours = np.stack([x * 3 % 256, y * 5 % 256, (x + y) * 2 % 256], axis=-1)
    noisy = np.clip(colours + noise.integers(-6, 7, colours.shape), 0, 255).astype(np.uint8)
    return VideoFrame.from_ndarray(noisy, format="rgb24").reformat(format=pixel_format, threads=SCALER_THREADS)


def _ticks(clip: Clip) -> Sequence[int]:
    if clip.ticks is not None:
        return clip.ticks
    base = _time_base(clip)
    return [round((clip.start_seconds + number / clip.fps) / base) for number in range(clip.frames)]


def _time_base(clip: Clip) -> Fraction:
    return clip.time_base or 1 / clip.fps


def _seconds(clip: Clip) -> float:
    return float(len(_ticks(clip)) / clip.fps)


def _add_video(output: OutputContainer, clip: Clip) -> VideoStream:
    stream = output.add_stream(clip.codec, rate=clip.fps, options=dict(clip.options))
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = clip.width, clip.height, clip.pixel_format
    context.time_base = stream.time_base = _time_base(clip)
    context.sample_aspect_ratio = clip.sample_aspect_ratio
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = clip.colour
    if clip.interlaced:
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.field_order = 2  # top field first
    if clip.rotation_degrees:
        stream.set_display_rotation(-clip.rotation_degrees)
    return stream


def _tag(frame: VideoFrame, clip: Clip) -> None:
    frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = clip.colour


def _add_tone(output: OutputContainer, tone: Tone) -> AudioStream:
    stream = output.add_stream(tone.codec, rate=tone.rate_hz)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = "mono" if tone.channels == 1 else "stereo"
    stream.codec_context.time_base = Fraction(1, tone.rate_hz)
    if tone.language is not None:
        stream.metadata["language"] = tone.language
    return stream


def _sine(tone: Tone, *, seconds: float) -> Iterator[AudioFrame]:
    """Float samples in pieces of 20 ms."""
    start = round(tone.start_seconds * tone.rate_hz)
    piece = tone.rate_hz // 50
    layout = "mono" if tone.channels == 1 else "stereo"
    for first in range(0, int(seconds * tone.rate_hz), piece):
        phase = 2 * np.pi * tone.frequency_hz * (first + np.arange(piece)) / tone.rate_hz
        wave = np.tile((0.3 * np.sin(phase)).astype(np.float32), (tone.channels, 1))
        frame = AudioFrame.from_ndarray(wave, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = tone.rate_hz, Fraction(1, tone.rate_hz), start + first
        yield frame


def _add_cover(output: OutputContainer) -> VideoStream:
    stream = output.add_stream("mjpeg", rate=1)
    assert isinstance(stream, VideoStream)
    stream.codec_context.width = stream.codec_context.height = 32
    stream.codec_context.pix_fmt = "yuvj420p"
    stream.disposition = Disposition.attached_pic
    return stream


def _chapter(number: int) -> av.container.core.Chapter:
    base = Fraction(1, 1000)
    return {
        "id": number,
        "start": 100 * number,
        "end": 100 * number + 100,
        "time_base": base,
        "metadata": {"title": "x"},
    }
