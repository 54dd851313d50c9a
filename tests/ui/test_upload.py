"""Uploads: into the user's own private folder, not too large, nothing left of what breaks off, no path believed."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.ui.served import PASSWORD, logged_in, served

Shared = tuple[Any, TestClient, TestClient]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    context, app = served(tmp_path_factory.mktemp("shared") / "w", max_upload_gb=0.003)
    for name in ("anna", "bert"):
        context.users.add(name, PASSWORD)
    anna, bert = logged_in(app, "anna"), logged_in(app, "bert")
    with anna:  # Gradio's queue runs as long as this browser is there
        bert.portal = anna.portal  # one event loop, as in a server: Gradio's queues belong to the one that made them
        yield context, anna, bert


def uploaded(client: TestClient, content: bytes, name: str = "clip.mp4") -> Any:
    return client.post("/gradio_api/upload", files={"files": (name, content)})


def asked(client: TestClient, endpoint: str, data: list[Any]) -> str:
    """What an event of the Gradio page answers, with the events of its queue."""
    names = [each["api_name"] for each in client.get("/config").json()["dependencies"]]
    session = uuid.uuid4().hex
    body = {"data": data, "fn_index": names.index(endpoint), "session_hash": session}
    joined = client.post("/gradio_api/queue/join", json=body)
    assert joined.status_code == 200, joined.text
    with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as events:
        for line in events.iter_lines():
            if "process_completed" in line:
                return line
    raise AssertionError("no answer")


def file_data(path: object) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def test_an_upload_lies_in_a_private_folder_of_its_user(shared: Shared):
    context, anna, _ = shared
    answer = uploaded(anna, b"content")
    (path,) = map(Path, answer.json())
    assert path.read_bytes() == b"content"
    assert context.uploads_folder("anna") in path.parents
    for folder in (context.uploads_folder("anna"), context.workspace.gradio_cache, path.parents[1]):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in asked(anna, "take", [file_data(path)])


@pytest.mark.parametrize("name", ["../../../x.mp4", "/etc/x.mp4", "..", "a/b.mp4", "\\x.mp4"])
def test_the_name_of_an_upload_leads_nowhere(shared: Shared, name: str):
    context, anna, _ = shared
    answer = uploaded(anna, b"content", name)
    for path in map(Path, answer.json() if answer.status_code == 200 else []):
        assert context.uploads_folder("anna") in path.resolve().parents


def test_what_is_too_large_is_refused_and_nothing_of_it_stays(shared: Shared):
    context, anna, _ = shared
    before = set(context.uploads_folder("anna").rglob("*"))
    assert uploaded(anna, b"x" * 5_000_000).status_code == 413
    assert uploaded(anna, b"x" * 3_200_000).status_code == 413  # the file is too large, the form is not

    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n'
        for _ in range(10):
            yield b"x" * 1_000_000

    header = {"Content-Type": "multipart/form-data; boundary=b"}
    assert anna.post("/gradio_api/upload", content=endless(), headers=header).status_code == 413
    assert set(context.uploads_folder("anna").rglob("*")) == before


def test_a_form_that_is_none_is_refused(shared: Shared):
    _, anna, _ = shared
    for header in ("text/plain", "multipart/form-data", "multipart/form-data; boundary=b"):
        answer = anna.post("/gradio_api/upload", content=b"nonsense", headers={"Content-Type": header})
        assert 400 <= answer.status_code < 500
        assert answer.json()["error"]


def test_an_upload_of_one_user_is_none_of_another(shared: Shared):
    _, anna, bert = shared
    (path,) = uploaded(anna, b"private").json()
    assert anna.get(f"/gradio_api/file={path}").content == b"private"
    assert bert.get(f"/gradio_api/file={path}").status_code == 404
    answer = asked(bert, "take", [file_data(path)])
    assert '"success":false' in answer.replace(" ", "")
    assert "private" not in answer


@pytest.mark.parametrize("path", ["/etc/passwd", "users.json", "https://example.com/clip.mp4"])
def test_paths_and_addresses_in_an_event_are_refused(shared: Shared, path: str):
    _, anna, _ = shared
    assert '"success":false' in asked(anna, "take", [file_data(path)]).replace(" ", "")


def test_handlers_know_who_asks(shared: Shared):
    _, anna, bert = shared
    assert '"data":["anna"]' in asked(anna, "who", []).replace(" ", "")
    assert '"data":["bert"]' in asked(bert, "who", []).replace(" ", "")
