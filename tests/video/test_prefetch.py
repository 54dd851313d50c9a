"""prefetch: same items, same errors, and it ends whatever either side does."""

from __future__ import annotations

import threading
import time
from itertools import count

import pytest

from workbench.video.prefetch import prefetch


def _alive() -> int:
    return sum(thread.name == "prefetch" for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    assert _alive() == 0


@pytest.mark.parametrize("depth", [1, 3, 100])
def test_the_same_items_in_order(depth):
    with prefetch(range(50), depth=depth) as ahead:
        assert list(ahead) == list(range(50))


def test_it_works_ahead_but_not_further_than_asked():
    made = []
    with prefetch((made.append(n) or n for n in range(100)), depth=3) as ahead:
        items = iter(ahead)
        assert next(items) == 0
        time.sleep(0.3)
        assert len(made) == 5  # one taken, three in the queue, one in hand


def test_an_error_arrives_after_the_items_before_it():
    def broken():
        yield 1
        yield 2
        raise LookupError("the third is missing")

    got = []
    with pytest.raises(LookupError, match="third"), prefetch(broken(), depth=5) as ahead:
        for item in ahead:
            got.append(item)
    assert got == [1, 2]


@pytest.mark.parametrize("way", ["break", "error", "interrupt", "unused"])
@pytest.mark.timeout(10)
def test_leaving_early_ends_the_thread_and_closes_the_source(way):
    closed = threading.Event()

    def endless():
        try:
            yield from count()
        finally:
            closed.set()

    def consume():
        with prefetch(endless(), depth=2) as ahead:
            if way == "unused":
                return
            for item in ahead:
                if item == 5:
                    if way == "break":
                        break
                    raise KeyboardInterrupt if way == "interrupt" else ValueError

    start = time.monotonic()
    if way in {"error", "interrupt"}:
        with pytest.raises((ValueError, KeyboardInterrupt)):
            consume()
    else:
        consume()
    assert time.monotonic() - start < 2
    assert closed.is_set() or way == "unused"


@pytest.mark.timeout(10)
def test_an_error_beside_a_full_queue_does_not_hang():
    with pytest.raises(ValueError), prefetch(count(), depth=1) as ahead:
        iter(ahead).__next__()
        time.sleep(0.1)
        raise ValueError


def test_depth_must_be_positive():
    with pytest.raises(ValueError, match="depth"):
        prefetch([], depth=0)
