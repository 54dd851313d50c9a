"""Loads Gradio so that it stays silent, private and quick to start."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

SETTINGS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_MCP_SERVER": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "agg",  # else Gradio's first event waits until pyplot is loaded, to find out which one it would be
}


def load_gradio(cache: Path | None = None) -> ModuleType:
    """The module ``gradio``, telling nobody of it. ``cache``: where uploads and downloads lie while they pass."""
    os.environ.update(SETTINGS)
    if cache is not None:
        os.environ["GRADIO_TEMP_DIR"] = str(cache)
        os.environ["GRADIO_EXAMPLES_CACHE"] = str(cache / "examples")
    with _no_stub_files():
        import gradio
    from gradio import processing_utils

    processing_utils.async_ssrf_protected_get = _refuse  # type: ignore[assignment]
    return gradio


async def _refuse(_url: str) -> NoReturn:
    """Stands for the function with which Gradio fetches addresses that a browser gives in place of a file."""
    raise PermissionError("the workbench fetches nothing")


@contextmanager
def _no_stub_files() -> Iterator[None]:
    """While Gradio is imported, the sources of its components cannot be found.

    It would use them to write a type stub beside each, into the installed package, at every start: half of its import
    time. Classes without a source are skipped (``gradio.component_meta.create_or_modify_pyi``).
    """
    getfile = inspect.getfile

    def unknown(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("not looked for")
        return getfile(thing)

    inspect.getfile = unknown  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = getfile
