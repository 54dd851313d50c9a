"""The file of the queue: its tables, their versions, and transactions that all processes see in one order."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.errors import OutputError, UsageError
from workbench.jobs.locks import alone

BUSY_SECONDS = 30.0  # a transaction takes milliseconds: who waits longer waits for a machine that stands still

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE jobs (
            number INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of submission
            id TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL,
            name TEXT NOT NULL,
            source BLOB NOT NULL,                      -- paths are bytes: a file name need not be text
            output BLOB NOT NULL,                      -- relative: in the job's folder
            timeline BLOB,                             -- what to hide, where that is known; relative likewise
            preset TEXT NOT NULL,                      -- JSON
            state TEXT NOT NULL,
            message TEXT NOT NULL DEFAULT '',
            frames_done INTEGER NOT NULL DEFAULT 0,
            frames_expected INTEGER,
            faces INTEGER NOT NULL DEFAULT 0,
            fps REAL NOT NULL DEFAULT 0,
            submitted_at TEXT NOT NULL,
            started_at TEXT,
            finished_at TEXT,
            attempt INTEGER NOT NULL DEFAULT 0,
            worker TEXT,                               -- who runs it
            lease_until REAL,                          -- seconds since 1970; then its worker counts as dead
            cancel_asked INTEGER NOT NULL DEFAULT 0,
            crashes INTEGER NOT NULL DEFAULT 0,        -- deaths in a row without getting further
            frames_at_crash INTEGER NOT NULL DEFAULT 0
        )
        """,
        "CREATE INDEX jobs_by_state ON jobs (state, number)",
        "CREATE INDEX jobs_by_owner ON jobs (owner, number)",
    ),
)
"""Statements that lead from each version of the tables to the next; the file's ``user_version`` counts them."""


class Database:
    """One connection, shared by the threads of this process. Raises OutputError where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.RLock()
        with self._named_errors():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives its side files the same mode
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            with alone(path.with_name(path.name + ".lock")):  # turning WAL on does not wait for others by itself
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._migrate()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """The rows of a query that changes nothing."""
        with self._turn, self._named_errors():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes beside: all of it happens, or nothing."""
        with self._turn, self._named_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._turn:
            self._connection.close()

    def _migrate(self) -> None:
        with self.change() as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > len(MIGRATIONS):
                raise UsageError(f"{self.path}: the queue was made by a newer version of the program; update this one")
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason: Any = getattr(error, "strerror", None) or error
            raise OutputError(f"{self.path}: the job queue cannot be used ({reason}); check the disk") from error
