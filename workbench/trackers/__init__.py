"""Trackers: they give each detection the id of the person it shows. ``open_tracker`` is the door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.trackers.options import TrackerOptions

if TYPE_CHECKING:
    from workbench.stages import Tracker

__all__ = ["TrackerOptions", "open_tracker"]


def open_tracker(options: TrackerOptions, *, steps_per_second: float, height_px: int) -> Tracker:
    """The tracker that ``options.type`` names, for so many analysed frames a second and pictures of this height."""
    from workbench.trackers.deepsort import DeepSort

    return DeepSort(options, steps_per_second=steps_per_second, height_px=height_px)
