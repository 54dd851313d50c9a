"""Figures and sliders of the notebooks: they show what the session shows, and what is wrong is one line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from tests.conftest import ShortClip
from workbench.data import Picture
from workbench.detector_evaluation.dataset import load_dataset
from workbench.errors import ModelError, OutputError, UsageError
from workbench.evaluate import load_truth
from workbench.maskers import MaskOptions, open_masker
from workbench.presets import load_preset, with_settings
from workbench.preview import compare
from workbench.preview.charts import candidates, draw_scores, draw_sweep, draw_timeline
from workbench.preview.drawings import Drawing, draw_frames, draw_masks, draw_settings
from workbench.preview.lanes import Problem
from workbench.preview.measured import measure_presets
from workbench.preview.session import ClipSession
from workbench.preview.sweep import sweep
from workbench.preview.tuner import Tuner, tuner
from workbench.stages import Masker
from workbench.timeline import KeyBox, Timeline
from workbench.training.clip_labels import label_clip


@pytest.fixture(scope="module")
def clip(short_clip: ShortClip) -> Path:
    return short_clip("consultation", frames=20)


@pytest.fixture(scope="module")
def opened(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClipSession]:
    with ClipSession(clip, load_preset("balanced"), folder=tmp_path_factory.mktemp("session")) as session:
        session.analyze()
        yield session


@pytest.fixture
def session(opened: ClipSession) -> ClipSession:
    opened.set_preset(load_preset("balanced"))
    return opened


@pytest.fixture(scope="module")
def truth(clip: Path) -> pd.DataFrame:
    return load_truth(clip.with_suffix(".gt.csv"))


def pixels(drawing: Drawing) -> Picture:
    canvas = drawing.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def test_frames_stand_in_a_grid_of_frames_and_views(session: ClipSession) -> None:
    drawing = draw_frames(session, [0, 5, 10], views=["original", "mask"])
    titles = [ax.get_title(loc="left") for ax in drawing.figure.axes]
    assert titles == [
        f"{view}, frame {frame}, {frame / 25:.2f} s" for view in ("original", "mask") for frame in (0, 5, 10)
    ]
    shown = np.asarray(drawing.figure.axes[3].images[0].get_array())
    np.testing.assert_array_equal(shown, session.picture(0, "mask", width_px=shown.shape[1]))


def test_a_tracks_surroundings_hold_its_face_as_large_as_in_the_clip(session: ClipSession) -> None:
    track = session.lanes()[0].track
    rows = session.timeline.rows
    face = rows[(rows["frame"] == 10) & (rows["track"] == track)].iloc[0]
    shown = np.asarray(draw_frames(session, [10], views=["original"], track=track).figure.axes[0].images[0].get_array())
    whole = session.picture(10, "original")
    centre = whole[int(face.y + face.h / 2), int(face.x + face.w / 2)]
    assert max(face.w, face.h) < shown.shape[0] < 3 * max(face.w, face.h)
    assert (shown == centre).all(axis=2).any()


def test_a_notebook_gets_one_small_picture(session: ClipSession) -> None:
    bundle = draw_frames(session, [0])._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/jpeg"}
    assert set(draw_timeline(session.timeline)._repr_mimebundle_()) == {"text/plain", "image/png"}
    assert len(bundle["image/jpeg"]) < 200_000


def test_a_drawing_is_saved_whole_or_not_at_all(session: ClipSession, tmp_path: Path) -> None:
    drawing = draw_timeline(session.timeline)
    drawing.save(tmp_path / "timeline.pdf")
    assert (tmp_path / "timeline.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(UsageError, match="can be saved as"):
        drawing.save(tmp_path / "timeline.docx")
    with pytest.raises(OutputError, match="cannot be written"):
        drawing.save(tmp_path / "nowhere" / "timeline.png")
    assert [path.name for path in tmp_path.iterdir()] == ["timeline.pdf"]


def _green(picture: Picture) -> float:
    """The share of the picture that is pure green, as far as YUV and JPEG leave it."""
    return float((np.abs(picture.astype(int) - (0, 255, 0)) < 40).all(axis=2).mean())


def test_settings_are_drawn_and_given_back(session: ClipSession) -> None:
    before = session.preset
    drawing = draw_settings(session, 10, ["mask.kind=solid,mask.colour=#00ff00", "mask.kind=gaussian"])
    solid, blurred = (_green(np.asarray(ax.images[0].get_array())) for ax in drawing.figure.axes)
    assert solid > 0.005 > blurred
    assert session.preset == before


def test_a_wrong_setting_changes_nothing(session: ClipSession) -> None:
    before = session.revision
    with pytest.raises(UsageError, match="strenght"):
        draw_settings(session, 10, ["mask.strength=20", "mask.strenght=20"])
    assert session.revision == before


def test_masks_stand_side_by_side(session: ClipSession) -> None:
    drawing = draw_masks(session, 10, track=session.lanes()[0].track)
    titles = [ax.get_title(loc="left") for ax in drawing.figure.axes]
    names = ["Gaussian blur", "Mosaic", "Solid colour", "GAN face", "Diffusion face"]
    assert [title.split(":")[0] for title in titles] == names
    assert all("ms a face" in title for title in titles)
    assert all(ax.images for ax in drawing.figure.axes)


def test_a_mask_that_cannot_run_says_why(session: ClipSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "open_masker", broken_gan)
    *_, broken, diffusion = draw_masks(session, 10, track=session.lanes()[0].track).figure.axes
    assert diffusion.images and not broken.images
    assert "the model gan is missing" in broken.texts[0].get_text().replace("\n", " ")


def broken_gan(options: MaskOptions, *, secret: bytes) -> Masker:
    if options.kind == "gan":
        raise ModelError("the model gan is missing; put it in place")
    return open_masker(options, secret=secret)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frames": [99]}, "frame 99"),
        ({"frames": []}, "0 pictures in a row"),
        ({"frames": list(range(9))}, "9 pictures in a row"),
        ({"frames": [0], "views": []}, "0 pictures in a row"),
        ({"frames": [0], "views": ["nothing"]}, "view 'nothing'"),
        ({"frames": [0], "track": 77}, "track 77"),
    ],
)
def test_frames_that_cannot_be_drawn_are_one_line(
    session: ClipSession, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        draw_frames(session, **arguments)  # type: ignore[arg-type]


def test_a_timeline_has_a_lane_per_track_and_marks_problems(session: ClipSession) -> None:
    lanes = session.lanes()
    problem = Problem(10, "gap", lanes[1].track, "", "")
    drawing = draw_timeline(session.timeline, problems=[problem])
    ax = drawing.figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"face {lane.name}" for lane in lanes]
    marks = np.asarray(ax.collections[-1].get_offsets())
    assert marks[:, 0] == pytest.approx([session.times[10]])
    assert 0.5 < marks[0, 1] < 1


def test_timelines_are_drawn_one_above_the_other_even_empty_ones(session: ClipSession) -> None:
    timeline = session.timeline
    empty = replace(timeline, rows=timeline.rows.iloc[:0])
    axes = draw_timeline({"full": timeline, "empty": empty, "no size": Timeline(empty.rows)}).figure.axes
    assert [ax.get_title(loc="left") for ax in axes] == ["full", "empty", "no size"]
    assert [len(ax.get_yticks()) for ax in axes] == [len(session.lanes()), 0, 0]


def test_candidates_are_told_apart_by_the_truth(session: ClipSession, truth: pd.DataFrame) -> None:
    table = candidates(session.detections, truth=truth)
    looks = sum(frame.detections is not None for frame in session.detections.frames)
    sure = table[table["score"] >= 0.5]
    assert len(sure) == 2 * looks
    assert sure["face"].all()
    assert not candidates(session.detections, truth=truth.iloc[:0])["face"].any()
    assert candidates(session.detections)["face"].all()


def test_scores_have_a_panel_for_each_analysis(session: ClipSession, truth: pd.DataFrame) -> None:
    drawing = draw_scores({"one": session.detections, "two": session.detections}, truth=truth, threshold=0.5)
    assert [ax.get_title(loc="left") for ax in drawing.figure.axes] == ["one", "two"]
    counted = sum(patch.get_height() for patch in drawing.figure.axes[0].patches)
    assert counted == len(candidates(session.detections))


def test_a_sweep_is_drawn_as_on_the_page(session: ClipSession, truth: pd.DataFrame) -> None:
    found = sweep(session, thresholds=[0.3, 0.5], truth=truth)
    assert "True faces hidden (%)" in [ax.get_title(loc="left") for ax in draw_sweep(found).figure.axes]


def test_presets_are_measured_without_edits_and_the_session_is_left_alone(
    session: ClipSession, truth: pd.DataFrame
) -> None:
    before = session.preset
    session.decide(session.lanes()[0].track, "keep")
    try:
        bare = ["detector.every=3", "timeline.bridge_seconds=0", "timeline.backfill_seconds=0",
                "timeline.coast_seconds=0"]  # fmt: skip
        table = measure_presets(session, {"shipped": before, "bare": with_settings(before, bare)}, truth)
    finally:
        session.undo()
    assert table.loc["shipped", "recall"] == 1.0
    assert table.loc["bare", "recall"] < 0.6
    assert table.loc["bare", "leak_seconds"] > 0 == table.loc["shipped", "leak_seconds"]
    assert session.preset == before


def test_measuring_nothing_is_a_usage_error(session: ClipSession, truth: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="no preset"):
        measure_presets(session, {}, truth)


def shown(controls: Tuner) -> Picture:
    return np.asarray(Image.open(io.BytesIO(controls.image.value)))


def test_moving_the_threshold_changes_the_picture_and_the_session(session: ClipSession) -> None:
    controls = tuner(session, ["detector.confidence"], frame=9, view="detection")
    before = shown(controls)
    controls.controls["detector.confidence"].value = 0.95
    assert session.preset.detector.confidence == 0.95
    assert np.abs(shown(controls).astype(int) - before).max() > 60
    expected = session.picture(9, "detection", width_px=before.shape[1])
    assert np.abs(shown(controls).astype(int) - expected).mean() < 4  # JPEG


def test_the_strength_and_kind_of_the_mask_are_bound_to_the_picture(session: ClipSession) -> None:
    controls = tuner(session, ["mask.kind", "mask.colour"], frame=9)
    controls.controls["mask.kind"].value = "solid"
    controls.controls["mask.colour"].value = "#00ff00"
    assert _green(shown(controls)) > 0.005


def test_frame_and_view_are_bound_to_the_picture(session: ClipSession) -> None:
    controls = tuner(session, view="original")
    pictures = [controls.image.value]
    controls.frame.value = 15
    pictures.append(controls.image.value)
    controls.view.value = "mask"
    pictures.append(controls.image.value)
    assert len(set(pictures)) == 3
    assert controls.caption.value.startswith("2 faces hidden on this frame; 2 tracks")


def test_an_option_that_needs_another_look_gets_it(session: ClipSession) -> None:
    controls = tuner(session, ["detector.enhance"], frame=9, view="detection")
    controls.controls["detector.enhance"].value = False
    assert not session.preset.detector.enhance
    assert session.complete
    assert "Looking" not in controls.caption.value


def test_controls_have_the_bounds_of_the_options(session: ClipSession) -> None:
    controls = tuner(session, ["detector.confidence", "detector.every", "tracker.max_distance"]).controls
    sliders = {key: (control.min, control.max, control.value) for key, control in controls.items()}
    assert sliders == {
        "detector.confidence": (0.05, 0.95, 0.5),
        "detector.every": (1, 10, 3),
        "tracker.max_distance": (10.0, 2000.0, 100.0),
    }


def test_a_running_notebook_gets_the_widget_and_a_reader_the_picture(session: ClipSession) -> None:
    bundle = tuner(session)._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "image/jpeg", "text/plain"} == set(bundle)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keys": ["detector.confidense"]}, "detector.confidense"),
        ({"frame": 20}, "frame 20"),
        ({"view": "x"}, "view 'x'"),
    ],
)
def test_controls_that_cannot_be_are_one_line(session: ClipSession, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tuner(session, **arguments)  # type: ignore[arg-type]


def test_labels_of_a_corrected_clip_are_its_boxes(session: ClipSession, clip: Path, tmp_path: Path) -> None:
    session.decide(session.lanes()[0].track, "keep")
    drawn = session.add_boxes(
        [KeyBox(frame=0, x=-20, y=100, w=100, h=120), KeyBox(frame=19, x=-20, y=100, w=100, h=120)]
    )
    rows = session.timeline.masked_rows()
    session.undo()
    session.undo()
    assert label_clip(clip, rows, tmp_path, every_seconds=0.4) == 2
    lines = (tmp_path / "labels" / "consultation_20_000010.txt").read_text().splitlines()
    found = np.array([line.split() for line in lines], float)
    assert len(found) == 2
    edge = found[found[:, 1].argmin()]
    np.testing.assert_allclose(edge[1:] * (1280, 720, 1280, 720), (40, 160, 80, 120), atol=0.01)  # cut off at the rim
    assert drawn not in session.timeline.rows["track"].to_numpy()
    assert oct((tmp_path / "images").stat().st_mode)[-3:] == "700"


def test_faces_hardly_visible_do_not_count(clip: Path, truth: pd.DataFrame, tmp_path: Path) -> None:
    hidden = truth.assign(visibility=np.where(truth["person"] == 1, 0.1, 1.0))
    label_clip(clip, hidden, tmp_path, every_seconds=5)
    for kind in ("labels", "ignore", "yaw"):
        assert len((tmp_path / kind / "consultation_20_000000.txt").read_text().splitlines()) == 1


def test_labels_of_truth_tell_how_far_each_head_is_turned(clip: Path, truth: pd.DataFrame, tmp_path: Path) -> None:
    first = truth[truth["frame"] == 0]
    label_clip(clip, truth, tmp_path / "with", every_seconds=5)
    picture = load_dataset(tmp_path / "with")[0]
    for box, yaw in zip(picture.faces, picture.properties["yaw"], strict=True):
        row = first.iloc[(first["x"] - box[0]).abs().argmin()]
        assert yaw == pytest.approx(abs(row["yaw"]), abs=0.06)
    for kind, rows in (("without", truth.drop(columns="yaw")), ("unknown", truth.assign(yaw=np.nan))):
        label_clip(clip, rows, tmp_path / kind, every_seconds=5)
        assert not (tmp_path / kind / "yaw").exists()


def test_a_clip_that_cannot_be_labelled_is_one_line(clip: Path, truth: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="longer than 0"):
        label_clip(clip, truth, tmp_path, every_seconds=0)
