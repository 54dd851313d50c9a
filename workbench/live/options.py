"""Options of a live stream: what is asked of the source, and how much delay is allowed."""

from __future__ import annotations

from workbench.stages import Options, option


class LiveOptions(Options):
    """How a camera or stream is played. What hides the faces in it is the preset's business."""

    look_ahead_ms: int = option(
        120, ge=0, le=2000, unit="ms", title="Look-ahead", title_zh="前瞻缓冲",
        help="Each picture is held back this long, so that a face found now is also hidden just before. "
        "0 shows a picture as soon as the detector has seen it.",
        help_zh="每帧画面延后这么久输出，使刚发现的人脸在此前的画面中也被遮挡。0 表示检测完成后立即输出。",
    )  # fmt: skip
    width_px: int = option(
        1280, ge=16, le=7680, unit="px", title="Camera width", title_zh="摄像头宽度",
        help="Width that a camera is asked for; streams and files keep their own.",
        help_zh="向摄像头请求的画面宽度；网络流和文件保持其自身尺寸。",
    )  # fmt: skip
    height_px: int = option(
        720, ge=16, le=4320, unit="px", title="Camera height", title_zh="摄像头高度",
        help="Height that a camera is asked for; streams and files keep their own.",
        help_zh="向摄像头请求的画面高度；网络流和文件保持其自身尺寸。",
    )  # fmt: skip
    fps: float = option(
        25.0, ge=1, le=240, unit="fps", title="Camera rate", title_zh="摄像头帧率",
        help="Pictures a second that a camera is asked for.",
        help_zh="向摄像头请求的每秒帧数。",
    )  # fmt: skip
    stale_ms: int = option(
        500, ge=50, le=5000, unit="ms", title="Oldest detection", title_zh="检测结果最长时效",
        help="When the newest detection is older than this, the whole picture is hidden.",
        help_zh="最近一次检测早于此时长时，遮挡整个画面。",
    )  # fmt: skip
    budget_ms: int = option(
        400, ge=50, le=5000, unit="ms", title="Longest delay", title_zh="最大延迟",
        help="Beyond the look-ahead and this delay pictures are left out, and hidden where no detection covers them.",
        help_zh="延迟超出前瞻缓冲加此时长时丢弃画面，没有检测结果的画面整体遮挡。",
    )  # fmt: skip
    stall_seconds: float = option(
        3.0, ge=0.5, le=60, unit="s", title="Stall", title_zh="断流判定时间",
        help="A source that gives no picture for this long is connected anew.",
        help_zh="信号源在此时间内没有画面时重新连接。",
    )  # fmt: skip
    loop: bool = option(
        False, title="Loop", title_zh="循环播放",
        help="A file that is played as if live begins again at its end.",
        help_zh="将文件当作实时画面播放时，结束后从头开始。",
    )  # fmt: skip
