"""Logging in and out: one plain page in both languages, without a script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from workbench.ui.sessions import LIFETIME_SECONDS

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from workbench.ui.context import AppContext

COOKIE = "workbench_session"
LONGEST_FIELD = 1000

WRONG = "Name or password is wrong.\n用户名或密码错误。"
WAIT = "Too many attempts: try again in {seconds} s.\n尝试次数过多，请在 {seconds} 秒后再试。"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Face Privacy Workbench · AI 视频隐私打码工作台</title>
<link rel="icon" href="/favicon.ico" type="image/svg+xml">
<style>
:root {{ color-scheme: light dark; --back: #f1f5f9; --card: #fff; --ink: #0f172a; --soft: #475569; --line: #cbd5e1;
  --main: #0f766e; --on-main: #fff; --bad: #b91c1c; }}
@media (prefers-color-scheme: dark) {{ :root {{ --back: #0b1220; --card: #111a2b; --ink: #f1f5f9; --soft: #94a3b8;
  --line: #33425e; --main: #14b8a6; --on-main: #042f2b; --bad: #fca5a5; }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;
}}
main {{ width: min(21rem, calc(100vw - 5rem)); padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }}
h1 {{ margin: 0; font-size: 1.25rem; }}
p {{ margin: 0 0 1.25rem; color: var(--soft); }}
label {{ display: block; margin-bottom: 1rem; }}
input {{ box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .6rem .7rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: 8px; }}
button {{ width: 100%; padding: .7rem; font: inherit; font-weight: 600; color: var(--on-main); background: var(--main);
  border: 0; border-radius: 8px; cursor: pointer; }}
:focus-visible {{ outline: 3px solid color-mix(in srgb, var(--main) 45%, transparent); outline-offset: 1px; }}
[role=alert] {{ color: var(--bad); white-space: pre-line; }}
</style>
</head>
<body>
<main>
<h1>Face Privacy Workbench</h1>
<p lang="zh">AI 视频隐私打码工作台</p>
{alert}
<form method="post" action="/login">
<label>Name <span lang="zh">用户名</span>
<input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus
 maxlength="32" value="{name}"></label>
<label>Password <span lang="zh">密码</span>
<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in <span lang="zh">登录</span></button>
</form>
</main>
</body>
</html>
"""


def session_token(connection: HTTPConnection) -> str | None:
    """The token that a browser brings."""
    return connection.cookies.get(COOKIE)


def login_routes(context: AppContext) -> APIRouter:
    """``/login`` and ``/logout``."""
    routes = APIRouter()

    @routes.get("/login")
    def form(request: Request) -> Response:
        return RedirectResponse("/", 303) if request.state.user else _form()

    @routes.post("/login")
    async def log_in(request: Request) -> Response:
        fields = await request.form(max_files=0, max_fields=4)
        name = str(fields.get("name", ""))[:LONGEST_FIELD].strip().lower()
        password = str(fields.get("password", ""))[:LONGEST_FIELD]
        keys = (f"name {name}", f"address {request.client.host if request.client else ''}")
        pause = context.attempts.pause_seconds(*keys)
        if pause:
            return _form(WAIT.format(seconds=pause), name=name, status=429, pause=pause)
        context.attempts.failed(*keys)  # before it is known: many at once must not slip through
        if not await run_in_threadpool(context.users.verify, name, password):
            return _form(WRONG, name=name, status=401)
        context.attempts.succeeded(*keys)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            context.sessions.begin(name),
            max_age=int(LIFETIME_SECONDS),
            httponly=True,
            samesite="lax",  # with "strict", a link to the page in a message would lead to this form
            secure=request.url.scheme == "https",
        )
        return answer

    @routes.post("/logout")
    def log_out(request: Request) -> Response:
        context.sessions.end(session_token(request) or "")
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer

    return routes


def _form(message: str = "", *, name: str = "", status: int = 200, pause: int = 0) -> HTMLResponse:
    alert = f'<p role="alert">{escape(message)}</p>' if message else ""
    headers = {"Retry-After": str(pause)} if pause else None
    return HTMLResponse(PAGE.format(alert=alert, name=escape(name, quote=True)), status, headers)
