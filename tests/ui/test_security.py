"""The guard: who may ask, from where, for what; and what browsers may do with the answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.ui.served import ADDRESS, PASSWORD, logged_in, served, visitor
from workbench.ui.context import AppContext
from workbench.ui.login import COOKIE
from workbench.users import FREE_ATTEMPTS

Served = tuple[AppContext, Any]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A page on a machine where nobody has to log in."""
    return served(tmp_path_factory.mktemp("alone") / "w")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page for two users, which others can reach."""
    context, app = served(tmp_path_factory.mktemp("shared") / "w", host="0.0.0.0", host_names=("masks.ward.example",))
    for name in ("anna", "bert"):
        context.users.add(name, PASSWORD)
    yield context, app


def test_on_this_machine_without_users_nobody_logs_in(alone: Served):
    assert visitor(alone[1]).get("/api/jobs").json() == []


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "localhost:9000", "[::1]:7860", "LOCALHOST"])
def test_names_of_this_machine_are_answered(alone: Served, host: str):
    assert visitor(alone[1]).get("/api/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "192.168.0.7", "", "[::1", "localhost@x"]
)
def test_a_foreign_name_that_was_made_to_point_here_is_not(alone: Served, host: str):
    for path in ("/", "/api/jobs", "/login", "/static/viewer.js"):
        assert visitor(alone[1]).get(path, headers={"Host": host}).status_code == 421


def test_a_page_for_others_is_known_by_its_addresses_and_given_names(shared: Served):
    for host, status in (
        ("192.168.0.7:7860", 200),
        ("masks.ward.example", 200),
        ("Masks.Ward.Example:80", 200),
        ("evil.example", 421),
    ):
        assert visitor(shared[1]).get("/login", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:8888"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": ADDRESS + ".evil.example"},
    ],
)
def test_another_page_cannot_change_anything(alone: Served, headers: dict[str, str]):
    answer = visitor(alone[1]).post("/api/jobs/x/cancel", headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"error": "that was asked for by another page"})


def test_what_changes_something_must_say_where_it_comes_from(alone: Served):
    silent = TestClient(alone[1], base_url=ADDRESS)
    assert silent.post("/api/jobs/x/cancel").status_code == 403
    assert silent.post("/api/jobs/x/cancel", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 404
    assert silent.post("/gradio_api/queue/join", json={}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_cannot_read_anything_but_may_link_here(alone: Served, site: str):
    other = TestClient(alone[1], base_url=ADDRESS, headers={"Sec-Fetch-Site": site, "Origin": "http://127.0.0.1:8888"})
    assert other.get("/api/jobs", headers={"Sec-Fetch-Mode": "cors"}).status_code == 403
    assert other.get("/api/jobs", headers={"Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert other.get("/", headers={"Sec-Fetch-Mode": "navigate"}).status_code == 200


def test_no_answer_invites_other_pages(alone: Served):
    answer = visitor(alone[1]).get("/config", headers={"Origin": "http://localhost:9999"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=https://x.hf.space/",
        "/gradio_api/vibe-code/",
        "/gradio_api/dev/reload",
        "/gradio_api/runs",
        "/gradio_api/openapi.json",
        "/gradio_api/stream/a/b/1/playlist-file",
        "/gradio_api/custom_component/x/client/y/z",
        "/gradio_api/run/who",
        "/monitoring/summary",
        "/docs",
        "/openapi.json",
        "/redoc",
    ],
)
def test_what_the_product_does_not_use_is_not_there(alone: Served, path: str):
    assert visitor(alone[1]).get(path).status_code == 404
    assert visitor(alone[1]).post(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "https://example.com/x.mp4", "../users.json", "users.json", "file:///etc/passwd", "", "\0"],
)
def test_no_file_outside_of_the_cache_is_served(alone: Served, path: str):
    context, app = alone
    (context.workspace.root / "users.json").exists()
    assert visitor(app).get("/gradio_api/file=" + path.replace("\0", "%00")).status_code == 404
    inside = context.workspace.gradio_cache / ".." / "jobs.sqlite"
    assert visitor(app).get(f"/gradio_api/file={inside}").status_code == 404


def test_every_answer_carries_the_rules_for_browsers(alone: Served):
    client = visitor(alone[1])
    for path in ("/", "/login", "/api/jobs", "/api/nothing", "/static/viewer.js", "/theme.css", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY", path
    assert client.get("/api/jobs").headers["cache-control"] == "no-store"
    assert client.get("/").headers["cache-control"] == "no-store"


def test_inline_scripts_of_the_page_carry_a_nonce_that_is_new_each_time(alone: Served):
    client = visitor(alone[1])
    nonces = set()
    for _ in range(2):
        answer = client.get("/", headers={"Accept-Encoding": "br"})
        (nonce,) = re.findall(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
        scripts = re.findall(r"<script[^>]*>", answer.text)
        assert len(scripts) > 3
        assert all(f'nonce="{nonce}"' in script for script in scripts)
        assert int(answer.headers["content-length"]) == len(answer.content)
        nonces.add(nonce)
    assert len(nonces) == 2
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"].split("script-src")[1].split(";")[0]


def test_the_page_names_no_other_site_to_fetch_from(alone: Served):
    page = visitor(alone[1]).get("/").text
    for tag in re.findall(r"<(?:script|link|img|meta)[^>]*>", page):
        assert "http" not in tag, tag


def test_strangers_get_nothing_but_the_form(shared: Served):
    client = visitor(shared[1])
    assert client.get("/", headers={"Accept": "text/html"}).headers["location"] == "/login"
    for method, path in (
        ("GET", "/api/jobs"),
        ("GET", "/config"),
        ("GET", "/static/viewer.js"),
        ("GET", "/theme.css"),
        ("GET", "/gradio_api/heartbeat/x"),
        ("GET", "/gradio_api/upload_progress"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/logout"),
    ):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()) == (401, {"error": "log in first"}), path
    form = client.get("/login").text
    assert "用户名" in form
    assert "Password" in form
    assert "http" not in form


def test_a_login_lasts_until_the_logout(shared: Served):
    context, app = shared
    client = logged_in(app, "anna")
    cookie = client.cookies[COOKIE]
    assert client.get("/api/jobs").status_code == 200
    assert client.get("/login").headers["location"] == "/"
    assert cookie not in (context.workspace.root / "sessions.json").read_text()
    assert client.post("/logout").headers["location"] == "/login"
    client.cookies.set(COOKIE, cookie)
    assert client.get("/api/jobs").status_code == 401


def test_the_cookie_is_kept_from_scripts_other_sites_and_open_lines(shared: Served):
    fields = {"name": " Anna ", "password": PASSWORD}
    plain = visitor(shared[1]).post("/login", data=fields).headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert "Secure" not in plain
    encrypted = visitor(shared[1], address="https://127.0.0.1").post("/login", data=fields).headers["set-cookie"]
    assert "Secure" in encrypted


def test_a_login_outlives_a_restart_but_not_the_password(tmp_path: Path):
    context, app = served(tmp_path / "w", host="0.0.0.0")
    context.users.add("anna", PASSWORD)
    cookies = logged_in(app, "anna").cookies
    context, app = served(tmp_path / "w", host="0.0.0.0")
    client = visitor(app, cookies=cookies)
    assert client.get("/api/jobs").status_code == 200
    context.users.set_password("anna", "another password")
    assert client.get("/api/jobs").status_code == 401


@pytest.mark.parametrize("token", ["", "x", "0" * 43, "'; --", "é"])
def test_made_up_tokens_open_nothing(shared: Served, token: str):
    answer = visitor(shared[1]).get("/api/jobs", headers={"Cookie": f"{COOKIE}={token}".encode()})
    assert answer.status_code == 401


def test_a_wrong_password_and_an_unknown_name_look_the_same(tmp_path: Path):
    context, app = served(tmp_path / "w", host="0.0.0.0")
    context.users.add("anna", PASSWORD)
    client = visitor(app)
    answers = [client.post("/login", data={"name": "anna", "password": "wrong password"})]
    answers += [client.post("/login", data={"name": "zoe", "password": "wrong password"})]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].text.replace("anna", "") == answers[1].text.replace("zoe", "")
    for _ in range(FREE_ATTEMPTS - 2):
        context.attempts.failed("address testclient")
    right = client.post("/login", data={"name": "anna", "password": PASSWORD})
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0


def test_what_was_typed_is_shown_as_text(shared: Served):
    typed = '"><script>alert(1)</script>'
    assert "<script" not in visitor(shared[1]).post("/login", data={"name": typed, "password": "x"}).text


def test_a_login_form_of_another_page_is_not_taken(shared: Served):
    answer = visitor(shared[1]).post(
        "/login", data={"name": "anna", "password": PASSWORD}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


def test_users_on_this_machine_alone_log_in_too(tmp_path: Path):
    context, app = served(tmp_path / "w")
    assert visitor(app).get("/api/jobs").status_code == 200
    context.users.add("anna", PASSWORD)
    assert visitor(app).get("/api/jobs").status_code == 401
    (context.workspace.root / "users.json").write_text("damaged")
    assert visitor(app).get("/api/jobs").status_code == 503


def test_a_page_for_others_without_users_is_closed(tmp_path: Path):
    _, app = served(tmp_path / "w", host="0.0.0.0")
    assert visitor(app).get("/api/jobs").status_code == 401


def test_too_much_is_refused_before_and_while_it_arrives(alone: Served):
    client = visitor(alone[1])
    assert client.post("/login", content=b"x" * 8_000_001).status_code == 413
    parts = (b"x" * 1_000_000 for _ in range(9))  # says no length
    assert (
        client.post("/login", content=parts, headers={"Content-Type": "application/x-www-form-urlencoded"}).status_code
        == 413
    )


def test_errors_are_one_line_of_json(alone: Served):
    client = visitor(alone[1])
    for answer in (
        client.get("/api/clips/x/state"),
        client.get("/api/jobs/x"),
        client.get("/api/clips/x/frame/y.jpg"),
        client.post("/api/clips/x/boxes", json={"boxes": [{}]}),
        client.post("/api/clips/x/boxes", content=b"{"),
        client.get("/api/nothing"),
        client.get("/static/nothing.js"),
        client.put("/api/jobs"),
    ):
        assert 400 <= answer.status_code < 500
        assert list(json.loads(answer.text)) == ["error"]
        assert "\n" not in answer.json()["error"]
