"""The sweep: figures that can be worked out by hand, the knee where it must be, and no detector run for a threshold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import ShortClip
from workbench.data import Detections
from workbench.errors import UsageError
from workbench.evaluate import evaluate_timeline, load_truth
from workbench.presets import Preset, load_preset, with_settings
from workbench.preview import fonts, looking
from workbench.preview.plots import sweep_figure
from workbench.preview.session import ClipSession
from workbench.preview.sweep import THRESHOLDS, Sweep, advised, sweep, sweep_table
from workbench.process import decide_store
from workbench.sightings import track
from workbench.store import AnalysedFrame, DetectionStore
from workbench.timeline import KeyBox, Timeline
from workbench.video.synthetic import Clip, write_clip

FRAMES, FPS, SIZE = 150, 25, (640, 360)
SURE, FAINT, PATTERN = 0.8, 0.5, 0.45
"""Scores of a face in the light, of one in the dark, and of what is no face."""

Box = tuple[float, float, float, float]
FIRST, SECOND, FALSE = (60.0, 80.0, 120.0, 160.0), (300.0, 80.0, 360.0, 160.0), (500.0, 250.0, 560.0, 330.0)


def preset(confidence: float = 0.5, *settings: str) -> Preset:
    return with_settings(
        load_preset("balanced"), ["tracker.appearance=never", f"detector.confidence={confidence}", *settings]
    )


def store_of(*, pattern: bool = True) -> DetectionStore:
    """Two faces on every frame, one seen surely, one faintly; and a pattern that is seen at every third look."""
    frames = []
    for index in range(FRAMES):
        found: list[tuple[Box, float]] = [(FIRST, SURE), (SECOND, FAINT)]
        if pattern and index % 9 == 0:
            found.append((FALSE, PATTERN))
        boxes, scores = (np.array(each, np.float32) for each in zip(*found, strict=True))
        looked = Detections(boxes, scores) if index % 3 == 0 else None
        frames.append(AnalysedFrame(index, index, 0.0, looked))
    facts = {"average_fps": float(FPS), "options": {"every": 3}}
    return DetectionStore(*SIZE, Fraction(1, FPS), facts, tuple(frames))


def truth_of(*boxes: Box) -> pd.DataFrame:
    rows = [
        (frame, person, x0, y0, x1 - x0, y1 - y0, 1.0, 0.0)
        for frame in range(FRAMES)
        for person, (x0, y0, x1, y1) in enumerate(boxes, start=1)
    ]
    return pd.DataFrame(rows, columns=["frame", "person", "x", "y", "w", "h", "visibility", "yaw"])


def decided(store: DetectionStore, thresholds: tuple[float, ...]) -> dict[float, Timeline]:
    tracked = track(store, preset().tracker)
    return {threshold: decide_store(store, preset(threshold), tracked=tracked) for threshold in thresholds}


def swept(store: DetectionStore, truth: pd.DataFrame | None = None, *, current: float = 0.5) -> Sweep:
    timelines = decided(store, THRESHOLDS)
    times = np.arange(FRAMES) / FPS
    table = sweep_table(timelines[0.25], timelines, times=times, truth=truth, mask=preset().mask).assign(enhance=False)
    return advised(table, current=current, enhance=False, has_truth=truth is not None)


def test_the_figures_are_those_that_can_be_worked_out() -> None:
    table = swept(store_of(), truth_of(FIRST, SECOND)).table.set_index("threshold")
    seconds = FRAMES / FPS
    assert table.loc[0.35, "faces"] > table.loc[0.5, "faces"] == pytest.approx(2.0)
    assert table.loc[0.55, "faces"] == pytest.approx(1.0), "the faint one is not surely seen"
    assert table.loc[0.5, ["gaps", "gap_seconds", "open_seconds"]].tolist() == [0, 0, 0]
    assert (table.loc[0.55, "gaps"], table.loc[0.55, "gap_seconds"]) == (1, pytest.approx(seconds, abs=0.2))
    assert table.loc[0.55, "open_seconds"] == 0, "it is still hidden, for review"
    assert table.loc[0.6, "low_score_share"] == pytest.approx(0.5, abs=0.02), "the pattern is gone, the faint one not"
    assert table.loc[0.75, "open_seconds"] == pytest.approx(seconds, abs=0.2)
    assert table.loc[0.45, "doubtful_seconds"] > 5 and table.loc[0.65, "doubtful_seconds"] == 0
    assert table.loc[0.45, "false_seconds"] == pytest.approx(table.loc[0.45, "doubtful_seconds"])
    assert (table.loc[0.5, "recall"], table.loc[0.75, "recall"], table.loc[0.95, "recall"]) == (1.0, 0.5, 0.0)
    assert table.loc[0.75, "leak_seconds"] == pytest.approx(seconds)


def test_the_knee_loses_no_steady_face_and_hides_no_pattern() -> None:
    found = swept(store_of(), current=0.3)
    assert found.knee == 0.6 and not found.has_truth, "a pattern at 0.45 is hidden for review up to 0.55"
    assert "0.60 loses no face" in found.reason_en and "above 0.60" in found.reason_en
    assert "0.60 不会漏掉" in found.reason_zh
    assert swept(store_of(), truth_of(FIRST, SECOND), current=0.3).knee == 0.6


def test_with_truth_a_pattern_that_is_a_face_is_not_given_up() -> None:
    found = swept(store_of(), truth_of(FIRST, SECOND, FALSE), current=0.9)
    table = found.table.set_index("threshold")
    assert table.loc[found.knee, "recall"] == table["recall"].max() and found.knee <= 0.55


def test_without_a_reason_the_present_value_stays() -> None:
    calm = swept(store_of(pattern=False), current=0.35)
    assert calm.knee == 0.35
    empty = DetectionStore(*SIZE, Fraction(1, FPS), store_of().facts, tuple(
        AnalysedFrame(index, index, 0.0, Detections.empty()) for index in range(FRAMES)
    ))  # fmt: skip
    nobody = swept(empty)
    assert nobody.knee == 0.5 and "No face is seen steadily" in nobody.reason_en and nobody.table["faces"].sum() == 0
    assert swept(empty, truth_of(FIRST)).table["recall"].max() == 0


def test_enhancement_is_advised_where_it_finds_clearly_more() -> None:
    dark, bright = swept(store_of()).table.assign(steady_seconds=2.0), swept(store_of()).table.assign(enhance=True)
    both = pd.concat([dark, bright], ignore_index=True)
    found = advised(both, current=0.5, enhance=False, has_truth=False)
    assert found.knee_enhance and "enhancement on" in found.reason_en and "开启" in found.reason_zh
    same = pd.concat([bright.assign(enhance=False), bright], ignore_index=True)
    assert not advised(same, current=0.5, enhance=False, has_truth=False).knee_enhance
    assert advised(same, current=0.5, enhance=True, has_truth=False).knee_enhance


def test_recall_and_leaks_are_those_of_evaluate() -> None:
    truth = truth_of(FIRST, (310.0, 90.0, 400.0, 190.0), FALSE)  # partly covered, and now and then
    truth.loc[::7, "visibility"] = 0.2
    table = swept(store_of(), truth).table.set_index("threshold")
    assert table["recall"].nunique() > 2
    times = [index / FPS for index in range(FRAMES)]
    for threshold, timeline in decided(store_of(), (0.3, 0.5, 0.7, 0.9)).items():
        alone = evaluate_timeline(timeline, truth, growth=preset().mask.growth, times=times)
        assert table.loc[threshold, "recall"] == pytest.approx(alone.recall)
        assert table.loc[threshold, "leak_seconds"] == pytest.approx(alone.leak_seconds)


@pytest.fixture(scope="module")
def ward(short_clip: ShortClip, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClipSession]:
    clip = short_clip("dim_night_ward", frames=75)
    with ClipSession(clip, load_preset("dim-light"), folder=tmp_path_factory.mktemp("ward")) as session:
        session.analyze()
        yield session


def test_the_dim_ward_keeps_its_recall_without_a_detector_run(
    ward: ClipSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "open_detector", lambda *_, **__: pytest.fail("the detector ran"))
    truth = load_truth(ward.source.with_suffix(".gt.csv"))
    before = (ward.revision, ward.preset)
    start = time.process_time()
    found = sweep(ward, truth=truth)
    assert time.process_time() - start < 3
    assert (ward.revision, ward.preset) == before
    table = found.table.set_index("threshold")
    assert list(table.index) == list(THRESHOLDS)
    assert table.loc[found.knee, "recall"] >= table["recall"].max() - 0.002
    assert table["recall"].max() > 0.99


def test_enhancement_costs_one_analysis_which_is_kept(ward: ClipSession, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []
    open_detector = looking.open_detector

    def counted(options, **size):  # type: ignore[no-untyped-def]
        opened.append(options.enhance)
        return open_detector(options, **size)

    monkeypatch.setattr(looking, "open_detector", counted)
    found = sweep(ward, enhance=True, thresholds=[0.3, 0.5])
    assert found.table[["enhance", "threshold"]].to_numpy().tolist() == [[1, 0.3], [1, 0.5], [0, 0.3], [0, 0.5]]
    assert opened == [False], "the ward's preset has enhancement on: only the other setting is looked at"
    sweep(ward, enhance=True, thresholds=[0.4])
    assert opened == [False]


def test_the_operators_edits_are_left_out(tmp_path: Path) -> None:
    with ClipSession(write_clip(tmp_path / "a.mp4", Clip(frames=20)), preset(), folder=tmp_path / "kept") as session:
        session.analyze()
        session.add_boxes([KeyBox(0, 5, 5, 10, 10), KeyBox(19, 5, 5, 10, 10)])
        assert len(session.timeline.rows) == 20
        table = sweep(session).table
        assert table[["faces", "doubtful_seconds", "steady_seconds"]].to_numpy().sum() == 0


@pytest.mark.parametrize("thresholds", [[], [0.0], [0.5, 1.2]])
def test_thresholds_that_are_none_are_refused(ward: ClipSession, thresholds: list[float]) -> None:
    with pytest.raises(UsageError, match=r"0\.05 and 0\.95"):
        sweep(ward, thresholds=thresholds)


@pytest.mark.parametrize("truth", [None, truth_of(FIRST, SECOND)], ids=["without truth", "with truth"])
def test_the_figure_is_readable_and_nothing_is_cut_off(truth: pd.DataFrame | None) -> None:
    found = swept(store_of(), truth, current=0.3)
    both = Sweep(pd.concat([found.table, found.table.assign(enhance=True)]), 0.3, 0.6, True, "", "", truth is not None)
    for each in (found, both):
        figure = sweep_figure(each, "en")
        figure.canvas.draw()
        width, height = figure.canvas.get_width_height()
        assert width == 700 and 300 < height < 600
        assert len(figure.axes) == (4 if truth is None else 6)
        texts = [text for axes in figure.axes for text in (axes.title, axes._left_title, axes.xaxis.label)]
        texts += [text for legend in figure.legends for text in legend.get_texts()]
        shown = [text for text in texts if text.get_text()]
        assert len(shown) >= 8 and min(text.get_fontsize() for text in shown) >= 9
        for text in shown:
            box = text.get_window_extent()
            assert min(box.x0, box.y0) >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
        pixels = np.asarray(figure.canvas.buffer_rgba())
        assert (pixels[..., 3] == 0).mean() > 0.5, "transparent: for light and dark pages"


def test_a_figure_without_a_chinese_font_is_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    found = swept(store_of())
    monkeypatch.setattr(fonts, "FAMILIES", ())
    fonts.chinese_font.cache_clear()
    assert sweep_figure(found, "zh").axes[-1].get_xlabel() == "Detection threshold"
    monkeypatch.setattr(fonts, "FAMILIES", ("DejaVu Sans",))  # stands for a font that has the characters
    fonts.chinese_font.cache_clear()
    assert sweep_figure(found, "zh").axes[-1].get_xlabel() == "检测阈值"
    fonts.chinese_font.cache_clear()
