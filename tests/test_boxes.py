"""Box geometry keeps its own laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench import boxes

corners = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(4)), elements=st.integers(-50, 50).map(float))


def upright(box_list):
    return np.concatenate(
        [np.minimum(box_list[:, :2], box_list[:, 2:]), np.maximum(box_list[:, :2], box_list[:, 2:])], 1
    )


def test_known_numbers():
    first = np.array([[0.0, 0.0, 10.0, 10.0], [5.0, 0.0, 15.0, 10.0], [20.0, 20.0, 30.0, 30.0]])
    assert boxes.area(first).tolist() == [100, 100, 100]
    assert boxes.intersection(first, first)[0].tolist() == [100, 50, 0]
    assert boxes.iou(first, first)[0] == pytest.approx([1, 1 / 3, 0])
    assert boxes.centres(first)[1].tolist() == [10, 5]
    assert boxes.union_box(first[:1], first[2:]).tolist() == [[0, 0, 30, 30]]
    assert boxes.grow(first[:1], 0.1).tolist() == [[-1, -1, 11, 11]]
    assert boxes.grow(first[:2], np.array([0.1, 0.2])).tolist() == [[-1, -1, 11, 11], [3, -2, 17, 12]]


@given(corners)
def test_a_box_turned_inside_out_has_no_area(any_boxes):
    flipped = upright(any_boxes)[:, [2, 3, 0, 1]]
    assert (boxes.area(flipped) == 0).all()
    assert (boxes.iou(flipped, flipped) == 0).all()


@given(corners, corners)
def test_overlap_is_symmetric_and_within_bounds(first, second):
    first, second = upright(first), upright(second)
    overlap = boxes.iou(first, second)
    assert overlap.shape == (len(first), len(second))
    assert np.array_equal(overlap, boxes.iou(second, first).T)
    assert ((overlap >= 0) & (overlap <= 1)).all()
    assert (boxes.intersection(first, second) <= boxes.area(first)[:, None]).all()


@given(corners, st.integers(-20, 20), st.integers(-20, 20))
def test_overlap_does_not_depend_on_the_place(any_boxes, dx, dy):
    here = upright(any_boxes)
    there = here + np.array([dx, dy, dx, dy])
    assert np.array_equal(boxes.iou(here, here), boxes.iou(there, there))


@given(corners, st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_growing_keeps_the_centre_and_scales_the_size(any_boxes, fraction):
    here = upright(any_boxes)
    larger = boxes.grow(here, fraction)
    assert np.allclose(boxes.centres(larger), boxes.centres(here))
    assert np.allclose(larger[:, 2:] - larger[:, :2], (here[:, 2:] - here[:, :2]) * (1 + 2 * fraction))


@given(corners)
def test_a_union_holds_both(any_boxes):
    first, second = upright(any_boxes), upright(any_boxes[::-1])
    both = boxes.union_box(first, second)
    for one in (first, second):
        assert (both[:, :2] <= one[:, :2]).all()
        assert (both[:, 2:] >= one[:, 2:]).all()


@given(corners, st.sampled_from([0.0, 0.3, 0.5, 0.9]), st.randoms(use_true_random=False))
def test_suppression_keeps_the_best_and_covers_the_rest(any_boxes, max_iou, random):
    here = upright(any_boxes)
    scores = np.array([random.random() for _ in here])
    kept = boxes.nms(here, scores, max_iou)
    assert kept[0] == scores.argmax()
    assert (np.diff(scores[kept]) <= 0).all()
    among = boxes.iou(here[kept], here[kept]) - np.eye(len(kept))
    assert (among <= max_iou).all()
    for dropped in set(range(len(here))) - set(kept.tolist()):
        better = kept[scores[kept] >= scores[dropped]]
        assert (boxes.iou(here[[dropped]], here[better]) > max_iou).any()


def test_no_boxes_are_no_problem():
    none = np.zeros((0, 4))
    some = np.ones((3, 4))
    assert boxes.area(none).shape == (0,)
    assert boxes.iou(none, some).shape == (0, 3)
    assert boxes.grow(none, 0.5).shape == (0, 4)
    assert boxes.nms(none, np.zeros(0), 0.5).tolist() == []
