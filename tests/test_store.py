"""The detection store keeps every number, privately, and refuses what it did not write."""

from __future__ import annotations

import stat
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from workbench.data import Detections
from workbench.errors import OutputError, TimelineError
from workbench.store import AnalysedFrame, DetectionStore, load_store, save_store


@pytest.fixture
def store() -> DetectionStore:
    two = Detections(
        np.array([[0, 0, 10, 10], [5, 5, 30, 40]], np.float32),
        np.array([0.9, 0.1], np.float32),
        np.arange(20, dtype=np.float32).reshape(2, 5, 2),
    )
    vectors = np.array([[0.5] * 4, [np.nan] * 4], np.float32)
    frames = (
        AnalysedFrame(7, 7000, 0.0, two, vectors),
        AnalysedFrame(8, 7512, 3.5, None),
        AnalysedFrame(9, 8024, 99.0, Detections.empty()),
    )
    return DetectionStore(640, 360, Fraction(1, 12800), {"average_fps": 25.0, "options": {"every": 2}}, frames)


def test_a_saved_store_is_read_back_the_same(store: DetectionStore, tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    save_store(store, path)
    again = load_store(path)
    assert (again.width_px, again.height_px, again.time_base, again.facts) == (640, 360, store.time_base, store.facts)
    assert [(f.index, f.pts, f.change) for f in again.frames] == [(f.index, f.pts, f.change) for f in store.frames]
    first, skipped, nobody = again.frames
    assert first.detections is not None
    assert first.detections.boxes.tolist() == store.frames[0].detections.boxes.tolist()
    assert first.detections.landmarks.tolist() == store.frames[0].detections.landmarks.tolist()
    np.testing.assert_array_equal(first.embeddings, store.frames[0].embeddings)
    assert skipped.detections is None
    assert nobody.detections is not None
    assert len(nobody.detections) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_store_without_a_face_is_read_back(tmp_path: Path) -> None:
    save_store(DetectionStore(2, 2, Fraction(1, 25), {}, (AnalysedFrame(0, 0, 0.0, None),)), tmp_path / "d.npz")
    assert len(load_store(tmp_path / "d.npz").frames) == 1


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_what_is_no_store_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(TimelineError, match="not a file of detections"):
        load_store(tmp_path / "d.npz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TimelineError, match=r"gone\.npz: no such file"):
        load_store(tmp_path / "gone.npz")


def test_a_folder_that_is_not_there_leaves_nothing(store: DetectionStore, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        save_store(store, tmp_path / "nowhere" / "d.npz")
