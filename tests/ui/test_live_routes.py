"""Live streams behind the guard: each user's own, masked pictures alone, and nothing a browser names is a path."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.conftest import ShortClip
from tests.ui.served import ADDRESS, PASSWORD, logged_in, served, visitor
from workbench.ui import live_sockets, live_streams
from workbench.ui.context import AppContext
from workbench.ui.live_recordings import clean_recordings

PATIENCE_SECONDS = 60
NOBODY = "0" * 32


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppContext, Any]]:
    """A page that others can reach, with two users."""
    context, app = served(tmp_path_factory.mktemp("live") / "w", host="0.0.0.0")
    for name in ("anna", "bert"):
        context.users.add(name, PASSWORD)
    yield context, app
    context.close_work()


@pytest.fixture
def anna(people: tuple[AppContext, Any]) -> Iterator[TestClient]:
    """A logged-in user, whose streams are stopped afterwards."""
    client = logged_in(people[1], "anna")
    yield client
    for stream in client.get("/api/live").json():
        client.delete(f"/api/live/{stream['id']}")


def started(client: TestClient, **body: Any) -> str:
    answer = client.post("/api/live", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def until(client: TestClient, stream: str, met: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The stream's state once it is ``met``."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not met(state := client.get(f"/api/live/{stream}").json()):
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return dict(state)


def opened(client: TestClient, path: str, **options: Any) -> WebSocketTestSession:
    """A web socket as the page itself opens it."""
    return client.websocket_connect(ADDRESS.replace("http", "ws") + path, **options)


def refused(client: TestClient, path: str, **options: Any) -> None:
    with pytest.raises(WebSocketDisconnect), opened(client, path, **options):
        pass


def none_there(client: TestClient, path: str) -> None:
    """The socket is closed before anything comes through it."""
    with opened(client, path) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_bytes()
    assert closed.value.code == live_sockets.NOT_ALLOWED


def clip_of(context: AppContext, user: str, path: Path) -> str:
    return context.workspace.space(user).add_clip(path, name="查房 7.mp4", move=False).id


def first_picture(clip: Path) -> tuple[bytes, NDArray[np.int64]]:
    """A clip's first picture as a webcam sends it, and where its faces are: x, y, w, h."""
    with av.open(str(clip)) as file:
        frame = next(file.decode(video=0))
    buffer = io.BytesIO()
    frame.to_image().save(buffer, "JPEG", quality=95)
    rows = [line.split(",") for line in clip.with_suffix(".gt.csv").read_text().splitlines()]
    faces = [[round(float(value)) for value in row[2:6]] for row in rows if row[0] == "1"]
    return buffer.getvalue(), np.array(faces)


@contextmanager
def feeding(webcam: WebSocketTestSession, picture: bytes) -> Iterator[None]:
    """Sends the picture again and again, each time that it was taken."""
    ended = threading.Event()

    def feed() -> None:
        while not ended.wait(0.02):
            webcam.send_bytes(picture)
            assert webcam.receive_text() == live_sockets.TAKEN

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def detail(picture: bytes, faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much can be made out in each face: the contrast of neighbouring pixels in the middle of its box."""
    with Image.open(io.BytesIO(picture)) as image:
        light = np.asarray(image.convert("L"), np.float64)
    middles = [light[y + h // 4 : y + 3 * h // 4, x + w // 4 : x + 3 * w // 4] for x, y, w, h in faces]
    return np.array([np.abs(np.diff(middle)).mean() for middle in middles])


def test_a_clip_is_played_masked_recorded_and_stopped(
    people: tuple[AppContext, Any], anna: TestClient, short_clip: ShortClip
) -> None:
    context, _ = people
    clip = clip_of(context, "anna", short_clip("meeting_grid", frames=25))
    choices = anna.get("/api/live/choices").json()
    assert {"value": clip, "name": "查房 7.mp4"} in choices["clips"]
    assert choices["preset"] in [each["value"] for each in choices["presets"]]
    stream = started(anna, kind="clip", clip=clip, preset="fast")
    state = until(anna, stream, lambda state: state["fps"] and not state["whole_now"])
    assert (state["kind"], state["name"], state["preset"], state["over"]) == ("clip", "查房 7.mp4", "fast", False)
    assert state["whole_events"][0] == ["starting", 1]
    assert str(context.workspace.root) not in str(state)
    assert anna.post(f"/api/live/{stream}/preset", json={"preset": "settings"}).json()["preset"] == "settings"
    assert anna.post(f"/api/live/{stream}/record").json()["recording"]
    with opened(anna, f"/api/live/{stream}/pictures?w=300") as socket:
        for _ in range(5):
            with Image.open(io.BytesIO(socket.receive_bytes())) as picture:
                assert (picture.format, picture.size) == ("JPEG", (320, 180))
            socket.send_text("shown")
    time.sleep(1)
    assert anna.get("/api/live/recordings").json() == []
    assert not anna.delete(f"/api/live/{stream}/record").json()["recording"]
    (file,) = anna.get("/api/live/recordings").json()
    answer = anna.get(f"/api/live/recordings/{file['name']}")
    assert answer.headers["content-disposition"].startswith("attachment; filename*=utf-8''%E6%9F%A5%E6%88%BF")
    with av.open(io.BytesIO(answer.content)) as recorded:
        assert sum(1 for _ in recorded.decode(video=0)) > 5
    assert anna.delete(f"/api/live/recordings/{file['name']}").status_code == 200
    assert anna.get("/api/live/recordings").json() == []
    assert anna.delete(f"/api/live/{stream}").json() == {}
    assert anna.get(f"/api/live/{stream}").status_code == 404
    assert anna.get("/api/live").json() == []


def test_a_webcam_sends_pictures_and_gets_them_back_masked(anna: TestClient, sample: Callable[[str], Path]) -> None:
    sent, faces = first_picture(sample("consultation"))
    before = detail(sent, faces)
    stream = started(anna, kind="webcam", preset="fast")
    with opened(anna, f"/api/live/{stream}/webcam") as webcam:
        for nothing in (b"no picture", b""):
            webcam.send_bytes(nothing)
            assert "is no JPEG" in webcam.receive_text()
        with opened(anna, f"/api/live/{stream}/pictures?w=1280") as pictures, feeding(webcam, sent):
            deadline = time.monotonic() + PATIENCE_SECONDS
            state: dict[str, Any] = {"whole_now": True}
            while state["whole_now"] or not state["whole_events"]:
                assert time.monotonic() < deadline, state
                assert np.all(detail(pictures.receive_bytes(), faces) < 0.2 * before)
                pictures.send_text("shown")
                state = anna.get(f"/api/live/{stream}").json()
    assert state["whole_events"][0] == ["starting", 1]
    assert state["name"] == "Webcam"
    assert state["faces"] >= len(faces)


def test_streams_and_recordings_are_their_owners_alone(
    people: tuple[AppContext, Any], anna: TestClient, short_clip: ShortClip
) -> None:
    context, app = people
    bert = logged_in(app, "bert")
    stream = started(anna, kind="webcam")
    clip = clip_of(context, "anna", short_clip("meeting_grid", frames=25))
    mine = context.live.recordings("anna").new_path("ward 3")
    mine.write_bytes(b"masked")
    assert bert.get("/api/live").json() == []
    assert bert.get("/api/live/recordings").json() == []
    for method, rest in (
        ("GET", f"/{stream}"), ("DELETE", f"/{stream}"), ("POST", f"/{stream}/record"), ("DELETE", f"/{stream}/push"),
        ("GET", f"/recordings/{mine.name}"),
    ):  # fmt: skip
        assert bert.request(method, f"/api/live{rest}").status_code == 404, rest
    assert bert.delete(f"/api/live/recordings/{mine.name}").status_code == 400
    assert bert.post("/api/live", json={"kind": "clip", "clip": clip}).status_code == 400
    for what in ("pictures", "webcam"):
        none_there(bert, f"/api/live/{stream}/{what}")
        none_there(anna, f"/api/live/{NOBODY}/{what}")
    assert mine.exists()
    mine.unlink()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:8888"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Cookie": "workbench_session=x"},
    ],
)
def test_no_other_page_and_no_stranger_gets_a_picture(anna: TestClient, headers: dict[str, str]) -> None:
    stream = started(anna, kind="webcam")
    with opened(anna, f"/api/live/{stream}/pictures"):
        pass
    refused(anna, f"/api/live/{stream}/pictures", headers=headers)


def test_a_silent_program_and_other_paths_get_no_web_socket(people: tuple[AppContext, Any], anna: TestClient) -> None:
    stream = started(anna, kind="webcam")
    silent = TestClient(people[1], base_url=ADDRESS, cookies=anna.cookies)
    refused(silent, f"/api/live/{stream}/pictures")
    refused(visitor(people[1]), f"/api/live/{stream}/pictures")
    for path in ("/", "/api/live", f"/api/live/{stream}", f"/api/live/{stream}/record", "/gradio_api/queue/join", "/x"):
        refused(anna, path)


def test_who_logs_out_sees_no_further_picture(
    people: tuple[AppContext, Any], anna: TestClient, short_clip: ShortClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, app = people
    monkeypatch.setattr(live_sockets, "LOGIN_SECONDS", 0)
    stream = started(anna, kind="clip", clip=clip_of(context, "anna", short_clip("meeting_grid", frames=25)))
    other = logged_in(app, "anna")
    with opened(other, f"/api/live/{stream}/pictures") as socket:
        socket.receive_bytes()
        other.post("/logout")
        with pytest.raises(WebSocketDisconnect):
            for _ in range(5):
                socket.send_text("shown")
                socket.receive_bytes()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "file", "address": "/etc/passwd"}, "kind: "),
        ({"kind": "camera", "camera": -1}, "camera: "),
        ({"kind": "camera", "camera": 64}, "camera: "),
        ({"kind": "camera", "camera": "/dev/video0"}, "camera: "),
        ({"kind": "address", "address": "/etc/passwd"}, "begins with rtsp://"),
        ({"kind": "address", "address": "0"}, "begins with rtsp://"),
        ({"kind": "address", "address": "file:///etc/passwd"}, "file:// is not a source"),
        ({"kind": "address", "address": "http://nurse:secret@127.0.0.1:7860/api/jobs"}, "workbench itself"),
        ({"kind": "address", "address": "rtsp://" + "x" * 3000}, "address: "),
        ({"kind": "clip", "clip": "../../x"}, "that is no clip"),
        ({"kind": "clip", "clip": NOBODY}, "there is no such clip"),
        ({"kind": "webcam", "preset": "/etc/passwd"}, "no preset"),
        ({"kind": "webcam", "preset": "yours/../../../x"}, "cannot be read"),
    ],
)
def test_what_is_no_source_is_refused_in_one_line(anna: TestClient, body: dict[str, Any], said: str) -> None:
    answer = anna.post("/api/live", json=body)
    assert answer.status_code in (400, 422)
    assert said in answer.json()["error"]
    assert "\n" not in answer.text
    assert "secret" not in answer.text
    assert anna.get("/api/live").json() == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://x/y", "is not a place to push to"),
        ("rtmp://127.0.0.1/live/hidden", "workbench itself"),
        ("/etc/passwd", "must begin with rtmp://"),
    ],
)
def test_a_push_goes_to_rtmp_servers_elsewhere_alone(anna: TestClient, address: str, said: str) -> None:
    stream = started(anna, kind="webcam")
    answer = anna.post(f"/api/live/{stream}/push", json={"address": address})
    assert (answer.status_code, said in answer.json()["error"]) == (400, True), answer.text
    assert "hidden" not in answer.text
    assert anna.get(f"/api/live/{stream}").json()["push"] == ""


def test_a_push_on_a_page_of_this_machine_is_named_without_its_key(tmp_path: Path) -> None:
    context, app = served(tmp_path / "w")
    client = visitor(app)
    stream = started(client, kind="webcam")
    answer = client.post(f"/api/live/{stream}/push", json={"address": "rtmp://127.0.0.1:9/live/hidden"})
    assert answer.json()["push"] == "rtmp://127.0.0.1:9/…"
    assert "hidden" not in answer.text
    assert client.delete(f"/api/live/{stream}/push").json()["push"] == ""
    context.close_work()


@pytest.mark.parametrize("name", ["..%2fusers.json", "users.json", "x.mp4", "%2e%2e", ".mp4", "a%00.mp4"])
def test_names_that_are_no_recording_find_nothing(anna: TestClient, name: str) -> None:
    assert anna.get(f"/api/live/recordings/{name}").status_code == 404
    assert anna.delete(f"/api/live/recordings/{name}").status_code in (400, 404)


def test_nobody_starts_more_than_the_machine_can_do(anna: TestClient) -> None:
    for _ in range(live_streams.MOST_PER_USER):
        started(anna, kind="webcam")
    answer = anna.post("/api/live", json={"kind": "webcam"})
    assert (answer.status_code, answer.json()["error"]) == (400, "You have 4 streams running already: stop one first.")
    answer = anna.post("/api/live", json={"kind": "webcam"}, headers={"Accept-Language": "zh-CN"})
    assert answer.json()["error"] == "您已有 4 路实时画面在运行：请先停止一路。"


def test_what_nobody_has_a_use_for_is_stopped(
    people: tuple[AppContext, Any], anna: TestClient, short_clip: ShortClip
) -> None:
    live = people[0].live
    clip = clip_of(people[0], "anna", short_clip("meeting_grid", frames=25))
    left, looked_at, recorded, gone = (
        live.get("anna", started(anna, kind=kind, clip=clip)) for kind in ("clip", "clip", "clip", "webcam")
    )
    anna.post(f"/api/live/{recorded.id}/record")
    for stream in (left, recorded):
        stream.seen -= live_streams.UNWATCHED_SECONDS + 1
    gone.fed -= live_streams.WEBCAM_SECONDS + 1
    live.close_unused()
    assert [stream.id for stream in live.of("anna")] == [looked_at.id, recorded.id]
    assert left.session.status().state in live_streams.OVER


def test_old_recordings_are_deleted(people: tuple[AppContext, Any]) -> None:
    recordings = people[0].live.recordings("anna")
    path = recordings.new_path("../ward: 3\n")
    assert path.name.startswith("ward 3 20")
    path.write_bytes(b"masked")
    clean_recordings(people[0].workspace, time.time() - 60)
    assert path.exists()
    clean_recordings(people[0].workspace, time.time() + 60)
    assert recordings.all() == []
