"""What an audit says, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import OutputError
from workbench.report import describe_file, json_text
from workbench.timeline import KeyBox, Timeline, add_manual
from workbench.video.part_file import refuse_source, write_private
from workbench.video.sound_check import SoundKept

FORMAT = 1
MARGIN_SECONDS = 0.4  # that a finding is hidden longer on either side: the detector sees a face late and loses it early


@dataclass(frozen=True)
class Showing:
    """A face that shows in the output, from ``first_seconds`` to ``last_seconds``, on ``frames`` of those looked at.

    It shows most on the source's ``frame`` (from 0) at ``at_seconds``: box ``x, y, w, h`` px of the output's picture,
    ``detail`` the kept share of its detail. ``score`` is the detector's best confidence; None: only the timeline knows
    of the face. ``track`` is the timeline's track that should hide it; None: the timeline has none there. ``places``
    are its boxes in px of the source's picture.
    """

    first_seconds: float
    last_seconds: float
    frames: int
    frame: int
    at_seconds: float
    x: float
    y: float
    w: float
    h: float
    detail: float
    score: float | None
    track: int | None
    places: tuple[KeyBox, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Audit:
    """What was found in ``frames`` frames, the first of which is the source's ``first_frame``.

    The detector was given ``looked`` of them. ``gone`` counts faces that were looked for and are gone: boxes of the
    timeline, and faces that the detector took a mask for. ``showing`` is where to look, longest first; ``weakest`` the
    gone faces of which most is left, one of each track (without a timeline: of each second). ``times_kept``: every
    frame is there, at its source's time. ``sound``: see ``video.sound_check``; ``none`` as well where only a part was
    written, whose sound is cut. ``times`` are the seconds of the frames.
    """

    source: Path
    output: Path
    detector: str
    frames: int
    looked: int
    gone: int
    showing: tuple[Showing, ...]
    weakest: tuple[Showing, ...]
    times_kept: bool
    sound: SoundKept
    times: tuple[float, ...] = field(repr=False)
    first_frame: int = 0
    format: int = FORMAT

    @property
    def passed(self) -> bool:
        """No face shows, no frame is missing or at another time, and there is sound wherever the source has some."""
        return not self.showing and self.times_kept and self.sound not in ("missing", "shortened")

    def as_dict(self, *, files: Mapping[str, dict[str, Any]] | None = None) -> dict[str, Any]:
        """Plain values, ready for JSON. ``files``: what ``describe_file`` says of ``source`` and ``output``, if it is
        known; without it both are read once more for their checksums.
        """
        if files is None:
            files = {"source": describe_file(self.source), "output": describe_file(self.output)}
        listed = asdict(replace(self, times=())) | {"passed": self.passed, **files}
        del listed["times"]
        for showing in (*listed["showing"], *listed["weakest"]):
            del showing["places"]
        return listed


def hide_too(timeline: Timeline, audit: Audit) -> Timeline:
    """The timeline with a manual track for every face that shows, a moment longer than it was seen.

    >>> shown = decide_track(session.timeline, 1, "keep")
    >>> render_clip(clip, shown, folder / "shown.mp4", load_preset("balanced")).hidden_boxes
    60
    >>> audit = audit_output(folder / "shown.mp4", clip)
    >>> len(audit.showing), hide_too(shown, audit)
    (1, Timeline(100 rows, 5 tracks, 20 frames))
    """
    times = np.array([audit.times[0]] * audit.first_frame + [*audit.times])
    for showing in audit.showing:
        first, last = showing.places[0], showing.places[-1]
        earliest = int(np.searchsorted(times, times[first.frame] - MARGIN_SECONDS))
        latest = int(np.searchsorted(times, times[last.frame] + MARGIN_SECONDS, side="right")) - 1
        places = [replace(first, frame=earliest), *showing.places, replace(last, frame=latest)]
        timeline = add_manual(timeline, list({place.frame: place for place in places}.values()), times.tolist())
    return timeline


def audit_path(output: Path) -> Path:
    """Where the audit of ``output`` lies."""
    return output.with_name(output.name + ".audit.json")


def save_audit(told: Mapping[str, Any], output: Path, *, source: Path) -> Path:
    """Write what ``Audit.as_dict`` told beside ``output``, all or nothing. Raises OutputError."""
    path = audit_path(output)
    refuse_source(path, source)
    try:
        write_private(path, json_text(told).encode())
    except OSError as error:
        raise OutputError(f"{path}: the audit cannot be written ({error.strerror}); make room") from error
    return path
