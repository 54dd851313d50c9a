"""Clips for the tests of video in and out: synthetic ones, and the first second of the sample clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from video_clips import first_part

from workbench.video.synthetic import Clip, write_clip


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str, Clip], Path]:
    """Write a synthetic clip under a name."""
    return lambda name, clip: write_clip(tmp_path / name, clip)


@pytest.fixture(scope="session")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.2 s of the hand-held portrait clip: variable frame rate, rotation flag, sound."""
    return first_part("phone_portrait.mp4", tmp_path_factory.mktemp("clips") / "phone.mp4", seconds=1.2)


@pytest.fixture(scope="session")
def consultation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.2 s of a 720p clip at 25 fps with sound and pictures that refer to others."""
    return first_part("consultation.mp4", tmp_path_factory.mktemp("clips") / "consultation.mp4", seconds=1.2)
