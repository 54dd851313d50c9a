"""Which encoder writes the video: hardware where a test picture shows that it works, else software."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

from av.codec import Codec, CodecContext
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from workbench.errors import OutputError
from workbench.video.options import OutputOptions

ContainerName = Literal["mp4", "webm", "avi", "mkv"]

HARDWARE: Mapping[str, tuple[str, str]] = {
    "nvenc": ("h264_nvenc", "hevc_nvenc"),
    "qsv": ("h264_qsv", "hevc_qsv"),
    "videotoolbox": ("h264_videotoolbox", "hevc_videotoolbox"),
    "vaapi": ("h264_vaapi", "hevc_vaapi"),
}
"""Hardware by the name of the option: its encoder for 8 bits and for 10 bits."""

TEST_SIZE_PX = (256, 256)
"""Size of the test picture: small, and above the least size of every hardware encoder."""

TEST_TIMEOUT_SECONDS = 20

_DEVICES = {"nvenc": ("/dev/nvidiactl", "/dev/dxg"), "qsv": ("/dev/dri",), "vaapi": ("/dev/dri",)}

_VP9_SPEED = {"ultrafast": 9, "superfast": 8, "veryfast": 7, "faster": 6, "fast": 5, "medium": 4, "slow": 2}
_AV1_SPEED = {"ultrafast": 12, "superfast": 11, "veryfast": 10, "faster": 9, "fast": 8, "medium": 7, "slow": 5}
_NVENC_SPEED = {"ultrafast": 1, "superfast": 2, "veryfast": 3, "faster": 4, "fast": 5, "medium": 6, "slow": 7}


@dataclass(frozen=True)
class Encoder:
    """An encoder and its settings. ``label`` is what reports say, e.g. ``libx264 veryfast crf 20``."""

    codec: str
    pixel_format: str
    label: str
    options: Mapping[str, str] = field(default_factory=dict)
    even_size: bool = False
    full_range: bool = True  # whether the stream can say that its samples use the full range
    interlaced: bool = False  # whether it can code fields
    quantiser: int | None = None  # fixed, for a codec that has no constant rate factor
    tag: str | None = None


def choose_encoder(container: ContainerName, *, options: OutputOptions, bit_depth: int) -> Encoder:
    """The encoder for a container and sample depth. Raises OutputError where what was asked for cannot be done."""
    wanted = options.encoder
    hardware_fits = container in {"mp4", "mkv"}
    if wanted in HARDWARE:
        if not hardware_fits:
            raise OutputError(f"{wanted} cannot write {container} files: choose mp4 or mkv, or the software encoder")
        if (wanted, bit_depth) not in working_hardware():
            raise OutputError(f"the encoder {wanted} does not work here for {bit_depth}-bit video: choose auto")
        return _hardware(wanted, options=options, bit_depth=bit_depth)
    if wanted == "auto" and hardware_fits:
        for kind, depth in working_hardware():
            if depth == bit_depth:
                return _hardware(kind, options=options, bit_depth=bit_depth)
    return _software(container, options=options, bit_depth=bit_depth)


def working_encoders() -> list[str]:
    """Names of the encoders that really work here, software first: for the ``doctor``."""
    names = [name for name in ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg4") if _formats(name)]
    return names + [HARDWARE[kind][depth == 10] for kind, depth in working_hardware()]


@cache
def working_hardware() -> tuple[tuple[str, int], ...]:
    """(kind, bit depth) of each hardware encoder that turned a test picture into a stream.

    Tried in a process of its own: a broken driver may print, hang or crash, and this program must not. Asked once.
    """
    kinds = [kind for kind in HARDWARE if _may_exist(kind)]
    if not kinds:
        return ()
    command = [sys.executable, "-m", "workbench.video.encoders", *kinds]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TEST_TIMEOUT_SECONDS, check=False)
        return tuple((str(kind), int(depth)) for kind, depth in json.loads(done.stdout.splitlines()[-1]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return ()


def _may_exist(kind: str) -> bool:
    """Cheap check that spares most machines the test: the encoder is built in and its device is there."""
    if not _formats(HARDWARE[kind][0]):
        return False
    if sys.platform.startswith("linux"):
        return any(Path(device).exists() for device in _DEVICES.get(kind, ()))
    return True


def _formats(codec: str) -> tuple[str, ...]:
    """Pixel formats an encoder takes; empty if it is not built in."""
    try:
        return tuple(known.name for known in Codec(codec, "w").video_formats or ())
    except UnknownCodecError:
        return ()


def _works(codec: str, pixel_format: str) -> bool:
    """Whether the encoder makes a stream of a grey test picture."""
    try:
        context = CodecContext.create(codec, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = TEST_SIZE_PX
        context.pix_fmt, context.framerate, context.time_base = pixel_format, Fraction(25), Fraction(1, 25)
        picture = VideoFrame(*TEST_SIZE_PX, pixel_format)
        for plane in picture.planes:
            plane.update(b"\x80" * plane.buffer_size)
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        return bool([*context.encode(picture), *context.encode(None)])
    except (FFmpegError, ValueError, OSError, RuntimeError):
        return False


def _hardware(kind: str, *, options: OutputOptions, bit_depth: int) -> Encoder:
    codec, crf = HARDWARE[kind][bit_depth == 10], options.crf
    settings = {
        "nvenc": {"preset": f"p{_NVENC_SPEED[options.speed]}", "rc": "vbr", "cq": str(max(1, crf)), "a53cc": "0"},
        "qsv": {"preset": options.speed.replace("ultra", "very").replace("super", "very"), "a53cc": "0"},
        "videotoolbox": {"a53cc": "0"},
        "vaapi": {"qp": str(crf)},
    }[kind]
    return Encoder(
        codec=codec,
        pixel_format="p010le" if bit_depth == 10 else "nv12",
        label=f"{codec} {options.speed} quality {crf}",
        options=settings,
        even_size=True,
        quantiser={"qsv": crf, "videotoolbox": round(100 - crf * 100 / 51)}.get(kind),  # the latter: 100 is best
        tag="hvc1" if bit_depth == 10 else None,
    )


def _software(container: ContainerName, *, options: OutputOptions, bit_depth: int) -> Encoder:
    if container == "avi":
        if bit_depth > 8:
            raise OutputError("AVI (MPEG-4) cannot hold 10-bit video without washing it out: choose mp4, mkv or webm")
        return _mpeg4(options)
    if container == "webm":
        wanted = "yuv420p" if bit_depth == 8 else "yuv420p10le"
        if wanted in _formats("libvpx-vp9"):
            return _vp9(options, wanted)
        return _av1(options, wanted)
    if bit_depth > 8 and "yuv420p10le" not in _formats("libx264"):
        return _x265(options)
    return _x264(options, "yuv420p" if bit_depth == 8 else "yuv420p10le")


def _x264(options: OutputOptions, pixel_format: str) -> Encoder:
    """Closed captions are text like subtitles, so they are left out (a53cc)."""
    settings = {"preset": options.speed, "crf": str(options.crf), "a53cc": "0"}
    label = f"libx264 {options.speed} crf {options.crf}"
    return Encoder("libx264", pixel_format, label, settings, even_size=True, interlaced=True)


def _x265(options: OutputOptions) -> Encoder:
    crf = min(51, options.crf + 4)  # x265 reaches the quality of x264 at a factor about 4 to 5 higher
    settings = {"preset": options.speed, "crf": str(crf), "x265-params": "log-level=none"}
    label = f"libx265 {options.speed} crf {crf}"
    return Encoder("libx265", "yuv420p10le", label, settings, even_size=True, tag="hvc1")


def _vp9(options: OutputOptions, pixel_format: str) -> Encoder:
    crf = round(options.crf * 63 / 51)  # the scales end at 63 and at 51
    speed = _VP9_SPEED[options.speed]
    settings = {"crf": str(crf), "b": "0", "deadline": "realtime", "cpu-used": str(speed), "row-mt": "1"}
    return Encoder("libvpx-vp9", pixel_format, f"libvpx-vp9 speed {speed} crf {crf}", settings)


def _av1(options: OutputOptions, pixel_format: str) -> Encoder:
    """For 10-bit WebM where the VP9 encoder is built for 8 bits only."""
    if pixel_format not in _formats("libsvtav1"):
        raise OutputError("10-bit video cannot be written as WebM here: choose mp4 or mkv")
    os.environ.setdefault("SVT_LOG", "0")  # the library prints to the terminal unless told by this variable
    crf = round(options.crf * 63 / 51)
    speed = _AV1_SPEED[options.speed]
    settings = {"crf": str(crf), "preset": str(speed)}
    return Encoder("libsvtav1", pixel_format, f"libsvtav1 preset {speed} crf {crf}", settings, even_size=True)


def _mpeg4(options: OutputOptions) -> Encoder:
    """The quantiser from the rate factor by x264's own relation: q = 0.85 * 2 ** ((crf - 12) / 6), 1..31.

    Given as least and most, the rate control has no choice; the bit rate only switches it on.
    """
    quantiser = str(min(31, max(1, round(0.85 * 2 ** ((options.crf - 12) / 6)))))
    settings = {"qmin": quantiser, "qmax": quantiser, "b": "8000000"}
    return Encoder("mpeg4", "yuv420p", f"mpeg4 q {quantiser}", settings, full_range=False, interlaced=True)


def _main(kinds: list[str]) -> None:
    """Entry of the test process: the last line of its output is the JSON list of what works."""
    trials = [(kind, depth, fmt) for kind in kinds for depth, fmt in ((8, "nv12"), (10, "p010le"))]
    found = [(kind, depth) for kind, depth, fmt in trials if _works(HARDWARE[kind][depth == 10], fmt)]
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1:])
