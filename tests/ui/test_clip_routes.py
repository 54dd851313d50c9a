"""What the viewer gets of a clip and may change in it: its own user's clips alone, by id, never a path."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.conftest import ShortClip
from workbench.ui.context import AppContext
from workbench.workspace import Clip

FRAMES = 20


@pytest.fixture(scope="module")
def clip(shared: Any, short_clip: ShortClip) -> Clip:
    """A clip of anna's, analysed."""
    context, anna, _ = shared
    path = short_clip("meeting_grid", frames=FRAMES)
    made: Clip = context.workspace.space("anna").add_clip(path, name="meeting <1>.mp4", move=False)
    deadline = time.monotonic() + 60
    while not anna.get(f"/api/clips/{made.id}/state").json()["complete"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return made


@pytest.fixture
def anna(shared: Any) -> TestClient:
    client: TestClient = shared[1]
    return client


def picture(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)


def test_the_state_tells_all_that_is_drawn(anna: TestClient, clip: Clip):
    state = anna.get(f"/api/clips/{clip.id}/state").json()
    assert state["name"] == "meeting <1>.mp4"
    assert (state["frames"], state["width"], state["height"], state["fps"]) == (FRAMES, 1280, 720, 25.0)
    assert state["times"] == [round(index / 25, 4) for index in range(FRAMES)]
    assert (state["analysed"], state["complete"], state["error"]) == (FRAMES, True, None)
    assert len(state["tracks"]) == 4  # people in the meeting
    for track in state["tracks"]:
        assert track["decision"] == "mask"
        assert track["runs"][0][0] == track["first"] == 0
        assert track["runs"][-1][1] == track["last"] == FRAMES - 1
        assert {run[2] for run in track["runs"]} <= {"detected", "tracked"}
        assert 0.5 < track["score"] <= 1
    assert str(clip.path.parent) not in str(state)
    assert "times" not in anna.get(f"/api/clips/{clip.id}/state?times=0").json()


def test_settings_are_put_into_force_and_kept(shared: Any, anna: TestClient, clip: Clip):
    context = shared[0]
    before = anna.get(f"/api/clips/{clip.id}/state").json()
    answer = anna.patch(f"/api/clips/{clip.id}/settings", json={"detector.confidence": 0.61, "mask.strength": 12})
    assert answer.status_code == 200
    assert answer.json()["confidence"] == 0.61
    assert answer.json()["revision"] > before["revision"]
    assert context.workspace.space("anna").settings.mask.strength == 12
    again = anna.patch(f"/api/clips/{clip.id}/settings", json={"detector.confidence": before["confidence"]})
    assert again.json()["confidence"] == before["confidence"]
    assert context.workspace.space("anna").settings.mask.strength == 12


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"detector.confidence": 7}, "detector.confidence = 7"),
        ({"mask.strong": 7}, "mask.strong is no setting of the page"),
        ({"detector.weights": "/etc/passwd"}, "detector.weights is no setting of the page"),
    ],
)
def test_settings_that_are_not_allowed_change_nothing(
    shared: Any, anna: TestClient, clip: Clip, settings: dict[str, Any], said: str
):
    before = shared[0].clips.get("anna", clip.id).preset
    answer = anna.patch(f"/api/clips/{clip.id}/settings", json={"mask.growth": 0.7} | settings)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert shared[0].clips.get("anna", clip.id).preset == before


def test_frames_come_in_every_view_and_width(anna: TestClient, clip: Clip):
    pictures = {
        view: picture(anna.get(f"/api/clips/{clip.id}/frame/7.jpg?view={view}&w=640"))
        for view in ("original", "detection", "tracking", "mask")
    }
    assert {each.shape for each in pictures.values()} == {(360, 640, 3)}
    for view in ("detection", "tracking", "mask"):
        assert np.abs(pictures[view].astype(int) - pictures["original"]).max() > 60
    assert picture(anna.get(f"/api/clips/{clip.id}/frame/7.jpg")).shape == (720, 1280, 3)
    assert picture(anna.get(f"/api/clips/{clip.id}/frame/7.jpg?w=1")).shape[1] >= 16
    default = anna.get(f"/api/clips/{clip.id}/frame/7.jpg?w=640").content
    assert default == anna.get(f"/api/clips/{clip.id}/frame/7.jpg?view=mask&w=640").content


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("frame/20.jpg", 404),
        ("frame/-1.jpg", 404),
        ("frame/x.jpg", 400),
        ("frame/1.jpg?view=naked", 400),
        ("frame/1.jpg?w=x", 400),
    ],
)
def test_what_the_clip_does_not_have_is_an_error(anna: TestClient, clip: Clip, rest: str, status: int):
    answer = anna.get(f"/api/clips/{clip.id}/{rest}")
    assert answer.status_code == status
    assert answer.json()["error"]


def test_the_face_of_a_track_that_has_gone_is_nothing(anna: TestClient, clip: Clip):
    answer = anna.get(f"/api/clips/{clip.id}/thumb/99.jpg")
    assert answer.status_code == 204
    assert not answer.content


def test_a_face_of_each_track_is_shown(anna: TestClient, clip: Clip):
    for track in anna.get(f"/api/clips/{clip.id}/state").json()["tracks"]:
        assert picture(anna.get(f"/api/clips/{clip.id}/thumb/{track['track']}.jpg")).shape == (96, 96, 3)


def test_edits_answer_with_the_new_state_and_can_be_undone(anna: TestClient, clip: Clip):
    at = f"/api/clips/{clip.id}"
    before = anna.get(f"{at}/state").json()
    track = before["tracks"][0]["track"]
    kept = anna.post(f"{at}/tracks/{track}", json={"decision": "keep"}).json()
    assert kept["revision"] > before["revision"]
    assert next(each for each in kept["tracks"] if each["track"] == track)["decision"] == "keep"
    keys = [{"frame": 2, "x": 10, "y": 10, "w": 40, "h": 40}, {"frame": 9, "x": 50, "y": 10, "w": 40, "h": 40}]
    drawn = anna.post(f"{at}/boxes", json={"boxes": keys}).json()
    manual = [each for each in drawn["tracks"] if each["runs"][0][2] == "manual"]
    assert [(each["first"], each["last"], each["score"]) for each in manual] == [(2, 9, None)]
    removed = anna.delete(f"{at}/tracks/{manual[0]['track']}").json()
    assert len(removed["tracks"]) == len(before["tracks"])
    for _ in range(3):
        state = anna.post(f"{at}/undo").json()
    assert state["tracks"] == before["tracks"]
    assert (state["can_undo"], state["can_redo"]) == (False, True)
    assert anna.post(f"{at}/redo").json()["can_undo"]
    anna.post(f"{at}/undo")


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("POST", "tracks/1", {"decision": "show"}),
        ("POST", "tracks/1", {}),
        ("POST", "tracks/99", {"decision": "keep"}),
        ("POST", "boxes", {"boxes": []}),
        ("POST", "boxes", {"boxes": [{"frame": 1, "x": 0, "y": 0, "w": 0, "h": 5}]}),
        ("POST", "boxes", {"boxes": [{"frame": 1, "x": "nan", "y": 0, "w": 5, "h": 5}]}),
        ("POST", "boxes", {"boxes": [{"frame": FRAMES, "x": 0, "y": 0, "w": 5, "h": 5}]}),
        ("POST", "boxes", {"boxes": [{"frame": 0, "x": 0, "y": 0, "w": 5, "h": 5}] * 1001}),
        ("DELETE", "tracks/1", None),
    ],
)
def test_edits_that_make_no_sense_change_nothing(anna: TestClient, clip: Clip, method: str, rest: str, body: Any):
    before = anna.get(f"/api/clips/{clip.id}/state").json()
    answer = anna.request(method, f"/api/clips/{clip.id}/{rest}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert anna.get(f"/api/clips/{clip.id}/state").json() == before


def test_clips_of_others_do_not_exist(shared: Any, clip: Clip):
    _, _, bert = shared
    (clip.previews / "grid.mp4").write_bytes(b"x")
    for method, rest in (
        ("GET", "state"),
        ("GET", "frame/1.jpg"),
        ("GET", "thumb/1.jpg"),
        ("GET", "files/grid.mp4"),
        ("POST", "undo"),
        ("DELETE", "tracks/1"),
    ):
        mine = bert.request(method, f"/api/clips/{clip.id}/{rest}")
        nobodys = bert.request(method, f"/api/clips/{'0' * 32}/{rest}")
        assert (mine.status_code, mine.json()) == (nobodys.status_code, nobodys.json()) == (404, mine.json()), rest


def test_preview_files_are_served_in_parts(anna: TestClient, clip: Clip):
    (clip.previews / "side_by_side.mp4").write_bytes(bytes(range(100)))
    at = f"/api/clips/{clip.id}/files/side_by_side.mp4"
    whole = anna.get(at)
    assert (whole.content, whole.headers["content-type"]) == (bytes(range(100)), "video/mp4")
    part = anna.get(at, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert part.headers["content-range"] == "bytes 10-19/100"


@pytest.mark.parametrize(
    "name",
    ["clip.json", "..", "../clip.json", "%2e%2e/clip.json", "..%2fclip.json", ".hidden.mp4", "link.mp4", "folder.mp4",
     "page.html", "x.svg", "a%00.mp4", "%2fetc%2fpasswd"],
)  # fmt: skip
def test_no_other_file_is_served(anna: TestClient, clip: Clip, name: str, tmp_path: Path):
    secret = tmp_path / "secret.mp4"
    secret.write_text("secret")
    (clip.previews / "link.mp4").unlink(missing_ok=True)
    (clip.previews / "link.mp4").symlink_to(secret)
    (clip.previews / "folder.mp4").mkdir(exist_ok=True)
    for made in (".hidden.mp4", "page.html", "x.svg"):
        (clip.previews / made).write_text("secret")
    answer = anna.get(f"/api/clips/{clip.id}/files/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_a_removed_clip_is_gone_at_once(shared: Any, short_clip: ShortClip):
    context: AppContext = shared[0]
    anna: TestClient = shared[1]
    made = context.workspace.space("anna").add_clip(short_clip("consultation", frames=5), name="a", move=False)
    assert anna.get(f"/api/clips/{made.id}/frame/0.jpg?w=64").status_code == 200
    context.clips.close("anna", made.id)
    context.workspace.space("anna").remove(made.id)
    assert anna.get(f"/api/clips/{made.id}/frame/0.jpg?w=64").status_code == 404
