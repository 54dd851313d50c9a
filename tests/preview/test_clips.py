"""Preview clips: playable in a browser, in step with the source, and hidden where they should be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.conftest import ShortClip
from workbench.data import Picture
from workbench.errors import Cancelled, UsageError
from workbench.evaluate import load_truth
from workbench.presets import load_preset, with_settings
from workbench.preview.clips import GAP_PX, _Grid, compare_clip, side_by_side
from workbench.preview.compare import mask_kinds
from workbench.preview.session import ClipSession
from workbench.stages import ProgressUpdate
from workbench.video.synthetic import Clip, write_clip

GREEN = ("mask.kind=solid", "mask.colour=#00ff00", "mask.soft_edge=0")
START, SECONDS = 0.4, 0.6


def opened(clip: Path, folder: Path) -> ClipSession:
    session = ClipSession(clip, with_settings(load_preset("balanced"), GREEN), folder=folder)
    session.analyze()
    return session


@pytest.fixture(scope="module")
def session(short_clip: ShortClip, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClipSession]:
    with opened(short_clip("consultation", frames=30), tmp_path_factory.mktemp("clip")) as session:
        yield session


def pictures(path: Path) -> list[tuple[float, Picture]]:
    with av.open(str(path)) as file:
        return [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]


def sound(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as file:
        return [(float(p.pts * p.time_base), bytes(p)) for p in file.demux(audio=0) if p.size]


def assert_a_browser_plays(path: Path) -> None:
    with av.open(str(path)) as file:
        video = file.streams.video[0].codec_context
        assert (video.name, video.pix_fmt) == ("h264", "yuv420p")
        assert video.width <= 1280 and video.height <= 720 and not (video.width % 2 or video.height % 2)
        assert file.streams.video[0].sample_aspect_ratio in (None, 0, 1)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "the index comes first"


def green(pixels: Picture) -> bool:
    red, green, blue = pixels.reshape(-1, 3).mean(axis=0)
    return bool(green > 200 and red < 60 and blue < 60)


def test_original_and_masked_stand_side_by_side_in_step_with_the_source(session: ClipSession, tmp_path: Path) -> None:
    told: list[ProgressUpdate] = []
    output = side_by_side(session, START, SECONDS, tmp_path / "preview.mp4", progress=told.append)
    assert_a_browser_plays(output)
    shown = pictures(output)
    inside = (session.times >= START - 1e-9) & (session.times < START + SECONDS - 1e-9)
    assert [time for time, _ in shown] == pytest.approx(list(session.times[inside] - START), abs=1e-3)
    assert (told[-1].frames_done, told[-1].frames_expected) == (15, 15)
    heard = [packet for time, packet in sound(session.source) if START <= time < START + SECONDS]
    assert [packet for _, packet in sound(output)] == heard and heard

    truth = load_truth(session.source.with_suffix(".gt.csv"))
    half = (shown[0][1].shape[1] + GAP_PX) // 2
    scale = (half - GAP_PX) / session.info.width_px
    for number, (_, picture) in zip(np.flatnonzero(inside), shown, strict=True):
        for face in truth[truth["frame"] == number].itertuples():
            x, y = int((face.x + face.w / 2) * scale), int((face.y + face.h / 2) * scale)
            assert green(picture[y - 5 : y + 5, half + x - 5 : half + x + 5])
            assert not green(picture[y - 5 : y + 5, x - 5 : x + 5])


def test_every_mask_has_its_panel_and_hides_there(session: ClipSession, tmp_path: Path) -> None:
    output = compare_clip(session, START, SECONDS, tmp_path / "grid.mp4")
    assert_a_browser_plays(output)
    (_, first), *_ = pictures(output)
    face = session.timeline.rows.query("frame == 10").iloc[0]
    panels = []
    grid = _Grid.largest(len(mask_kinds()), session.info.width_px / session.info.height_px)
    assert first.shape[:2] == (grid.height, grid.width)
    scale = grid.panel_width / session.info.width_px
    for number in range(len(mask_kinds())):
        left, top = grid.corner(number)
        x, y = left + int((face.x + face.w / 2) * scale), top + int((face.y + face.h / 2) * scale)
        panels.append(first[y - 25 : y + 25, x - 20 : x + 20])
    gaussian, mosaic, solid, *invented = panels
    assert green(solid) and not any(green(other) for other in (gaussian, mosaic, *invented))
    for one, other in itertools.combinations((gaussian, mosaic, *invented), 2):
        assert np.abs(one.astype(int) - other).mean() > 2
    assert first[0, :, :].max() > 60, "captions and pictures reach the top"


def test_a_turned_clip_of_variable_rate_keeps_its_times(short_clip: ShortClip, tmp_path: Path) -> None:
    with opened(short_clip("phone_portrait", frames=24), tmp_path) as session:
        shown = pictures(side_by_side(session, 0, 30, tmp_path / "preview.mp4"))
        assert [time for time, _ in shown] == pytest.approx(list(session.times - session.times[0]), abs=1e-3)
        height, width = shown[0][1].shape[:2]
        assert (width - GAP_PX) / 2 / height == pytest.approx(720 / 1280, rel=0.02)


def test_wide_pixels_are_shown_wide(tmp_path: Path) -> None:
    clip = Clip(width=96, height=96, sample_aspect_ratio=Fraction(4, 3), frames=8)
    with opened(write_clip(tmp_path / "wide.mp4", clip), tmp_path / "kept") as session:
        height, width = pictures(side_by_side(session, 0, 1, tmp_path / "preview.mp4"))[0][1].shape[:2]
        assert (width - GAP_PX) / 2 / height == pytest.approx(4 / 3, rel=0.02)


def test_ten_bit_video_becomes_playable(tmp_path: Path) -> None:
    clip = Clip(width=96, height=64, pixel_format="yuv420p10le", frames=8)
    with opened(write_clip(tmp_path / "deep.mp4", clip), tmp_path / "kept") as session:
        assert_a_browser_plays(side_by_side(session, 0, 1, tmp_path / "preview.mp4"))


def test_a_part_beyond_the_end_is_moved_into_the_clip(session: ClipSession, tmp_path: Path) -> None:
    assert len(pictures(side_by_side(session, 60, 0.4, tmp_path / "end.mp4"))) == 10


def test_a_part_that_is_too_long_or_not_analysed_is_refused(
    session: ClipSession, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(UsageError, match="up to 30 s"):
        side_by_side(session, 0, 31, tmp_path / "long.mp4")
    fresh = ClipSession(session.source, session.preset, folder=tmp_path_factory.mktemp("new"))
    with fresh, pytest.raises(UsageError, match=r"analysed up to 0\.0 s"):
        side_by_side(fresh, 0, 1, tmp_path / "early.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_preview_leaves_nothing(session: ClipSession, tmp_path: Path) -> None:
    def stop(update: ProgressUpdate) -> None:
        if update.frames_done == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        side_by_side(session, 0, 1, tmp_path / "preview.mp4", progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (6, 3)])
def test_panels_fit_and_a_last_row_is_centred(count: int, columns: int) -> None:
    grid = _Grid.largest(count, 16 / 9)
    assert grid.columns == columns and grid.width <= 1280 and grid.height <= 720
    corners = [grid.corner(number) for number in range(count)]
    last_row = [x for x, y in corners if y == corners[-1][1]]
    right = grid.width - (last_row[-1] + grid.panel_width)
    assert abs(last_row[0] - right) <= 2
    assert all(x % 2 == 0 and y % 2 == 0 for x, y in corners)
