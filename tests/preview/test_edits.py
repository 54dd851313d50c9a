"""Edits: laid over a timeline, passed on to another tracking, undone, kept."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.data import VideoInfo
from workbench.errors import OutputError, UsageError
from workbench.preview.edits import MANUAL_TRACKS, Drawn, EditLog, Removed, apply_edits, decided, drawn
from workbench.timeline import SOURCES, KeyBox, Timeline
from workbench.video.probing import probe
from workbench.video.synthetic import Clip, write_clip

TIMES = np.arange(100) / 25
M1 = MANUAL_TRACKS + 1


def base(**x_of_track: list[tuple[int, int, float]]) -> Timeline:
    """``t1=[(first, last, x), …]``: stretches of a track, each standing at its x."""
    parts = []
    for name, stretches in x_of_track.items():
        for first, last, x in stretches:
            frames = np.arange(first, last + 1)
            part = pd.DataFrame({"frame": frames, "time_seconds": TIMES[frames], "track": int(name[1:]), "x": x})
            parts.append(part.assign(y=50.0, w=40.0, h=50.0, score=0.9, source="detected"))
    rows = pd.concat(parts).sort_values(["frame", "track"], ignore_index=True)
    rows["source"] = pd.Categorical(rows["source"], categories=list(SOURCES))
    return Timeline(rows, {}, 100, 640, 480)


def test_a_decision_holds_while_the_ids_do() -> None:
    timeline = base(t1=[(0, 99, 50)], t2=[(0, 99, 300)])
    edit = decided(timeline, 1, "keep", tracking="a")
    longer = base(t1=[(0, 60, 50), (61, 99, 70)], t2=[(0, 99, 300)], t3=[(5, 9, 500)])
    assert apply_edits([edit], longer, tracking="a", times=TIMES).decisions == {1: "keep"}
    gone = base(t2=[(0, 99, 300)])
    assert apply_edits([edit], gone, tracking="a", times=TIMES).decisions == {}


def test_after_tracking_anew_the_decision_goes_to_the_face_not_to_the_number() -> None:
    edit = decided(base(t1=[(0, 99, 50)], t2=[(0, 99, 300)]), 1, "keep", tracking="a")
    swapped = base(t1=[(0, 99, 302)], t2=[(0, 49, 52)], t5=[(50, 99, 49)])
    assert apply_edits([edit], swapped, tracking="b", times=TIMES).decisions == {2: "keep", 5: "keep"}


def test_a_track_that_is_only_partly_the_kept_face_is_hidden_and_asked_about() -> None:
    edit = decided(base(t1=[(0, 49, 50)], t2=[(0, 99, 300)]), 1, "keep", tracking="a")
    mixed = base(t1=[(0, 49, 50), (50, 99, 300)])
    assert apply_edits([edit], mixed, tracking="b", times=TIMES).decisions == {1: "review"}
    mostly_other = base(t1=[(0, 10, 50), (11, 99, 300)])
    assert apply_edits([edit], mostly_other, tracking="b", times=TIMES).decisions == {}


def test_long_tracks_are_remembered_by_some_of_their_places() -> None:
    frames = np.arange(5000)
    rows = pd.DataFrame({"frame": frames, "time_seconds": frames / 25, "track": 1, "x": 50.0 + frames / 20})
    rows = rows.assign(y=50.0, w=40.0, h=50.0, score=0.9, source=pd.Categorical(["detected"] * 5000, SOURCES))
    edit = decided(Timeline(rows), 1, "keep", tracking="a")
    assert len(edit.places) == 1000
    anew = Timeline(rows.assign(track=7))
    assert apply_edits([edit], anew, tracking="b", times=frames / 25).decisions == {7: "keep"}


def test_a_manual_track_moves_evenly_and_keeps_its_number() -> None:
    edit = Drawn(M1, (KeyBox(10, 0, 0, 20, 20), KeyBox(20, 100, 50, 40, 20)))
    timeline = apply_edits([edit], base(t1=[(0, 99, 50)]), tracking="a", times=TIMES)
    rows = timeline.rows[timeline.rows["track"] == M1]
    assert rows["frame"].tolist() == list(range(10, 21))
    assert rows[["x", "y", "w", "h"]].iloc[5].tolist() == pytest.approx([50, 25, 30, 20])
    assert set(rows["source"]) == {"manual"}
    assert apply_edits([edit, Removed(M1)], base(t1=[(0, 99, 50)]), tracking="a", times=TIMES).rows["track"].eq(1).all()


def test_a_box_behind_the_end_of_a_clip_that_proved_shorter_is_left_out() -> None:
    edit = Drawn(M1, (KeyBox(90, 0, 0, 20, 20),))
    assert len(apply_edits([edit], base(t1=[(0, 9, 50)]), tracking="a", times=TIMES[:50]).rows) == 10


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> VideoInfo:
    return probe(write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", Clip(frames=2)))


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([], "at least one"),
        ([KeyBox(5, 0, 0, 10, 10)], "frames 0 to 1"),
        ([KeyBox(0, 0, 0, 0, 10)], "above 0"),
        ([KeyBox(0, float("nan"), 0, 10, 10)], "numbers"),
        ([KeyBox(0, 64, 0, 10, 10)], "outside"),
    ],
)
def test_boxes_that_hide_nothing_are_refused(boxes: list[KeyBox], message: str, info: VideoInfo) -> None:
    with pytest.raises(UsageError, match=message):
        drawn(boxes, M1, info, frames=2)


def test_the_newest_box_of_a_frame_counts(info: VideoInfo) -> None:
    boxes = [KeyBox(1, 5, 5, 10, 10), KeyBox(0, 1, 1, 9, 9), KeyBox(1, 7, 7, 10, 10)]
    assert drawn(boxes, M1, info, frames=2).boxes == (boxes[1], boxes[2])


def test_edits_are_undone_redone_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    log = EditLog(path)
    assert not log.undo() and not log.redo()
    first, second = Drawn(M1, (KeyBox(0, 1, 2, 3, 4),)), decided(base(t1=[(0, 9, 50)]), 1, "keep", tracking="a")
    log.add(first)
    assert log.next_manual_track() == M1 + 1
    log.add(second)
    assert log.undo() and log.done == (first,)
    again = EditLog(path)
    assert (again.done, again.can_undo, again.can_redo) == ((first,), True, True)
    assert again.redo() and again.done == (first, second)
    again.undo()
    again.add(Removed(M1))
    assert again.done == (first, Removed(M1)) and not again.can_redo
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 9}', '{"format": 1, "done": 1, "edits": [{}]}'])
def test_a_damaged_file_of_edits_is_none(content: str, tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    path.write_text(content)
    assert EditLog(path).done == ()


def test_an_edit_that_cannot_be_saved_is_not_made(tmp_path: Path) -> None:
    log = EditLog(tmp_path / "gone" / "edits.json")
    with pytest.raises(OutputError, match="cannot be saved"):
        log.add(Removed(M1))
    assert log.done == ()


def test_the_file_holds_no_more_than_it_needs(tmp_path: Path) -> None:
    log = EditLog(tmp_path / "edits.json")
    log.add(decided(base(t1=[(0, 9, 50)]), 1, "mask", tracking="a"))
    assert set(json.loads((tmp_path / "edits.json").read_text())) == {"format", "done", "edits"}
