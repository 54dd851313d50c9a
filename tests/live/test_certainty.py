"""When a live picture may be shown, and what is hidden in it: facts about the rules, without a pixel or a thread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data import Detections
from workbench.decide import TimelineOptions
from workbench.live.certainty import LOOKS_TO_RECOVER, LOOKS_TO_START, Certainty, Look

WIDTH, HEIGHT, STEP = 1280, 720, 0.04
FACE = (600.0, 200.0, 700.0, 330.0)
OPTIONS = TimelineOptions()


def certainty(*, stale_seconds: float = 0.5) -> Certainty:
    return Certainty(OPTIONS, confidence=0.5, width_px=WIDTH, height_px=HEIGHT, stale_seconds=stale_seconds)


def look(time: float, *faces: tuple[int, tuple[float, float, float, float], float]) -> Look:
    """Faces as (track, box, score)."""
    boxes = np.array([box for _, box, _ in faces], np.float32).reshape(-1, 4)
    scores = np.array([score for *_, score in faces], np.float32)
    return Look(time, Detections(boxes, scores), np.array([track for track, *_ in faces], np.int64))


def seen(subject: Certainty, *, first: int = 0, last: int, score: float = 0.9, track: int = 1) -> None:
    """Looks at the steps ``first`` to ``last`` that all see the face."""
    for step in range(first, last + 1):
        subject.learn(look(step * STEP, (track, FACE, score)))


def hides(subject: Certainty, time: float, box: tuple[float, float, float, float] = FACE) -> bool:
    """Whether the box lies in what is hidden at that time."""
    verdict = subject.verdict(time)
    if verdict.reason:
        return True
    inner = np.array(box)
    hidden = verdict.faces.boxes
    return bool(((hidden[:, :2] <= inner[:2] + 0.5) & (hidden[:, 2:] >= inner[2:] - 0.5)).all(axis=1).any())


def moved(dx: float, dy: float = 0.0) -> tuple[float, float, float, float]:
    return (FACE[0] + dx, FACE[1] + dy, FACE[2] + dx, FACE[3] + dy)


class TestWholePicture:
    def test_nothing_is_shown_before_the_first_look(self) -> None:
        assert certainty().verdict(0.0).reason == "start"

    @pytest.mark.parametrize("looks", range(LOOKS_TO_START))
    def test_nothing_is_shown_before_enough_looks(self, looks: int) -> None:
        subject = certainty()
        seen(subject, last=looks - 1)
        assert subject.verdict(looks * STEP).reason == "start"

    def test_pictures_are_shown_after_enough_looks_and_not_those_before(self) -> None:
        subject = certainty()
        seen(subject, last=LOOKS_TO_START - 1)
        assert subject.verdict((LOOKS_TO_START - 1) * STEP).reason == ""
        assert subject.verdict(0.0).reason == "start"

    def test_a_failure_at_the_start_begins_the_count_anew(self) -> None:
        subject = certainty()
        seen(subject, last=LOOKS_TO_START - 2)
        subject.learn(Look(1.0))
        subject.learn(look(1.04))
        assert subject.verdict(1.04).reason == "start"

    def test_a_failed_look_hides_from_the_last_good_one_until_some_succeeded(self) -> None:
        subject = certainty()
        seen(subject, last=9)
        subject.learn(Look(0.40))
        assert subject.verdict(9 * STEP).reason == ""
        assert subject.verdict(0.38).reason == "detector"
        assert subject.verdict(0.44).reason == "detector"
        seen(subject, first=11, last=10 + LOOKS_TO_RECOVER - 1)
        assert subject.verdict((10 + LOOKS_TO_RECOVER) * STEP).reason == "detector"
        seen(subject, first=10 + LOOKS_TO_RECOVER, last=10 + LOOKS_TO_RECOVER)
        assert subject.verdict((10 + LOOKS_TO_RECOVER) * STEP).reason == ""
        assert subject.verdict(0.40).reason == "detector"

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("place", ["box", "score"])
    def test_numbers_that_mean_nothing_are_a_failed_look(self, value: float, place: str) -> None:
        subject = certainty()
        seen(subject, last=9)
        broken = (1, (value, 0.0, 10.0, 10.0), 0.9) if place == "box" else (1, FACE, value)
        subject.learn(look(0.40, broken))
        assert subject.verdict(0.40).reason == "detector"

    def test_a_box_turned_inside_out_is_a_failed_look(self) -> None:
        subject = certainty()
        seen(subject, last=9)
        subject.learn(look(0.40, (1, (700.0, 200.0, 600.0, 330.0), 0.9)))
        assert subject.verdict(0.40).reason == "detector"

    def test_a_time_that_means_nothing_is_no_look(self) -> None:
        subject = certainty()
        for _ in range(5):
            subject.learn(look(math.nan, (1, FACE, 0.9)))
        assert subject.verdict(0.0).reason == "start"

    def test_a_look_is_stale_after_its_time(self) -> None:
        subject = certainty(stale_seconds=0.3)
        seen(subject, last=5)
        assert subject.verdict(5 * STEP + 0.29).reason == ""
        assert subject.verdict(5 * STEP + 0.31).reason == "stale"

    def test_between_two_looks_far_apart_only_what_is_near_one_is_shown(self) -> None:
        subject = certainty(stale_seconds=0.3)
        seen(subject, last=5)
        subject.learn(look(3.0, (1, FACE, 0.9)))
        assert subject.verdict(1.5).reason == "stale"
        assert subject.verdict(3.0 - OPTIONS.backfill_seconds + 0.01).reason == ""

    def test_nothing_is_shown_behind_a_cut_before_a_look_behind_it(self) -> None:
        subject = certainty()
        seen(subject, last=9)
        subject.cut(0.40)
        assert subject.verdict(9 * STEP).reason == ""
        assert subject.verdict(0.40).reason == "cut"
        assert subject.verdict(0.44).reason == "cut"
        subject.learn(look(0.44, (2, moved(-300), 0.9)))
        assert subject.verdict(0.44).reason == ""
        assert hides(subject, 0.40, moved(-300)), "the look behind the cut also says what was there just before"

    def test_a_look_behind_a_cut_says_nothing_about_the_scene_before(self) -> None:
        subject = certainty(stale_seconds=0.1)
        seen(subject, last=9)
        subject.cut(0.60)
        subject.learn(look(0.64, (1, FACE, 0.9)))
        assert subject.verdict(0.56).reason == "stale"
        assert subject.verdict(0.60).reason == ""

    def test_a_face_that_was_sure_and_vanishes_is_held_without_hiding_the_picture(self) -> None:
        subject = certainty()
        seen(subject, last=20)
        for step in range(21, 40):
            subject.learn(look(step * STEP))
        assert subject.verdict(30 * STEP).reason == ""
        assert hides(subject, 30 * STEP)

    def test_a_face_of_which_it_was_not_sure_and_that_vanishes_hides_the_picture_until_it_is_found(self) -> None:
        subject = certainty()
        seen(subject, last=20, score=0.45)
        for step in range(21, 26):
            subject.learn(look(step * STEP))
        assert subject.verdict(25 * STEP).reason == "lost"
        seen(subject, first=26, last=26, score=0.45)
        assert subject.verdict(26 * STEP).reason == ""
        assert subject.verdict(25 * STEP).reason == "", "known from both sides now"
        assert hides(subject, 25 * STEP)

    def test_the_picture_comes_back_when_the_face_is_gone_for_good(self) -> None:
        subject = certainty()
        seen(subject, last=20, score=0.45)
        last = 20 * STEP
        for step in range(21, 80):
            subject.learn(look(step * STEP))
        assert subject.verdict(last + OPTIONS.bridge_seconds - 0.02).reason == "lost"
        assert subject.verdict(last + OPTIONS.bridge_seconds + 0.02).reason == ""

    def test_a_face_may_leave_through_the_edge(self) -> None:
        subject = certainty()
        for step in range(21):
            subject.learn(look(step * STEP, (1, (0.0, 200.0, 80.0, 330.0), 0.45)))
        for step in range(21, 40):
            subject.learn(look(step * STEP))
        assert subject.verdict(25 * STEP).reason == ""

    def test_a_face_that_goes_on_under_another_number_is_one_face(self) -> None:
        subject = certainty()
        seen(subject, last=20, score=0.45)
        seen(subject, first=21, last=26, score=0.45, track=2)
        seen(subject, first=27, last=27, score=0.45, track=-1)
        verdict = subject.verdict(25 * STEP)
        assert verdict.reason == ""
        assert len(verdict.faces.boxes) == 1

    def test_a_doubtful_face_that_another_one_hides_is_not_lost(self) -> None:
        subject = certainty()
        for step in range(30):
            before, front = (1, FACE, 0.45), (2, moved(400 - 20.0 * min(step, 20)), 0.9)
            subject.learn(look(step * STEP, *([before, front] if step < 18 else [front])))
        assert subject.verdict(25 * STEP).reason == ""

    def test_two_faces_at_one_place_stay_two(self) -> None:
        subject = certainty()
        for step in range(20):
            subject.learn(look(step * STEP, (1, FACE, 0.9), (2, moved(20), 0.9), (-1, moved(40), 0.9)))
        assert len(subject.verdict(19 * STEP).faces.boxes) == 3

    def test_a_single_doubtful_sighting_is_no_lost_face(self) -> None:
        subject = certainty()
        for step in range(40):
            subject.learn(look(step * STEP, (1, FACE, 0.45)) if step == 10 else look(step * STEP))
        assert subject.verdict(15 * STEP).reason == ""
        assert hides(subject, 10 * STEP)


class TestPlaces:
    def test_a_new_face_is_hidden_just_before_it_is_first_seen(self) -> None:
        subject = certainty()
        for step in range(20):
            subject.learn(look(step * STEP))
        seen(subject, first=20, last=25)
        assert hides(subject, 20 * STEP - OPTIONS.backfill_seconds + 0.01)
        assert not hides(subject, 20 * STEP - OPTIONS.backfill_seconds - 0.05)

    def test_between_two_sightings_a_face_is_on_the_line_between_them(self) -> None:
        subject = certainty()
        for step in range(0, 12, 3):
            subject.learn(look(step * STEP, (1, moved(10.0 * step), 0.9)))
        assert subject.verdict(8 * STEP).reason == ""
        assert hides(subject, 8 * STEP, moved(80.0))
        assert not hides(subject, 8 * STEP, moved(0.0))

    def test_a_face_not_seen_any_more_is_hidden_where_it_was_and_where_it_was_heading(self) -> None:
        subject = certainty(stale_seconds=1.0)
        for step in range(10):
            subject.learn(look(step * STEP, (1, moved(8.0 * step), 0.9)))
        for ahead in (1, 4, 8):
            time = (9 + ahead) * STEP
            assert hides(subject, time, moved(72.0)), "it may have stopped"
            assert hides(subject, time, moved(72.0 + 8.0 * ahead)), "it may have gone on"

    def test_the_mask_grows_with_the_age_of_the_sighting_and_with_the_speed(self) -> None:
        slow, fast = certainty(stale_seconds=1.0), certainty(stale_seconds=1.0)
        for step in range(10):
            slow.learn(look(step * STEP, (1, FACE, 0.9)))
            fast.learn(look(step * STEP, (1, moved(0.0, 10.0 * step), 0.9)))

        def width(subject: Certainty, ahead: float) -> float:
            box = subject.verdict(9 * STEP + ahead).faces.boxes[0]
            return float(box[2] - box[0])

        assert width(slow, 0.0) < width(slow, 0.2) < width(slow, 0.4)
        assert width(fast, 0.2) > width(slow, 0.2), "across its movement as well: it may turn"

    def test_a_face_near_the_edge_is_not_held_for_long(self) -> None:
        subject = certainty()
        at_edge = (1200.0, 200.0, 1279.0, 330.0)
        for step in range(10):
            subject.learn(look(step * STEP, (1, at_edge, 0.9)))
        for step in range(10, 40):
            subject.learn(look(step * STEP))
        assert hides(subject, 9 * STEP + OPTIONS.coast_seconds - 0.01, at_edge)
        assert not hides(subject, 9 * STEP + OPTIONS.coast_seconds + 0.02, at_edge)

    def test_a_face_is_not_carried_over_a_cut(self) -> None:
        subject = certainty()
        seen(subject, last=10)
        subject.cut(11 * STEP)
        subject.learn(look(14 * STEP, (1, moved(400), 0.9)))
        assert hides(subject, 12 * STEP, moved(400)), "where the face of the new scene is, not half-way there"

    def test_the_less_sure_a_face_is_the_more_is_hidden(self) -> None:
        widths = []
        for score in (0.95, 0.45):
            subject = certainty()
            seen(subject, last=10, score=score)
            box = subject.verdict(10 * STEP).faces.boxes[0]
            widths.append(box[2] - box[0])
        assert widths[1] > 1.4 * widths[0]

    def test_a_weak_sighting_counts_on_a_track_that_was_sure(self) -> None:
        subject = certainty()
        seen(subject, last=10)
        for step in range(11, 60):
            subject.learn(look(step * STEP, (1, moved(5.0 * (step - 10)), 0.3)))
        assert hides(subject, 30 * STEP, moved(100.0))

    def test_a_weak_sighting_alone_is_no_face(self) -> None:
        subject = certainty()
        seen(subject, last=20, score=0.3)
        assert not hides(subject, 20 * STEP)

    def test_faces_that_nobody_follows_are_hidden(self) -> None:
        subject = certainty()
        for step in range(10):
            subject.learn(look(step * STEP, (-1, FACE, 0.9), (-1, moved(300), 0.9)))
        assert hides(subject, 9 * STEP)
        assert hides(subject, 9 * STEP, moved(300))

    def test_a_face_is_held_briefly_over_a_cut_that_may_be_a_flash(self) -> None:
        subject = certainty()
        seen(subject, last=10)
        subject.cut(11 * STEP)
        for step in range(11, 40):
            subject.learn(look(step * STEP))
        assert hides(subject, 12 * STEP)
        assert not hides(subject, 10 * STEP + OPTIONS.coast_seconds + 0.02)

    def test_what_is_remembered_does_not_grow(self) -> None:
        subject = certainty()
        sizes = []
        for step in range(3000):
            subject.learn(look(step * STEP, (step // 10, FACE, 0.9), (-1, moved(300), 0.9)))
            if step % 50 == 0:
                subject.cut(step * STEP)
            sizes.append(len(subject._looks) + len(subject._trails._trails) + len(subject._doubts))
        assert max(sizes[2000:]) <= max(sizes[500:1000])


events = st.lists(
    st.tuples(
        st.sampled_from(["seen", "weak", "unseen", "failed", "broken", "cut", "nothing"]),
        st.integers(0, 3),  # steps without any look before it
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None, max_examples=200)
@given(events)
def test_whatever_happens_a_face_seen_surely_is_hidden_then_and_a_picture_is_shown_only_near_good_looks(
    happened: list[tuple[str, int]],
) -> None:
    subject, time, good, sure = certainty(stale_seconds=0.5), 0.0, [], []
    for kind, gap in happened:
        time += STEP * (1 + gap)
        box = moved(20 * math.sin(3 * time))
        if kind == "cut":
            subject.cut(time)
        elif kind == "failed":
            subject.learn(Look(time))
        elif kind == "broken":
            subject.learn(look(time, (1, (math.nan, 0.0, 1.0, 1.0), 0.9)))
        elif kind != "nothing":
            good.append(time)
            score = {"seen": 0.9, "weak": 0.42}.get(kind)
            subject.learn(look(time) if score is None else look(time, (1, box, score)))
            if score is not None:
                sure.append((time, box))
        verdict = subject.verdict(time)
        assert np.isfinite(verdict.faces.boxes).all()
        assert (verdict.faces.boxes[:, 2:] >= verdict.faces.boxes[:, :2]).all()
        if not verdict.reason:
            assert len(good) >= LOOKS_TO_START
            assert time - good[-1] <= 0.5 + 1e-9
    for moment, box in sure:
        assert hides(subject, moment, box)


faces = st.lists(
    st.tuples(st.integers(-1, 4), st.integers(0, 1100), st.integers(0, 500), st.floats(0.25, 1.0)), max_size=5
)


@settings(deadline=None, max_examples=200)
@given(st.lists(faces, min_size=LOOKS_TO_START, max_size=25))
def test_every_face_seen_is_hidden_whatever_its_track_says(looks: list[list[tuple[int, int, int, float]]]) -> None:
    subject = certainty()
    for step, found in enumerate(looks):
        boxes = [(track, (x, y, x + 80.0, y + 110.0), score) for track, x, y, score in found]
        subject.learn(look(step * STEP, *boxes))
    for step, found in enumerate(looks):
        for _, x, y, score in found:
            if score >= 0.5 - OPTIONS.review_margin + 1e-6:
                assert hides(subject, step * STEP, (x, y, x + 80.0, y + 110.0))


class TestPose:
    MARKS = np.array([[[40, 50], [60, 50], [50, 63], [43, 70], [57, 70]]], np.float32)

    def turned(self, time: float, *, nose: float) -> Look:
        marks = self.MARKS + np.array([[0, 0], [0, 0], [nose, 0], [0, 0], [0, 0]], np.float32)
        faces = Detections(np.array([FACE], np.float32), np.array([0.9], np.float32), marks)
        return Look(time, faces, np.array([1]))

    def test_it_is_the_mean_of_what_was_seen_around_that_time(self) -> None:
        subject = certainty()
        for step in range(12):
            subject.learn(self.turned(step * STEP, nose=4.0 if step % 2 else 0.0))
        _, tracks, poses = subject.verdict(6 * STEP).faces
        assert tracks.tolist() == [1]
        (turn, nod, roll), axis = poses[0], 20.0
        assert 0 < turn < 4 / axis
        assert (nod, roll) == (pytest.approx(13 / axis), 0)

    def test_it_is_not_known_without_landmarks(self) -> None:
        subject = certainty()
        seen(subject, last=6)
        assert np.isnan(subject.verdict(6 * STEP).faces.poses).all()

    def test_it_stays_the_last_one_while_the_head_shows_no_landmarks(self) -> None:
        subject = certainty()
        for step in range(4):
            subject.learn(self.turned(step * STEP, nose=4.0))
        seen(subject, first=4, last=12)
        assert subject.verdict(12 * STEP).faces.poses[0, 0] == pytest.approx(0.2)
