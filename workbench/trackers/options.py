"""Options of the tracker: the names are DeepSORT's own, so are the units (steps of a 25 fps recording)."""

from __future__ import annotations

from typing import Literal

from workbench.stages import Options, option

REFERENCE_FPS = 25.0
"""Rate at which ``max_age`` and ``n_init`` are given; the tracker scales them to the rate of the analysed frames."""

REFERENCE_HEIGHT_PX = 1080
"""Picture height at which ``max_distance`` is given; the tracker scales it to the height of the analysed picture."""


class TrackerOptions(Options):
    """The section ``tracker`` of a preset."""

    type: Literal["deepsort"] = option(
        "deepsort",
        title="Tracker",
        title_zh="跟踪器",
        help="How faces are followed from picture to picture.",
        help_zh="如何在画面之间跟踪人脸。",
    )
    max_age: int = option(
        30,
        title="Longest gap",
        title_zh="最长丢失时间",
        help="How long a lost face keeps its identity, in frames at 25 fps (30 = 1.2 seconds).",
        help_zh="人脸丢失后保留其编号的时间，以每秒 25 帧计（30 帧 = 1.2 秒）。",
        unit="frames at 25 fps",
        ge=1,
        le=1500,
    )
    n_init: int = option(
        3,
        title="Sightings to confirm",
        title_zh="确认所需次数",
        help="Sightings in a row, at 25 fps, before a face may be lost and found again. It is hidden from the first.",
        help_zh="人脸需连续出现多少帧（以每秒 25 帧计）才允许丢失后再找回。无论如何，从首次出现起即被遮挡。",
        unit="frames at 25 fps",
        ge=1,
        le=100,
    )
    nn_budget: int = option(
        100,
        title="Looks remembered",
        title_zh="记忆的外观数量",
        help="How many different looks of a face are remembered to recognise it.",
        help_zh="为识别同一张脸而记住的不同外观的数量。",
        ge=1,
        le=1000,
    )
    max_cosine_distance: float = option(
        0.25,
        title="Appearance tolerance",
        title_zh="外观容差",
        help="How different two looks of the same face may be (cosine distance: 0 the same, 1 nothing in common).",
        help_zh="同一张脸的两个外观最多可相差多少（余弦距离：0 为相同，1 为毫无共同点）。",
        gt=0.0,
        le=1.0,
    )
    max_iou_distance: float = option(
        0.7,
        title="Overlap tolerance",
        title_zh="重叠容差",
        help="How little a face may overlap its expected place (1 minus intersection over union).",
        help_zh="人脸与其预期位置的重叠最少可到多少（1 减交并比）。",
        gt=0.0,
        le=1.0,
    )
    max_distance: float = option(
        100.0,
        title="Longest jump",
        title_zh="最大移动距离",
        help="Farthest a face's centre may jump between two analysed frames, in pixels of a 1080p picture: "
        "50 for crowded scenes, 100 for sparse ones.",
        help_zh="两个分析帧之间人脸中心最多可移动的距离，以 1080p 画面的像素计：人多的场景用 50，人少的场景用 100。",
        unit="px at 1080p",
        gt=0.0,
        le=2000.0,
    )
    appearance: Literal["ambiguous", "always", "never"] = option(
        "ambiguous",
        title="Use appearance",
        title_zh="使用外观",
        help="When the look of a face is computed: only where position leaves doubt, always, or never.",
        help_zh="何时计算人脸外观：仅在位置不足以判断时、始终或从不。",
    )
