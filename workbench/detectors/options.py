"""Options of the detector: section ``detector`` of a preset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from workbench.stages import Options, option


def _multiple_of_32(size: int | Literal["auto"]) -> int | Literal["auto"]:
    """The networks halve their picture five times: its sides must be multiples of 32 px."""
    return size if size == "auto" else -(-size // 32) * 32


ImageSize = Annotated[
    Literal["auto"] | Annotated[int, Field(ge=160, le=1920)],
    AfterValidator(_multiple_of_32),
]
"""Long side of the detector's picture in px, rounded up to a multiple of 32, or ``auto``."""


class DetectorOptions(Options):
    """How faces are looked for."""

    kind: Literal["face_small", "centerface", "yolov8_face", "yunet"] = option(
        "centerface",
        title="Face detector",
        title_zh="人脸检测器",
        help="centerface finds the most, also small faces in crowds; face_small is faster and sees more in the dark; "
        "yolov8_face needs its weights (workbench models fetch), yunet a file of yours.",
        help_zh="centerface 检出最多，包括人群中的小脸；face_small 更快，暗处检出更多；"
        "yolov8_face 需先获取权重（workbench models fetch）；yunet 需自备权重文件。",
    )
    weights: str | None = option(
        None,
        title="Weights",
        title_zh="模型权重",
        help="Name from models/manifest.yaml or path of a .pt, .onnx, .xml or .engine file; empty: the detector's own.",
        help_zh="models/manifest.yaml 中的名称，或 .pt、.onnx、.xml、.engine 文件路径；留空则用检测器自带权重。",
        min_length=1,
    )
    confidence: float = option(
        0.5,
        title="Confidence threshold",
        title_zh="置信度阈值",
        help="Lower finds more faces and more false ones. Dim recordings: 0.4–0.5; bright ones: 0.7.",
        help_zh="越低检出越多，误检也越多。昏暗画面建议 0.4–0.5，明亮画面建议 0.7。",
        ge=0.05,
        le=0.95,
    )
    iou: float = option(
        0.4,
        title="Overlap limit (NMS IoU)",
        title_zh="重叠上限（NMS IoU）",
        help="Two boxes that overlap more than this are one face. Raise it for crowds with faces close together.",
        help_zh="两个框的重叠超过此值即视为同一张脸。人群密集、人脸相邻时可调高。",
        ge=0.1,
        le=0.9,
    )
    image_size: ImageSize = option(
        "auto",
        title="Detection picture size",
        title_zh="检测图像尺寸",
        help="Long side of the picture the detector sees, rounded up to a multiple of 32. "
        "Larger finds smaller faces and costs more time; auto: 640 up to 1080p, 960 above.",
        help_zh="检测器所用图像的长边，向上取 32 的倍数。越大越能发现小脸，也越慢；auto：1080p 及以下 640，以上 960。",
        unit="px",
    )
    every: int = option(
        3,
        title="Detect on every n-th frame",
        title_zh="每隔 n 帧检测",
        help="Faces in between are followed from both sides. 1 is the most careful, 5 the fastest for calm scenes.",
        help_zh="中间帧由前后结果推算。1 最谨慎，平稳场景用 5 最快。",
        ge=1,
        le=10,
        unit="frames",
    )
    enhance: bool = option(
        True,
        title="Low-light enhancement",
        title_zh="低光增强",
        help="Brightens and denoises the detector's copy of dark pictures, where it then finds more; "
        "lit pictures and the output are not changed by it.",
        help_zh="对检测器所用的昏暗画面副本提亮降噪，从而检出更多；明亮画面和输出画面不受影响。",
    )
    second_look: Literal["never", "dark", "always"] = option(
        "dark",
        title="Second look",
        title_zh="二次检测",
        help="Looks at the mirror image as well and goes by both: as many faces with fewer false ones, better placed, "
        "at twice the cost. dark: only where the picture is dark.",
        help_zh="同时检测镜像画面，综合两次结果：检出同样多，误检更少，位置更准，耗时加倍。dark：仅用于昏暗画面。",
    )
    tiles: int = option(
        1,
        title="Tiles for small faces",
        title_zh="小脸分块检测",
        help="n: looks also at n×n overlapping tiles, each at full detection size. 1: off; 2: five times the cost.",
        help_zh="n：另将画面分为 n×n 个重叠小块分别检测。1 为关闭；2 的耗时约为五倍。",
        ge=1,
        le=4,
    )
    device: Literal["auto", "cpu", "cuda"] = option(
        "auto",
        title="Device",
        title_zh="计算设备",
        help="auto uses an NVIDIA GPU where one works, else the CPU; cuda is an error where it does not work.",
        help_zh="auto：有可用的 NVIDIA GPU 则使用，否则用 CPU；选 cuda 而不可用时报错。",
    )
    threads: int = option(
        0,
        title="CPU threads",
        title_zh="CPU 线程数",
        help="Processor threads the detector may use; 0 takes all.",
        help_zh="检测器可用的处理器线程数；0 表示全部。",
        ge=0,
        le=256,
    )
