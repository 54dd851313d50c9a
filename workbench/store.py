"""The detection store: everything pass 1 saw, so that thresholds and tracking can be decided again without pixels."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import Detections
from workbench.errors import OutputError, TimelineError
from workbench.video.part_file import write_private

FORMAT = 1


@dataclass(frozen=True, eq=False)
class AnalysedFrame:
    """What pass 1 learned of one frame.

    ``change`` is the mean absolute luma difference to the frame before, 0..255, or to one shortly before it that is
    more alike: a scene cut shows as a peak.
    ``detections`` is None where the detector did not look. ``embeddings`` (N, D) has rows of NaN where no appearance
    vector was computed; None where none was.
    """

    index: int
    pts: int
    change: float
    detections: Detections | None
    embeddings: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class DetectionStore:
    """All candidates of a clip, frame by frame, and the facts needed to use them.

    ``facts`` says where they come from: ``source_sha256``, ``detector``, ``engine``, ``options``, ``average_fps``.
    """

    width_px: int
    height_px: int
    time_base: Fraction
    facts: dict[str, Any]
    frames: tuple[AnalysedFrame, ...]

    def __repr__(self) -> str:
        looked = sum(frame.detections is not None for frame in self.frames)
        return f"DetectionStore({len(self.frames)} frames, {looked} analysed, {self.width_px}x{self.height_px})"


def save_store(store: DetectionStore, path: Path) -> None:
    """Write ``store`` as one private .npz file, all or nothing. Raises OutputError."""
    try:
        write_private(path, packed(store))
    except OSError as error:
        raise OutputError(
            f"{path}: the detections cannot be written ({error.strerror}); choose another place"
        ) from error


def packed(store: DetectionStore, *, exact: bool = False) -> bytes:
    """``store`` as the bytes of an .npz file. ``exact`` keeps appearance vectors to the bit, in twice the space."""
    looked = [frame for frame in store.frames if frame.detections is not None]
    found = [frame.detections for frame in looked if frame.detections is not None]
    head = {
        "format": FORMAT,
        "width_px": store.width_px,
        "height_px": store.height_px,
        "time_base": str(store.time_base),
        "facts": store.facts,
    }
    arrays: dict[str, Any] = {
        "head": np.frombuffer(json.dumps(head).encode(), np.uint8),
        "index": np.array([frame.index for frame in store.frames], np.int64),
        "pts": np.array([frame.pts for frame in store.frames], np.int64),
        "change": np.array([frame.change for frame in store.frames], np.float32),
        "looked": np.array([frame.detections is not None for frame in store.frames], bool),
        "counts": np.array([len(each) for each in found], np.int64),
        "boxes": _stacked([each.boxes for each in found], (0, 4)),
        "scores": _stacked([each.scores for each in found], (0,)),
    }
    if any(each.landmarks is not None for each in found):
        arrays["landmarks"] = _stacked(
            [np.full((len(d), 5, 2), np.nan, np.float32) if d.landmarks is None else d.landmarks for d in found],
            (0, 5, 2),
        )
    width = next((frame.embeddings.shape[1] for frame in looked if frame.embeddings is not None), 0)
    if width:
        blank = [np.full((len(d), width), np.nan, np.float32) for d in found]
        arrays["embeddings"] = _stacked(
            [b if frame.embeddings is None else frame.embeddings for frame, b in zip(looked, blank, strict=True)],
            (0, width),
        ).astype(np.float32 if exact else np.float16)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def load_store(path: Path) -> DetectionStore:
    """Read what ``save_store`` wrote. Raises TimelineError when the file is none of ours or damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise TimelineError(f"{path}: no such file; give the detections that an earlier run kept") from error
    except OSError as error:
        raise TimelineError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    return unpacked(content, path)


def unpacked(content: bytes, path: Path) -> DetectionStore:
    """What ``packed`` made, read from ``path``. Raises TimelineError when it is none of ours or damaged."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays["head"].tobytes())
        if head["format"] != FORMAT:
            raise TimelineError(
                f"{path}: detections of format {head['format']}, this version reads {FORMAT}; analyse again"
            )
        return DetectionStore(
            head["width_px"], head["height_px"], Fraction(head["time_base"]), head["facts"], tuple(_frames(arrays))
        )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TimelineError(f"{path}: not a file of detections, or damaged; analyse the clip again") from error


def _stacked(parts: Iterable[NDArray[Any]], empty: tuple[int, ...]) -> NDArray[Any]:
    return np.concatenate([np.zeros(empty, np.float32), *parts])


def _frames(arrays: dict[str, NDArray[Any]]) -> Iterator[AnalysedFrame]:
    ends = np.cumsum(arrays["counts"])
    starts = ends - arrays["counts"]
    landmarks, embeddings = arrays.get("landmarks"), arrays.get("embeddings")
    row = 0
    for index, pts, change, looked in zip(
        arrays["index"], arrays["pts"], arrays["change"], arrays["looked"], strict=True
    ):
        found, vectors = None, None
        if looked:
            rows = slice(int(starts[row]), int(ends[row]))
            found = Detections(
                arrays["boxes"][rows], arrays["scores"][rows], None if landmarks is None else landmarks[rows]
            )
            if embeddings is not None and np.isfinite(embeddings[rows]).any():
                vectors = embeddings[rows].astype(np.float32)
            row += 1
        yield AnalysedFrame(int(index), int(pts), float(change), found, vectors)
