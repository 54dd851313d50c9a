"""The reader: the newest frame wins, one clock over all connections, and it comes back by itself and always stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import RtspServer, rtsp_server

from workbench.data import VideoInfo
from workbench.errors import SourceError
from workbench.live.cameras import arriving, picture_info
from workbench.live.frames import LiveFrame
from workbench.live.network import RefusedError
from workbench.live.options import LiveOptions
from workbench.live.played import PlayedFile
from workbench.live.reader import STOP_SECONDS, Reader
from workbench.live.sound import SoundFormat, SoundPacket
from workbench.live.sources import open_live_source
from workbench.live.splice import JUMP_SECONDS, Splice

pytestmark = pytest.mark.quiet  # it runs in real time

Step = float | int | Exception
"""What a scripted source does next: a pause in seconds, a frame of that width, or an error."""


class Scripted:
    """A source that does what each of its connections is told to; with the last one it ends, or hangs."""

    label = "script"

    def __init__(self, *connections: list[Step], finite: bool = False, hangs: bool = False) -> None:
        self.finite, self.on_sound = finite, None
        self.opened = 0
        self._connections, self._hangs = connections, hangs
        self._closed = threading.Event()

    @property
    def info(self) -> VideoInfo:
        return picture_info("script", 32, 32, rate=Fraction(25))

    def open(self) -> None:
        self.opened += 1
        first = self._connections[self.opened - 1][:1]
        if first and isinstance(first[0], RefusedError):
            raise first[0]

    def frames(self) -> Iterator[LiveFrame]:
        for step in self._connections[self.opened - 1]:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, float):
                self._closed.wait(step)
            else:
                yield arriving(np.zeros((32, step, 3), np.uint8))
        if self._hangs:
            time.sleep(STOP_SECONDS + 1)

    def close(self) -> None:
        self._closed.set()


def run(source: Scripted, *, until: str = "ended", seconds: float = 5) -> tuple[Reader, list[tuple[str, str]]]:
    """A reader of the source, and all it said until it came to a state."""
    said: list[tuple[str, str]] = []
    reached = threading.Event()

    def hear(state: str, message: str) -> None:
        said.append((state, message))
        if state == until:
            reached.set()

    reader = Reader(source, on_state=hear)  # type: ignore[arg-type]
    reader.start()
    assert reached.wait(seconds), said
    return reader, said


def names(said: list[tuple[str, str]]) -> list[str]:
    return [state for state, _ in said]


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    reader, _ = run(Scripted([32, 32, 32, 64]))
    live = reader.take(0)
    assert live is not None
    assert (live.frame.width_px, live.frame.index) == (64, 3)
    assert reader.dropped == 3
    assert reader.take(5) is None, "it has ended, so nobody waits"
    assert reader.over


def test_a_connection_that_breaks_is_made_again() -> None:
    source = Scripted([32, 32, SourceError("cable out")], [SourceError("still out")], [32])
    reader, said = run(source)
    assert names(said) == ["running", "waiting", "waiting", "running", "ended"]
    assert [message for _, message in said[1:3]] == ["cable out", "still out"]
    assert reader.generation == 2
    assert source.opened == 3


def test_a_change_of_size_is_a_new_generation() -> None:
    assert run(Scripted([32, 32, 64, 64, 32]))[0].generation == 3


def test_an_error_of_another_kind_is_told_by_its_name_alone() -> None:
    reader, said = run(Scripted([32, RuntimeError("rtsp://u:secret@h")], [32]), seconds=10)
    assert ("waiting", "script cannot be read (RuntimeError)") in said
    assert reader.generation == 2


def test_a_finite_source_that_cannot_be_read_fails_for_good() -> None:
    reader, said = run(Scripted([SourceError("no video")], finite=True), until="failed")
    assert said == [("failed", "no video")]
    assert reader.over
    assert reader.take(5) is None


def test_a_refused_password_is_not_tried_again_but_one_that_once_worked_is() -> None:
    source = Scripted([RefusedError("wrong password")])
    run(source, until="failed")
    assert source.opened == 1
    _, said = run(Scripted([32, SourceError("gone")], [RefusedError("starting up")], [32]))
    assert names(said)[-2:] == ["running", "ended"]


@pytest.mark.parametrize("hangs", [False, True])
def test_a_stop_takes_no_longer_than_promised(hangs: bool) -> None:
    reader = Reader(Scripted([32] if hangs else [32, 60.0], hangs=hangs))  # type: ignore[arg-type]
    reader.start()
    assert reader.take(5) is not None
    begun = time.monotonic()
    reader.stop()
    assert time.monotonic() - begun < (STOP_SECONDS + 0.2 if hangs else 0.5)
    assert (reader.state, reader.take(5)) == ("ended", None)
    reader.stop()


def test_a_reader_that_was_never_started_can_be_stopped() -> None:
    Reader(Scripted()).stop()  # type: ignore[arg-type]


def test_picture_and_sound_go_on_in_one_clock_over_a_break() -> None:
    class Sounding(Scripted):
        """Its clock begins anew, somewhere else, with each connection; a packet comes before each frame."""

        def frames(self) -> Iterator[LiveFrame]:
            form = SoundFormat("aac", 48_000, 1, b"")
            for number, live in enumerate(super().frames()):
                start = 1000 * self.opened + number * 0.04
                assert self.on_sound is not None
                self.on_sound(SoundPacket(b"x", round(start * 48_000), Fraction(1, 48_000), form))
                picture = live.frame.native
                picture.time_base = Fraction(1, 90_000)  # type: ignore[attr-defined]
                yield LiveFrame(placed(live, round(start * 90_000)), live.arrived)

    heard: list[SoundPacket] = []
    source = Sounding([32, 0.04, 32, SourceError("gone")], [32, 0.04, 32])
    source.on_sound = heard.append  # type: ignore[assignment]
    seen: list[LiveFrame] = []
    reader = Reader(source)  # type: ignore[arg-type]
    reader.start()
    while not reader.over or len(seen) < 4:
        if (live := reader.take(1)) is not None:
            seen.append(live)
    times = [live.frame.time_seconds for live in seen]
    assert np.diff(times)[[0, 2]] == pytest.approx(0.04, abs=1e-4)
    assert times[2] - times[1] == pytest.approx(seen[2].arrived - seen[1].arrived, abs=0.02)
    assert [float(packet.time) for packet in heard] == pytest.approx(times, abs=1e-3)


def placed(live: LiveFrame, pts: int) -> object:
    from dataclasses import replace

    return replace(live.frame, pts=pts, time_base=Fraction(1, 90_000))


moments = st.lists(st.fractions(-100, 100, max_denominator=1000), min_size=2, max_size=30)


@given(moments)
def test_a_splice_never_jumps_whatever_the_source_says(source_times: list[Fraction]) -> None:
    splice, spliced = Splice(), []
    for number, moment in enumerate(source_times):
        spliced.append(splice.picture(moment, now=number * 0.04))
    steps = np.diff([float(moment) for moment in spliced])
    assert np.abs(steps).max() <= JUMP_SECONDS + 0.1


def wait_for(reader: Reader, *, seconds: float, after: int) -> float:
    """Seconds until a frame of a generation behind ``after`` was taken."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if reader.take(0.1) is not None and reader.generation > after:
            return time.monotonic() - begun
    raise AssertionError(f"no picture within {seconds} s: {reader.state} {reader.message}")


def reading(server: RtspServer) -> Reader:
    reader = Reader(open_live_source(server.url, LiveOptions(stall_seconds=1.0)))
    reader.start()
    wait_for(reader, seconds=10, after=0)
    return reader


def test_a_server_that_was_killed_is_back_soon_after_it_is(sample: Callable[[str], Path]) -> None:
    with rtsp_server(sample("consultation"), sound=False) as server:
        reader = reading(server)
        before = threading.active_count()
        server.kill()
        time.sleep(1.5)
        assert reader.state == "waiting"
        assert "127.0.0.1" in reader.message
        server.restart()
        assert wait_for(reader, seconds=10, after=1) < 5
        reader.stop()
        assert threading.active_count() < before


def test_a_network_that_hangs_is_noticed_left_and_found_again(sample: Callable[[str], Path]) -> None:
    with rtsp_server(sample("consultation"), sound=False) as server:
        reader = reading(server)
        server.wire.hang()
        begun = time.monotonic()
        while reader.state == "running" and time.monotonic() - begun < 5:
            reader.take(0.1)
        assert time.monotonic() - begun < 2.5, "a stall of one second"
        server.wire.flow()
        assert wait_for(reader, seconds=10, after=1) < 5
        server.wire.hang()
        begun = time.monotonic()
        reader.stop()
        assert time.monotonic() - begun < STOP_SECONDS + 0.2


def test_pictures_are_back_soon_after_packets_were_lost(sample: Callable[[str], Path]) -> None:
    with rtsp_server(sample("consultation"), sound=False) as server:
        reader = reading(server)
        server.wire.loss = 0.3
        begun, times = time.monotonic(), []
        while time.monotonic() - begun < 2:
            if (live := reader.take(0.1)) is not None:
                times.append(live.frame.time_seconds)
        server.wire.loss = 0.0
        assert reader.take(5) is not None
        assert times == sorted(times)
        reader.stop()


def test_a_file_ends_and_its_thread_with_it(short_clip: Callable[..., Path]) -> None:
    threads = threading.active_count()
    reader = Reader(PlayedFile(short_clip("consultation", frames=5)))
    reader.start()
    taken = []
    while not reader.over:
        taken.append(reader.take(1))
    reader.stop()
    assert threading.active_count() == threads
    seen = [live.frame.index for live in taken if live is not None]
    assert seen == sorted(seen)
    assert seen[-1] == 4
    assert len(seen) + reader.dropped == 5
