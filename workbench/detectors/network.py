"""A face detector that is one network: pictures are fitted into its input, and its answers are read into faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from workbench.data import Detections, Picture
from workbench.detectors.letterbox import fit, network_input
from workbench.weights import Session

Answer = Sequence[NDArray[Any]]
"""The network's outputs for one picture, in its order; each begins (1, …)."""


class NetworkDetector:
    """A Detector. ``read`` turns an answer into faces in pixels of the input.

    The network sees values 0..255 times ``scale``, channels in RGB order or, where ``is_bgr``, in OpenCV's.
    """

    def __init__(
        self,
        name: str,
        session: Session,
        read: Callable[[Answer], Detections],
        *,
        scale: float = 1.0,
        is_bgr: bool = False,
    ) -> None:
        self.name = name
        self._session = session
        self._read = read
        self._scale = scale
        self._order = slice(None, None, -1) if is_bgr else slice(None)

    @property
    def engine(self) -> str:
        return self._session.engine

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        """Faces of each RGB picture, of any size, in its pixels; best first. Raises ModelError for other models."""
        _, _, height, width = self._session.input_shape
        fitted = [fit(picture, width_px=width, height_px=height) for picture in pictures]
        inputs = [network_input(canvas[..., self._order], scale=self._scale) for canvas, _ in fitted]
        answers = self._session.run(inputs)
        return [letterbox.back(self._read(answer)) for answer, (_, letterbox) in zip(answers, fitted, strict=True)]
