"""Open clips: opened once, analysed one at a time and the newest first, closed when they are too many."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ShortClip
from workbench.errors import UsageError
from workbench.jobs.queue import JobQueue
from workbench.presets import Preset, load_preset, with_settings
from workbench.ui import open_clips
from workbench.ui.monitor import Monitor
from workbench.ui.open_clips import MOST_OPEN, OpenClips
from workbench.workspace import Clip, Workspace

PRESET = load_preset("balanced")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "w")


@pytest.fixture
def clips(workspace: Workspace) -> Iterator[OpenClips]:
    opened = OpenClips(workspace)
    yield opened
    opened.close_all()


@pytest.fixture
def add(workspace: Workspace, short_clip: ShortClip) -> Callable[..., Clip]:
    def add(user: str = "anna", *, frames: int = 5) -> Clip:
        return workspace.space(user).add_clip(short_clip("meeting_grid", frames=frames), name="a.mp4", move=False)

    return add


def setting(changed: str) -> Callable[[Preset], Preset]:
    return lambda preset: with_settings(preset, [changed])


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_clip_is_opened_once_and_analysed(clips: OpenClips, add: Callable[..., Clip]):
    clip = add(frames=20)
    with ThreadPoolExecutor(8) as many:
        sessions = set(many.map(lambda _: clips.get("anna", clip.id), range(16)))
    assert len(sessions) == 1
    until(lambda: clips.progress("anna", clip.id) == (20, 20))
    (session,) = sessions
    until(lambda: session.complete)
    assert clips.failure("anna", clip.id) is None


def test_clips_of_others_cannot_be_opened(clips: OpenClips, add: Callable[..., Clip]):
    clip = add("anna")
    clips.get("anna", clip.id)
    for call in (clips.get, clips.progress):
        with pytest.raises(UsageError):
            call("bert", clip.id)
    with pytest.raises(UsageError):
        clips.change_settings("bert", clip.id, lambda _: PRESET)


def test_the_one_unused_for_longest_is_closed(clips: OpenClips, add: Callable[..., Clip]):
    opened = {each.id: clips.get("anna", each.id) for each in (add() for _ in range(MOST_OPEN))}
    first, second, *_ = opened
    clips.get("anna", first)
    clips.get("bert", add("bert").id)  # others have their own
    clips.get("anna", add().id)
    assert clips.get("anna", first) is opened[first]
    assert clips.get("anna", second) is not opened[second]


def test_what_nobody_asks_for_is_closed_and_can_be_opened_again(clips: OpenClips, add: Callable[..., Clip]):
    clip = add()
    before = clips.get("anna", clip.id)
    clips.close_unused(3600)
    assert clips.get("anna", clip.id) is before
    clips.close_unused(0)
    assert clips.get("anna", clip.id) is not before


def test_the_newest_clip_is_analysed_first_then_the_others(clips: OpenClips, add: Callable[..., Clip]):
    long, short = add(frames=40), add(frames=5)
    first = clips.get("anna", long.id)
    until(lambda: first.analysed > 0)
    second = clips.get("anna", short.id)
    until(lambda: second.complete)
    assert not first.complete
    until(lambda: first.complete)
    assert first.analysed == 40


def test_clips_that_wait_take_turns_and_all_get_done(
    clips: OpenClips, add: Callable[..., Clip], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(open_clips, "TURN_SECONDS", 0.0)  # a turn is one frame
    sessions = [clips.get("anna", add(frames=2).id), clips.get("bert", add("bert", frames=2).id)]
    until(lambda: all(session.analysed > 0 for session in sessions))
    assert not any(session.complete for session in sessions)
    until(lambda: all(session.complete for session in sessions))


def test_other_options_of_the_detector_look_again(clips: OpenClips, add: Callable[..., Clip]):
    clip = add()
    session = clips.get("anna", clip.id)
    until(lambda: session.complete)
    assert not clips.change_settings("anna", clip.id, setting("detector.confidence=0.8"))
    assert session.complete
    assert clips.change_settings("anna", clip.id, setting("detector.enhance=false"))
    assert session.preset.detector.confidence == 0.8
    until(lambda: session.complete)


def test_of_settings_changed_at_the_same_time_none_is_lost(
    workspace: Workspace, clips: OpenClips, add: Callable[..., Clip]
):
    """Each change builds on the settings in use, not on those that a browser knew when it asked."""
    clip = add()
    changes = [f"mask.strength={value}" for value in range(3, 28)]
    changes[3:3] = ["detector.confidence=0.62", "tracker.max_distance=42", "mask.growth=0.5", "mask.kind=solid"]
    with ThreadPoolExecutor(8) as many:
        list(many.map(lambda change: clips.change_settings("anna", clip.id, setting(change)), changes))
    used = clips.get("anna", clip.id).preset
    assert (used.detector.confidence, used.tracker.max_distance, used.mask.growth) == (0.62, 42, 0.5)
    assert used.mask.kind == "solid"
    assert workspace.space("anna").settings == used


def test_settings_outlive_the_program_and_hold_for_the_next_clip(workspace: Workspace, add: Callable[..., Clip]):
    first, second = OpenClips(workspace), OpenClips(workspace)
    first.change_settings("anna", add().id, setting("mask.strength=22"))
    first.close_all()
    assert second.get("anna", add().id).preset.mask.strength == 22
    assert second.get("bert", add("bert").id).preset == PRESET
    second.close_all()


def test_an_analysis_that_fails_says_why_until_something_changes(clips: OpenClips, add: Callable[..., Clip]):
    clip = add()
    session = clips.get("anna", clip.id)
    until(lambda: session.complete)
    clips.change_settings("anna", clip.id, setting("detector.weights=no-such-model"))
    until(lambda: clips.failure("anna", clip.id) is not None)
    assert "no-such-model" in str(clips.failure("anna", clip.id))
    assert clips.get("anna", clip.id) is session
    clips.change_settings("anna", clip.id, lambda _: PRESET)
    assert clips.failure("anna", clip.id) is None


def test_the_end_stops_an_analysis_soon(workspace: Workspace, add: Callable[..., Clip]):
    clips = OpenClips(workspace)
    clip = add(frames=40)
    session = clips.get("anna", clip.id)
    until(lambda: session.analysed > 0)
    begin = time.monotonic()
    clips.close_all()
    assert time.monotonic() - begin < 2
    assert not any(thread.name == "analysis" for thread in threading.enumerate())
    with pytest.raises(UsageError, match="ending"):
        clips.get("anna", clip.id)


def test_the_monitor_follows_what_is_worked_on(workspace: Workspace, clips: OpenClips, add: Callable[..., Clip]):
    with JobQueue(workspace.queue_root) as queue:
        monitor = Monitor(clips, queue, gpu=lambda: 42.0)
        idle = monitor.sample("anna")
        assert (idle["fps"], idle["faces"], idle["gpu_percent"]) == (None, None, 42.0)
        clips.get("anna", add(frames=200).id)
        seen: list[dict[str, Any]] = []

        def has_told() -> bool:
            seen.append(monitor.sample("anna"))
            return any(one["fps"] for one in seen) and any(one["faces"] == 4 for one in seen)  # people in the meeting

        until(has_told)
        assert monitor.sample("bert")["fps"] is None
