"""Every event of the page gets its answer, also what is asked while the server ends the stream of answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from workbench.ui.viewer import STATIC

CLOSED = {"msg": "close_stream"}
FIRST, SECOND = ({"msg": "process_completed", "event_id": name} for name in ("first", "second"))


class Gradio(BaseHTTPRequestHandler):
    """A server of events that closes its stream at the worst moment: when the next event has just been taken."""

    second_asked = threading.Event()
    streams = 0

    def do_GET(self) -> None:
        if self.path.startswith("/queue/data"):
            type(self).streams += 1
            self._answer("text/event-stream", *(self._first() if self.streams == 1 else (SECOND, CLOSED)))
        elif self.path == "/answers.js":
            self._send("text/javascript", (STATIC / "answers.js").read_bytes())
        else:
            self._send("text/html", b'<!doctype html><script src="/answers.js"></script>')

    def do_POST(self) -> None:
        name = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._send("application/json", json.dumps({"event_id": name}).encode())
        if name == "second":
            self.second_asked.set()

    def _first(self) -> tuple[dict[str, str], ...]:
        self.second_asked.wait(30)
        return FIRST, CLOSED

    def _answer(self, kind: str, *messages: dict[str, str]) -> None:
        self._send(kind, "".join(f"data: {json.dumps(message)}\n\n" for message in messages).encode())

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Gradio) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened = browser.new_page()
        opened.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        yield opened
        opened.close()
        server.shutdown()


def test_what_is_asked_while_the_stream_ends_is_answered_over_the_next(page: Page) -> None:
    told = page.evaluate(
        """async () => {
            const ask = (body) => fetch("/queue/join", { method: "POST", body }).then((answer) => answer.json());
            await ask("first");
            const [stream] = await Promise.all([fetch("/queue/data"), ask("second")]);
            return stream.text();
        }"""
    )
    messages = [json.loads(block.removeprefix("data: ")) for block in told.split("\n\n") if block]
    assert messages == [FIRST, SECOND, CLOSED]
