"""How good invented faces are: found by another detector, steady, one person per track, nobody's copy, and their cost.

``python -m tests.maskers.bench_masks --yunet YUNET.onnx [--faces DIR] [--sheets DIR] [KIND ...]`` prints JSON. YuNet is
the detector that finds them; it took no part in the masking. DIR are the portraits that the masks learnt from.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.conftest import SAMPLES
from workbench import boxes as geometry
from workbench import colour
from workbench.data import Frame, HiddenFaces, Picture
from workbench.detectors import open_finder
from workbench.detectors.finder import FaceFinder
from workbench.detectors.options import DetectorOptions
from workbench.maskers import MaskOptions, open_masker
from workbench.presets import load_preset
from workbench.preview.overlays import copy_of, masked_copy
from workbench.process import analyze_clip, decide_store
from workbench.regions import hide
from workbench.timeline import BoxLookup
from workbench.trackers.appearance import AppearanceModel
from workbench.training.masks.pictures import Portrait, load_portraits
from workbench.video.files import VideoFile

KINDS = ("gan", "diffusion")
FOUND_IOU, FOUND_SCORE = 0.3, 0.5
STILL = 0.01  # of a face's width that it may move from one frame to the next
STILL_TURN = 0.01  # of the pose's turn
EVERY = {"gan": 1, "diffusion": 5}  # frames looked at: the slow mask takes a fifth of them, in pairs
NEAREST, GENERATED = 12, 200
JOBS = tuple(f"job {number}".encode() for number in range(6))
"""Secrets: each job invents other people, some of whom look more alike than others."""

APART, LOOKS = 12, 5  # frames between two looks at whether a track keeps its face, and how many of them it takes


@dataclass(eq=False)
class Seen:
    """One hidden face on one frame."""

    found: bool
    face: Picture  # 96 x 96, invented
    change: float | None  # mean change of luma since the frame before, where the head was still
    change_before_masking: float | None


@cache
def hidden_faces(clip: str) -> BoxLookup:
    """Where the faces of a sample clip are."""
    preset = load_preset("balanced")
    return BoxLookup(decide_store(analyze_clip(SAMPLES / f"{clip}.mp4", preset), preset))


def masked_frames(
    clip: str, kind: str, wanted: Callable[[int], bool], *, secret: bytes
) -> Iterator[tuple[Frame, Frame, HiddenFaces]]:
    """The wanted frames: the original, the masked one, and the faces that the timeline hides."""
    options = MaskOptions(kind=kind)
    masker, lookup = open_masker(options, secret=secret), hidden_faces(clip)
    with VideoFile(SAMPLES / f"{clip}.mp4") as video:
        for frame in video.frames():
            if wanted(frame.index):
                faces = lookup.on(frame.index)
                yield frame, masked_copy(frame, faces, masker, options), faces


def whole(box: NDArray[Any], frame: Frame) -> bool:
    """Whether a face lies wholly in the picture."""
    return bool(box.min() >= 0 and box[2] <= frame.width_px and box[3] <= frame.height_px)


def face_in(frame: Frame, box: NDArray[Any]) -> Picture:
    x0, y0, x1, y1 = (int(value) for value in box)
    return np.asarray(cv2.resize(colour.crop(frame, x0, y0, x1, y1), (96, 96)), np.uint8)


def seen_in(clip: str, kind: str, finder: FaceFinder) -> list[Seen]:
    """Every hidden face of the clip that lies wholly in the picture."""
    seen: list[Seen] = []
    last: dict[int, tuple[int, NDArray[Any], NDArray[Any], Picture, Picture]] = {}
    for frame, masked, faces in masked_frames(clip, kind, lambda index: index % EVERY[kind] < 2, secret=JOBS[0]):
        found = finder.find([masked])[0]
        found = found[found.scores >= FOUND_SCORE]
        for box, track, pose in zip(*faces, strict=True):
            if not whole(box, frame):
                continue
            overlaps = geometry.iou(box[None], found.boxes)
            now = luma_of(masked, box), luma_of(frame, box)
            changes: tuple[float | None, float | None] = (None, None)
            if track in last and last[track][0] == frame.index - 1 and is_still(last[track][1:3], (box, pose)):
                # Both in the place of the earlier box, as somebody who watches the head sees it.
                now = luma_of(masked, last[track][1]), luma_of(frame, last[track][1])
                changes = tuple(float(np.abs(a - b).mean()) for a, b in zip(now, last[track][3:], strict=True))  # type: ignore[assignment]
                now = luma_of(masked, box), luma_of(frame, box)
            last[int(track)] = (frame.index, box, pose, *now)
            is_found = bool(len(found)) and overlaps.max() >= FOUND_IOU
            seen.append(Seen(is_found, face_in(masked, box), *changes))
    return seen


def luma_of(frame: Frame, box: NDArray[Any]) -> NDArray[np.float32]:
    x0, y0, x1, y1 = (int(value) for value in box)
    return frame.planes[0][y0:y1, x0:x1].astype(np.float32)


def is_still(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    (box, pose), (box_now, pose_now) = before, now
    moved = np.abs(box_now - box).max() / (box[2] - box[0])
    return bool(moved < STILL and abs(pose_now[0] - pose[0]) < STILL_TURN)


def figures(kind: str, finder: FaceFinder) -> dict[str, Any]:
    """The figures of one mask on the two clips, and what a face costs."""
    found: dict[str, Any] = {}
    embedder = AppearanceModel()
    for clip in ("consultation", "meeting_grid"):
        seen = seen_in(clip, kind, finder)
        still = [(each.change, each.change_before_masking) for each in seen if each.change is not None]
        ours, theirs = (float(np.mean([pair[side] for pair in still])) if still else float("nan") for side in (0, 1))
        found[clip] = {
            "faces": len(seen),
            "found_percent": round(100 * float(np.mean([each.found for each in seen])), 1),
            "still_pairs": len(still),
            "change_ratio": round(ours / theirs, 2),
            "change_levels": [round(ours, 2), round(theirs, 2)],
            "distances": distances(clip, kind, embedder),
        }
    found["ms_per_face"] = cost(kind)
    return found


def distances(clip: str, kind: str, embedder: AppearanceModel) -> dict[str, float]:
    """Cosine distances between faces of one track, and of two: means over several jobs, and their ratio."""
    jobs = [_distances_of_job(clip, kind, embedder, secret) for secret in JOBS]
    within, between = (float(np.mean([job[side] for job in jobs])) for side in (0, 1))
    return {"within": round(within, 3), "between": round(between, 3), "ratio": round(between / within, 2)}


def _distances_of_job(clip: str, kind: str, embedder: AppearanceModel, secret: bytes) -> tuple[float, float]:
    by_track: dict[int, list[Picture]] = defaultdict(list)
    for frame, masked, faces in masked_frames(clip, kind, lambda index: index % APART == 0, secret=secret):
        for box, track, _ in zip(*faces, strict=True):
            if whole(box, frame):
                by_track[int(track)].append(face_in(masked, box))
    vectors = [embedder.embed(faces) for _, faces in sorted(by_track.items()) if len(faces) >= LOOKS]
    within = [1 - float(np.mean(each @ each.T)) for each in vectors]
    between = [1 - float(np.mean(one @ other.T)) for one, other in combinations(vectors, 2)]
    return float(np.mean(within)), float(np.mean(between))


def cost(kind: str) -> float:
    """Milliseconds a face, the least of many runs over four faces of 200 px."""
    random = np.random.default_rng(1)
    planes = tuple(
        cv2.resize(random.integers(16, 235, (18 // s, 32 // s), np.uint8), (1280 // s, 720 // s)) for s in (1, 2, 2)
    )
    frame = Frame(0, 0, 1, planes, colour.Colour())  # type: ignore[arg-type]
    boxes = np.array([[100.0 + 290 * n, 200, 300 + 290 * n, 460] for n in range(4)])
    options, taken = MaskOptions(kind=kind), []
    masker = open_masker(options)
    for _ in range(6):
        copy = copy_of(frame)
        begun = time.perf_counter()
        hide(copy, boxes, masker, options, tracks=np.arange(4))
        taken.append(time.perf_counter() - begun)
    return round(1000 * min(taken) / len(boxes), 1)


def nearest(kind: str, portraits: list[Portrait], finder: FaceFinder, sheet: Path | None) -> dict[str, float]:
    """The training face that is nearest to each of 200 invented ones, by pixels and by features.

    To compare with: the same between training faces of different people.
    """
    embedder = AppearanceModel()
    learnt = [face_of(each) for each in portraits]
    people = np.array([each.person for each in portraits])
    seen = seen_in("meeting_grid", kind, finder) + seen_in("consultation", kind, finder)
    random = np.random.default_rng(0)
    invented = [seen[i].face for i in random.choice(len(seen), min(GENERATED, len(seen)), replace=False)]
    result: dict[str, float] = {}
    rows = []
    for name, of in (("pixels", thumbnails), ("features", embedder.embed)):
        theirs, ours = of(learnt), of(invented)
        gaps = np.linalg.norm(ours[:, None] - theirs[None], axis=2)
        sample = random.choice(len(learnt), min(GENERATED, len(learnt)), replace=False)
        among = np.linalg.norm(theirs[sample][:, None] - theirs[None], axis=2)
        among[people[sample][:, None] == people[None]] = np.inf
        result |= {
            f"{name}_invented_to_nearest_learnt": round(float(np.median(gaps.min(axis=1))), 3),
            f"{name}_least": round(float(gaps.min()), 3),
            f"{name}_learnt_to_nearest_other_person": round(float(np.median(among.min(axis=1))), 3),
        }
        rows.append((gaps.min(axis=1), gaps.argmin(axis=1)))
    if sheet is not None:
        closest = np.argsort(rows[1][0])[:NEAREST]
        columns = [np.vstack([invented[i], learnt[rows[0][1][i]], learnt[rows[1][1][i]]]) for i in closest]
        cv2.imwrite(str(sheet), np.hstack(columns)[..., ::-1])
    return result


def face_of(portrait: Portrait) -> Picture:
    x0, y0, x1, y1 = np.clip(portrait.box, 0, None).astype(int)
    return np.asarray(cv2.resize(portrait.pixels[y0:y1, x0:x1], (96, 96)), np.uint8)


def thumbnails(faces: list[Picture]) -> NDArray[np.float32]:
    """(N, K) small grey pictures of mean 0 and length 1."""
    small = np.stack(
        [cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (24, 24), interpolation=cv2.INTER_AREA) for face in faces]
    )
    flat = small.reshape(len(faces), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--yunet", type=Path, required=True)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--sheets", type=Path)
    chosen = parser.parse_args()
    options = DetectorOptions(kind="yunet", weights=str(chosen.yunet), image_size=960, confidence=FOUND_SCORE)
    finder = open_finder(options, width_px=1280, height_px=720)
    found = {kind: figures(kind, finder) for kind in chosen.kinds}
    if chosen.faces:
        portraits = load_portraits(chosen.faces)
        for kind in chosen.kinds:
            sheet = chosen.sheets / f"nearest_{kind}.png" if chosen.sheets else None
            found[kind]["nearest"] = nearest(kind, portraits, finder, sheet)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
