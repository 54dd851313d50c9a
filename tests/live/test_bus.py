"""The masked bus: everybody gets everything, the slow lose the oldest, only masked frames go through."""

from __future__ import annotations

import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from workbench.data import Colour, Frame
from workbench.live.bus import PACKETS_WAITING, Bus
from workbench.live.frames import LiveFrame, MaskedFrame


def masked(index: int, *, writable: bool = False) -> MaskedFrame:
    y, u, v = (np.zeros(shape, np.uint8) for shape in ((4, 4), (2, 2), (2, 2)))
    for plane in (y, u, v):
        plane.flags.writeable = writable
    return MaskedFrame(Frame(index, index, Fraction(1, 25), (y, u, v), Colour()), 0.0, 0.5, False, "", 0)


def numbers(taken: list[MaskedFrame | None]) -> list[int]:
    return [each.frame.index for each in taken if each is not None]


def test_each_reader_gets_every_frame_in_order() -> None:
    bus = Bus()
    with bus.subscribe() as first, bus.subscribe() as second:
        for index in range(3):
            bus.publish(masked(index))
        for subscription in (first, second):
            assert numbers([subscription.get(0) for _ in range(4)]) == [0, 1, 2]


def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    bus = Bus()
    with bus.subscribe(depth=2) as slow, bus.subscribe(depth=10) as patient:
        for index in range(7):
            bus.publish(masked(index))
        assert numbers([slow.get(0), slow.get(0)]) == [5, 6]
        assert slow.dropped == 5
        assert patient.dropped == 0


def test_what_was_published_before_is_not_seen() -> None:
    bus = Bus()
    bus.publish(masked(0))
    with bus.subscribe() as late:
        assert late.get(0) is None


def test_a_raw_frame_is_refused() -> None:
    raw = LiveFrame(masked(0).frame, 0.0)
    with pytest.raises(TypeError, match="only masked frames"):
        Bus().publish(raw)  # type: ignore[arg-type]


def test_a_frame_that_could_still_change_is_refused() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Bus().publish(masked(0, writable=True))


def test_get_waits_for_a_frame_and_no_longer_than_asked() -> None:
    bus = Bus()
    with bus.subscribe() as waiting:
        began = time.monotonic()
        assert waiting.get(0.05) is None
        assert time.monotonic() - began >= 0.05
        threading.Timer(0.05, bus.publish, [masked(3)]).start()
        assert numbers([waiting.get(5)]) == [3]


def test_closing_wakes_readers_who_take_the_rest_first() -> None:
    bus = Bus()
    subscription = bus.subscribe()
    bus.publish(masked(0))
    threading.Timer(0.05, bus.close).start()
    assert numbers([subscription.get(5)]) == [0]
    assert subscription.get(5) is None
    assert subscription.closed


def test_a_subscription_to_a_closed_bus_is_closed() -> None:
    bus = Bus()
    bus.close()
    assert bus.subscribe().closed


def test_who_leaves_gets_nothing_more() -> None:
    bus = Bus()
    with bus.subscribe() as subscription:
        assert bus.readers == 1
    bus.publish(masked(0))
    assert bus.readers == 0
    assert subscription.get(0) is None


def test_sound_comes_in_order_once_and_is_bounded() -> None:
    bus = Bus()
    with bus.subscribe() as subscription:
        for number in range(3):
            bus.publish_sound(number)
        assert subscription.sounds() == [0, 1, 2]
        assert subscription.sounds() == []
        for number in range(PACKETS_WAITING + 5):
            bus.publish_sound(number)
        assert subscription.sounds()[0] == 5
        assert subscription.sounds_dropped == 5


def test_a_subscription_holds_at_least_one_frame() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Bus().subscribe(depth=0)


def test_many_readers_come_and_go_while_frames_are_published() -> None:
    bus, gotten, stop = Bus(), [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            with bus.subscribe() as subscription:
                if (frame := subscription.get(0.5)) is not None:
                    gotten.append(frame.frame.index)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for index in range(300):
        bus.publish(masked(index))
        time.sleep(0.0005)
    stop.set()
    bus.close()
    for thread in threads:
        thread.join(5)
    assert gotten
    assert bus.readers == 0
