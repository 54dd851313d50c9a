"""The guard in front of everything: who may ask for what, from which page, and what browsers may do with the answer.

In this order, for every request, whatever answers it in the end:

1. the page is asked for by a name of this machine (else a foreign name was made to point here: DNS rebinding);
2. the path is one that the product uses (Gradio brings more: proxies, recorders, API pages);
3. the request comes from this very page, not from another one in the same browser;
4. somebody is logged in, where that is needed;
5. what is sent is not larger than is allowed, counted while it arrives.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.errors import WorkbenchError
from workbench.ui.context import AppContext
from workbench.ui.login import session_token
from workbench.workspace import LOCAL_USER

MAX_BODY_BYTES = 8_000_000  # a form, a click, a handful of boxes
FORM_BYTES = 1_000_000  # what a form adds to the file in it
SOCKET_REFUSED = 1008  # RFC 6455, 7.4.1: against the rules
TOO_LARGE = "that is larger than is allowed"

PUBLIC = ("/login", "/manifest.json", "/favicon.ico")
UPLOAD = "/gradio_api/upload"
FILE = "/gradio_api/file="
_OURS = re.compile(r"/(api/.*|static/.*|login|logout|)")
_GRADIO = re.compile(
    r"/(config|theme\.css|robots\.txt|manifest\.json|favicon\.ico|assets/.*"
    r"|gradio_api/(queue/(join|data|status)|upload|upload_progress|file=.*|heartbeat/.*|cancel|reset/?|app_id))"
)
_SOCKETS = re.compile(r"/api/live/[0-9a-f]{32}/(pictures|webcam)")
_LASTING = re.compile(r"/assets/.*")  # the names in it change with the content
_CHECKED = re.compile(r"/static/.*")

POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; manifest-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
"""Gradio needs 'unsafe-eval' for the handlers that run in the browser, and inline styles. Inline scripts run only if
this server wrote them: they carry the answer's nonce."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware round the whole application. ``scope["state"]["user"]`` is who asks.

    ``head``: HTML that the page has to begin with, before anything of Gradio's.
    """

    def __init__(self, app: ASGIApp, context: AppContext, *, head: str = "") -> None:
        self._app = app
        self._context = context
        self._head = head.encode()
        self._names = {"localhost", *(name.lower() for name in (context.host, *context.host_names))}
        if not context.loopback:
            self._names |= {name.lower() for name in (socket.gethostname(), socket.getfqdn())}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._open_socket(scope, receive, send)
            return
        answer = _Answer(send, path=scope["path"], nonce=secrets.token_urlsafe(16), head=self._head)
        try:
            refusal = self._refusal(scope)
        except WorkbenchError:  # without a list of users nobody gets in
            refusal = _error(503, "nobody can be let in now: the list of users cannot be read")
        if refusal is not None:
            await refusal(scope, receive, answer.send)
            return
        if scope["path"] == "/":
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]  # to be rewritten
        await self._app(scope, _Body(receive, limit=self._most(scope)).receive, answer.send)

    async def _open_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Web sockets carry live pictures alone. Browsers send no refusal on: a closed one is all that a page sees."""
        try:
            refusal = self._refusal(scope) if _SOCKETS.fullmatch(scope["path"]) else _error(404, "")
        except WorkbenchError:
            refusal = _error(503, "")
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": SOCKET_REFUSED})

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that goes no further. Else: sets the user."""
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            return _error(421, "this machine is not known by that name: use its address")
        if not (_OURS.fullmatch(scope["path"]) or _GRADIO.fullmatch(scope["path"])):
            return _error(404, "there is nothing here")
        if is_foreign(headers, method=scope.get("method", "POST")):  # a web socket is asked for like a change
            return _error(403, "that was asked for by another page")
        if _length(headers) > self._most(scope):
            return _error(413, TOO_LARGE)
        return self._unknown(scope, headers)

    def _unknown(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to somebody who may not have that. Else: sets the user."""
        path: str = scope["path"]
        user = self._user(scope)
        scope.setdefault("state", {})["user"] = user
        if user is None and path not in PUBLIC:
            if scope.get("method") == "GET" and "text/html" in headers.get("accept", ""):
                return RedirectResponse("/login", 303)
            return _error(401, "log in first")
        if path.startswith(FILE) and not self._may_fetch(path.removeprefix(FILE), user or ""):
            return _error(404, "there is no such file")
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this machine. An address of any kind does: no name was resolved to get here."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._context.loopback

    def _user(self, scope: Scope) -> str | None:
        if not self._context.login_needed:
            return LOCAL_USER
        token = session_token(HTTPConnection(scope))
        return self._context.sessions.user(token) if token else None

    def _may_fetch(self, path: str, user: str) -> bool:
        """Gradio's cache is one for all: a user's own part of it is for that user alone, and nothing else is served."""
        cache = self._context.workspace.gradio_cache.resolve()
        private = cache / "users"
        try:
            parents = Path(path).resolve().parents
        except (OSError, ValueError):
            return False
        return cache in parents and (private not in parents or private / user in parents)

    def _most(self, scope: Scope) -> int:
        return self._context.max_upload_bytes + FORM_BYTES if scope["path"] == UPLOAD else MAX_BODY_BYTES


def is_foreign(headers: Headers, *, method: str) -> bool:
    """Whether another page than ours made the browser ask.

    Browsers say so themselves (``Sec-Fetch-Site``, ``Origin``), and no script can change that. Following a link to the
    page is allowed; whatever changes something must say where it comes from.
    """
    site = headers.get("sec-fetch-site")
    if method in ("GET", "HEAD"):
        return site not in (None, "same-origin", "none") and headers.get("sec-fetch-mode") != "navigate"
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower() or not urlsplit(origin).netloc
    return site != "same-origin"


class _Body:
    """What the client sends, counted."""

    def __init__(self, receive: Receive, *, limit: int) -> None:
        self._receive = receive
        self._left = limit

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, TOO_LARGE)
        return message


class _Answer:
    """What goes back, with the headers of ``HEADERS`` and ``POLICY``; the page itself is rewritten on its way."""

    def __init__(self, send: Send, *, path: str, nonce: str, head: bytes) -> None:
        self._send = send
        self._path = path
        self._nonce = nonce
        self._begin = head if path == "/" else b""
        self._start: Message | None = None
        self._page: list[bytes] | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head(message)
            if self._page is not None:
                self._start = message
                return
        elif message["type"] == "http.response.body" and self._page is not None:
            self._page.append(message.get("body", b""))
            if message.get("more_body"):
                return
            message = await self._rewritten(self._page)
            self._page = None
        await self._send(message)

    def _head(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers[name] = value
        headers["Content-Security-Policy"] = POLICY.format(nonce=self._nonce)
        for name in [name for name in headers if name.startswith("access-control-")]:
            del headers[name]
        if _LASTING.fullmatch(self._path):
            headers["Cache-Control"] = "private, max-age=31536000, immutable"
        elif _CHECKED.fullmatch(self._path):
            headers["Cache-Control"] = "no-cache"
        else:
            headers.setdefault("Cache-Control", "no-store")
        if headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers:
            self._page = []

    async def _rewritten(self, parts: Iterable[bytes]) -> Message:
        """Scripts of the page get the nonce; what it tells other sites about itself goes."""
        page = re.sub(rb"\s*<meta\s+(property|name)=\"(og|twitter):[^>]*>", b"", b"".join(parts))
        page = page.replace(b"<head>", b"<head>" + self._begin, 1)
        page = page.replace(b"<script", b'<script nonce="%s"' % self._nonce.encode())
        assert self._start is not None
        MutableHeaders(scope=self._start)["Content-Length"] = str(len(page))
        await self._send(self._start)
        return {"type": "http.response.body", "body": page}


def _length(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
