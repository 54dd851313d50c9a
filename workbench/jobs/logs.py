"""Logs that rotate, are private, may be written by several processes, and keep the names of files to themselves."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from workbench.errors import OutputError
from workbench.jobs.job import Job
from workbench.jobs.locks import alone

MAX_BYTES = 1_000_000
OLD_FILES = 3
LINE = "%(asctime)s %(levelname)s %(message)s"
HIDDEN = "‹name›"


@dataclass(frozen=True)
class LogOptions:
    """``hide_names``: names of clips and folders appear in no line above debug level. ``level`` as in ``logging``."""

    hide_names: bool = True
    level: int = logging.INFO

    @property
    def name_level(self) -> int:
        """The level of a line that is about a name."""
        return logging.DEBUG if self.hide_names else logging.INFO


class SharedLog(RotatingFileHandler):
    """A rotating file, its owner's alone, that is open only while a line is written: other processes write it too."""

    def __init__(self, path: Path, options: LogOptions, *, names: Sequence[str] = ()) -> None:
        super().__init__(path, maxBytes=MAX_BYTES, backupCount=OLD_FILES, encoding="utf-8", delay=True)
        self.setFormatter(_Discreet(names if options.hide_names else ()))
        self.setLevel(options.level)
        self._lock_file = path.with_name(f".{path.name}.lock")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with alone(self._lock_file):
                super().emit(record)
                if self.stream is not None:
                    self.stream.close()
                    self.stream = None
        except (OutputError, OSError):
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nothing: a disk that is full is told of by the work itself, and no log is worth stopping it."""

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        return os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace")


class _Discreet(logging.Formatter):
    """Times in UTC; above debug level ``names`` are replaced, wherever they come from: errors quote them too."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(LINE)
        self._names = _pattern(names)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if self._names is None or record.levelno <= logging.DEBUG:
            return text
        return self._names.sub(HIDDEN, text)


def job_log(job: Job, options: LogOptions) -> logging.Logger:
    """The log of one job, ``process.log`` in its folder."""
    return _logger(SharedLog(job.log, options, names=names_of(job)))


def service_log(root: Path, options: LogOptions) -> logging.Logger:
    """The log of all workers on a queue, ``service.log`` in its root. It speaks of jobs by their ids."""
    return _logger(SharedLog(root / "service.log", options))


def names_of(job: Job) -> list[str]:
    """All that a job's log could call its clip."""
    names = [job.name, Path(job.name).stem]
    for path in (job.source, job.output):
        names += [str(path), path.name, path.stem]
        if path.parent != job.folder and path.parent != Path(path.anchor):
            names.append(str(path.parent))
    return names


def _pattern(names: Sequence[str]) -> re.Pattern[str] | None:
    """Finds any of the names, as they are and as ``repr`` writes them; very short ones only as words of their own."""
    written = {form for name in names if name for form in (name, repr(name)[1:-1])}
    longest_first = sorted(written, key=len, reverse=True)
    parts = [re.escape(name) if len(name) > 3 else rf"(?<!\w){re.escape(name)}(?!\w)" for name in longest_first]
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def _logger(handler: logging.Handler) -> logging.Logger:
    """A logger of its own: entered nowhere, so it ends with its user."""
    logger = logging.Logger("workbench.jobs", handler.level)
    logger.addHandler(handler)
    return logger
