"""The detection service: newest first, fair, together where they fit, and never silent about what went wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.data import Colour, Detections, Frame, Picture
from workbench.detectors.options import DetectorOptions
from workbench.errors import ModelError
from workbench.live.detection import DetectionService, Feed, Finding
from workbench.live.frames import LiveFrame
from workbench.live.looker import FAILURES_TO_REOPEN
from workbench.live.pace import SPARE, Pace, sizes_of
from workbench.stages import Detector
from workbench.video.files import VideoFile

pytestmark = pytest.mark.quiet  # it runs in real time

OPTIONS = DetectorOptions()


def raw(index: int, width: int = 640, height: int = 360) -> LiveFrame:
    half = ((height + 1) // 2, (width + 1) // 2)
    planes = (np.full((height, width), index % 255, np.uint8), np.zeros(half, np.uint8), np.zeros(half, np.uint8))
    return LiveFrame(Frame(index, index, Fraction(1, 25), planes, Colour()), time.monotonic())


class OneFace:
    """A detector that takes its time and sees one face."""

    name, engine = "one face", "none"

    def __init__(self, seconds: float = 0.0, *, face_px: float = 100.0) -> None:
        self.seconds, self.face_px = seconds, face_px
        self.batches: list[int] = []
        self.sizes: list[int] = []

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        self.batches.append(len(pictures))
        self.sizes.append(pictures[0].shape[1])
        share = pictures[0].shape[1] / 640
        time.sleep(self.seconds * len(pictures) * share**2)
        box = np.array([[10, 10, 10 + self.face_px * share, 10 + self.face_px * share]], np.float32)
        return [Detections(box, np.array([0.9], np.float32)) for _ in pictures]


def opening(detector: Detector) -> Callable[..., Detector]:
    return lambda options, **_: detector


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.005)


def next_finding(feed: Feed) -> Finding:
    found: list[Finding] = []
    until(lambda: bool(found.extend(feed.findings()) or found))
    return found[-1]


def join(service: DetectionService, *, width: int = 640, height: int = 360, goal: float = 0.06) -> Feed:
    return service.join(OPTIONS, width_px=width, height_px=height, goal_seconds=goal)


def offer_for(seconds: float, feeds: Sequence[Feed], *, fps: float = 25.0, width: int = 640) -> list[list[Finding]]:
    """What each feed gets while frames are offered at a rate."""
    got: list[list[Finding]] = [[] for _ in feeds]
    began, index = time.monotonic(), 0
    while time.monotonic() < began + seconds:
        for feed, findings in zip(feeds, got, strict=True):
            feed.offer(raw(index, width, width * 9 // 16))
            findings.extend(feed.findings())
        index += 1
        time.sleep(max(0.0, began + index / fps - time.monotonic()))
    return got


def test_the_library_s_detector_finds_the_faces_of_a_real_clip(sample: Callable[[str], Path]) -> None:
    with VideoFile(sample("consultation")) as video, DetectionService() as service:
        feed = service.join(OPTIONS, width_px=1280, height_px=720, goal_seconds=0.06)
        for frame in islice(video.frames(), 3):
            feed.offer(LiveFrame(frame, time.monotonic()))
            finding = next_finding(feed)
            assert finding.time_seconds == frame.time_seconds
            assert finding.faces is not None
            assert (finding.faces.scores >= 0.5).sum() == 2


def test_only_the_newest_picture_is_looked_at() -> None:
    release, begun = threading.Event(), threading.Event()

    class Held(OneFace):
        def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
            begun.set()
            release.wait(10)
            return super().detect(pictures)

    with DetectionService(opening(Held())) as service:
        feed = join(service)
        feed.offer(raw(0))
        assert begun.wait(10)
        for index in range(1, 6):
            feed.offer(raw(index))
        release.set()
        got: list[Finding] = []
        until(lambda: bool(got.extend(feed.findings()) or len(got) >= 2))
        assert [finding.time_seconds for finding in got] == [0.0, 5 / 25]


def test_streams_of_one_size_are_looked_at_together_with_one_detector() -> None:
    opened, detector = [], OneFace(0.01)

    def open_it(options: DetectorOptions, **_: Any) -> Detector:
        opened.append(options.image_size)
        return detector

    with DetectionService(open_it, batch=4) as service:
        feeds = [join(service, goal=1.0) for _ in range(4)]
        feeds.append(join(service, width=1280, height=720, goal=1.0))  # the same picture for the detector
        offer_for(0.6, feeds)
    assert opened == ["auto"]
    assert max(detector.batches) == 4


def test_streams_are_served_alike() -> None:
    with DetectionService(opening(OneFace(0.008)), batch=3) as service:
        feeds = [join(service, goal=10.0) for _ in range(5)]
        feeds += [join(service, width=360, height=640, goal=10.0) for _ in range(2)]  # another size: not together
        counts = [len(findings) for findings in offer_for(3.0, feeds)]
    assert min(counts) > 10
    assert max(counts) - min(counts) <= max(1, 0.1 * max(counts)), counts


def test_a_detector_that_raises_gives_findings_that_say_so_and_it_recovers() -> None:
    class Moody(OneFace):
        broken = False

        def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
            if self.broken:
                raise RuntimeError("out of\nmemory")
            return super().detect(pictures)

    opened, detector = [], Moody()

    def open_it(options: DetectorOptions, **_: Any) -> Detector:
        opened.append(options)
        return detector

    with DetectionService(open_it) as service:
        feed = join(service)
        feed.offer(raw(0))
        assert next_finding(feed).faces is not None
        detector.broken = True
        for index in range(1, FAILURES_TO_REOPEN + 1):
            feed.offer(raw(index))
            finding = next_finding(feed)
            assert finding.faces is None
            assert finding.problem == "out of memory"
            assert finding.time_seconds == index / 25
        detector.broken = False
        feed.offer(raw(9))
        assert next_finding(feed).faces is not None
    assert len(opened) == 2, "after some failures in a row it is opened anew"


def test_one_that_cannot_be_opened_says_so_again_and_again_and_is_tried_again() -> None:
    tries = []

    def open_it(options: DetectorOptions, **_: Any) -> Detector:
        tries.append(options)
        if len(tries) < 2:
            raise ModelError("the weights are missing; fetch them")
        return OneFace()

    with DetectionService(open_it) as service:
        feed = join(service)
        feed.offer(raw(0))
        first = next_finding(feed)
        assert first.faces is None
        assert first.problem == "the weights are missing; fetch them"
        got: list[Finding] = []

        def recovered() -> bool:
            feed.offer(raw(len(got)))
            got.extend(feed.findings())
            return bool(got) and got[-1].faces is not None

        until(recovered)
        assert all(finding.problem for finding in got if finding.faces is None)
        assert len(tries) == 2


@pytest.mark.parametrize("answer", ["too few", "nan"])
def test_an_answer_that_is_none_is_a_failure(answer: str) -> None:
    class Wrong(OneFace):
        def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
            if answer == "too few":
                return []
            return [Detections(np.full((1, 4), np.nan, np.float32), np.ones(1, np.float32)) for _ in pictures]

    with DetectionService(opening(Wrong())) as service:
        feed = join(service)
        feed.offer(raw(0))
        finding = next_finding(feed)
        assert finding.faces is None
        assert finding.problem


def test_under_load_the_picture_gets_smaller_and_with_time_to_spare_larger_again() -> None:
    detector = OneFace(0.15)
    with DetectionService(opening(detector)) as service:
        feed = join(service)
        offer_for(3.0, [feed])
        assert min(detector.sizes) == 320
        assert 640 in detector.sizes[-12:], "now and then it looks for small faces"
        detector.seconds = 0.005
        offer_for(6.0, [feed])
        assert detector.sizes[-1] > 320


def test_a_small_face_keeps_the_picture_large() -> None:
    detector = OneFace(0.15, face_px=18.0)
    with DetectionService(opening(detector)) as service:
        offer_for(3.0, [join(service)])
    assert min(detector.sizes[2:]) >= 512


def test_who_left_is_not_looked_for_and_stopping_ends_the_thread() -> None:
    before = threading.active_count()
    service = DetectionService(opening(OneFace()))
    first, second = join(service), join(service)
    first.leave()
    second.offer(raw(1))
    assert next_finding(second).faces is not None
    assert not first.findings()
    service.stop()
    service.stop()
    assert threading.active_count() == before


class TestPace:
    def test_sizes_get_ever_cheaper_first_without_tiles(self) -> None:
        steps = sizes_of(DetectorOptions(tiles=2, image_size=640), 640)
        assert [(step.tiles, step.image_size) for step in steps] == [(2, 640), (1, 640), (1, 512), (1, 416), (1, 320)]
        assert len(sizes_of(DetectorOptions(), 320)) == 1, "nothing smaller than the smallest useful picture"

    def test_a_short_delay_changes_nothing(self) -> None:
        pace = Pace([4.0, 2.0, 1.0])
        pace.took(0, 0.1)
        pace.adapt(0.0, pictures=1, goal_seconds=0.05)
        pace.adapt(0.1, pictures=1, goal_seconds=0.05)
        assert pace.level == 0

    def test_it_goes_at_once_as_far_down_as_needed(self) -> None:
        pace = Pace([4.0, 2.0, 1.0])
        pace.took(0, 0.2)
        for now in np.arange(0, 2, 0.1):
            pace.adapt(float(now), pictures=1, goal_seconds=0.05)
        assert pace.level == 2

    def test_it_goes_up_only_where_the_larger_size_fits_with_room(self) -> None:
        for seconds, level in ((SPARE * 0.05 - 0.001, 0), (SPARE * 0.05 + 0.001, 1)):
            pace = Pace([2.0, 1.0])
            pace.level = 1
            pace.took(0, seconds)
            pace.took(1, seconds / 2)
            for now in np.arange(0, 10, 0.1):
                pace.adapt(float(now), pictures=1, goal_seconds=0.05)
            assert pace.level == level


def test_counts_are_of_what_was_offered() -> None:
    """Every finding is about a picture that was offered, and none is told twice."""
    with DetectionService(opening(OneFace(0.002))) as service:
        findings = offer_for(1.0, [join(service)])[0]
    assert max(Counter(finding.time_seconds for finding in findings).values()) == 1
    assert [finding.time_seconds for finding in findings] == sorted(finding.time_seconds for finding in findings)
