"""What pass 1 has seen of an opened clip, and the detector that it shares."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from workbench.data import Detections, Picture
from workbench.errors import Cancelled
from workbench.presets.files import load_preset
from workbench.preview.analysis import Analysis, analysis_key, source_key
from workbench.preview.looking import PICTURES_AT_ONCE, Looker, SharedDetector
from workbench.store import AnalysedFrame
from workbench.video.probing import probe
from workbench.video.synthetic import Clip, write_clip


def opened(clip: Path, folder: Path) -> Analysis:
    preset = load_preset("balanced")
    info = probe(clip)
    looker = Looker(preset.detector, info, threading.Event())
    return Analysis(analysis_key(source_key(clip), preset), preset, info, folder=folder, looker=looker)


def test_what_is_kept_is_tracked_as_what_was_in_memory(tmp_path: Path) -> None:
    """Else ids could differ after opening the clip again, and the operator's decisions with them."""
    clip = write_clip(tmp_path / "a.mp4", Clip(frames=6))
    first = opened(clip, tmp_path)
    random = np.random.default_rng(2)
    for number in range(6):
        boxes = np.array([[5, 5, 20, 20], [15, 6, 30, 22]], np.float32) + random.random((2, 4), np.float32)
        vectors = random.random((2, 128), np.float32)
        first.append(AnalysedFrame(number, 512 * number, 0.5, Detections(boxes, np.full(2, 0.9, np.float32)), vectors))
    first.save()
    again = opened(clip, tmp_path)
    assert len(again.frames) == 6 and not again.complete
    for was, now in zip(first.frames, again.frames, strict=True):
        assert was.embeddings is not None and now.embeddings is not None
        assert np.array_equal(was.embeddings, now.embeddings)
    options = load_preset("balanced").tracker
    for was, now in zip(first.tracked(options), again.tracked(options), strict=True):
        for name in was.__dict__:
            np.testing.assert_array_equal(getattr(was, name), getattr(now, name))


def test_tracking_goes_on_with_the_frames_that_came(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", Clip(frames=6))
    stepwise, at_once = opened(clip, tmp_path), opened(clip, tmp_path)
    options = load_preset("balanced").tracker
    for number in range(6):
        found = Detections(np.array([[5 + number, 5, 25 + number, 30]], np.float32), np.array([0.9], np.float32))
        for analysis in (stepwise, at_once):
            analysis.append(AnalysedFrame(number, 512 * number, 0.5, found))
        stepwise.tracked(options)
    assert stepwise.tracked(options)[0].track.tolist() == at_once.tracked(options)[0].track.tolist() == [1] * 6


def test_another_state_of_the_file_is_another_clip(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", Clip(frames=3))
    before = source_key(clip)
    assert source_key(clip) == before
    content = bytearray(clip.read_bytes())
    content[-1] ^= 1
    clip.write_bytes(content)
    assert source_key(clip) != before


class Counting:
    """Sees nothing; stops whoever uses it at the first look."""

    name, engine = "counting", "none"

    def __init__(self, stopped: threading.Event) -> None:
        self.stopped = stopped
        self.seen = 0

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        self.stopped.set()
        self.seen += len(pictures)
        return [Detections.empty() for _ in pictures]


def test_a_long_look_ends_when_the_clip_is_closed() -> None:
    stopped = threading.Event()
    counting = Counting(stopped)
    with pytest.raises(Cancelled):
        SharedDetector(counting, stopped).detect([np.zeros((8, 8, 3), np.uint8)] * 20)
    assert counting.seen == PICTURES_AT_ONCE
