"""The same frame under every mask: each really hides, and what it costs is told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.conftest import ShortClip
from workbench.data import Picture
from workbench.errors import MaskingError, UsageError
from workbench.maskers import MaskOptions
from workbench.presets import load_preset, with_settings
from workbench.preview import compare
from workbench.preview.compare import MaskSample, compare_masks, mask_kinds
from workbench.preview.session import ClipSession
from workbench.stages import Masker

INDEX = 10


@pytest.fixture(scope="module")
def session(short_clip: ShortClip, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClipSession]:
    preset = with_settings(load_preset("balanced"), ["mask.colour=#00ff00", "mask.kind=mosaic"])
    clip = short_clip("consultation", frames=20)
    with ClipSession(clip, preset, folder=tmp_path_factory.mktemp("clip")) as opened:
        opened.analyze()
        yield opened


def middles(session: ClipSession, picture: Picture) -> list[Picture]:
    """The middle of each face in a picture of the frame."""
    scale = picture.shape[1] / session.info.width_px
    rows = session.timeline.rows.query(f"frame == {INDEX}")
    assert len(rows) == 2
    cut = []
    for row in rows.itertuples():
        x, y = ((row.x + row.w / 2) * scale, (row.y + row.h / 2) * scale)
        cut.append(picture[int(y) - 8 : int(y) + 8, int(x) - 8 : int(x) + 8])
    return cut


def test_every_kind_is_there_and_hides_in_its_own_way(session: ClipSession) -> None:
    samples = {each.kind: each for each in compare_masks(session, INDEX)}
    assert tuple(samples) == mask_kinds()
    original = session.picture(INDEX, "original", width_px=960)
    for each in samples.values():
        assert each.title_en and each.title_zh
        assert each.picture is not None and each.picture.shape == original.shape
        assert each.milliseconds_per_face is not None and each.milliseconds_per_face > 0
        for shown, face in zip(middles(session, each.picture), middles(session, original), strict=True):
            assert np.abs(shown.astype(int) - face).mean() > 3
    for face in middles(session, samples["solid"].picture):  # type: ignore[arg-type]
        assert face.reshape(-1, 3).mean(axis=0) == pytest.approx([0, 255, 0], abs=4)


def test_the_sessions_own_mask_is_the_mask_view_pixel_for_pixel(session: ClipSession) -> None:
    own = next(each for each in compare_masks(session, INDEX) if each.kind == "mosaic")
    np.testing.assert_array_equal(own.picture, session.picture(INDEX, "mask", width_px=960))


def test_a_mask_that_cannot_run_says_so_and_the_others_are_shown(
    session: ClipSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        name = "mosaic"
        face_width_px = 8

        def fill(self, crops: object) -> list[Picture]:
            raise MaskingError("the model for it is missing; run: workbench models fetch")

    opened = compare.open_masker

    def broken(options: MaskOptions, *, secret: bytes) -> Masker:
        return Broken() if options.kind == "mosaic" else opened(options, secret=secret)

    monkeypatch.setattr(compare, "open_masker", broken)
    samples = {each.kind: each for each in compare_masks(session, INDEX)}
    assert samples["mosaic"].picture is None and "models fetch" in samples["mosaic"].note_en
    assert samples["mosaic"].note_zh.startswith("此处不可用")
    assert samples["gaussian"].picture is not None


def test_a_frame_without_faces_has_no_cost(session: ClipSession) -> None:
    with ClipSession(session.source, session.preset, folder=session.folder) as opened:
        for track in opened.timeline.rows["track"].unique():
            opened.decide(int(track), "keep")
        for each in compare_masks(opened, INDEX):
            assert each.milliseconds_per_face is None
            assert "no face" in each.note_en
            np.testing.assert_array_equal(each.picture, opened.picture(INDEX, "original", width_px=960))
        while opened.undo():
            pass


def test_frames_that_nobody_decided_are_refused(session: ClipSession, tmp_path_factory: pytest.TempPathFactory) -> None:
    fresh = ClipSession(session.source, session.preset, folder=tmp_path_factory.mktemp("new"))
    with fresh, pytest.raises(UsageError, match="analysed up to"):
        compare_masks(fresh, 0)
    with pytest.raises(UsageError, match="frames 0 to 19"):
        compare_masks(session, 20)


def test_the_figures_of_a_sample_do_not_print_its_pixels(session: ClipSession) -> None:
    assert len(repr(compare_masks(session, INDEX))) < 300
    assert isinstance(compare_masks(session, INDEX)[0], MaskSample)
    assert MaskOptions().kind in mask_kinds()
