"""One detector for lit and for dark pictures.

Dark ones are enhanced first, where the options say so. A detector may have other weights for them: in noise a face is a
blob without eyes, and a small network that has to take blobs for faces sees them in badges and wheels in daylight too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.data import Detections, Picture
from workbench.detectors.lowlight import enhance, is_dark
from workbench.stages import Detector


class LightAware:
    """A Detector that looks with ``lit``, and at dark pictures with what ``open_dark`` opens once there is one.

    ``enhances``: dark pictures are made lighter first.
    """

    def __init__(self, lit: Detector, *, enhances: bool, open_dark: Callable[[], Detector] | None = None) -> None:
        self._lit = lit
        self._enhances = enhances
        self._open_dark = open_dark
        self._dark: Detector | None = None

    @property
    def name(self) -> str:
        return self._lit.name

    @property
    def engine(self) -> str:
        return self._lit.engine

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        """Faces of each RGB picture. Raises as the detectors do, and as ``open_dark``."""
        found = [Detections.empty() for _ in pictures]
        are_dark = [is_dark(picture) for picture in pictures]
        for dark in sorted(set(are_dark)):
            numbers = [number for number, each in enumerate(are_dark) if each == dark]
            seen = [enhance(pictures[number]) if dark and self._enhances else pictures[number] for number in numbers]
            detector = self._for_the_dark() if dark else self._lit
            for number, faces in zip(numbers, detector.detect(seen), strict=True):
                found[number] = faces
        return found

    def _for_the_dark(self) -> Detector:
        if self._dark is None:
            self._dark = self._open_dark() if self._open_dark else self._lit
        return self._dark
