"""Who is logged in: random tokens for the browser, their hashes here."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.users import Users
from workbench.video.part_file import write_private

LIFETIME_SECONDS = 12 * 3600.0
"""A working day: then the password is asked for again."""


@dataclass(frozen=True)
class Session:
    """``stamp`` ties it to the password that was given; ``until`` is in seconds since 1970."""

    user: str
    stamp: str
    until: float


class Sessions:
    """The logged-in browsers, kept over a restart in a private file that holds no token, only hashes."""

    def __init__(self, path: Path, users: Users) -> None:
        self._path = path
        self._users = users
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}
        with suppress(OSError, ValueError, TypeError, AttributeError):  # unreadable: everybody logs in anew
            kept = json.loads(path.read_text(encoding="utf-8"))
            self._open = {key: Session(**values) for key, values in kept.items()}

    def begin(self, user: str) -> str:
        """A new token for a user whose password was right."""
        token = secrets.token_urlsafe(32)
        session = Session(user, self._users.stamp(user) or "", time.time() + LIFETIME_SECONDS)
        with self._lock:
            self._open = {key: each for key, each in self._open.items() if each.until > time.time()}
            self._open[_hash(token)] = session
            self._save()
        return token

    def user(self, token: str) -> str | None:
        """Whose token that is; None for a wrong or old one, a removed user or a changed password."""
        with self._lock:
            session = self._open.get(_hash(token))
        if session is None or session.until <= time.time() or self._users.stamp(session.user) != session.stamp:
            return None
        return session.user

    def end(self, token: str) -> None:
        """Log this browser out."""
        with self._lock:
            if self._open.pop(_hash(token), None) is not None:
                self._save()

    def _save(self) -> None:
        """Best effort: a full disk must not keep anybody from logging in."""
        with suppress(OSError):
            write_private(self._path, json.dumps({key: asdict(each) for key, each in self._open.items()}).encode())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
