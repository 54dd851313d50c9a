"""What the operator changed: a list of edits that can be undone, kept on disk, and laid over any decided timeline.

Track ids mean nothing once a clip is tracked anew with other options. So a decision remembers where its track was, and
passes on to the tracks that are found there; never is a face shown because another one had its number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.data import VideoInfo
from workbench.decide import empty_rows
from workbench.errors import OutputError, UsageError
from workbench.timeline import Decision, KeyBox, Timeline, add_manual, carry_edits
from workbench.video.part_file import write_private

FORMAT = 1
MANUAL_TRACKS = 1_000_000
"""Manual tracks are numbered from here on, so that they keep their numbers while analysis finds more tracks."""

PLACES_KEPT = 1000  # of a decided track: enough to know it again, little to write
SAME_PLACE_IOU = 0.4  # two trackings give the same face nearly the same box
SHARE_TO_SHOW = 0.9  # of a track's places that must be known as kept before it is shown
SHARE_TO_HIDE = 0.3  # of a track's places that are enough to hide it, or to ask about it


@dataclass(frozen=True)
class Decided:
    """A decision about a track. ``places`` are some of its (frame, x, y, w, h) px: every ``step``-th frame's."""

    track: int
    decision: Decision
    tracking: str
    step: int = 1
    places: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Drawn:
    """A manual track."""

    track: int
    boxes: tuple[KeyBox, ...]


@dataclass(frozen=True)
class Removed:
    """A manual track taken away again."""

    track: int


Edit = Decided | Drawn | Removed


class EditLog:
    """The edits of one clip in order; those beyond ``done`` were undone. Saved at ``path`` after every change.

    Raises OutputError where it cannot be saved; then nothing has changed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._edits: tuple[Edit, ...] = ()
        self._done = 0
        with suppress(OSError, ValueError, KeyError, TypeError):  # none there, or damaged: no edits
            head = json.loads(path.read_text(encoding="utf-8"))
            if head["format"] == FORMAT:
                self._edits = tuple(_edit(fields) for fields in head["edits"])
                self._done = min(int(head["done"]), len(self._edits))

    def __repr__(self) -> str:
        return f"EditLog({self._done} of {len(self._edits)} edits done)"

    @property
    def done(self) -> tuple[Edit, ...]:
        return self._edits[: self._done]

    @property
    def can_undo(self) -> bool:
        return self._done > 0

    @property
    def can_redo(self) -> bool:
        return self._done < len(self._edits)

    def next_manual_track(self) -> int:
        drawn = [edit.track for edit in self._edits if isinstance(edit, Drawn)]
        return max(drawn, default=MANUAL_TRACKS) + 1

    def add(self, edit: Edit) -> None:
        """One more edit; what was undone can no longer be done again."""
        self._set((*self.done, edit), self._done + 1)

    def undo(self) -> bool:
        """Take back the last edit. False: there was none."""
        return self.can_undo and self._set(self._edits, self._done - 1)

    def redo(self) -> bool:
        """Do again what was taken back. False: there was nothing."""
        return self.can_redo and self._set(self._edits, self._done + 1)

    def _set(self, edits: tuple[Edit, ...], done: int) -> bool:
        listed = [{"kind": type(edit).__name__, **asdict(edit)} for edit in edits]
        text = json.dumps({"format": FORMAT, "done": done, "edits": listed}, separators=(",", ":"))
        try:
            write_private(self._path, text.encode())
        except OSError as error:
            raise OutputError(f"{self._path}: the edits cannot be saved ({error.strerror}); make room") from error
        self._edits, self._done = edits, done
        return True


def decided(timeline: Timeline, track: int, decision: Decision, *, tracking: str) -> Decided:
    """The edit that decides about a track of ``timeline``, whose ids are those of ``tracking``."""
    rows = timeline.rows[timeline.rows["track"] == track]
    step = max(1, math.ceil(len(rows) / PLACES_KEPT))
    places = rows.loc[rows["frame"] % step == 0, ["frame", "x", "y", "w", "h"]].round().astype(int)
    return Decided(track, decision, tracking, step, tuple(places.itertuples(index=False, name=None)))


def drawn(boxes: Sequence[KeyBox], track: int, info: VideoInfo, *, frames: int) -> Drawn:
    """The edit that adds a manual track to a clip of so many frames.

    Raises UsageError for no box, or one that hides nothing of the picture or lies outside of the clip.
    """
    if not boxes:
        raise UsageError("a manual track needs at least one box")
    for box in boxes:
        sides = (box.x, box.y, box.w, box.h)
        where = f"manual box on frame {box.frame}"
        if not 0 <= box.frame < frames:
            raise UsageError(f"{where}: the clip has frames 0 to {frames - 1}")
        if not all(math.isfinite(side) for side in sides) or box.w <= 0 or box.h <= 0:
            raise UsageError(f"{where}: it needs numbers, and a width and height above 0")
        if box.x >= info.width_px or box.y >= info.height_px or box.x + box.w <= 0 or box.y + box.h <= 0:
            raise UsageError(f"{where}: it lies outside of the {info.width_px}x{info.height_px} picture")
    newest = {box.frame: box for box in boxes}
    return Drawn(track, tuple(newest[frame] for frame in sorted(newest)))


def apply_edits(edits: Iterable[Edit], base: Timeline, *, tracking: str, times: NDArray[np.float64]) -> Timeline:
    """``base``, whose ids are those of ``tracking``, with the operator's decisions and manual tracks."""
    decisions: dict[int, Decision] = {}
    manual: dict[int, pd.DataFrame] = {}
    for edit in edits:
        if isinstance(edit, Drawn):
            boxes = [box for box in edit.boxes if box.frame < len(times)]  # a damaged file may prove to be shorter
            if boxes:
                rows = add_manual(Timeline(empty_rows()), boxes, times.tolist()).rows
                manual[edit.track] = rows.assign(track=edit.track)
        elif isinstance(edit, Removed):
            manual.pop(edit.track, None)
            decisions.pop(edit.track, None)
        elif edit.track > MANUAL_TRACKS or edit.tracking == tracking:
            decisions[edit.track] = edit.decision
        else:
            decisions |= _passed_on(edit, base.rows)
    present = {int(track) for track in base.rows["track"].unique()} | manual.keys()
    edited = Timeline(
        pd.concat([empty_rows(), *manual.values()], ignore_index=True) if manual else empty_rows(),
        {track: decision for track, decision in decisions.items() if track in present},
    )
    return carry_edits(edited, base)


def _passed_on(edit: Decided, rows: pd.DataFrame) -> dict[int, Decision]:
    """The decision for those tracks that are, by their places, the one that the edit was about."""
    if not edit.places:
        return {}
    places = pd.DataFrame(list(edit.places), columns=["frame", "x", "y", "w", "h"])
    sampled = rows.loc[rows["frame"] % edit.step == 0, ["frame", "track", "x", "y", "w", "h"]]
    pairs = sampled.merge(places, on="frame", suffixes=("", "_known"))
    pairs = pairs[_overlap(pairs) >= SAME_PLACE_IOU]
    known = pairs.groupby("track").size()
    shares = known / sampled.groupby("track").size().loc[known.index]
    found: dict[int, Decision] = {}
    for track, share in shares.items():
        if edit.decision == "keep" and share < SHARE_TO_SHOW:
            if share >= SHARE_TO_HIDE:
                found[int(str(track))] = "review"  # perhaps two people: hidden, and the operator is asked
        elif share >= SHARE_TO_HIDE:
            found[int(str(track))] = edit.decision
    return found


def _overlap(pairs: pd.DataFrame) -> NDArray[np.floating]:
    """Intersection over union of the two boxes of each row."""
    if pairs.empty:
        return np.zeros(0)
    first, second = (pairs[[f"{name}{end}" for name in "xywh"]].to_numpy(np.float64) for end in ("", "_known"))
    corners = [np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1) for box in (first, second)]
    low, high = np.maximum(*(c[:, :2] for c in corners)), np.minimum(*(c[:, 2:] for c in corners))
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    union = np.prod(first[:, 2:], axis=1) + np.prod(second[:, 2:], axis=1) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def _edit(fields: dict[str, object]) -> Edit:
    """An edit out of its fields in the file. Raises KeyError, TypeError or ValueError for anything else."""
    kind = fields.pop("kind")
    if kind == "Decided":
        found = Decided(**fields)  # type: ignore[arg-type]
        return replace(found, places=tuple(tuple(int(n) for n in place) for place in found.places))
    if kind == "Drawn":
        boxes = tuple(KeyBox(**box) for box in fields["boxes"])  # type: ignore[attr-defined]
        return Drawn(int(str(fields["track"])), boxes)
    if kind == "Removed":
        return Removed(int(str(fields["track"])))
    raise ValueError(f"{kind!r} is no edit")
