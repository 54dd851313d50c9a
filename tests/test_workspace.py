"""The private folder: nobody else gets in, nothing of a name is believed, and what is old goes."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from tests.conftest import ShortClip
from workbench.errors import SourceError, UsageError
from workbench.workspace import Clip, UserSpace, Workspace, default_root, display_name


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def space(workspace: Workspace) -> UserSpace:
    return workspace.space("anna")


@pytest.fixture
def upload(tmp_path: Path, short_clip: ShortClip) -> Path:
    path = tmp_path / "upload.mp4"
    path.write_bytes(short_clip("meeting_grid", frames=5).read_bytes())
    path.chmod(0o644)
    return path


def modes(root: Path) -> dict[str, int]:
    """Permission bits of everything in a folder, by kind."""
    found = {"folder": stat.S_IMODE(root.stat().st_mode), "file": 0}
    for path in root.rglob("*"):
        found["folder" if path.is_dir() else "file"] |= stat.S_IMODE(path.stat().st_mode)
    return found


def used(clip: Clip, hours_ago: float) -> None:
    """Make a clip as if it was last used then."""
    then = time.time() - hours_ago * 3600
    os.utime(clip.path.parent / "clip.json", (then, then))


def test_a_clip_is_moved_in_and_readable_by_its_owner_alone(workspace: Workspace, space: UserSpace, upload: Path):
    content = upload.read_bytes()
    clip = space.add_clip(upload, name="ward 7.mp4", move=True)
    assert not upload.exists()
    assert clip.path.read_bytes() == content
    assert clip.name == "ward 7.mp4"
    assert "ward" not in str(clip.path)  # names of patients do not get into paths, and so not into logs
    assert clip.folder.is_dir()
    assert clip.previews.is_dir()
    assert modes(workspace.root) == {"folder": 0o700, "file": 0o600}
    assert space.clip(clip.id) == clip
    assert space.clips() == [clip]


def test_a_copied_clip_stays_where_it_was(space: UserSpace, upload: Path):
    space.add_clip(upload, name="a.mp4", move=False)
    assert upload.exists()


def test_the_kind_of_file_is_found_by_its_content(space: UserSpace, upload: Path, tmp_path: Path):
    clip = space.add_clip(upload, name="notes.txt", move=False)
    assert clip.path.suffix == ".txt"
    text = tmp_path / "a.mp4"
    text.write_text("no video at all")
    with pytest.raises(SourceError, match=r"^holiday\.mp4 ") as error:
        space.add_clip(text, name="holiday.mp4", move=True)
    assert str(tmp_path) not in str(error.value)
    assert not text.exists()
    assert [each.name for each in space.clips()] == ["notes.txt"]


@pytest.mark.parametrize("clip_id", ["", "x", "../anna", "..", "0" * 31, "0" * 33, "A" * 32, "0" * 32, "0" * 32 + "\n"])
def test_only_ids_of_clips_that_exist_open_anything(space: UserSpace, upload: Path, clip_id: str):
    space.add_clip(upload, name="a.mp4", move=False)
    with pytest.raises(UsageError):
        space.clip(clip_id)
    with pytest.raises(UsageError):
        space.remove(clip_id)
    assert len(space.clips()) == 1


def test_a_clip_of_one_user_is_no_clip_of_another(workspace: Workspace, space: UserSpace, upload: Path):
    clip = space.add_clip(upload, name="a.mp4", move=False)
    other = workspace.space("bert")
    with pytest.raises(UsageError):
        other.clip(clip.id)
    assert other.clips() == []


@pytest.mark.parametrize("name", ["", ".", "..", "../anna", "Anna", "a/b", "-a", "a" * 33, "a\n", "ä"])
def test_a_user_is_never_a_path(workspace: Workspace, name: str):
    with pytest.raises(UsageError):
        workspace.space(name)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\clip.mp4", "clip.mp4"),
        ("查房 记录.mp4", "查房 记录.mp4"),
        ("a\nb\tc.mp4", "a b c.mp4"),
        ("evil\u202e4pm.exe", "evil4pm.exe"),
        ("\x00\x1b[31m", "[31m"),
        ("...", "clip"),
        ("", "clip"),
        ("x" * 300 + ".mp4", "x" * 116 + ".mp4"),
    ],
)
def test_names_are_shown_without_tricks(given: str, shown: str):
    assert display_name(given) == shown


def test_a_sample_is_copied_once_with_its_truth(space: UserSpace, short_clip: ShortClip):
    path = short_clip("meeting_grid", frames=5)
    truth = path.with_suffix(".gt.csv")
    clip = space.add_clip(path, name="Meeting", move=False, sample="meeting_grid", truth=truth)
    assert clip.truth is not None
    assert clip.truth.read_text() == truth.read_text()
    assert space.add_clip(path, name="Meeting", move=False, sample="meeting_grid", truth=truth).id == clip.id
    assert len(space.clips()) == 1


def test_what_was_removed_is_gone(workspace: Workspace, space: UserSpace, upload: Path):
    clip = space.add_clip(upload, name="a.mp4", move=True)
    (clip.folder / "detections.npz").write_bytes(b"x")
    space.remove(clip.id)
    assert not clip.path.parent.exists()
    assert space.clips() == []


def test_retention_deletes_what_nobody_used_and_no_job_needs(workspace: Workspace, space: UserSpace, upload: Path):
    old, needed, new = (space.add_clip(upload, name=f"{n}.mp4", move=False) for n in ("old", "needed", "new"))
    used(old, 73)
    used(needed, 73)
    cached = workspace.gradio_cache / "x" / "y.mp4"
    cached.parent.mkdir()
    cached.write_bytes(b"x")
    assert workspace.clean(72, in_use=[needed.path]) == 1
    assert {clip.name for clip in space.clips()} == {"needed.mp4", "new.mp4"}
    assert cached.exists()
    workspace.clean(0, in_use=[needed.path, new.path])
    assert not cached.exists()


def test_opening_a_clip_keeps_it(workspace: Workspace, space: UserSpace, upload: Path):
    clip = space.add_clip(upload, name="a.mp4", move=True)
    used(clip, 73)
    space.clip(clip.id)
    assert workspace.clean(72) == 0


def test_what_a_kill_left_half_done_goes_at_the_next_start(workspace: Workspace, space: UserSpace, upload: Path):
    kept = space.add_clip(upload, name="a.mp4", move=True)
    half = workspace.root / "users" / "anna" / "incoming" / ("0" * 32)
    half.mkdir()
    (half / "source.mp4").write_bytes(b"half of it")
    arriving = workspace.gradio_cache / "users" / "anna"
    arriving.mkdir(parents=True)
    (arriving / "tmpabc").write_bytes(b"half of it")
    again = Workspace(workspace.root)
    again.clear_leftovers()
    assert not half.exists()
    assert list(again.gradio_cache.iterdir()) == []
    assert again.space("anna").clips() == [kept]


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path):
    (tmp_path / "letter.txt").write_text("mine")
    mode = tmp_path.stat().st_mode
    with pytest.raises(UsageError, match="holds other things"):
        Workspace(tmp_path)
    assert tmp_path.stat().st_mode == mode


def test_two_pages_cannot_hold_one_workspace(workspace: Workspace):
    with workspace.held(), pytest.raises(UsageError, match="another workbench page"), Workspace(workspace.root).held():
        pass
    with workspace.held():
        pass


def test_the_place_can_be_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(tmp_path / "w"))
    assert default_root() == tmp_path / "w"
    monkeypatch.delenv("WORKBENCH_WORKSPACE")
    assert default_root().name == "workspace"
