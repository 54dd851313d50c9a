"""The window of ``workbench live --show``: masked pictures only, as everywhere."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Self

import cv2

from workbench import colour
from workbench.errors import UsageError
from workbench.live.bus import Bus, Subscription

STEP_MS = 10
CLOSING_KEYS = (ord("q"), ord("Q"), 27)  # 27: Esc
NO_SCREEN = "--show needs a screen, and there is none here: leave it out, and --record or --push instead"


class Window:
    """A window for each stream. A context manager. Raises UsageError where there is no screen."""

    def __init__(self) -> None:
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise UsageError(NO_SCREEN)
        self._frames: dict[str, Subscription] = {}
        self._shown: set[str] = set()

    def add(self, name: str, bus: Bus) -> None:
        """Show what that bus carries."""
        self._frames[name] = bus.subscribe(depth=1)

    def show_for(self, seconds: float) -> bool:
        """Show what comes during that time. False: the window was closed."""
        ends = time.monotonic() + seconds
        try:
            while time.monotonic() < ends:
                for name, frames in self._frames.items():
                    masked = frames.get(0)
                    if masked is not None:
                        rgb = colour.picture(masked.frame, masked.frame.width_px, masked.frame.height_px)
                        cv2.imshow(name, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
                        self._shown.add(name)
                if cv2.waitKey(STEP_MS) in CLOSING_KEYS or any(not _is_open(name) for name in self._shown):
                    return False
        except cv2.error as error:  # OpenCV without windows, or a screen that cannot be reached
            raise UsageError(NO_SCREEN) from error
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for frames in self._frames.values():
            frames.close()
        if self._shown:
            cv2.destroyAllWindows()


def _is_open(name: str) -> bool:
    return cv2.getWindowProperty(name, cv2.WND_PROP_VISIBLE) >= 1
