"""Who may log in: names and argon2id hashes in one private file, and how often a password may be guessed.

The file is ``users.json`` in the workspace, readable by its owner alone. No password is ever stored or shown.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from workbench.errors import OutputError, UsageError
from workbench.video.part_file import write_private
from workbench.workspace import LOCAL_USER, USER_NAME, private_folder

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000  # a hash of more is work for nothing
KEY = "users 1"  # with the number of the file's format

FREE_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 900.0
FORGET_SECONDS = 3600.0
REMEMBERED = 10_000  # names and addresses: bounds the memory that a stranger can fill


class Users:
    """The accounts of a workspace. Safe to use from several threads; sees what another program changes at once."""

    def __init__(self, root: Path) -> None:
        self._path = root / "users.json"
        self._hasher = PasswordHasher()  # argon2id, 64 MiB, 3 passes: RFC 9106's second choice
        self._busy = threading.Lock()  # one hash at a time: each takes 64 MiB
        self._nobody: str | None = None

    def names(self) -> list[str]:
        """Every user. Raises UsageError where the file cannot be understood."""
        return sorted(self._read())

    def add(self, name: str, password: str) -> None:
        """A new user. Raises UsageError for a name that is taken or not allowed, or a password that is too short."""
        if not USER_NAME.fullmatch(name) or name == LOCAL_USER:
            raise UsageError(
                f"{name!r} cannot be a user's name: small letters, digits, dot, dash and underline, at most 32"
                f" (and not {LOCAL_USER!r})"
            )
        hashes = self._read()
        if name in hashes:
            raise UsageError(f"there is a user {name} already: change the password with: workbench users password")
        self._write({**hashes, name: self._hash(password)})

    def set_password(self, name: str, password: str) -> None:
        """Another password; whoever is logged in with the old one is logged out. Raises UsageError."""
        hashes = self._known(name)
        self._write({**hashes, name: self._hash(password)})

    def remove(self, name: str) -> None:
        """Forget a user; the clips stay until they are cleaned up. Raises UsageError where there is none."""
        hashes = self._known(name)
        self._write({user: value for user, value in hashes.items() if user != name})

    def verify(self, name: str, password: str) -> bool:
        """Whether that is the user's password. It takes as long for a name that nobody has."""
        stored = self._read().get(name)
        with self._busy:
            if self._nobody is None:
                self._nobody = self._hasher.hash("nobody's password")
            try:
                matches = self._hasher.verify(stored or self._nobody, password[:LONGEST_PASSWORD])
            except (VerificationError, InvalidHashError):
                return False
        return matches and stored is not None

    def stamp(self, name: str) -> str | None:
        """Changes with the user's password; None where there is no such user."""
        stored = self._read().get(name)
        return None if stored is None else hashlib.sha256(stored.encode()).hexdigest()[:16]

    def _hash(self, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise UsageError(f"a password has at least {SHORTEST_PASSWORD} letters: choose a longer one")
        with self._busy:
            return self._hasher.hash(password)

    def _known(self, name: str) -> dict[str, str]:
        hashes = self._read()
        if name not in hashes:
            raise UsageError(f"there is no user {name}: see workbench users list")
        return hashes

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(name): str(value) for name, value in content[KEY].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{self._path} cannot be read as a list of users: restore it, or remove it") from error

    def _write(self, hashes: dict[str, str]) -> None:
        content = json.dumps({KEY: hashes}, indent=1)
        try:
            private_folder(self._path.parent)
            write_private(self._path, content.encode())
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error.strerror}") from error


class Attempts:
    """Slows guessing down: after five wrong passwords each further one costs a pause, twice as long each time.

    Counted per key, a name or an address. Forgotten after an hour without an attempt, and when the program restarts.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[str, tuple[int, float]] = {}  # key → failures, time of the last one
        self._lock = threading.Lock()

    def pause_seconds(self, *keys: str) -> int:
        """How long to wait before the next attempt; 0: now."""
        with self._lock:
            return max((math.ceil(self._left(key)) for key in keys), default=0)

    def failed(self, *keys: str) -> None:
        """A wrong password was given."""
        with self._lock:
            for key in keys:
                failures, _ = self._failed.pop(key, (0, 0.0))
                self._failed[key] = (failures + 1, self._clock())
            while len(self._failed) > REMEMBERED:
                del self._failed[next(iter(self._failed))]

    def succeeded(self, *keys: str) -> None:
        """The right password was given: start counting anew."""
        with self._lock:
            for key in keys:
                self._failed.pop(key, None)

    def _left(self, key: str) -> float:
        failures, last = self._failed.get(key, (0, 0.0))
        passed = self._clock() - last
        if failures < FREE_ATTEMPTS or passed > FORGET_SECONDS:
            return 0.0
        pause = FIRST_PAUSE_SECONDS * 2.0 ** min(failures - FREE_ATTEMPTS, 20)
        return max(0.0, min(pause, LONGEST_PAUSE_SECONDS) - passed)
