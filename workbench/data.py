"""What travels between the stages: frames, detections, facts about a video. Frozen, shape-checked, units in names."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.head_pose import HeadPose

Plane = NDArray[Any]
"""One plane of a picture, (H, W), uint8 or (10-bit material) uint16. May be a rotated view."""

Picture = NDArray[np.uint8]
"""A colour picture, (H, W, 3), uint8, channels in RGB order."""


@dataclass(frozen=True)
class Colour:
    """How the numbers of a frame's planes mean light: what is needed to convert them to RGB and back."""

    matrix: Literal["bt601", "bt709", "bt2020"] = "bt709"
    full_range: bool = False
    bit_depth: Literal[8, 10] = 8


@dataclass(frozen=True)
class AudioInfo:
    """One audio stream of a source, as its header says."""

    index: int
    codec: str
    channels: int
    sample_rate_hz: int
    language: str | None


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a video file or stream.

    ``width_px`` and ``height_px`` are the display size: after the rotation flag, before pixel aspect ratio. Names that
    end in ``_in_header`` are what the file claims; nothing was counted.
    """

    path: Path | None
    container: str
    codec: str
    pixel_format: str
    width_px: int
    height_px: int
    rotation_degrees: Literal[0, 90, 180, 270]  # clockwise turn of the stored picture that shows it upright
    sample_aspect_ratio: Fraction
    average_fps: Fraction
    time_base: Fraction
    frames_in_header: int | None
    duration_seconds_in_header: float | None
    start_seconds: float
    colour: Colour
    hdr: bool
    interlaced: bool
    size_bytes: int | None
    audio: tuple[AudioInfo, ...] = ()
    subtitle_streams: int = 0
    other_streams: int = 0


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture and its time.

    ``planes`` are Y (H, W) and U, V (ceil(H/2), ceil(W/2)) in *display* orientation: rotated sources give rotated
    views, so writing into a plane writes into the stored picture. All boxes of the program are in this orientation.
    ``native`` is the decoder's own object, opaque outside ``workbench.video``.
    """

    index: int  # running number in presentation order, from 0
    pts: int
    time_base: Fraction
    planes: tuple[Plane, Plane, Plane]
    colour: Colour
    native: object = field(default=None, repr=False)

    def __post_init__(self) -> None:
        y, u, v = self.planes
        half = ((y.shape[0] + 1) // 2, (y.shape[1] + 1) // 2)
        if u.shape != half or v.shape != half:
            raise ValueError(f"planes do not fit 4:2:0: Y {y.shape}, U {u.shape}, V {v.shape}")

    @property
    def time_seconds(self) -> float:
        return float(self.pts * self.time_base)

    @property
    def width_px(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height_px(self) -> int:
        return int(self.planes[0].shape[0])

    def __repr__(self) -> str:
        size = f"{self.width_px}x{self.height_px}"
        return f"Frame(index={self.index}, time={self.time_seconds:.3f} s, {size}, {self.colour})"


@dataclass(frozen=True, eq=False)
class Detections:
    """The faces found in one picture, best first.

    ``boxes`` (N, 4) float32: x0, y0, x1, y1 in pixels of the picture they were found in, may reach outside of it.
    ``scores`` (N,) float32 in 0..1. ``landmarks`` (N, 5, 2) float32 pixels (eyes, nose, mouth corners; left to right in
    the picture for a frontal face), or None where the model has none.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,):
            raise ValueError(f"boxes {self.boxes.shape} do not fit scores {self.scores.shape}")
        if self.landmarks is not None and self.landmarks.shape != (n, 5, 2):
            raise ValueError(f"landmarks {self.landmarks.shape} do not fit {n} boxes")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: Any) -> Detections:
        """Rows by a boolean mask, a slice or an index array."""
        marks = None if self.landmarks is None else self.landmarks[which]
        return Detections(self.boxes[which], self.scores[which], marks)

    @classmethod
    def empty(cls) -> Detections:
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    def scaled(self, x_factor: float, y_factor: float) -> Detections:
        """The same faces in a picture ``x_factor`` times as wide and ``y_factor`` times as high."""
        factors = np.array([x_factor, y_factor], np.float32)
        marks = None if self.landmarks is None else self.landmarks * factors
        return Detections(self.boxes * np.tile(factors, 2), self.scores, marks)

    def __repr__(self) -> str:
        return f"Detections({len(self)} faces, landmarks={'yes' if self.landmarks is not None else 'no'})"


class HiddenFaces(NamedTuple):
    """What to hide on a frame: ``boxes`` (N, 4) px as x0, y0, x1, y1, their ``tracks`` (N,), -1 where there is none.

    ``poses`` (N, 3) are turn, nod and roll (``workbench.head_pose``), NaN where nobody knows them.
    """

    boxes: NDArray[np.floating]
    tracks: NDArray[np.integer]
    poses: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """A piece of a frame round one face, handed to a masker; shrunk where the masker asked for that.

    ``pixels`` (h, w, 3) uint8 RGB. ``box`` is the face's box (x0, y0, x1, y1) in pixels of the crop, not of the frame.
    ``track`` is the face's track id (-1: none). ``pose`` is None where nobody knows how the head is turned. A masker
    that invents faces gets ``hidden`` (h, w), True wherever the frame is hidden, for this or another face: there
    ``pixels`` are blank.
    """

    pixels: Picture
    box: tuple[float, float, float, float]
    track: int = -1
    time_seconds: float = 0.0
    pose: HeadPose | None = None
    hidden: NDArray[np.bool_] | None = None

    @property
    def face_width_px(self) -> float:
        return self.box[2] - self.box[0]

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"FaceCrop({width}x{height}, face {self.face_width_px:.0f} px, track {self.track})"
