"""The timeline as a table: it survives saving, takes edits, reads MOT, and refuses what is no timeline."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.errors import TimelineError, UsageError
from workbench.timeline import (
    COLUMNS,
    SOURCES,
    BoxLookup,
    KeyBox,
    Timeline,
    add_manual,
    carry_edits,
    decide_track,
    load_timeline,
    save_timeline,
)


def timeline(*rows: tuple[int, int, float, str]) -> Timeline:
    """A timeline from (frame, track, left edge, source), 10 frames of 640x360 at 25 fps."""
    table = pd.DataFrame(
        [(f, f / 25, t, x, 20.25, 30.5, 40.75, 0.9, source) for f, t, x, source in rows], columns=list(COLUMNS)
    )
    table = table.astype(dict.fromkeys(("x", "y", "w", "h", "score"), "float32"))
    table["source"] = pd.Categorical(table["source"], categories=list(SOURCES))
    return Timeline(table, {}, 10, 640, 360)


@pytest.fixture
def two_faces() -> Timeline:
    return timeline((0, 1, 10, "detected"), (0, 2, 200, "bridged"), (1, 1, 12, "tracked"))


def test_a_saved_timeline_is_read_back_the_same(two_faces: Timeline, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    save_timeline(decide_track(two_faces, 2, "keep"), path)
    again = load_timeline(path)
    pd.testing.assert_frame_equal(again.rows, two_faces.rows)
    assert (again.decisions, again.frames, again.width_px, again.height_px) == ({2: "keep"}, 10, 640, 360)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_how_heads_are_turned_is_saved_where_it_is_known(two_faces: Timeline, tmp_path: Path) -> None:
    poses = np.array([[0.125, 0.63, -4.5], [np.nan, np.nan, np.nan], [0.25, 0.5, 0]], np.float32)
    turned = replace(two_faces, rows=two_faces.rows.assign(**dict(zip(("turn", "nod", "roll"), poses.T, strict=True))))
    save_timeline(turned, tmp_path / "t.csv")
    again = load_timeline(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(again.rows, turned.rows)
    np.testing.assert_array_equal(BoxLookup(again).on(0).poses, poses[:2])
    assert np.isnan(BoxLookup(two_faces).on(0).poses).all()


def test_an_empty_timeline_is_read_back(tmp_path: Path) -> None:
    save_timeline(timeline(), tmp_path / "t.csv")
    assert load_timeline(tmp_path / "t.csv").rows.empty


def test_mot_counts_frames_from_one_and_is_read_back(two_faces: Timeline, tmp_path: Path) -> None:
    save_timeline(two_faces, tmp_path / "mot.csv", mot=True)
    first = (tmp_path / "mot.csv").read_text().splitlines()[0]
    assert first == "1,1,10.0,20.25,30.5,40.75,0.9,-1,-1,-1"
    again = load_timeline(tmp_path / "mot.csv")
    assert again.rows[["frame", "track", "x"]].to_numpy().tolist() == [[0, 1, 10], [0, 2, 200], [1, 1, 12]]


def test_a_kept_track_is_shown_and_a_reviewed_one_is_hidden(two_faces: Timeline) -> None:
    kept = BoxLookup(decide_track(two_faces, 2, "keep"))
    asked = BoxLookup(decide_track(two_faces, 2, "review"))
    assert kept.on(0).tracks.tolist() == [1]
    assert asked.on(0).tracks.tolist() == [1, 2]
    assert kept.on(0).boxes.tolist() == [[10, 20.25, 40.5, 61]]
    assert len(kept.on(7).boxes) == 0


def test_a_manual_box_moves_between_its_key_frames(two_faces: Timeline) -> None:
    edited = add_manual(two_faces, [KeyBox(6, 100, 0, 50, 50), KeyBox(2, 0, 0, 50, 50)], [n / 25 for n in range(10)])
    drawn = edited.rows[edited.rows["source"] == "manual"]
    assert drawn["frame"].tolist() == [2, 3, 4, 5, 6]
    assert drawn["x"].tolist() == [0, 25, 50, 75, 100]
    assert drawn["track"].unique().tolist() == [3]


def test_a_manual_box_outside_of_the_clip_is_refused(two_faces: Timeline) -> None:
    with pytest.raises(UsageError, match="frames 0 to 9"):
        add_manual(two_faces, [KeyBox(10, 0, 0, 5, 5)], [n / 25 for n in range(10)])


def test_edits_survive_deciding_anew(two_faces: Timeline) -> None:
    edited = decide_track(add_manual(two_faces, [KeyBox(5, 0, 0, 9, 9)], [n / 25 for n in range(10)]), 1, "keep")
    anew = timeline((0, 1, 10, "detected"), (0, 3, 300, "detected"))
    carried = carry_edits(edited, anew)
    assert carried.decision(1) == "keep"
    assert np.count_nonzero(carried.rows["source"] == "manual") == 1
    assert carried.rows["track"].nunique() == 3  # the manual track did not merge with the new track 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("hello world\n", "not a timeline"),
        ("frame,track\n1,2\n", "'time_seconds' is missing"),
        ("1,2,3\n", "at least frame, id"),
        ("1,1,nan,5,5,5,1,-1,-1,-1\n", "no number for x"),
        ("1,1,0,5,-5,5,1,-1,-1,-1\n", "w = -5"),
        ("0,1,0,5,5,5,1,-1,-1,-1\n", "frame = -1"),
        ("# face-privacy-workbench timeline 9\nframe\n", "this version reads"),
        (",".join(COLUMNS) + "\n1,0.1,1,1,1,1,1,0.5,guessed\n", "'guessed' is none of"),
        (",".join(COLUMNS) + ",decision\n1,0.1,1,1,1,1,1,0.5,manual,maybe\n", "'maybe' is none of"),
    ],
)
def test_what_is_no_timeline_is_refused_in_one_line(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(TimelineError, match=says) as caught:
        load_timeline(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_unknown_track_is_refused(two_faces: Timeline) -> None:
    with pytest.raises(UsageError, match="no such track"):
        decide_track(two_faces, 99, "keep")
