"""A clip worked on segment by segment, so that a kill at any moment loses a few seconds of work at most."""

from workbench.segments.work import forget_segments, process_in_segments

__all__ = ["forget_segments", "process_in_segments"]
