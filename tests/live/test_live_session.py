"""A live session from source to bus: no face is ever shown, whatever fails, and everything ends when it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from workbench.colour import picture
from workbench.data import Detections, FaceCrop, Picture, VideoInfo
from workbench.detectors import open_detector
from workbench.errors import SourceError
from workbench.evaluate import load_truth
from workbench.live import LiveOptions, LiveSession
from workbench.live.detection import DetectionService
from workbench.live.frames import REASONS, LiveFrame, MaskedFrame, Reason
from workbench.live.sources import open_live_source
from workbench.live.whole import BLOCKS_ACROSS, hidden_planes
from workbench.maskers import MaskOptions
from workbench.maskers.solid import SolidMasker
from workbench.presets import Preset, load_preset, with_settings
from workbench.stages import Detector
from workbench.video.files import VideoFile

pytestmark = pytest.mark.quiet  # it runs in real time

GREEN_FROM, GREEN_TO = np.array([0, 195, 0]), np.array([60, 255, 60])
SLOW_BUT_SURE = LiveOptions(look_ahead_ms=400, stale_ms=3000, budget_ms=4000)
"""For facts about what is hidden: on a busy machine nothing but the facts themselves may hide the whole picture."""


@pytest.fixture(scope="module")
def preset() -> Preset:
    return with_settings(load_preset("balanced"), ["mask.kind=solid", "mask.colour=#00ff00", "detector.image_size=320"])


class Stub:
    """A detector around the library's own, that does ``instead`` where that is set."""

    name, engine = "stub", "none"

    def __init__(self, real: Detector) -> None:
        self._real = real
        self.instead: Callable[[Sequence[Picture]], list[Detections]] | None = None
        self.looks = 0

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        self.looks += 1
        return self._real.detect(pictures) if self.instead is None else self.instead(pictures)


class Clip:
    """The first frames of a clip at a steady rate, as a source; ``before(index)`` is called before each frame.

    With ``looked_at_by`` a frame comes only when that detector has looked at the one before, however busy the machine.
    """

    finite = True

    def __init__(
        self,
        path: Path,
        *,
        frames: int = 75,
        fps: float = 25.0,
        before: Callable[[int], None] = lambda _: None,
        looked_at_by: Stub | None = None,
    ) -> None:
        self.label = path.name
        self.on_sound: Callable[[Any], None] | None = None
        self._path, self._frames, self._fps, self._before = path, frames, fps, before
        self.looked_at_by = looked_at_by
        self._stopped = threading.Event()
        self._info: VideoInfo | None = None

    @property
    def info(self) -> VideoInfo:
        if self._info is None:
            raise SourceError("not open")
        return self._info

    def open(self) -> None:
        with VideoFile(self._path) as video:
            self._info = video.info

    def frames(self) -> Iterator[LiveFrame]:
        began = time.monotonic()
        with VideoFile(self._path, writable=True) as video:
            for frame in islice(video.frames(), self._frames):
                self._stopped.wait(max(0.0, began + frame.index / self._fps - time.monotonic()))
                if self._stopped.is_set():
                    return
                self._before(frame.index)
                looks = self.looked_at_by.looks if self.looked_at_by is not None else 0
                yield LiveFrame(frame, time.monotonic())
                deadline = time.monotonic() + 2
                while self.looked_at_by and self.looked_at_by.looks == looks and time.monotonic() < deadline:
                    self._stopped.wait(0.002)

    def close(self) -> None:
        self._stopped.set()


def masked_frames(session: LiveSession, *, timeout: float = 60.0) -> list[MaskedFrame]:
    """Everything that the session publishes until its source ends."""
    gotten: list[MaskedFrame] = []
    with session.bus.subscribe(depth=1000) as subscription, session:
        deadline = time.monotonic() + timeout
        while not subscription.closed:
            assert time.monotonic() < deadline, "the session does not end"
            if (masked := subscription.get(0.5)) is not None:
                gotten.append(masked)
    return gotten


def green_share(pixels: Picture, box: Sequence[float]) -> float:
    """How much of the ellipse inside the box (its part inside the picture) has the mask's colour."""
    x0, y0, x1, y1 = box
    ellipse = np.zeros(pixels.shape[:2], np.uint8)
    centre, axes = (round((x0 + x1) / 2), round((y0 + y1) / 2)), (round((x1 - x0) / 2), round((y1 - y0) / 2))
    cv2.ellipse(ellipse, centre, axes, 0, 0, 360, 255, -1)
    return cv2.mean(cv2.inRange(pixels, GREEN_FROM, GREEN_TO), ellipse)[0] / 255


def uncovered(masked: Sequence[MaskedFrame], truth_path: Path, fps: float = 25.0) -> list[tuple[int, float]]:
    """(frame, share) of every visible true face that is not hidden."""
    truth = load_truth(truth_path)
    shown = []
    for each in masked:
        index = round(each.frame.time_seconds * fps)
        pixels = picture(each.frame, each.frame.width_px, each.frame.height_px)
        for face in truth[(truth["frame"] == index) & (truth["visibility"] >= 0.3)].itertuples():
            share = green_share(pixels, (face.x, face.y, face.x + face.w, face.y + face.h))
            if share < 0.95:
                shown.append((index, share))
    return shown


class Raising:
    def __call__(self, pictures: Sequence[Picture]) -> list[Detections]:
        raise RuntimeError("the device is gone")


@pytest.fixture(scope="module")
def detector(preset: Preset) -> Detector:
    """The library's own, opened once: so that a busy machine does not spend the tests' time on opening it."""
    real = open_detector(preset.detector, width_px=1280, height_px=720)
    real.detect([np.zeros((192, 320, 3), np.uint8)])
    return real


@pytest.fixture
def stub(detector: Detector) -> Stub:
    return Stub(detector)


@pytest.fixture
def service(stub: Stub) -> Iterator[DetectionService]:
    with DetectionService(lambda options, **_: stub) as running:
        yield running


def kinds(masked: Sequence[MaskedFrame]) -> list[Reason]:
    """The reasons in the order in which they came, each stretch once."""
    found: list[Reason] = []
    for each in masked:
        if not found or each.reason != found[-1]:
            found.append(each.reason)
    return found


def test_no_face_of_a_clip_is_ever_shown(
    preset: Preset, sample: Callable[[str], Path], service: DetectionService, stub: Stub
) -> None:
    path = sample("consultation")
    masked = masked_frames(
        LiveSession(Clip(path, frames=50, looked_at_by=stub), preset, SLOW_BUT_SURE, service=service)
    )
    assert masked[0].whole, "nothing is known at the start"
    assert masked[0].reason == "start"
    shown = [each for each in masked if not each.whole]
    assert len(shown) >= 15, [each.reason for each in masked]
    assert not uncovered(masked, path.with_suffix(".gt.csv"))
    times = [each.frame.time_seconds for each in masked]
    assert times == sorted(set(times)), "in order, each once"
    assert all(each.faces == 2 for each in shown)


def test_a_masked_frame_has_planes_of_its_own_that_nobody_can_write(
    preset: Preset, sample: Callable[[str], Path], service: DetectionService
) -> None:
    masked = masked_frames(
        LiveSession(Clip(sample("phone_portrait"), frames=20), preset, SLOW_BUT_SURE, service=service)
    )
    for each in masked:
        assert each.frame.native is None
        assert (each.frame.width_px, each.frame.height_px) == (720, 1280), "upright"
        for plane in each.frame.planes:
            assert not plane.flags.writeable
            assert plane.flags.c_contiguous


@pytest.mark.parametrize("failure", ["raises", "nan"])
def test_while_the_detector_fails_the_whole_picture_is_hidden_and_it_recovers(
    preset: Preset, sample: Callable[[str], Path], service: DetectionService, stub: Stub, failure: str
) -> None:
    broken = {
        "raises": Raising(),
        "nan": lambda pictures: [
            Detections(np.full((1, 4), np.nan, np.float32), np.ones(1, np.float32)) for _ in pictures
        ],
    }[failure]

    def switch(index: int) -> None:
        if index in (35, 60):
            stub.instead = broken if index == 35 else None

    path = sample("consultation")
    session = LiveSession(
        Clip(path, frames=100, looked_at_by=stub, before=switch), preset, SLOW_BUT_SURE, service=service
    )
    masked = masked_frames(session)
    assert not uncovered(masked, path.with_suffix(".gt.csv"))
    assert kinds(masked) == ["start", "", "detector", ""]
    hidden = [round(each.frame.time_seconds * 25) for each in masked if each.reason == "detector"]
    assert min(hidden) <= 40
    assert max(hidden) >= 58
    assert session.status().whole_events == {"start": 1, "detector": 1}
    assert any("detector" in line for line in session.events)


def test_without_any_detector_nothing_is_ever_shown(preset: Preset, sample: Callable[[str], Path]) -> None:
    def open_it(options: Any, **_: Any) -> Detector:
        raise RuntimeError("no weights")

    with DetectionService(open_it) as service:
        session = LiveSession(Clip(sample("consultation"), frames=30), preset, service=service)
        masked = masked_frames(session)
        assert masked
        assert all(each.reason == "start" for each in masked)
        assert "no weights" in session.status().message


def test_a_detector_that_hangs_leaves_nothing_shown_for_long(
    preset: Preset, sample: Callable[[str], Path], service: DetectionService, stub: Stub
) -> None:
    release = threading.Event()

    def hang(pictures: Sequence[Picture]) -> list[Detections]:
        release.wait(20)
        return [Detections.empty() for _ in pictures]

    def switch(index: int) -> None:
        if index == 35:
            stub.instead = hang

    path = sample("consultation")
    options = LiveOptions(look_ahead_ms=120, stale_ms=400, budget_ms=4000)
    try:
        masked = masked_frames(LiveSession(Clip(path, frames=80, before=switch), preset, options, service=service))
    finally:
        release.set()
    late = [each for each in masked if each.frame.time_seconds > 35 / 25 + 0.6]
    assert late
    assert all(each.reason == "stale" for each in late)
    assert not uncovered(masked, path.with_suffix(".gt.csv"))


def test_a_mask_that_fails_hides_the_whole_picture(
    preset: Preset,
    sample: Callable[[str], Path],
    service: DetectionService,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Failing:
        name = "failing"

        def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
            raise RuntimeError("out of memory")

    monkeypatch.setattr("workbench.live.pipeline.open_masker", lambda options, **_: Failing())
    path = sample("consultation")
    masked = masked_frames(
        LiveSession(Clip(path, frames=40, looked_at_by=stub), preset, SLOW_BUT_SURE, service=service)
    )
    assert {each.reason for each in masked} == {"start", "mask"}
    assert not uncovered(masked, path.with_suffix(".gt.csv"))


def test_where_hiding_is_too_slow_pictures_are_left_out_and_the_delay_stays_bounded(
    preset: Preset,
    sample: Callable[[str], Path],
    service: DetectionService,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(SolidMasker):
        def fill(self, crops: Sequence[FaceCrop]) -> list[Picture]:
            time.sleep(0.15)
            return super().fill(crops)

    monkeypatch.setattr("workbench.live.pipeline.open_masker", lambda options, **_: Slow(options.rgb))
    path = sample("consultation")
    options = LiveOptions(look_ahead_ms=120, stale_ms=3000, budget_ms=300)

    def let_go(index: int) -> None:
        if index == 20:
            source.looked_at_by = None

    source = Clip(path, frames=75, looked_at_by=stub, before=let_go)
    session = LiveSession(source, preset, options, service=service)
    masked = masked_frames(session)
    assert session.status().dropped > 20
    assert max(each.delay_seconds for each in masked) < 2.0
    assert not uncovered(masked, path.with_suffix(".gt.csv"))


def test_behind_a_scene_cut_the_faces_of_the_new_scene_are_hidden(
    preset: Preset, sample: Callable[[str], Path], service: DetectionService, stub: Stub
) -> None:
    class TwoScenes(Clip):
        """The dim ward, then the bright consultation room."""

        def frames(self) -> Iterator[LiveFrame]:
            yield from super().frames()
            second = Clip(sample("consultation"), frames=25, looked_at_by=stub)
            for live in second.frames():
                if self._stopped.is_set():
                    return
                pts = live.frame.pts + round(2 / live.frame.time_base)
                yield replace(live, frame=replace(live.frame, pts=pts))

    source = TwoScenes(sample("dim_night_ward"), frames=30, looked_at_by=stub)
    session = LiveSession(source, preset, SLOW_BUT_SURE, service=service)
    masked = masked_frames(session)
    first = [each for each in masked if each.frame.time_seconds < 2]
    second = [
        replace(each, frame=replace(each.frame, pts=each.frame.pts - round(2 / each.frame.time_base)))
        for each in masked
        if each.frame.time_seconds >= 2
    ]
    assert not uncovered(first, sample("dim_night_ward").with_suffix(".gt.csv"))
    assert not uncovered(second, sample("consultation").with_suffix(".gt.csv"))
    assert any(not each.whole for each in second)


def test_a_source_that_breaks_is_connected_again_and_begins_hidden(
    preset: Preset, sample: Callable[[str], Path], service: DetectionService, stub: Stub
) -> None:
    path = sample("consultation")

    class Breaking(Clip):
        finite = False
        connections = 0

        def frames(self) -> Iterator[LiveFrame]:
            self.connections += 1
            yield from super().frames()
            if not self._stopped.is_set():
                raise SourceError("the camera was unplugged")

    source = Breaking(path, frames=35, looked_at_by=stub)
    session = LiveSession(source, preset, SLOW_BUT_SURE, service=service)
    gotten: list[MaskedFrame] = []
    with session.bus.subscribe(depth=1000) as subscription, session:
        deadline = time.monotonic() + 30
        while source.connections < 3 and time.monotonic() < deadline:
            if (masked := subscription.get(0.2)) is not None:
                gotten.append(masked)
    assert source.connections >= 3
    assert kinds(gotten)[:3] == ["start", "", "start"]
    assert any("unplugged" in line for line in session.events)
    times = [each.frame.time_seconds for each in gotten]
    assert times == sorted(set(times))


def test_several_streams_share_one_detector_and_all_are_masked(preset: Preset, sample: Callable[[str], Path]) -> None:
    path = sample("consultation")
    opened = []

    def open_it(options: Any, **sizes: Any) -> Detector:
        opened.append(options)
        return open_detector(options, **sizes)

    results: dict[int, list[MaskedFrame]] = {}
    with DetectionService(open_it) as service:
        sessions = [
            LiveSession(Clip(path, frames=40, fps=8.0), preset, SLOW_BUT_SURE, service=service) for _ in range(3)
        ]
        threads = [
            threading.Thread(target=lambda n=n, s=s: results.__setitem__(n, masked_frames(s)))  # type: ignore[misc]
            for n, s in enumerate(sessions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len({options.image_size for options in opened}) == len(opened), "each size once, for all streams"
    for masked in results.values():
        assert any(not each.whole for each in masked)
        assert not uncovered(masked, path.with_suffix(".gt.csv"))


def test_stopping_ends_all_threads_in_time_and_may_be_repeated(preset: Preset, sample: Callable[[str], Path]) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    session = LiveSession(open_live_source(str(sample("consultation"))), preset)
    session.start()
    time.sleep(1.0)
    began = time.monotonic()
    session.stop()
    assert time.monotonic() - began < 10, "a detector that is being opened is waited for"
    session.stop()
    assert {thread.ident for thread in threading.enumerate()} <= before
    assert session.status().state == "stopped"
    LiveSession(open_live_source(str(sample("consultation"))), preset).stop()


def test_the_status_tells_what_happens_and_the_end(
    preset: Preset, sample: Callable[[str], Path], service: DetectionService
) -> None:
    session = LiveSession(
        Clip(sample("consultation"), frames=50), preset, SLOW_BUT_SURE, name="room 1", service=service
    )
    assert session.status().state == "connecting"
    masked = masked_frames(session)
    assert session.wait(1)
    status = session.status()
    assert (status.state, status.width_px, status.height_px) == ("ended", 1280, 720)
    assert status.frames == len(masked)
    assert status.whole_frames == sum(each.whole for each in masked)
    assert status.frames + status.dropped == 50
    assert status.delay_p95_ms >= status.delay_p50_ms >= 400
    assert status.detections_per_second > 1
    assert status.detector_size_px == 320


def test_a_source_that_cannot_be_opened_fails_with_its_message(preset: Preset, tmp_path: Path) -> None:
    class Absent(Clip):
        def open(self) -> None:
            raise SourceError("no camera 3 here; connect it")

    session = LiveSession(Absent(tmp_path / "none.mp4"), preset)
    assert masked_frames(session) == []
    assert (session.status().state, session.status().message) == ("failed", "no camera 3 here; connect it")


def test_another_preset_holds_from_then_on(
    preset: Preset, sample: Callable[[str], Path], service: DetectionService, stub: Stub
) -> None:
    red = with_settings(preset, ["mask.colour=#ff0000"])

    def switch(index: int) -> None:
        if index == 30:
            session.set_preset(red)

    session = LiveSession(
        Clip(sample("consultation"), frames=70, looked_at_by=stub, before=switch),
        preset,
        SLOW_BUT_SURE,
        service=service,
    )
    masked = masked_frames(session)
    assert kinds(masked) == ["start", ""], "only the mask is another"
    last = picture(masked[-1].frame, 1280, 720)
    truth = load_truth(sample("consultation").with_suffix(".gt.csv"))
    face = truth[truth["frame"] == 69].iloc[0]
    centre = last[int(face.y + face.h / 2), int(face.x + face.w / 2)]
    assert centre[0] > 200
    assert centre[1] < 60


def test_pictures_that_nobody_can_judge_are_left_out(
    preset: Preset, sample: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in the program itself: nothing is published, and the session goes on."""

    def fail(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("workbench.live.certainty.Certainty.verdict", fail)
    session = LiveSession(Clip(sample("consultation"), frames=25), preset, LiveOptions(look_ahead_ms=0))
    assert masked_frames(session) == []
    assert session.status().state == "ended"
    assert any("left out" in line for line in session.events)


def test_a_recording_asked_for_before_the_start_has_the_masked_pictures(
    preset: Preset, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    session = LiveSession(Clip(sample("consultation"), frames=60), preset, SLOW_BUT_SURE)
    session.record(target)
    assert session.status().recording == "starting"
    masked = masked_frames(session)
    session.stop()
    assert session.status().recording == "done"
    with VideoFile(target) as video:
        assert sum(1 for _ in video.frames()) == len(masked)


class TestWholePicture:
    @pytest.mark.parametrize("kind", ["gaussian", "mosaic", "solid", "gan"])
    @pytest.mark.parametrize("clip", ["consultation", "phone_portrait"])
    def test_nothing_finer_than_a_few_blocks_is_left(self, kind: str, clip: str, sample: Callable[[str], Path]) -> None:
        """Pictures that are alike in their blocks and differ in all details give the same hidden picture."""
        with VideoFile(sample(clip)) as video:
            frame = next(video.frames())
        options = MaskOptions.model_validate({"kind": kind})
        planes = hidden_planes(frame, options, "start")
        assert [plane.shape for plane in planes] == [plane.shape for plane in frame.planes]
        across = (
            BLOCKS_ACROSS if frame.width_px >= frame.height_px else BLOCKS_ACROSS * frame.width_px // frame.height_px
        )
        cell = frame.width_px // max(1, across) // 2
        upper = planes[0][: frame.height_px // 2].astype(float)  # above the notice
        bands = upper - cv2.blur(upper, (cell, cell))
        assert np.abs(bands).max() < 16, "no edge is left"

    @pytest.mark.parametrize("reason", list(REASONS))
    def test_the_notice_says_why_in_words(self, reason: Reason, sample: Callable[[str], Path]) -> None:
        with VideoFile(sample("consultation")) as video:
            frame = next(video.frames())
        planes = [hidden_planes(frame, MaskOptions(kind="solid"), each)[0] for each in (reason, "")]
        assert (planes[0] >= 200).sum() > 300, "light letters"
        assert not np.array_equal(planes[0], planes[1])

    @pytest.mark.parametrize("size", [(16, 16), (64, 48), (33, 17), (1, 1), (320, 24)])
    def test_pictures_of_any_size_can_be_hidden(self, size: tuple[int, int], sample: Callable[[str], Path]) -> None:
        with VideoFile(sample("consultation")) as video:
            frame = next(video.frames())
        width, height = size
        half = ((height + 1) // 2, (width + 1) // 2)
        planes = tuple(
            np.ascontiguousarray(plane[: shape[0], : shape[1]])
            for plane, shape in zip(frame.planes, ((height, width), half, half), strict=True)
        )
        hidden = hidden_planes(replace(frame, planes=planes), MaskOptions(), "start")
        assert [plane.shape for plane in hidden] == [plane.shape for plane in planes]
