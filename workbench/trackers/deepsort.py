"""DeepSORT: faces keep their identity from picture to picture by movement (Kalman filter) and by looks.

The association is that of ``deep_sort_realtime`` (Wojke et al., "Simple Online and Realtime Tracking with a Deep
Association Metric", 2017). Added here: looks may be unknown, time is seconds, no jump is longer than ``max_distance``,
and a lost face that reappears where it is expected is found again although its looks are unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from deep_sort_realtime.deep_sort import iou_matching, linear_assignment
from deep_sort_realtime.deep_sort.detection import Detection
from deep_sort_realtime.deep_sort.kalman_filter import KalmanFilter
from deep_sort_realtime.deep_sort.nn_matching import NearestNeighborDistanceMetric
from deep_sort_realtime.deep_sort.track import Track, TrackState
from deep_sort_realtime.deep_sort.tracker import Tracker
from numpy.typing import NDArray

from workbench.data import Detections
from workbench.trackers.appearance import EMBEDDING_SIZE
from workbench.trackers.options import REFERENCE_FPS, REFERENCE_HEIGHT_PX, TrackerOptions
from workbench.trackers.partners import clear_partners

Vectors = NDArray[np.float32]
Floats = NDArray[np.floating]

SMALLEST_BOX_PX = 1.0  # the Kalman filter divides by the height


class DeepSort:
    """Gives every detection the id of the face's track. Fits ``stages.Tracker``."""

    def __init__(self, options: TrackerOptions, *, steps_per_second: float, height_px: int) -> None:
        """``steps_per_second`` is the rate of the analysed frames; ``height_px`` the height of the boxes' picture."""
        steps = steps_per_second / REFERENCE_FPS
        self._steps_per_second = steps_per_second
        self._max_age = max(1, round(options.max_age * steps))
        self._tracker = _FaceTracker(
            _Gallery("cosine", options.max_cosine_distance, options.nn_budget),
            max_iou_distance=options.max_iou_distance,
            max_age=self._max_age,
            n_init=max(1, round(options.n_init * steps)),
            frames_per_step=1 / steps,
            reach_px=options.max_distance * height_px / REFERENCE_HEIGHT_PX,
        )
        self._last_seconds: float | None = None
        self._boxes = np.zeros((0, 4), np.float32)
        self._vectors = np.zeros((0, EMBEDDING_SIZE), np.float32)

    def update(self, detections: Detections, embeddings: Vectors | None, *, time_seconds: float) -> NDArray[np.int64]:
        """Track ids (N,) of ``detections``, from 1: every detection has one, from its first sighting on.

        ``embeddings`` (N, 128): rows of NaN where no appearance was computed; a face without a vector keeps the one it
        had in the picture before, where position leaves no doubt. Raises ValueError for vectors of another shape.
        """
        vectors = self._completed(detections, embeddings)
        for _ in range(self._elapsed_steps(time_seconds)):
            self._tracker.predict()
        corner, size = detections.boxes[:, :2], detections.boxes[:, 2:] - detections.boxes[:, :2]
        places = np.concatenate([corner, np.maximum(size, SMALLEST_BOX_PX)], axis=1)
        self._tracker.update(
            [
                Detection(place, score, vector, others=row)
                for row, (place, score, vector) in enumerate(zip(places, detections.scores, vectors, strict=True))
            ]
        )
        self._boxes, self._vectors = detections.boxes, vectors
        ids = np.full(len(detections), -1, np.int64)
        for track in self._tracker.tracks:
            if track.time_since_update == 0:
                ids[track.others] = int(track.track_id)
        return ids

    def _completed(self, detections: Detections, embeddings: Vectors | None) -> Vectors:
        """Vectors (N, 128) of all detections, inherited where they were not computed, NaN where nothing is known."""
        if embeddings is None:
            vectors = np.full((len(detections), EMBEDDING_SIZE), np.nan, np.float32)
        elif embeddings.shape == (len(detections), EMBEDDING_SIZE):
            vectors = embeddings.astype(np.float32)
        else:
            raise ValueError(f"embeddings {embeddings.shape} do not fit {len(detections)} faces of {EMBEDDING_SIZE}")
        partner = clear_partners(self._boxes, detections.boxes)
        heirs = np.isnan(vectors[:, 0]) & (partner >= 0)
        vectors[heirs] = self._vectors[partner[heirs]]
        return vectors

    def _elapsed_steps(self, time_seconds: float) -> int:
        """Steps since the last update: one, or more where the source has a gap in time."""
        before, self._last_seconds = self._last_seconds, time_seconds
        if before is None:
            return 1
        elapsed = int((time_seconds - before) * self._steps_per_second + 0.01)
        return min(max(elapsed, 1), self._max_age + 1)


class _Motion(KalmanFilter):  # type: ignore[misc]
    """The package's constant-velocity model for steps longer than the one frame that its noise is meant for.

    Its velocities are those of a step: under white acceleration the noise of a place grows with the root of the time,
    that of a movement per step with the power 1.5.
    """

    def __init__(self, frames_per_step: float) -> None:
        super().__init__()
        self._std_weight_position *= frames_per_step**0.5
        self._std_weight_velocity *= frames_per_step**1.5

    def gating_distance(
        self, mean: Floats, covariance: Floats, measurements: Floats, only_position: bool = False
    ) -> Floats:
        """(N,) squared Mahalanobis distances of ``measurements`` (N, 4), the same as the base's.

        The model's axes are independent, so there is no triangular system to solve: the base solves one in a BLAS
        that wakes all its threads for a 4x4 matrix, which took 13 ms on a busy machine.
        """
        place, spread = self.project(mean, covariance)
        axes = 2 if only_position else 4
        offsets = (measurements - place)[:, :axes]
        return np.asarray((offsets**2 / np.diag(spread)[:axes]).sum(axis=1))


class _Gallery(NearestNeighborDistanceMetric):  # type: ignore[misc]
    """The looks of each track. Unlike its base it takes faces without a vector (NaN) and keeps no look twice."""

    samples: dict[str, Vectors]

    def partial_fit(self, features: Vectors, targets: NDArray[Any], active_targets: Sequence[str]) -> None:
        for feature, target in zip(features, targets, strict=True):
            looks = self.samples.get(target)
            if np.isnan(feature[0]):
                continue
            if looks is None:
                self.samples[target] = feature[None]
            elif not np.array_equal(looks[-1], feature):
                self.samples[target] = np.concatenate([looks, feature[None]])[-self.budget :]
        self.samples = {target: self.samples[target] for target in active_targets if target in self.samples}

    def distance(self, features: Vectors, targets: Sequence[str]) -> NDArray[np.float64]:
        """(targets, features) smallest cosine distances; out of reach where looks are unknown."""
        costs = np.full((len(targets), len(features)), linear_assignment.INFTY_COST)
        known = ~np.isnan(features[:, 0])
        if known.any():
            for row, target in enumerate(targets):
                if target in self.samples:
                    costs[row, known] = self._metric(self.samples[target], features[known])
        return costs


class _FaceTrack(Track):  # type: ignore[misc]
    """A track that remembers where it was last seen, and is confirmed at birth where one sighting is enough."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen_ltwh = self.original_ltwh
        if self._n_init <= 1:
            self.state = TrackState.Confirmed

    def update(self, kf: Any, detection: Detection) -> None:
        super().update(kf, detection)
        self.seen_ltwh = detection.ltwh


class _FaceTracker(Tracker):  # type: ignore[misc]
    """The package's tracker, with a longest jump and a last chance for lost faces."""

    def __init__(self, metric: _Gallery, *, frames_per_step: float, reach_px: float, **kwargs: Any) -> None:
        super().__init__(metric, override_track_class=_FaceTrack, **kwargs)
        self.kf = _Motion(frames_per_step)
        self._reach_px = reach_px

    def _match(self, detections: Sequence[Detection]) -> tuple[list[tuple[int, int]], list[int], list[int]]:
        found, _, _ = super()._match(detections)
        matches = [(t, d) for t, d in found if self._is_within_reach(self.tracks[t], detections[d])]
        taken, seen = {t for t, _ in matches}, {d for _, d in matches}
        lost = [t for t in range(len(self.tracks)) if t not in taken]
        new = [d for d in range(len(detections)) if d not in seen]
        coasting = [
            t for t in lost if self.tracks[t].is_confirmed() and 1 < self.tracks[t].time_since_update <= self.max_age
        ]
        again, _, new = linear_assignment.min_cost_matching(
            self._reappearance_cost, self.max_iou_distance, self.tracks, detections, coasting, new
        )
        found_again = {t for t, _ in again}
        return matches + again, [t for t in lost if t not in found_again], list(new)

    def _is_within_reach(self, track: _FaceTrack, detection: Detection) -> bool:
        seen, now = (ltwh[:2] + ltwh[2:] / 2 for ltwh in (track.seen_ltwh, detection.ltwh))
        return bool(np.hypot(*(now - seen)) <= self._reach_px * track.time_since_update)

    def _reappearance_cost(
        self,
        tracks: Sequence[_FaceTrack],
        detections: Sequence[Detection],
        track_rows: Sequence[int],
        detection_rows: Sequence[int],
    ) -> NDArray[np.float64]:
        """(tracks, detections) 1 - overlap with the expected place; out of reach where the jump is too long.

        The package compares places only for faces lost one step ago. Looks are no help here: a face that has just been
        covered by a hand or has turned away differs more from itself than from others.
        """
        places = np.stack([detections[d].ltwh for d in detection_rows])
        costs = np.stack([1 - iou_matching.iou(tracks[t].to_ltwh(), places) for t in track_rows])
        for row, column in np.argwhere(costs <= self.max_iou_distance):
            if not self._is_within_reach(tracks[track_rows[row]], detections[detection_rows[column]]):
                costs[row, column] = linear_assignment.INFTY_COST
        return costs
