"""Lanes and problems of timelines made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.preview.edits import MANUAL_TRACKS
from workbench.preview.lanes import Problem, Run, lanes_of, problems_of, track_name
from workbench.timeline import SOURCES, Timeline

FPS = 25


def rows(track: int, frames: range, source: str | list[str], *, score: float = 0.9, x: float = 100) -> pd.DataFrame:
    numbers = np.array(frames)
    sources = [source] * len(numbers) if isinstance(source, str) else source
    table = pd.DataFrame({"frame": numbers, "time_seconds": numbers / FPS, "track": track, "x": x, "y": 50.0})
    table["w"], table["h"], table["score"] = 40.0, 50.0, np.float32(score)
    table["source"] = pd.Categorical(sources, categories=list(SOURCES))
    return table


def timeline(*parts: pd.DataFrame, **decisions: str) -> Timeline:
    table = pd.concat(parts, ignore_index=True).sort_values(["frame", "track"], ignore_index=True)
    return Timeline(table, {int(name[1:]): word for name, word in decisions.items()}, 500, 640, 480)  # type: ignore[misc]


def kinds(found: list[Problem]) -> list[tuple[str, int, int]]:
    return [(problem.kind, problem.track, problem.frame) for problem in found]


def test_skipped_frames_between_two_looks_belong_to_what_was_detected() -> None:
    sources = ["detected", "tracked", "tracked"] * 4 + ["detected", "tracked", "tracked"]
    lane = lanes_of(timeline(rows(1, range(10, 25), sources)))[0]
    assert (lane.first, lane.last, lane.decision, lane.mean_score) == (10, 24, "mask", 0.9)
    assert lane.runs == (Run(10, 22, "detected", 0.9), Run(23, 24, "tracked", 0.9))


def test_a_run_ends_where_source_score_or_time_change() -> None:
    lane = lanes_of(
        timeline(
            rows(4, range(0, 10), "backfilled"),
            rows(4, range(10, 20), "detected"),
            rows(4, range(20, 30), "detected", score=0.55),
            rows(4, range(30, 40), "bridged", score=0.55),
            rows(4, range(60, 70), "detected", score=0.55),
            t4="review",
        )
    )[0]
    assert [(run.first, run.last, run.source) for run in lane.runs] == [
        (0, 9, "backfilled"), (10, 19, "detected"), (20, 29, "detected"), (30, 39, "bridged"), (60, 69, "detected"),
    ]  # fmt: skip
    assert lane.decision == "review"


def test_lanes_stand_in_order_of_appearance_and_manual_ones_have_no_score() -> None:
    manual = rows(MANUAL_TRACKS + 1, range(5, 9), "manual", score=np.nan)
    lanes = lanes_of(timeline(rows(1, range(50, 60), "detected"), rows(2, range(0, 9), "detected"), manual))
    assert [lane.name for lane in lanes] == ["2", "M1", "1"]
    assert lanes[1].mean_score is None and lanes[1].runs == (Run(5, 8, "manual", None),)
    assert track_name(MANUAL_TRACKS + 12) == "M12"


def test_no_rows_no_lanes() -> None:
    empty = Timeline(rows(1, range(0), "detected"))
    assert lanes_of(empty) == [] and problems_of(empty, confidence=0.5) == []


def test_a_calm_track_is_no_problem() -> None:
    calm = timeline(rows(1, range(0, 100), "detected"), rows(2, range(0, 5), "bridged"))
    assert problems_of(calm, confidence=0.5) == []


def test_gaps_bridged_and_open() -> None:
    bridged = [rows(1, range(0, 10), "detected"), rows(1, range(10, 30), "bridged"), rows(1, range(30, 40), "detected")]
    opened = [rows(2, range(0, 10), "detected"), rows(2, range(60, 90), "detected")]
    found = problems_of(timeline(*bridged, *opened), confidence=0.5)
    assert kinds(found) == [("gap", 2, 10), ("gap", 1, 20)]
    assert "2.0 s" in found[0].text_en and "2.0 秒" in found[0].text_zh


def test_a_track_that_comes_back_after_long_was_away() -> None:
    away = [rows(2, range(0, 10), "detected"), rows(2, range(400, 410), "detected")]
    assert problems_of(timeline(*away), confidence=0.5) == []


def test_low_scores_point_to_the_worst_frame() -> None:
    weak = rows(1, range(20, 40), "detected", score=0.45)
    weak.loc[weak["frame"] == 31, "score"] = 0.31
    found = problems_of(timeline(rows(1, range(0, 20), "detected"), weak), confidence=0.5)
    assert kinds(found) == [("low score", 1, 31)]
    assert "0.31" in found[0].text_en


def test_a_track_to_review_is_asked_about_once() -> None:
    unsure = rows(3, range(0, 5), "detected", score=0.45)
    unsure.loc[2, "score"] = 0.49
    assert kinds(problems_of(timeline(unsure, t3="review"), confidence=0.5)) == [("review", 3, 2)]


def test_jumps_but_not_at_cuts() -> None:
    jumping = timeline(rows(1, range(0, 10), "detected", x=100), rows(1, range(10, 20), "detected", x=200))
    assert kinds(problems_of(jumping, confidence=0.5)) == [("jump", 1, 10)]
    assert problems_of(jumping, confidence=0.5, cuts={10}) == []


def test_what_is_kept_or_drawn_by_hand_needs_no_second_look() -> None:
    parts = [rows(1, range(0, 9), "detected", score=0.4), rows(1, range(30, 40), "detected", score=0.4)]
    manual = rows(MANUAL_TRACKS + 1, range(0, 9), "manual", score=np.nan)
    assert problems_of(timeline(*parts, manual, t1="keep"), confidence=0.5) == []
