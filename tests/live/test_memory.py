"""Memory that is free is given back to the system."""

import platform
import time

import psutil
import pytest

from workbench.live import memory


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc keeps holes, and can be asked to give them back"
)
def test_holes_between_what_is_in_use_are_given_back_once_a_minute(monkeypatch):
    process = psutil.Process()
    free_memory = memory.FreeMemory()
    pieces = [bytearray(60_000) for _ in range(2000)]
    last = bytearray(60_000)  # behind the holes, so that the heap cannot simply end earlier
    pieces.clear()
    before = process.memory_info().rss
    free_memory()
    assert process.memory_info().rss > before - 10e6  # a minute has not passed
    later = time.monotonic() + memory.SECONDS_BETWEEN
    monkeypatch.setattr(time, "monotonic", lambda: later)
    free_memory()
    assert process.memory_info().rss < before - 60e6
    assert not any(last)
