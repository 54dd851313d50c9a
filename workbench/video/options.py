"""Options of the output file: the section ``output`` of a preset. Light: does not import PyAV."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workbench.stages import Options, option

Container = Literal["auto", "mp4", "webm", "avi", "mkv"]
EncoderChoice = Literal["auto", "software", "nvenc", "qsv", "videotoolbox", "vaapi"]
Speed = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]


class OutputOptions(Options):
    """How the output is written: container, encoder, quality, size."""

    container: Container = option(
        "auto",
        title="Container",
        title_zh="容器格式",
        help="Kind of output file: mp4 (H.264), webm (VP9), avi (MPEG-4) or mkv (H.264). "
        "auto takes it from the ending of the output's name.",
        help_zh="输出文件类型:mp4(H.264)、webm(VP9)、avi(MPEG-4)或 mkv(H.264)。auto 按输出文件名的后缀决定。",
    )
    encoder: EncoderChoice = option(
        "auto",
        title="Encoder",
        title_zh="编码器",
        help="What encodes the video. auto uses graphics hardware when a test picture shows that it works, "
        "else software. A hardware encoder asked for by name that does not work is an error.",
        help_zh="视频编码方式。auto 先用测试画面确认硬件编码可用才使用,否则用软件编码;指定的硬件编码器不可用时报错。",
    )
    crf: int = option(
        20,
        title="Quality (CRF)",
        title_zh="画质(CRF)",
        help="0 is the best picture and the largest file, 51 the worst and smallest. On the x264 scale; "
        "translated for the other encoders.",
        help_zh="0 画质最好、文件最大,51 最差、最小。采用 x264 的刻度,其他编码器自动换算。",
        ge=0,
        le=51,
    )
    speed: Speed = option(
        "veryfast",
        title="Encoder speed",
        title_zh="编码速度",
        help="Slower makes smaller files of the same quality. The names of x264; translated for the other encoders.",
        help_zh="越慢,同等画质的文件越小。采用 x264 的档位名称,其他编码器自动换算。",
    )
    rotation: Literal["keep", "upright"] = option(
        "keep",
        title="Rotation",
        title_zh="旋转",
        help="keep leaves a phone clip's rotation flag as it is; upright turns the pixels instead, for players and "
        "tools that ignore the flag.",
        help_zh="keep 保留手机视频的旋转标记；upright 直接旋转画面，供忽略该标记的播放器和工具使用。",
    )
    audit: bool = option(
        False,
        title="Look again when done",
        title_zh="完成后复查",
        help="Checks the finished video: looks for faces on every frame of it, larger than the detector's picture, and "
        "compares every mask, all times and the sound with the source. Takes about as long again.",
        help_zh="检查成品:用更大的画面逐帧再找一遍人脸,并与源视频核对每个遮罩、全部时间戳和声音。耗时约增加一倍。",
    )
    max_height: Annotated[int, Field(ge=16, le=16384)] | None = option(
        None,
        title="Largest height",
        title_zh="最大高度",
        help="A higher picture is scaled down to this height, keeping its shape. Empty keeps the size.",
        help_zh="画面高于此值时按比例缩小。留空则保持原尺寸。",
        unit="px",
    )
