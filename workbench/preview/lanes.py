"""The timeline as lanes to look at, and the places in it that deserve a second look."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.preview.edits import MANUAL_TRACKS
from workbench.timeline import SOURCES, Decision, Timeline

ProblemKind = Literal["gap", "low score", "review", "jump"]

SCORE_STEP = 0.1  # scores this close are one stretch of a lane: finer shades cannot be told apart
GAP_SECONDS = 0.3  # shorter than a blink: what is bridged there is certainly the same face
RETURN_SECONDS = 10.0  # a track that comes back within this time was perhaps there all the while
LOW_SECONDS = 0.3  # a single weak look is no doubt
LONGEST_JUMP = 0.6  # of the box's diagonal, from one frame to the next: more is another face, or a mistake

DETECTED, TRACKED, BRIDGED, MANUAL = (SOURCES.index(name) for name in ("detected", "tracked", "bridged", "manual"))


@dataclass(frozen=True)
class Run:
    """A stretch of a lane in one colour: frames ``first`` to ``last``; ``score`` is their mean, None where manual."""

    first: int
    last: int
    source: str
    score: float | None


@dataclass(frozen=True)
class Lane:
    """One track over time. ``name`` is what it is called on pictures: its number, or M1, M2 … for manual ones."""

    track: int
    name: str
    decision: Decision
    first: int
    last: int
    mean_score: float | None
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Problem:
    """A place where the operator should look, and why, in words."""

    frame: int
    kind: ProblemKind
    track: int
    text_en: str
    text_zh: str


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of one track in order of time. ``sources`` are positions in ``SOURCES``."""

    track: int
    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    boxes: NDArray[np.float64]  # x, y, w, h
    scores: NDArray[np.float64]
    sources: NDArray[np.int64]


def track_name(track: int) -> str:
    return f"M{track - MANUAL_TRACKS}" if track > MANUAL_TRACKS else str(track)


def lanes_of(timeline: Timeline) -> list[Lane]:
    """A lane per track in order of appearance, its rows merged into runs of one source and about one score.

    Frames between two sightings that the detector did not look at count as detected: it looked on both sides.
    """
    lanes = []
    for rows in _by_track(timeline.rows):
        lanes.append(
            Lane(
                track=rows.track,
                name=track_name(rows.track),
                decision=timeline.decision(rows.track),
                first=int(rows.frames[0]),
                last=int(rows.frames[-1]),
                mean_score=_mean(rows.scores),
                runs=tuple(_runs(rows)),
            )
        )
    return sorted(lanes, key=lambda lane: (lane.first, lane.track))


def problems_of(timeline: Timeline, *, confidence: float, cuts: Collection[int] = ()) -> list[Problem]:
    """Where the operator should look, in order of time: not at faces that somebody decided to keep.

    ``cuts`` are the frames that begin a new scene: there everything is elsewhere.
    """
    found: list[Problem] = []
    for rows in _by_track(timeline.rows):
        if timeline.decision(rows.track) == "keep" or rows.sources[0] == MANUAL:
            continue
        if timeline.decision(rows.track) == "review":
            found.append(_review(rows))
        found += [*_gaps(rows), *_low(rows, confidence), *_jumps(rows, cuts)]
    return sorted(found, key=lambda problem: (problem.frame, problem.track))


def _by_track(rows: pd.DataFrame) -> Iterator[_Rows]:
    ordered = rows.sort_values(["track", "frame"], kind="stable")
    tracks = ordered["track"].to_numpy(np.int64)
    columns = {
        "frames": ordered["frame"].to_numpy(np.int64),
        "times": ordered["time_seconds"].to_numpy(np.float64),
        "boxes": ordered[["x", "y", "w", "h"]].to_numpy(np.float64),
        "scores": ordered["score"].to_numpy(np.float64),
        "sources": pd.Categorical(ordered["source"], categories=list(SOURCES)).codes.astype(np.int64),
    }
    edges = np.flatnonzero(np.diff(tracks)) + 1
    for part in np.split(np.arange(len(tracks)), edges):
        if len(part):
            yield _Rows(int(tracks[part[0]]), **{name: values[part] for name, values in columns.items()})


def _runs(rows: _Rows) -> Iterator[Run]:
    sources = _shown_sources(rows)
    level = np.nan_to_num(np.floor(rows.scores / SCORE_STEP + 1e-6), nan=-1)
    for part in _stretches((np.diff(rows.frames) > 1) | (np.diff(sources) != 0) | (np.diff(level) != 0)):
        first, last = part[0], part[-1]
        source = SOURCES[int(sources[first])]
        yield Run(int(rows.frames[first]), int(rows.frames[last]), source, _mean(rows.scores[part]))


def _shown_sources(rows: _Rows) -> NDArray[np.int64]:
    """The rows' sources, with the skipped frames between two looks counted as detected."""
    sources = rows.sources.copy()
    kinds = list(_stretches((np.diff(rows.frames) > 1) | (np.diff(rows.sources) != 0)))
    for before, part, after in zip(kinds, kinds[1:], kinds[2:], strict=False):
        joined = rows.frames[part[0]] - rows.frames[before[-1]] == 1 == rows.frames[after[0]] - rows.frames[part[-1]]
        between = rows.sources[before[0]] == DETECTED == rows.sources[after[0]]
        if rows.sources[part[0]] == TRACKED and joined and between:
            sources[part] = DETECTED
    return sources


def _stretches(parted: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Positions of the rows, cut wherever ``parted`` (one shorter than the rows) says so."""
    return np.split(np.arange(len(parted) + 1), np.flatnonzero(parted) + 1)


def _review(rows: _Rows) -> Problem:
    best = int(np.nanargmax(rows.scores)) if np.isfinite(rows.scores).any() else 0
    name = track_name(rows.track)
    return Problem(
        int(rows.frames[best]), "review", rows.track,
        f"Face {name} was never seen surely: hidden for now, please decide.",
        f"轨迹 {name} 从未被明确检出：暂时遮挡，请确认。",
    )  # fmt: skip


def _gaps(rows: _Rows) -> Iterator[Problem]:
    """Bridged stretches, where the detector looked and saw nothing, and breaks after which the track comes back."""
    name = track_name(rows.track)
    for part in _stretches((np.diff(rows.frames) > 1) | (np.diff(rows.sources == BRIDGED) != 0)):
        seconds = rows.times[part[-1]] - rows.times[part[0]]
        if rows.sources[part[0]] == BRIDGED and seconds >= GAP_SECONDS:
            yield Problem(
                int(rows.frames[part[len(part) // 2]]), "gap", rows.track,
                f"Face {name} was not seen for {seconds:.1f} s; the mask was carried across.",
                f"轨迹 {name} 有 {seconds:.1f} 秒未被检出，遮挡已自动延续。",
            )  # fmt: skip
    for place in np.flatnonzero(np.diff(rows.frames) > 1).tolist():
        seconds = rows.times[place + 1] - rows.times[place]
        if seconds <= RETURN_SECONDS:
            yield Problem(
                int(rows.frames[place]) + 1, "gap", rows.track,
                f"Face {name} is not hidden for {seconds:.1f} s: check that nobody is to be seen.",
                f"轨迹 {name} 有 {seconds:.1f} 秒没有遮挡，请确认画面中无人脸露出。",
            )  # fmt: skip


def _low(rows: _Rows, confidence: float) -> Iterator[Problem]:
    """Stretches in which the face was seen only below the threshold."""
    low = rows.scores < confidence
    name = track_name(rows.track)
    for part in _stretches((np.diff(rows.frames) > 1) | (np.diff(low) != 0)):
        if low[part[0]] and rows.times[part[-1]] - rows.times[part[0]] >= LOW_SECONDS:
            worst = int(part[np.argmin(rows.scores[part])])
            score = rows.scores[worst]
            yield Problem(
                int(rows.frames[worst]), "low score", rows.track,
                f"Face {name} is seen faintly here (score {score:.2f}): check that the mask fits.",
                f"轨迹 {name} 在此处置信度较低（{score:.2f}），请确认遮挡位置正确。",
            )  # fmt: skip


def _jumps(rows: _Rows, cuts: Collection[int]) -> Iterator[Problem]:
    """Frames on which the box is suddenly elsewhere."""
    centres = rows.boxes[:, :2] + rows.boxes[:, 2:] / 2
    moved = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    reach = LONGEST_JUMP * np.linalg.norm(rows.boxes[:-1, 2:], axis=1)
    name = track_name(rows.track)
    for place in np.flatnonzero((moved > reach) & (np.diff(rows.frames) == 1)).tolist():
        if int(rows.frames[place + 1]) in cuts:
            continue
        yield Problem(
            int(rows.frames[place + 1]), "jump", rows.track,
            f"Face {name} jumps here: perhaps it changes from one person to another.",
            f"轨迹 {name} 在此处发生跳变，可能换了人。",
        )  # fmt: skip


def _mean(scores: NDArray[np.float64]) -> float | None:
    known = scores[np.isfinite(scores)]
    return round(float(known.mean()), 4) if len(known) else None
