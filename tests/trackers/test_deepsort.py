"""Identities over time, on paths whose truth is known."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deep_sort_realtime.deep_sort.kalman_filter import KalmanFilter

from workbench.data import Detections
from workbench.evaluate import evaluate_timeline, load_truth
from workbench.timeline import Timeline
from workbench.trackers.appearance import EMBEDDING_SIZE
from workbench.trackers.deepsort import DeepSort, _Motion
from workbench.trackers.options import TrackerOptions

STEPS_PER_SECOND = 25 / 3


def faces(*boxes: Sequence[float], scores: Sequence[float] | None = None) -> Detections:
    """Detections from x, y, w, h."""
    corners = np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32).reshape(-1, 4)
    return Detections(corners, np.array([0.9] * len(boxes) if scores is None else scores, np.float32))


def look(person: int) -> np.ndarray:
    """A unit vector at right angles to that of any other person."""
    vector = np.zeros(EMBEDDING_SIZE, np.float32)
    vector[person] = 1
    return vector


UNKNOWN = np.full(EMBEDDING_SIZE, np.nan, np.float32)


class Film:
    """A tracker fed at a steady rate."""

    def __init__(self, steps_per_second: float = STEPS_PER_SECOND, height_px: int = 1080, **options: object) -> None:
        self.rate = steps_per_second
        self.tracker = DeepSort(
            TrackerOptions.model_validate(options), steps_per_second=steps_per_second, height_px=height_px
        )
        self.seconds = 0.0

    def show(self, found: Detections, looks: Sequence[np.ndarray] | None = None, *, after: float = 0) -> list[int]:
        self.seconds += after or 1 / self.rate
        vectors = None if looks is None else np.stack(looks)
        return self.tracker.update(found, vectors, time_seconds=self.seconds).tolist()


@pytest.mark.parametrize("rate", [25.0, STEPS_PER_SECOND])
def test_a_moving_face_has_one_id_from_its_first_sighting(rate: float) -> None:
    film = Film(rate, n_init=3)
    ids = [film.show(faces((100 + 5 * step, 100, 80, 100))) for step in range(20)]
    assert ids == [[1]] * 20


def test_every_detection_has_an_id_of_its_own_junk_and_nothing_included() -> None:
    film, rng = Film(), np.random.default_rng(3)
    for step in range(30):
        junk = [(*rng.uniform(0, 900, 2), *rng.uniform(0, 90, 2)) for _ in range(step % 5)]
        found = faces((400, 300, 90, 110), *junk, scores=[0.9, *rng.uniform(0.05, 0.3, len(junk))])
        ids = film.show(found)
        assert len(ids) == len(found) == len(set(ids))
        assert ids[0] == 1 and min(ids) >= 1
    assert film.show(Detections.empty()) == []


@pytest.mark.parametrize("rate", [25.0, STEPS_PER_SECOND])
@pytest.mark.parametrize(("away_seconds", "is_found_again"), [(1.0, True), (1.6, False)])
def test_max_age_is_a_time_at_every_rate(rate: float, away_seconds: float, is_found_again: bool) -> None:
    film = Film(rate, max_age=30)
    for _ in range(10):
        film.show(faces((100, 100, 80, 100)), [look(1)])
    for _ in range(round(away_seconds * rate)):
        film.show(Detections.empty())
    assert (film.show(faces((104, 100, 80, 100)), [look(1)]) == [1]) is is_found_again


@pytest.mark.parametrize(("gap_seconds", "is_found_again"), [(0.8, True), (2.0, False)])
def test_a_gap_in_the_sources_time_ages_tracks_too(gap_seconds: float, is_found_again: bool) -> None:
    film = Film()
    for _ in range(10):
        film.show(faces((100, 100, 80, 100)), [look(1)])
    assert (film.show(faces((104, 100, 80, 100)), [look(1)], after=gap_seconds) == [1]) is is_found_again


def test_a_lost_face_is_found_where_it_is_expected_without_looks() -> None:
    film = Film(appearance="never")
    for step in range(10):
        film.show(faces((100 + 8 * step, 100, 80, 100)))
    for _ in range(4):
        film.show(Detections.empty())
    assert film.show(faces((100 + 8 * 14, 100, 80, 100))) == [1]


@pytest.mark.parametrize(("height_px", "is_same"), [(1080, False), (2160, True)])
def test_no_jump_is_longer_than_max_distance(height_px: int, is_same: bool) -> None:
    film = Film(height_px=height_px, max_distance=50.0)
    for _ in range(5):
        film.show(faces((100, 100, 400, 500)), [look(1)])
    assert (film.show(faces((180, 100, 400, 500)), [look(1)]) == [1]) is is_same  # 80 px: overlaps by 67 %


def crossing(step: int) -> Detections:
    """Two faces that walk through each other in 20 steps, at 6 px a step; one box while they cover each other."""
    left, right = (200 + 6 * step, 100, 60, 80), (320 - 6 * step, 100, 60, 80)
    return faces(left, right) if abs(left[0] - right[0]) > 30 else faces(left)


def test_two_faces_that_cross_keep_their_ids_by_their_looks() -> None:
    film = Film()
    for step in range(21):
        found = crossing(step)
        ids = film.show(found, [look(1), look(2)][: len(found)])
    assert ids == [1, 2]


def test_a_face_that_turns_back_behind_another_is_known_by_its_look() -> None:
    film = Film()
    for step in range(8):
        film.show(faces((200 + 6 * step, 100, 60, 80), (320 - 6 * step, 100, 60, 80)), [look(1), look(2)])
    for _ in range(3):
        film.show(faces((255, 100, 60, 80)), [look(1)])
    # Both come out on the side they went in; movement says they have passed each other.
    assert film.show(faces((235, 100, 60, 80), (290, 100, 60, 80)), [look(1), look(2)]) == [1, 2]


def test_a_face_keeps_the_vector_of_its_first_sighting() -> None:
    film = Film()
    film.show(faces((200, 100, 60, 80), (500, 100, 60, 80)), [look(1), look(2)])
    for _ in range(5):
        assert film.show(faces((200, 100, 60, 80), (500, 100, 60, 80)), [UNKNOWN, UNKNOWN]) == [1, 2]
    for _ in range(3):
        film.show(Detections.empty())
    assert film.show(faces((225, 100, 60, 80), (475, 100, 60, 80)), [look(1), look(2)]) == [1, 2]


def test_vectors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 1 faces"):
        Film().tracker.update(faces((0, 0, 9, 9)), np.zeros((1, 7), np.float32), time_seconds=0.0)


def test_the_same_film_gives_the_same_ids() -> None:
    assert [Film().show(crossing(step)) for step in range(21)] == [Film().show(crossing(step)) for step in range(21)]


def test_the_short_cut_in_the_gate_is_exact() -> None:
    measured = np.array([100.0, 80.0, 0.8, 60.0])
    package, ours = KalmanFilter(), _Motion(1.0)
    mean, covariance = package.initiate(measured)
    for step in range(6):
        mean, covariance = package.predict(mean, covariance)
        nearby = measured + np.random.default_rng(step).normal(0, 5, (4, 4)) * (1, 1, 0.01, 1)
        for only_position in (False, True):
            expected = package.gating_distance(mean, covariance, nearby.copy(), only_position)
            np.testing.assert_allclose(ours.gating_distance(mean, covariance, nearby, only_position), expected)
        mean, covariance = package.update(mean, covariance, nearby[0])


@pytest.mark.parametrize("name", ["consultation", "meeting_grid"])
@pytest.mark.parametrize("appearance", ["never", "always"])
def test_identities_on_sample_clips(name: str, appearance: str, sample: Callable[[str], Path]) -> None:
    """True boxes on every third frame as a detector sees them: shaken, one in ten missed, with low-score junk."""
    truth = load_truth(sample(name).with_suffix(".gt.csv")).query("frame % 3 == 0")
    film, rng, rows = Film(height_px=720, appearance=appearance), np.random.default_rng(5), []
    for frame, there in truth.groupby("frame"):
        seen = there[rng.random(len(there)) > 0.1]
        sizes = seen[["w", "h", "w", "h"]].to_numpy()
        boxes = seen[["x", "y", "w", "h"]].to_numpy() + sizes * rng.normal(0, 0.04, sizes.shape)
        found = faces(*boxes, (*rng.uniform(0, 600, 2), 50, 60), scores=[0.9] * len(seen) + [0.2])
        looks = [*(look(person) for person in seen["person"]), UNKNOWN] if appearance == "always" else None
        ids = film.show(found, looks)[:-1]
        rows += [(frame, frame / 25, track, *box) for track, box in zip(ids, boxes, strict=True)]
    table = pd.DataFrame(rows, columns=["frame", "time_seconds", "track", "x", "y", "w", "h"])
    tracked = Timeline(table.assign(score=0.9, source="detected"), width_px=1280, height_px=720)
    found_share = len(rows) / len(truth)
    result = evaluate_timeline(tracked, truth, growth=0.2)
    assert result.id_switches == 0
    assert result.idf1 == pytest.approx(2 * found_share / (1 + found_share), abs=1e-6)  # nothing lost but the misses


def test_tracking_needs_no_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from workbench.data import Detections\n"
        "from workbench.trackers.deepsort import DeepSort\n"
        "from workbench.trackers.options import TrackerOptions\n"
        "tracker = DeepSort(TrackerOptions(), steps_per_second=25, height_px=720)\n"
        "tracker.update(Detections.empty(), None, time_seconds=0)\n"
        "print(sorted({'torch', 'torchvision', 'pkg_resources', 'gradio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
