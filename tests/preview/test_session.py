"""A clip opened to be looked at: the same result as the full job's, safe at every moment, nothing lost."""

from __future__ import annotations

import logging
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import ShortClip
from workbench.colour import picture as rgb
from workbench.data import Detections, Picture
from workbench.errors import Cancelled, MaskingError, SourceError, UsageError
from workbench.evaluate import load_truth
from workbench.maskers import open_masker
from workbench.presets.files import load_preset
from workbench.presets.model import Preset
from workbench.presets.settings import with_settings
from workbench.preview import views
from workbench.preview.analysis import analysis_key, source_key
from workbench.preview.edits import MANUAL_TRACKS
from workbench.preview.index import read_index
from workbench.preview.overlays import hidden_picture
from workbench.preview.session import ClipSession, View
from workbench.process import analyze_clip, decide_store
from workbench.render import Renderer, TimelineBoxes
from workbench.stages import ProgressUpdate
from workbench.store import AnalysedFrame, DetectionStore, save_store
from workbench.timeline import KeyBox, Timeline
from workbench.video.files import VideoFile
from workbench.video.probing import probe
from workbench.video.synthetic import Clip, write_clip

GREEN = ("mask.kind=solid", "mask.colour=#00ff00", "mask.soft_edge=0")


def preset(*settings: str) -> Preset:
    return with_settings(load_preset("balanced"), ("detector.threads=1", *settings))


def rendered(clip: Path, timeline: Timeline, options: Preset) -> Iterator[Picture]:
    """What the render pass makes of each frame, before it is encoded."""
    info = probe(clip)
    boxes = TimelineBoxes(timeline, width_px=info.width_px, height_px=info.height_px, whole_clip=True)
    with VideoFile(clip, writable=True) as video:
        for frame, _ in Renderer(open_masker(options.mask), options.mask).hidden(video.frames(), boxes):
            yield rgb(frame, frame.width_px, frame.height_px)


def uncovered(picture: Picture, faces: pd.DataFrame) -> list[int]:
    """The people whose face's middle is not all green. ``picture`` has the clip's size."""
    shown = []
    for face in faces[faces["visibility"] > 0.5].itertuples():
        across, down = (slice(*sorted(map(int, ends))) for ends in (
            (max(face.x + 0.2 * face.w, 0), face.x + 0.8 * face.w),
            (max(face.y + 0.2 * face.h, 0), face.y + 0.8 * face.h),
        ))  # fmt: skip
        part = picture[down, across].astype(int)
        if part.size and ((part[..., 1] < 200) | (part[..., 0] > 60)).any():
            shown.append(int(face.person))
    return shown


def is_hidden(picture: Picture) -> bool:
    return np.array_equal(picture, hidden_picture(picture.shape[1], picture.shape[0]))


# --- a clip made by hand: the detections are known, no detector runs --------------------------------------------------

FRAMES = 100
LEFT, RIGHT = (40.0, 40.0, 80.0, 90.0), (200.0, 60.0, 240.0, 110.0)


@pytest.fixture(scope="module")
def known_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"g": "25", "preset": "ultrafast"}
    clip = Clip(width=320, height=180, frames=FRAMES, options=options)
    return write_clip(tmp_path_factory.mktemp("known") / "known.mp4", clip)


def keep_detections(
    clip: Path, folder: Path, options: Preset, *, frames: int = FRAMES, complete: bool = True, shift: int = 0
) -> None:
    """Keep an analysis of the clip in the session's folder: two faces, the right one from frame 50 on."""
    index = read_index(clip)
    seen = []
    for number in range(frames):
        faces = [LEFT, RIGHT] if number >= 50 else [LEFT]
        scores = [0.9, 0.62][: len(faces)]
        found = Detections(np.array(faces, np.float32), np.array(scores, np.float32)) if number % 3 == 0 else None
        seen.append(AnalysedFrame(number, int(index.pts[number]) + shift, 0.0, found))
    facts = {"average_fps": 25.0, "options": {"every": 3}, "complete": complete}
    store = DetectionStore(320, 180, index.time_base, facts, tuple(seen))
    folder.mkdir(exist_ok=True)
    save_store(store, folder / f"detections-{analysis_key(source_key(clip), options)}.npz")


@pytest.fixture
def known(known_clip: Path, tmp_path: Path) -> Iterator[ClipSession]:
    """A session that is complete from the beginning."""
    keep_detections(known_clip, tmp_path / "cache", preset())
    with ClipSession(known_clip, preset(*GREEN), folder=tmp_path / "cache") as session:
        assert session.complete
        yield session


def green_at(picture: Picture, box: tuple[float, ...]) -> bool:
    middle = picture[int(box[1] + box[3]) // 2, int(box[0] + box[2]) // 2].astype(int)
    return bool(middle[1] > 200 and middle[0] < 60)


# --- the same as the full job -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "settings"), [("phone_portrait", ()), ("consultation", ("mask.kind=mosaic",))])
def test_the_result_and_its_pixels_are_those_of_the_full_job(
    name: str, settings: tuple[str, ...], short_clip: ShortClip, tmp_path: Path
) -> None:
    clip, options = short_clip(name, frames=12), preset(*settings)
    updates: list[ProgressUpdate] = []
    with ClipSession(clip, options, folder=tmp_path / "cache") as session:
        assert (session.analysed, session.complete, session.frames) == (0, False, 12)
        session.analyze(updates.append)
        assert (session.analysed, session.complete) == (12, True)
        assert [update.frames_done for update in updates] == list(range(1, 13))
        expected = decide_store(analyze_clip(clip, options), options)
        assert len(expected.rows) >= 12
        pd.testing.assert_frame_equal(session.timeline.rows, expected.rows)
        assert session.times.tolist() == expected.rows.drop_duplicates("frame")["time_seconds"].tolist()
        for number, picture in enumerate(rendered(clip, session.timeline, options)):
            assert np.array_equal(session.picture(number, "mask"), picture)
            assert not np.array_equal(session.picture(number, "original"), picture)


def test_views_are_small_when_asked_and_differ(known: ClipSession) -> None:
    pictures = {view: known.picture(60, view, width_px=160) for view in ("original", "detection", "tracking", "mask")}
    assert {picture.shape for picture in pictures.values()} == {(90, 160, 3)}
    assert len({picture.tobytes() for picture in pictures.values()}) == 4
    with pytest.raises(UsageError, match="frames 0 to 99"):
        known.picture(FRAMES, "mask")
    with pytest.raises(UsageError, match="view 'masks'"):
        known.picture(0, "masks")  # type: ignore[arg-type]


# --- safe at every moment ---------------------------------------------------------------------------------------------


def test_no_face_is_shown_before_while_and_after_analysis(short_clip: ShortClip, tmp_path: Path) -> None:
    """Pictures from several threads all the while: each one hides every true face."""
    clip = short_clip("consultation", frames=24)
    truth = load_truth(clip.with_suffix(".gt.csv"))
    leaks: list[tuple[int, list[int]]] = []
    looked = threading.Semaphore(0)
    over = threading.Event()

    def look(session: ClipSession, seed: int) -> None:
        random = np.random.default_rng(seed)
        while not over.is_set():
            number = int(random.integers(24))
            picture = session.picture(number, "mask")
            session.picture(number, "tracking", width_px=320)
            if shown := uncovered(picture, truth[truth["frame"] == number]):
                leaks.append((number, shown))
            looked.release()

    with ClipSession(clip, preset(*GREEN), folder=tmp_path / "cache") as session:
        assert not is_hidden(session.picture(23, "mask"))
        assert not uncovered(session.picture(23, "mask"), truth[truth["frame"] == 23])
        threads = [threading.Thread(target=look, args=(session, seed)) for seed in range(3)]
        for thread in threads:
            thread.start()
        session.analyze()
        for _ in range(10):
            looked.acquire()
        over.set()
        for thread in threads:
            thread.join()
        assert session.complete
    assert not leaks


def test_what_is_not_decided_yet_is_hidden_more_generously(known_clip: Path, tmp_path: Path) -> None:
    """A face seen a moment ago stays hidden on the frames that nobody has analysed, though nothing is found there."""
    keep_detections(known_clip, tmp_path / "cache", preset(), frames=60, complete=False)
    with ClipSession(known_clip, preset(*GREEN), folder=tmp_path / "cache") as session:
        assert (session.analysed, session.complete) == (60, False)
        assert session.timeline.frames == 60
        for number in (59, 60, 75, 90):  # up to the longest bridge, 1.5 s
            assert green_at(session.picture(number, "mask"), LEFT)
        assert not green_at(session.picture(99, "mask"), LEFT)


def test_a_mask_that_fails_hides_the_whole_frame(
    known: ClipSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(options: object, **more: object) -> None:
        raise MaskingError(f"{known.source}: no memory")

    monkeypatch.setattr(views, "open_masker", broken)
    with caplog.at_level(logging.INFO):
        assert is_hidden(known.picture(60, "mask"))
        assert is_hidden(known.picture(60, "mask", width_px=100))
    assert "frame 60 cannot be shown as mask: MaskingError" in caplog.text
    assert str(known.source) not in caplog.text  # names of files are only for those who look for them


def test_without_a_detector_nothing_unmasked_is_shown(known_clip: Path, tmp_path: Path) -> None:
    with ClipSession(known_clip, preset("detector.weights=/no/such.onnx"), folder=tmp_path / "cache") as session:
        assert all(is_hidden(session.picture(5, view)) for view in ("mask", "detection", "tracking"))
        assert not is_hidden(session.picture(5, "original"))


def test_a_frame_that_reads_differently_than_it_was_analysed_is_hidden(known_clip: Path, tmp_path: Path) -> None:
    keep_detections(known_clip, tmp_path / "cache", preset(), shift=1)
    with ClipSession(known_clip, preset(), folder=tmp_path / "cache") as session:
        assert session.complete
        assert all(is_hidden(session.picture(number, "mask")) for number in (0, 60, 99))


def test_times_that_packets_tell_wrongly_are_corrected(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "b.avi", Clip(width=320, height=180, frames=20, options={"bf": "2"}))
    options = preset()
    with VideoFile(clip) as video:
        truth = [rgb(frame, 320, 180) for frame in video.frames()]
        stamps = np.array(video.pts) * float(video.info.time_base)
    with ClipSession(clip, options, folder=tmp_path / "cache") as session:
        session.analyze()
        assert np.allclose(session.times, stamps)
        pictures = [session.picture(number, "mask") for number in range(20)]
    assert all(np.array_equal(picture, was) for picture, was in zip(pictures, truth, strict=True))  # nobody in it


def test_close_ends_an_analysis_soon_and_then_shows_nothing(sample: Callable[[str], Path], tmp_path: Path) -> None:
    session = ClipSession(sample("meeting_grid"), preset(), folder=tmp_path / "cache")
    begun = threading.Event()
    thread = threading.Thread(target=session.analyze, args=(lambda update: begun.set(),))
    thread.start()
    assert begun.wait(60)
    start = time.monotonic()
    session.close()
    assert time.monotonic() - start < 1.0
    thread.join(1.0)
    assert not thread.is_alive()
    assert 0 < session.analysed < 250
    assert is_hidden(session.picture(0, "mask")) and is_hidden(session.picture(0, "original"))


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(SourceError):
        ClipSession(tmp_path / "a.mp4", preset(), folder=tmp_path / "cache")


# --- nothing is lost --------------------------------------------------------------------------------------------------


def test_an_analysis_goes_on_where_it_was(short_clip: ShortClip, tmp_path: Path) -> None:
    clip, options = short_clip("consultation", frames=45), preset("detector.every=5")

    def stop(update: ProgressUpdate) -> None:
        if update.frames_done >= 27:
            raise Cancelled("enough")

    with ClipSession(clip, options, folder=tmp_path / "cache") as session:
        with pytest.raises(Cancelled):
            session.analyze(stop)
        paused = session.analysed
        assert 27 <= paused < 45
    updates: list[int] = []
    with ClipSession(clip, options, folder=tmp_path / "cache") as session:
        assert session.analysed == paused
        session.analyze(lambda update: updates.append(update.frames_done))
        assert updates == list(range(paused + 1, 46))
        resumed = session.timeline
    pd.testing.assert_frame_equal(resumed.rows, decide_store(analyze_clip(clip, options), options).rows)
    with ClipSession(clip, options, folder=tmp_path / "cache") as session:
        assert session.complete
        pd.testing.assert_frame_equal(session.timeline.rows, resumed.rows)


def test_what_is_kept_is_private(known: ClipSession, tmp_path: Path) -> None:
    known.decide(1, "keep")
    files = list((tmp_path / "cache").iterdir())
    assert {path.suffix for path in files} == {".npz", ".json"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


# --- tuning -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "again"),
    [
        ("detector.confidence=0.7", False),
        ("detector.threads=2", False),
        ("tracker.max_distance=40", False),
        ("timeline.coast_seconds=1.0", False),
        ("mask.strength=20", False),
        ("output.crf=30", False),
        ("detector.iou=0.5", True),
        ("detector.every=1", True),
        ("detector.enhance=false", True),
        ("tracker.appearance=always", True),
    ],
)
def test_which_options_need_another_look(setting: str, again: bool, known: ClipSession) -> None:
    before = known.revision
    assert known.set_preset(preset(setting)) is again
    assert known.revision > before
    assert known.complete is not again
    assert known.preset == preset(setting)
    assert known.set_preset(preset()) is False and known.complete  # what was seen once is still known


def test_a_threshold_is_decided_at_once_and_exactly(known: ClipSession) -> None:
    assert known.timeline.rows["track"].nunique() == 2
    known.set_preset(preset("detector.confidence=0.95"))
    assert known.timeline.rows["track"].nunique() == 1 and known.timeline.decisions == {1: "review"}
    known.set_preset(preset("detector.confidence=0.7", *GREEN))
    assert known.timeline.decisions == {2: "review"}
    assert {problem.kind for problem in known.problems()} >= {"review"}


def test_ten_seconds_are_decided_again_in_a_tenth_of_a_second(tmp_path: Path) -> None:
    """Processor time of the call's own thread, so that other work on the machine does not count."""
    clip = write_clip(tmp_path / "long.mp4", Clip(frames=250, options={"preset": "ultrafast"}))
    keep_detections(clip, tmp_path / "cache", preset(), frames=250)
    with ClipSession(clip, preset(), folder=tmp_path / "cache") as session:
        assert session.complete
        session.add_boxes([KeyBox(0, 0, 0, 20, 20), KeyBox(99, 40, 0, 20, 20)])
        session.decide(1, "keep")
        taken = []
        for confidence in (0.3, 0.4, 0.6, 0.7):
            start = time.thread_time()
            session.set_preset(preset(f"detector.confidence={confidence}"))
            taken.append(time.thread_time() - start)
    assert min(taken) < 0.1


def test_other_detections_are_taken_up_while_analysing(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=12)
    updates: list[int] = []
    with ClipSession(clip, preset("detector.every=5"), folder=tmp_path / "cache") as session:

        def change(update: ProgressUpdate) -> None:
            updates.append(update.frames_done)
            if len(updates) == 4:
                session.set_preset(preset("detector.every=1"))

        session.analyze(change)
        assert updates == [1, 2, 3, 4, *range(1, 13)]
        assert session.complete
        assert set(session.timeline.rows["source"]) == {"detected"}


# --- edits ------------------------------------------------------------------------------------------------------------


def test_keep_shows_a_face_and_undo_hides_it(known: ClipSession) -> None:
    assert green_at(known.picture(60, "mask"), LEFT) and green_at(known.picture(60, "mask"), RIGHT)
    revision = known.revision
    known.decide(1, "keep")
    assert known.revision == revision + 1
    assert not green_at(known.picture(60, "mask"), LEFT) and green_at(known.picture(60, "mask"), RIGHT)
    assert [lane.decision for lane in known.lanes()] == ["keep", "mask"]
    assert known.undo() and not known.can_undo and known.can_redo
    assert green_at(known.picture(60, "mask"), LEFT)
    assert known.redo() and not green_at(known.picture(60, "mask"), LEFT)
    with pytest.raises(UsageError, match="no such track"):
        known.decide(77, "keep")
    with pytest.raises(UsageError, match="decision"):
        known.decide(1, "show")  # type: ignore[arg-type]


def test_a_drawn_box_hides_and_can_be_removed(known: ClipSession) -> None:
    box = (120.0, 120.0, 160.0, 160.0)
    track = known.add_boxes([KeyBox(10, 120, 120, 40, 40), KeyBox(20, 120, 120, 40, 40)])
    assert track == MANUAL_TRACKS + 1
    assert [green_at(known.picture(number, "mask"), box) for number in (9, 10, 20, 21)] == [False, True, True, False]
    known.set_preset(preset(*GREEN, "detector.confidence=0.3"))
    assert green_at(known.picture(15, "mask"), box)
    known.remove_track(track)
    assert not green_at(known.picture(15, "mask"), box)
    known.undo()
    assert green_at(known.picture(15, "mask"), box)
    with pytest.raises(UsageError, match="only a manual track"):
        known.remove_track(1)


def test_edits_are_there_again_after_opening_anew(known_clip: Path, tmp_path: Path) -> None:
    keep_detections(known_clip, tmp_path / "cache", preset())
    with ClipSession(known_clip, preset(), folder=tmp_path / "cache") as session:
        session.decide(2, "keep")
        session.add_boxes([KeyBox(5, 0, 0, 20, 20)])
        session.decide(1, "review")
        session.undo()
        edited = session.timeline
    with ClipSession(known_clip, preset(), folder=tmp_path / "cache") as session:
        pd.testing.assert_frame_equal(session.timeline.rows, edited.rows)
        assert session.timeline.decisions == edited.decisions == {2: "keep"}
        assert session.can_redo and session.edited


def test_a_kept_face_is_not_mixed_up_when_the_tracker_changes(known: ClipSession) -> None:
    """With another tracker the ids may be others: the decision goes with the face."""
    known.decide(1, "keep")
    known.set_preset(preset(*GREEN, "tracker.max_age=5", "tracker.max_distance=30"))
    picture = known.picture(60, "mask")
    assert not green_at(picture, LEFT) and green_at(picture, RIGHT)


def test_another_files_edits_are_not_taken_over(known: ClipSession, tmp_path: Path) -> None:
    known.add_boxes([KeyBox(5, 0, 0, 20, 20)])
    other = write_clip(tmp_path / "other.mp4", Clip(frames=8))
    with ClipSession(other, preset(), folder=tmp_path / "cache") as session:
        assert (session.edited, session.analysed) == (False, 0)


# --- thumbnails -------------------------------------------------------------------------------------------------------


def test_a_thumbnail_shows_the_tracks_face(short_clip: ShortClip, tmp_path: Path) -> None:
    clip = short_clip("consultation", frames=12)
    with ClipSession(clip, preset(*GREEN), folder=tmp_path / "cache") as session:
        session.analyze()
        thumbnails = [session.thumbnail(lane.track) for lane in session.lanes()]
        original = session.picture(5, "original")
        with pytest.raises(UsageError, match="no such track"):
            session.thumbnail(99)
    assert [picture.shape for picture in thumbnails] == [(96, 96, 3)] * 2
    truth = load_truth(clip.with_suffix(".gt.csv"))
    skins = []
    for face in truth[truth["frame"] == 5].itertuples():
        x, y = int(face.x + face.w / 2), int(face.y + face.h / 2)  # type: ignore[operator]
        skins.append(original[y - 20 : y + 20, x - 20 : x + 20].mean(axis=(0, 1)))
    for picture in thumbnails:
        middle = picture[36:60, 36:60].mean(axis=(0, 1))
        assert min(np.abs(middle - skin).max() for skin in skins) < 25


def test_every_view_has_its_name() -> None:
    assert View.__args__ == ("original", "detection", "tracking", "mask")  # type: ignore[attr-defined]
