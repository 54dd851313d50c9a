"""Judges frame by frame which faces show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.audit.detail import kept_detail
from workbench.data import Detections, Frame
from workbench.detectors.finder import FaceFinder
from workbench.timeline import BoxLookup, Timeline

SHOWS = 0.7
"""Kept detail from which a face counts as shown. Measured on true faces of the sample clips: 0.91–1.02 unmasked (at CRF
36 half of them above 0.74), at most 0.14 under the Gaussian and 0.54 under the mosaic mask."""

DOUBTFUL = 0.3
"""The same where the timeline hides nothing near: strong compression takes detail too."""

COVERED = 0.1  # of a face that the timeline has to hide, for the face to be one that it knows
KEPT_IOU = 0.3  # with a kept face, to be it


@dataclass(frozen=True)
class Sighting:
    """A face on one frame of the source; ``box`` (4,) x0, y0, x1, y1 px of the source's picture."""

    frame: int
    seconds: float
    box: NDArray[np.float64]
    detail: float
    score: float | None
    track: int | None


class Look:
    """Collects the faces that show in pairs of source and output.

    ``scale`` (4,) turns boxes in the source's px into boxes in the output's. ``shown``: those faces; ``gone``: how many
    others were looked for; ``looked``: frames that the detector was given.
    """

    def __init__(
        self, finder: FaceFinder, confidence: float, timeline: Timeline | None, scale: NDArray[np.float64]
    ) -> None:
        self.shown: list[Sighting] = []
        self.gone = 0
        self.looked = 0
        self._weakest: dict[int, Sighting] = {}
        self._finder, self._confidence, self._scale = finder, confidence, scale
        self._hidden = None if timeline is None else BoxLookup(timeline)
        self._kept = None if timeline is None else BoxLookup(_kept(timeline))

    def at(self, pairs: Sequence[tuple[Frame, Frame, bool]]) -> None:
        """Judge some pairs (source, output, whether the detector is to look at it)."""
        found = iter(self._finder.find([ours for _, ours, seen in pairs if seen]))
        for theirs, ours, seen in pairs:
            if self._hidden is not None:
                self._check_boxes(theirs, ours, self._hidden)
            if seen:
                self.looked += 1
                self._check_faces(theirs, ours, next(found))

    def weakest(self, most: int) -> list[Sighting]:
        """Of the faces that are gone those of which most is left, worst first; one of each track, or of each second."""
        return sorted(self._weakest.values(), key=lambda each: -each.detail)[:most]

    def _check_boxes(self, theirs: Frame, ours: Frame, hidden: BoxLookup) -> None:
        """What the timeline hides."""
        boxes, tracks, _ = hidden.on(theirs.index)
        for box, track in zip(boxes.astype(np.float64), tracks.tolist(), strict=True):
            detail = kept_detail(theirs, ours, box, box * self._scale) or 0.0
            sighting = Sighting(theirs.index, theirs.time_seconds, box, detail, None, track)
            self._note(sighting, shows=detail >= SHOWS)

    def _check_faces(self, theirs: Frame, ours: Frame, found: Detections) -> None:
        """What the detector sees."""
        sure = found[found.scores >= self._confidence]
        boxes = sure.boxes.astype(np.float64) / self._scale
        kept = np.zeros((0, 4)) if self._kept is None else self._kept.on(theirs.index).boxes
        for box, score in zip(boxes, sure.scores.tolist(), strict=True):
            if len(kept) and geometry.iou(box[None], kept).max() >= KEPT_IOU:
                continue
            track = self._hiding(theirs.index, box)
            detail = kept_detail(theirs, ours, box, box * self._scale)
            if detail is None:  # too flat to tell: only the timeline knows
                shows = self._hidden is None or track is None
            else:
                shows = detail >= (DOUBTFUL if self._hidden is not None and track is None else SHOWS)
            left = 1.0 if detail is None else detail
            self._note(Sighting(theirs.index, theirs.time_seconds, box, left, score, track), shows=shows)

    def _hiding(self, frame: int, box: NDArray[np.float64]) -> int | None:
        """The track that hides most of ``box``; None where none hides enough of it to know the face."""
        if self._hidden is None:
            return None
        hidden, tracks, _ = self._hidden.on(frame)
        if not len(hidden):
            return None
        shares = geometry.intersection(box[None], hidden)[0] / max(float(geometry.area(box[None])[0]), 1.0)
        best = int(np.argmax(shares))
        return int(tracks[best]) if shares[best] >= COVERED else None

    def _note(self, sighting: Sighting, *, shows: bool) -> None:
        if shows:
            self.shown.append(sighting)
            return
        self.gone += 1
        key = int(sighting.seconds) if sighting.track is None else -1 - sighting.track
        if key not in self._weakest or sighting.detail > self._weakest[key].detail:
            self._weakest[key] = sighting


def _kept(timeline: Timeline) -> Timeline:
    """Only what the operator decided to show."""
    hidden = timeline.masked_rows().index
    return replace(timeline, rows=timeline.rows.drop(hidden), decisions={})
