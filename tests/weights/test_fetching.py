"""Fetching a model from a real web server of this machine: resumed, restarted, refused."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from workbench.errors import Cancelled, ModelError
from workbench.weights import fetch, find, manifest

CONTENT = np.random.default_rng(3).integers(0, 256, 700_000, np.uint8).tobytes()
NAME = "spot"


class Files(BaseHTTPRequestHandler):
    """Serves CONTENT; what it was asked is kept. Class attributes say how well it behaves."""

    ranges: ClassVar[bool] = True
    breaks_after: ClassVar[int | None] = None
    body: ClassVar[bytes] = CONTENT
    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        if self.path == "/missing":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if start >= len(self.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        self.send_header("Content-Length", str(len(self.body) - start))
        self.end_headers()
        end = len(self.body) if self.breaks_after is None else min(len(self.body), start + self.breaks_after)
        self.wfile.write(self.body[start:end])

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Files]]:
    class Handler(Files):
        asked: ClassVar[list[str | None]] = []

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    listing = tmp_path / "manifest.yaml"
    listing.write_text(
        f"models: {{{NAME}: {{file: spot.onnx, url: 'http://127.0.0.1:{web.server_port}/spot',"
        f" sha256: {hashlib.sha256(CONTENT).hexdigest()}, licence: MIT, input: none}}}}"
    )
    monkeypatch.setattr(manifest, "MANIFEST", listing)
    monkeypatch.setenv("WORKBENCH_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    yield Handler
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "models" / "spot.onnx.part"


def test_fetched_verified_and_found(server: type[Files], tmp_path: Path, part: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(NAME, progress=lambda done, total: seen.append((done, total)))
    assert path == tmp_path / "models" / "spot.onnx" == find(NAME)
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT)) and seen[-1] == (len(CONTENT), len(CONTENT))
    assert not part.exists()
    fetch(NAME)
    assert len(server.asked) == 1  # it was there already


def test_without_a_chosen_folder_it_goes_to_the_users(
    server: type[Files], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("WORKBENCH_MODELS")
    assert fetch(NAME).is_relative_to(tmp_path / "data")


def test_a_broken_connection_is_resumed(server: type[Files], part: Path) -> None:
    server.breaks_after = 300_000
    with pytest.raises(ModelError, match="run the same command again to resume"):
        fetch(NAME)
    assert part.stat().st_size == 300_000
    server.breaks_after = None
    assert fetch(NAME).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-"]


def test_a_server_that_cannot_resume_starts_over(server: type[Files], part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(CONTENT[:1000])
    server.ranges = False
    assert fetch(NAME).read_bytes() == CONTENT


def test_a_beginning_of_another_file_is_fetched_anew(server: type[Files], part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(b"x" * 1000)
    assert fetch(NAME).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


def test_a_complete_part_only_has_to_be_renamed(server: type[Files], part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    assert fetch(NAME).read_bytes() == CONTENT


def test_a_wrong_file_is_thrown_away(server: type[Files], part: Path) -> None:
    server.body = CONTENT[:-1] + b"!"
    with pytest.raises(ModelError, match="wrong SHA-256"):
        fetch(NAME)
    assert list(part.parent.iterdir()) == []


def test_stopping_keeps_what_has_arrived(server: type[Files], part: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        fetch(NAME, progress=stop)
    assert 0 < part.stat().st_size < len(CONTENT)
    assert fetch(NAME).read_bytes() == CONTENT


def test_an_address_given_by_hand_replaces_the_manifests(server: type[Files]) -> None:
    address = manifest.entry(NAME).url or ""
    with pytest.raises(ModelError, match="HTTP 404"):
        fetch(NAME, url=address.replace("/spot", "/missing"))
    with pytest.raises(ModelError, match="begin with https"):
        fetch(NAME, url="file:///etc/passwd")
    assert fetch(NAME, url=address.replace("/spot", "/mirror")).exists()


def test_no_server_is_one_line(server: type[Files]) -> None:
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        fetch(NAME, url="http://127.0.0.1:9/spot")
    assert "\n" not in str(caught.value)


def test_an_unwritable_folder_is_said(server: type[Files], tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="cannot be written"):
        fetch(NAME)


def test_what_a_package_brings_is_not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    listing = tmp_path / "manifest.yaml"
    sha = "0" * 64
    listing.write_text(
        f"models: {{a: {{package: nowhere, resource: x.onnx, sha256: '{sha}', licence: MIT, input: none}},"
        f" b: {{file: b.onnx, sha256: '{sha}', licence: MIT, input: none}}}}"
    )
    monkeypatch.setattr(manifest, "MANIFEST", listing)
    with pytest.raises(ModelError, match="comes with a package"):
        fetch("a")
    with pytest.raises(ModelError, match="no address"):
        fetch("b")
