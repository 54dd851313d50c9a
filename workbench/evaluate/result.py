"""What an evaluation says, and the tally of hidden and visible faces that it is made from."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.evaluate.truth import TrueFaces

NEAR_GROWTH = 0.3
"""Masked pixels count as false beyond a true face's box grown by this share of its size on each side."""

FALLBACK_FPS = 25.0
"""Rate of a clip with a single frame, which has no intervals."""


@dataclass(frozen=True)
class Leak:
    """One person's face visible on consecutive frames, from ``first_frame`` to ``last_frame`` (counted from 0).

    ``at_seconds`` is the time of the first one; ``worst_cover`` the smallest hidden share of the face among them.
    """

    person: int
    first_frame: int
    last_frame: int
    at_seconds: float
    seconds: float
    worst_cover: float


@dataclass(frozen=True)
class Evaluation:
    """Figures of one timeline or output. None: cannot be known from what was evaluated.

    ``frames`` were looked at; the truth reaches to ``truth_frames``. ``faces`` counts visible true faces over all
    frames, ``hidden`` those covered enough, ``recall`` is their share and ``leak_frames`` the rest.
    ``leak_seconds`` and ``longest_leak_seconds`` are times a person's face was visible. ``false_area`` is the mean
    share of the picture that is masked away from true faces. ``idf1``, ``id_switches`` and ``mota`` say how well
    identities were kept. ``leaks`` is where to look, longest first.
    """

    frames: int
    truth_frames: int
    faces: int
    hidden: int
    recall: float | None
    leak_frames: int
    leak_seconds: float
    longest_leak_seconds: float
    false_area: float
    idf1: float | None = None
    id_switches: int | None = None
    mota: float | None = None
    leaks: tuple[Leak, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


class Tally:
    """Counts hidden and visible faces frame by frame. A face is hidden where ``cover`` of its ellipse is masked."""

    def __init__(self, cover: float) -> None:
        self._needed = cover
        self._faces = 0
        self._shown: dict[int, list[tuple[int, float]]] = defaultdict(list)
        self._false_area: list[float] = []

    def add(self, frame: int, masked: NDArray[np.bool_], faces: TrueFaces) -> None:
        """Judge one frame by which of its pixels are ``masked`` (H, W). Only visible faces count."""
        height, width = masked.shape
        near = np.zeros(masked.shape, np.bool_)
        for person, box in zip(faces.people[faces.visible], faces.boxes[faces.visible], strict=True):
            covered = _covered_share(masked, box)
            if covered is None:
                continue
            self._faces += 1
            if covered < self._needed:
                self._shown[int(person)].append((frame, covered))
            margin = (box[2:] - box[:2]) * NEAR_GROWTH
            x0, y0 = (max(int(side), 0) for side in box[:2] - margin)
            x1, y1 = (max(int(side), 0) for side in box[2:] + margin)
            near[y0:y1, x0:x1] = True
        self._false_area.append(np.count_nonzero(masked & ~near) / (height * width))

    def evaluation(self, times: Sequence[float], *, truth_frames: int, **identity: Any) -> Evaluation:
        """The figures; ``times`` are the seconds of every frame, ``identity`` the figures of ``identities``."""
        leaks = [leak for person, shown in self._shown.items() for leak in _leaks(person, shown, times)]
        leaks.sort(key=lambda leak: (-leak.seconds, leak.worst_cover, leak.person, leak.first_frame))
        leak_frames = sum(len(shown) for shown in self._shown.values())
        hidden = self._faces - leak_frames
        return Evaluation(
            frames=len(self._false_area),
            truth_frames=truth_frames,
            faces=self._faces,
            hidden=hidden,
            recall=hidden / self._faces if self._faces else None,
            leak_frames=leak_frames,
            leak_seconds=sum(leak.seconds for leak in leaks),
            longest_leak_seconds=max((leak.seconds for leak in leaks), default=0.0),
            false_area=float(np.mean(self._false_area)) if self._false_area else 0.0,
            leaks=tuple(leaks),
            **identity,
        )


def _covered_share(masked: NDArray[np.bool_], box: NDArray[np.float64]) -> float | None:
    """Masked share of the ellipse inscribed in ``box``, of its part inside the picture; None where there is none."""
    height, width = masked.shape
    left, top, right, bottom = (int(side) for side in np.rint(box))
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    across, down = max(right - left, 1), max(bottom - top, 1)
    columns = (np.arange(x0, x1) - left - (across - 1) / 2) / (across / 2)
    rows = (np.arange(y0, y1) - top - (down - 1) / 2) / (down / 2)
    inside = np.add.outer(rows**2, columns**2) <= 1
    if not inside.any():
        return None
    return float(masked[y0:y1, x0:x1][inside].mean())


def _leaks(person: int, shown: list[tuple[int, float]], times: Sequence[float]) -> list[Leak]:
    frames = np.array([frame for frame, _ in shown])
    covers = np.array([cover for _, cover in shown])
    starts = np.r_[0, np.flatnonzero(np.diff(frames) > 1) + 1, len(frames)]
    return [
        Leak(
            person=person,
            first_frame=int(frames[start]),
            last_frame=int(frames[stop - 1]),
            at_seconds=float(times[frames[start]]),
            seconds=float(_end_seconds(int(frames[stop - 1]), times) - times[frames[start]]),
            worst_cover=float(covers[start:stop].min()),
        )
        for start, stop in itertools.pairwise(starts)
    ]


def _end_seconds(frame: int, times: Sequence[float]) -> float:
    """When the frame leaves the screen: with the next one, the last one after the mean interval."""
    if frame + 1 < len(times):
        return times[frame + 1]
    interval = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1 / FALLBACK_FPS
    return times[-1] + interval
