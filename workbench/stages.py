"""The stages of the pipeline and the base of their options: the file to read first.

A stage fits by its shape (a Protocol): there is no base class to inherit from and no hook to override. Stages compute;
they open no thread, print nothing and keep no file beyond the one they were opened on.

    Source ──▶ Frame ──▶ Detector ──▶ Detections ──▶ Tracker ──▶ timeline ──▶ Masker ──▶ Frame ──▶ Sink
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from workbench.data import Detections, FaceCrop, Frame, Picture, VideoInfo


class Options(BaseModel):
    """Base of every stage's options: frozen and strict. Unknown keys, wrong types and values out of bounds are errors.

    One declaration makes the preset's key, the command line's flag, the page's control and the error message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)


def option(default: Any, *, title: str, title_zh: str, help: str, help_zh: str, unit: str = "", **bounds: Any) -> Any:
    """A field of an Options class: its default, bounds (``ge``, ``le``, …) and its words in English and Chinese."""
    extra: dict[str, Any] = {"title_zh": title_zh, "help_zh": help_zh, "unit": unit}
    return Field(default, title=title, description=help, json_schema_extra=extra, **bounds)


class Source(Protocol):
    """Frames in presentation order. A context manager: leaving it frees the file or device."""

    @property
    def info(self) -> VideoInfo: ...

    def frames(self) -> Iterator[Frame]:
        """Every frame once. Raises SourceError when the source breaks in a way that cannot be read past."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...


class Detector(Protocol):
    """Finds faces. ``image_size_px`` (width, height) is what the pictures must measure; None takes any size."""

    @property
    def name(self) -> str: ...

    @property
    def engine(self) -> str:
        """The engine that really runs, for the report: ``openvino f32``, ``torch cuda half`` …"""
        ...

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        """Faces of each RGB picture in that picture's pixels, best first, every candidate down to score 0.05."""
        ...


class Tracker(Protocol):
    """Gives each detection a track id. Fed frame by frame, in order."""

    def update(
        self, detections: Detections, embeddings: NDArray[np.float32] | None, *, time_seconds: float
    ) -> NDArray[np.int64]:
        """Track ids (N,) of ``detections``, from 1; -1 where the tracker does not follow the face (yet).

        ``embeddings`` (N, D), or None where no appearance is known.
        """
        ...


class Masker(Protocol):
    """Replaces faces. It decides *what* the new pixels are; ``regions`` decides *where* they go.

    Attributes that a masker may have:

    ``face_width_px``     pixels across a face that it has a use for: crops come shrunk to that, fillings may have any
                          size and are stretched over the crop's place. 0: it looks at no pixel. Without it crops are
                          as large as in the picture, and fillings have the crop's shape.
    ``sharp``             True: a filling's pixels become blocks of one colour; else colours run into each other.
    ``context_fraction``  how much of the face's size the crop shows on every side at least.
    ``invents``           True: it must not see a hidden pixel. Crops come with every mask's place blank (``hidden``).
    """

    @property
    def name(self) -> str: ...

    def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
        """New pixels for each crop. Raises MaskingError rather than returning the original."""
        ...


class Sink(Protocol):
    """Takes masked frames. A context manager: leaving it without an error completes the output, else removes it."""

    def write(self, frame: Frame) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...


@dataclass(frozen=True)
class ProgressUpdate:
    """How far the work is. ``frames_expected`` is None where the source does not say; ``faces`` are boxes hidden."""

    frames_done: int
    frames_expected: int | None
    faces: int = 0


Progress = Callable[[ProgressUpdate], None]
"""Called after every frame; may raise ``Cancelled`` to stop the work."""
