"""The knobs of a training run: one YAML file, strict as a preset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

from pydantic import Field, model_validator

from workbench.stages import Options

StepsDone = Callable[[int, dict[str, float]], None]
"""Called with the number of steps, or of epochs, that are done, and the mean losses since the last call."""


class TeacherOptions(Options):
    """One detector that labels what people left out. ``weights`` None: the kind's own."""

    kind: Literal["centerface", "yolov8_face", "yunet"]
    weights: str | None = None
    image_sizes: tuple[int, ...] = (640,)


class LabelOptions(Options):
    """Which boxes are learnt. Scores are the detectors' own, 0..1."""

    folder: str = Field("labels", description="folder of the human labels in the data folder")
    validation: str | None = Field(None, description="text file in the data folder: pictures that are not learnt")
    validation_share: float = Field(
        0.0, ge=0, le=0.5, description="without such a file: of the labelled pictures, the last by name, not learnt"
    )
    teachers: tuple[TeacherOptions, ...] = ()
    agreed: float = Field(0.4, ge=0, le=1, description="two teachers that both score this see a face")
    sure: float = Field(0.8, ge=0, le=1, description="one teacher that scores this sees a face")
    doubtful: float = Field(
        0.35, ge=0, le=1, description="what one teacher scores this, and nothing confirms, is blurred"
    )
    missed: float = Field(
        0.3, ge=0, le=1, description="face-small: how warm a face is learnt to be that CenterFace does not see"
    )
    weights: dict[str, float] = Field(default_factory=dict, description="how often a picture is drawn, by name prefix")
    portraits_share: float = Field(0.1, ge=0, le=0.9, description="share of drawn pictures that are portraits")


class SceneOptions(Options):
    """How scenes are composed and spoilt. Probabilities are per scene, ``occluded`` per face."""

    kinds: tuple[float, float, float, float] = (0.3, 0.35, 0.27, 0.08)  # one photograph, grid, crowd, none with a face
    scales: tuple[float, float] = Field((0.8, 4.0), description="of one photograph; at 1 it just fits the scene")
    least_face_px: float = Field(9.0, ge=6)
    largest_face_share: float = Field(0.75, gt=0, le=1)
    most_tiles: int = Field(4, ge=2, le=8, description="of a meeting, a side")
    most_in_crowd: int = Field(7, ge=2, le=16, description="cells of a crowd, a side")
    occluded: float = Field(0.12, ge=0, le=1)
    coloured: float = Field(0.5, ge=0, le=1)
    grey: float = Field(0.15, ge=0, le=1)
    blurred: float = Field(0.2, ge=0, le=1)
    dark: float = Field(0.35, ge=0, le=1)
    darkest_white: float = Field(34.0, ge=5, le=255)
    noisy: float = Field(0.2, ge=0, le=1)
    compressed: float = Field(0.25, ge=0, le=1)
    enhanced: float = Field(0.5, ge=0, le=1, description="of the dark ones, as detectors' low-light enhancement does")


FACE_SMALL_WIDTHS = (24, 64, 128, 128, 192, 192, 192, 384, 384, 384, 384, 576, 576, 576, 960, 960, 960)
"""CenterFace's, but for the first four blocks: they see the most cells, and take most of its time."""


class Recipe(Options):
    """A whole training run.

    >>> Recipe(name="ward", image_size=192, epochs=3).architecture
    'face-small'
    """

    name: str
    architecture: Literal["face-small", "yolov8-small", "face-nano"] = "face-small"
    widths: tuple[int, ...] = Field(FACE_SMALL_WIDTHS, description="face-small: channels inside each block")
    start: str | None = Field(
        None,
        description="weights to begin with. face-small: .onnx, last.pt or a model's name, empty: centerface, narrowed; "
        "YOLOv8: .pt, of which the layers that fit are taken, empty: none",
    )
    image_size: int = Field(384, ge=96, le=1280, multiple_of=32)
    epochs: int = Field(100, ge=1)
    hours: float | None = Field(None, gt=0, description="YOLOv8: instead of epochs, as many as fit into this time")
    scenes_per_epoch: int = Field(4000, ge=16)
    batch: int = Field(16, ge=2)
    learning_rate: float = Field(0.002, gt=0)
    last_learning_rate_share: float = Field(0.01, gt=0, le=1, description="YOLOv8")
    weight_decay: float = Field(0.0005, ge=0, description="YOLOv8")
    workers: int = Field(1, ge=0, le=32, description="processes that compose scenes")
    seed: int = 1
    labels: LabelOptions = LabelOptions()
    scenes: SceneOptions = SceneOptions()

    @model_validator(mode="after")
    def _counts_epochs(self) -> Self:
        if self.architecture == "face-small" and self.hours is not None:
            raise ValueError("hours are for YOLOv8 only; name the epochs")
        return self
