"""Deciding window by window gives what deciding the whole clip gives, and refuses frames that nobody looked at."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data import Colour, Detections, Frame
from workbench.decide import TimelineOptions, decide
from workbench.errors import MaskingError
from workbench.sightings import Sightings, clock_of, join_sightings, poses_of
from workbench.store import AnalysedFrame
from workbench.stream import StreamedBoxes, decided_windows

FPS = 10
TICK = Fraction(1, FPS)


class Labelled:
    """A tracker for tests: the track id of a face is its box's width."""

    def sightings(self, frame: AnalysedFrame, time_seconds: float) -> Sightings:
        faces = frame.detections or Detections.empty()
        ids = (faces.boxes[:, 2] - faces.boxes[:, 0]).astype(np.int64)
        return Sightings(np.full(len(faces), frame.index), ids, faces.boxes, faces.scores, poses_of(faces))


def frame(index: int, pts: int | None = None) -> Frame:
    planes = (np.zeros((8, 8), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))
    return Frame(index, index if pts is None else pts, TICK, planes, Colour())


def clip(faces: dict[int, list[tuple[int, float, float]]], length: int, cuts: set[int]) -> list[AnalysedFrame]:
    """Frames with faces as (track, left edge, score); looked at on every second frame."""
    frames = []
    for index in range(length):
        found = None
        if index % 2 == 0:
            rows = faces.get(index, [])
            boxes = [[left, 10, left + track, 60] for track, left, _ in rows]
            scores = np.array([score for _, _, score in rows], np.float32)
            found = Detections(np.array(boxes, np.float32).reshape(-1, 4), scores)
        frames.append(AnalysedFrame(index, index, 200.0 if index in cuts else 0.0, found))
    return frames


def streamed(frames: list[AnalysedFrame], options: TimelineOptions) -> StreamedBoxes:
    return StreamedBoxes(decided_windows(frames, Labelled(), options, confidence=0.5, time_base=TICK))


face = st.tuples(st.sampled_from([20, 30, 40]), st.integers(0, 500).map(float), st.sampled_from([0.3, 0.45, 0.6, 0.9]))
scenes = st.dictionaries(
    st.integers(0, 99).map(lambda half: 2 * half), st.lists(face, max_size=3, unique_by=lambda row: row[0]), max_size=50
)


@given(faces=scenes, cuts=st.sets(st.integers(1, 199), max_size=5), length=st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_windows_join_to_the_timeline_of_the_whole_clip(
    faces: dict[int, list[tuple[int, float, float]]], cuts: set[int], length: int
) -> None:
    options = TimelineOptions(hold_seconds=1.0, bridge_seconds=1.0)
    frames = clip(faces, length, cuts)
    boxes = streamed(frames, options)
    for index in range(length):
        boxes.on(frame(index))
    boxes.finish(length)
    joined = boxes.timeline(width_px=640, height_px=480)
    tracking = Labelled()
    everything = join_sightings(tracking.sightings(each, 0) for each in frames)
    whole = decide(everything, clock_of(frames, [each.pts / FPS for each in frames]), options, confidence=0.5)
    pd.testing.assert_frame_equal(joined.rows, whole.rows, rtol=1e-4, atol=1e-3)
    assert joined.decisions == whole.decisions()


def test_the_first_window_is_ready_long_before_the_clip_has_been_analysed() -> None:
    asked = []

    def analysed():
        for each in clip({0: [(20, 5.0, 0.9)]}, 1000, set()):
            asked.append(each.index)
            yield each

    streamed_boxes = StreamedBoxes(
        decided_windows(analysed(), Labelled(), TimelineOptions(), confidence=0.5, time_base=TICK)
    )
    streamed_boxes.on(frame(0))
    assert len(asked) < 100


def test_a_frame_beyond_the_analysed_ones_is_refused() -> None:
    boxes = streamed(clip({}, 5, set()), TimelineOptions())
    boxes.on(frame(4))
    with pytest.raises(MaskingError, match="not analysed"):
        boxes.on(frame(5))


def test_a_frame_whose_time_changed_is_refused() -> None:
    boxes = streamed(clip({}, 5, set()), TimelineOptions())
    with pytest.raises(MaskingError, match="reads differently"):
        boxes.on(frame(3, pts=77))


def test_a_clip_that_ends_early_the_second_time_is_refused() -> None:
    boxes = streamed(clip({}, 50, set()), TimelineOptions())
    boxes.on(frame(0))
    with pytest.raises(MaskingError, match="ended earlier"):
        boxes.finish(1)
