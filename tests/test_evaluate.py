"""Evaluations whose figures can be worked out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from workbench.errors import SourceError, TimelineError, UsageError
from workbench.evaluate import Evaluation, evaluate_output, evaluate_timeline, load_truth
from workbench.timeline import Timeline

WIDTH, HEIGHT, FPS = 200, 100, 25.0
HEAD = "frame,id,x,y,w,h,visibility,yaw\n"


def truth_of(*faces: tuple[int, int, float, float, float, float, float]) -> pd.DataFrame:
    """Rows frame (from 0), person, x, y, w, h, visibility."""
    return pd.DataFrame(faces, columns=["frame", "person", "x", "y", "w", "h", "visibility"]).assign(yaw=0.0)


def still_face(frames: int = 10, person: int = 1, x: float = 20, visibility: float = 1.0) -> list[tuple[float, ...]]:
    return [(frame, person, x, 20, 40, 40, visibility) for frame in range(frames)]


def timeline_of(truth: pd.DataFrame, *, frames: int = 10, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Timeline:
    """A timeline that hides exactly the rows of ``truth``."""
    rows = truth.rename(columns={"person": "track"})
    rows = rows.assign(time_seconds=rows["frame"] / FPS, score=0.9, source="detected")
    return Timeline(rows, frames=frames, width_px=size[0], height_px=size[1])


def evaluate(timeline: Timeline, truth: pd.DataFrame, **options: object) -> Evaluation:
    return evaluate_timeline(timeline, truth, **{"growth": 0.0, **options})  # type: ignore[arg-type]


def test_the_truth_itself_is_perfect() -> None:
    truth = truth_of(*still_face())
    result = evaluate(timeline_of(truth), truth)
    assert (result.frames, result.faces, result.hidden, result.leak_frames) == (10, 10, 10, 0)
    assert (result.recall, result.false_area, result.leak_seconds) == (1.0, 0.0, 0.0)
    assert (result.idf1, result.id_switches, result.mota, result.leaks) == (1.0, 0, 1.0, ())


@pytest.mark.parametrize("name", ["consultation", "ward_round_1080p"])
def test_a_sample_clips_truth_against_itself(name: str, sample: Callable[[str], Path]) -> None:
    truth = load_truth(sample(name).with_suffix(".gt.csv")).query("frame < 30")
    size = (1920, 1080) if "1080p" in name else (1280, 720)
    result = evaluate(timeline_of(truth, frames=30, size=size), truth, growth=0.1)
    assert result.faces > 50
    assert (result.recall, result.idf1, result.id_switches) == (1.0, 1.0, 0)
    assert result.false_area < 1e-5  # masks on faces that are too little visible to count


def test_masks_half_a_face_beside_hide_nobody() -> None:
    truth = truth_of(*still_face())
    result = evaluate(timeline_of(truth.assign(x=truth["x"] + 20)), truth)
    assert (result.recall, result.leak_frames, result.idf1) == (0.0, 10, 0.0)
    assert result.leak_seconds == pytest.approx(10 / FPS)
    (leak,) = result.leaks
    assert (leak.person, leak.first_frame, leak.last_frame, leak.at_seconds) == (1, 0, 9, 0.0)
    assert 0.3 < leak.worst_cover < 0.6


def test_growth_and_shape_decide_what_is_hidden() -> None:
    truth = truth_of(*still_face())
    small = timeline_of(truth.assign(x=24.0, y=24.0, w=32.0, h=32.0))
    assert evaluate(small, truth).recall == 0.0  # an ellipse of (32 + 4) px on one of 40 px: 81 %
    assert evaluate(small, truth, cover=0.8).recall == 1.0
    assert evaluate(small, truth, growth=0.1).recall == 1.0


def test_leaks_are_runs_in_the_seconds_of_a_variable_rate() -> None:
    truth = truth_of(*still_face())
    times = [0.0, 0.1, 0.2, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]
    hidden = timeline_of(truth[~truth["frame"].isin([2, 3, 7])])
    result = evaluate(hidden, truth, times=times)
    spans = [(leak.first_frame, leak.last_frame, round(leak.seconds, 6), leak.worst_cover) for leak in result.leaks]
    assert spans == [(2, 3, 0.4, 0.0), (7, 7, 0.1, 0.0)]
    assert result.leak_seconds == pytest.approx(0.5)
    assert result.longest_leak_seconds == pytest.approx(0.4)
    assert result.recall == pytest.approx(0.7)


def test_frames_without_rows_get_their_times_from_their_neighbours() -> None:
    truth = truth_of(*still_face())
    result = evaluate(timeline_of(truth.query("2 <= frame < 8")), truth)
    assert sorted(round(leak.at_seconds, 6) for leak in result.leaks) == [0.0, 8 / FPS]
    assert result.leak_seconds == pytest.approx(4 / FPS)


def test_false_area_is_what_is_masked_away_from_faces() -> None:
    truth = truth_of(*still_face())
    extra = truth_of(*[(frame, 9, 150, 50, 20, 20, 1.0) for frame in range(10)])
    result = evaluate(timeline_of(pd.concat([truth, extra])), truth, shape="box")
    assert result.false_area == pytest.approx(24 * 24 / (WIDTH * HEIGHT))  # 20 px and 2 px of safety on each side
    assert result.mota == pytest.approx(0.0)  # ten misses' worth of rows on nobody


def test_hardly_visible_faces_count_neither_way() -> None:
    truth = truth_of(*still_face(), *still_face(person=2, x=100, visibility=0.2))
    result = evaluate(timeline_of(truth), truth)
    assert (result.faces, result.recall, result.idf1, result.mota) == (10, 1.0, 1.0, 1.0)
    assert evaluate(timeline_of(truth.query("person == 1")), truth).recall == 1.0
    assert evaluate(timeline_of(truth.query("person == 1")), truth, min_visibility=0.1).recall == 0.5


def test_only_the_part_inside_the_picture_has_to_be_hidden() -> None:
    truth = truth_of(*[(frame, 1, -20, 20, 40, 40, 0.5) for frame in range(10)])
    inside = timeline_of(truth.assign(x=-4.0, w=24.0))
    assert evaluate(inside, truth, shape="box").recall == 1.0
    gone = truth_of(*[(frame, 1, -50, 20, 40, 40, 0.5) for frame in range(10)])
    assert evaluate(timeline_of(gone), gone).recall is None


def test_people_who_change_ids_midway() -> None:
    truth = truth_of(*still_face(), *still_face(person=2, x=100))
    swapped = truth.assign(person=truth["person"].where(truth["frame"] < 5, 3 - truth["person"]))
    result = evaluate(timeline_of(swapped), truth)
    assert (result.recall, result.idf1, result.id_switches) == (1.0, 0.5, 2)
    assert result.mota == pytest.approx(0.9)


def test_a_track_that_is_kept_is_not_hidden() -> None:
    truth = truth_of(*still_face(), *still_face(person=2, x=100))
    whole = timeline_of(truth)
    kept = Timeline(whole.rows, {2: "keep"}, whole.frames, whole.width_px, whole.height_px)
    result = evaluate(kept, truth)
    assert (result.recall, result.idf1) == (0.5, 1.0)
    assert {leak.person for leak in result.leaks} == {2}


def test_nothing_found_and_nothing_to_find() -> None:
    truth = truth_of(*still_face())
    nothing = timeline_of(truth.head(0))
    assert (evaluate(nothing, truth).recall, evaluate(nothing, truth).idf1) == (0.0, 0.0)
    empty = evaluate(nothing, truth.head(0))
    assert (empty.frames, empty.faces, empty.recall, empty.idf1, empty.mota) == (10, 0, None, None, None)
    assert json.loads(json.dumps(evaluate(nothing, truth).as_dict()))["leaks"][0]["last_frame"] == 9


def test_a_timeline_without_the_pictures_size_is_refused() -> None:
    truth = truth_of(*still_face())
    with pytest.raises(TimelineError, match="how large the picture is"):
        evaluate(timeline_of(truth, size=(0, 0)), truth)


def test_truth_files_count_frames_from_one(tmp_path: Path) -> None:
    file = tmp_path / "truth.csv"
    file.write_text("frame,id,x,y,w,h\n1,7,1.5,2,3,4\n2,7,1,2,3,4\n")
    truth = load_truth(file)
    first = truth.iloc[0].to_dict()
    assert math.isnan(first.pop("yaw"))
    assert first == {"frame": 0, "person": 7, "x": 1.5, "y": 2, "w": 3, "h": 4, "visibility": 1}
    file.write_text(HEAD)
    assert load_truth(file).empty


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no truth file"),
        ("frame,id,x,y,w\n1,1,1,1,1\n", "column 'h' is missing"),
        (HEAD + "1,1,5,5,20,20,1,0\n2,1,5,up,20,20,1,0\n", "line 3: y 'up' is not a number"),
        (HEAD + "1,1,5,5,20,20,1,0\n\n", "line 3: frame '' is not a number"),
        (HEAD + "1,1,5,5,inf,20,1,0\n", "line 2: w 'inf' is not a number"),
        (HEAD + "0,1,5,5,20,20,1,0\n", "line 2: frame '0' is below 1"),
        (HEAD + "1.5,1,5,5,20,20,1,0\n", "line 2: frame '1.5' is not a whole number"),
        (HEAD + "1,1,5,5,20,0,1,0\n", "line 2: h '0' is not above 0"),
        (HEAD + "1,1,5,5,20,20,7,0\n", "line 2: visibility '7' is not between 0 and 1"),
        (HEAD + "1,1,5,5,20,20,1,0\n1,1,6,5,20,20,1,0\n", "line 3: id '1' stands twice"),
        ("\x00\x01,\xff", "missing"),
    ],
)
def test_a_bad_truth_file_says_where_and_what(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "truth.csv"
    file.write_text(text)
    with pytest.raises(TimelineError, match=said) as caught:
        load_truth(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_truth_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(TimelineError, match="cannot be read"):
        load_truth(tmp_path / "missing.csv")


Paint = Callable[[np.ndarray, int], None]


def write_video(path: Path, paint: Paint, *, frames: int = 6, size: tuple[int, int] = (320, 240)) -> Path:
    """Grey pictures, each painted by ``paint(pixels, frame)``, at 10 frames per second."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10", "preset": "ultrafast"})
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        for frame in range(frames):
            pixels = np.full((size[1], size[0], 3), 110, np.uint8)
            paint(pixels, frame)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def disc(pixels: np.ndarray, colour: tuple[int, int, int] = (0, 255, 0)) -> None:
    """An ellipse that holds the box 100, 60, 80, 100 with room to spare."""
    cv2.ellipse(pixels, (140, 110), (50, 60), 0, 0, 360, colour, -1)


OUTPUT_TRUTH = truth_of(*[(frame, 1, 100, 60, 80, 100, 1.0) for frame in range(6)])


def test_an_output_masked_on_every_frame(tmp_path: Path) -> None:
    video = write_video(tmp_path / "out.mp4", lambda pixels, frame: disc(pixels))
    result = evaluate_output(video, OUTPUT_TRUTH)
    assert (result.frames, result.truth_frames, result.faces, result.recall, result.false_area) == (6, 6, 6, 1.0, 0.0)
    assert (result.idf1, result.id_switches) == (None, None)


def test_an_output_with_two_bare_frames_and_a_false_mask(tmp_path: Path) -> None:
    def paint(pixels: np.ndarray, frame: int) -> None:
        if frame not in (3, 4):
            disc(pixels)
        pixels[200:240, 0:64] = (0, 255, 0)

    result = evaluate_output(write_video(tmp_path / "out.mp4", paint), OUTPUT_TRUTH)
    assert (result.faces, result.leak_frames) == (6, 2)
    assert result.longest_leak_seconds == pytest.approx(0.2, abs=0.01)
    assert (result.leaks[0].first_frame, result.leaks[0].last_frame) == (3, 4)
    assert result.leaks[0].worst_cover == 0.0
    assert result.false_area == pytest.approx(40 * 64 / (320 * 240), rel=0.03)


def test_the_masks_colour_may_be_chosen(tmp_path: Path) -> None:
    video = write_video(tmp_path / "out.mp4", lambda pixels, frame: disc(pixels, (255, 0, 255)))
    assert evaluate_output(video, OUTPUT_TRUTH, colour="#FF00FF").recall == 1.0
    assert evaluate_output(video, OUTPUT_TRUTH).recall == 0.0
    with pytest.raises(UsageError, match=r"'green'.*#rrggbb"):
        evaluate_output(video, OUTPUT_TRUTH, colour="green")


def test_a_short_output_says_how_far_the_truth_reaches(tmp_path: Path) -> None:
    video = write_video(tmp_path / "out.mp4", lambda pixels, frame: disc(pixels), frames=4)
    result = evaluate_output(video, OUTPUT_TRUTH)
    assert (result.frames, result.truth_frames, result.faces) == (4, 6, 4)


def test_an_output_that_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("no video")
    with pytest.raises(SourceError):
        evaluate_output(tmp_path / "out.mp4", OUTPUT_TRUTH)
