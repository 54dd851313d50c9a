"""The same frame under every mask, with what each costs."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import cast, get_args

import numpy as np

from workbench import colour
from workbench.data import Frame, HiddenFaces, Picture
from workbench.errors import UsageError, WorkbenchError
from workbench.maskers import MaskOptions, open_masker
from workbench.preview.overlays import PREVIEW_SECRET, copy_of
from workbench.preview.session import ClipSession
from workbench.regions import hide
from workbench.stages import Masker
from workbench.timeline import BoxLookup
from workbench.video.files import VideoFile

LONG_SIDE_PX = 960  # of a compared frame: two or three stand side by side on a page
LEAST_RUNS, MOST_RUNS = 3, 9  # of a mask that is timed
TIMED_SECONDS = 0.03  # enough for a steady figure
SLOW_SECONDS = 1.0  # a mask that takes so long runs twice: the first time it also gets ready

TITLES = {
    "gaussian": ("Gaussian blur", "高斯模糊"),
    "mosaic": ("Mosaic", "马赛克"),
    "solid": ("Solid colour", "纯色"),
    "gan": ("GAN face", "GAN 人脸"),
    "diffusion": ("Diffusion face", "扩散人脸"),
}


SLOW_KINDS = frozenset({"diffusion"})
"""Kinds that take seconds to load and tenths of a second a face: nobody should wait for them unasked."""


@dataclass(frozen=True, eq=False)
class MaskSample:
    """A frame under one kind of mask. ``picture`` is None where the mask cannot run here; the notes say why.

    ``milliseconds_per_face`` is None where no face is hidden on the frame.
    """

    kind: str
    title_en: str
    title_zh: str
    picture: Picture | None
    milliseconds_per_face: float | None
    note_en: str = ""
    note_zh: str = ""

    def __repr__(self) -> str:
        return f"MaskSample({self.kind}, {'shown' if self.picture is not None else self.note_en})"


@cache
def mask_kinds() -> tuple[str, ...]:
    """Every kind of mask that a preset may name."""
    return cast(tuple[str, ...], get_args(MaskOptions.model_fields["kind"].annotation))


def masks_of_every_kind(options: MaskOptions) -> dict[str, tuple[MaskOptions, Masker | WorkbenchError]]:
    """The options with each kind in turn, and its masker, or why it cannot run here."""
    return {kind: _opened(options.model_copy(update={"kind": kind})) for kind in mask_kinds()}


def compare_masks(session: ClipSession, index: int, *, kinds: Collection[str] | None = None) -> list[MaskSample]:
    """Frame ``index`` under every kind of mask, or those ``kinds``, with the session's strength, shape and growth.

    Raises UsageError for a frame that does not exist or is not decided yet, SourceError when it cannot be read.

    >>> [found.kind for found in compare_masks(session, 10)]
    ['gaussian', 'mosaic', 'solid', 'gan', 'diffusion']
    """
    if not 0 <= index < session.frames:
        raise UsageError(f"frame {index}: the clip has frames 0 to {session.frames - 1}")
    refuse_undecided(session, index)
    faces = BoxLookup(session.timeline).on(index)
    frame = _frame(session, index)
    samples = []
    for kind in mask_kinds() if kinds is None else kinds:
        options, masker = _opened(session.preset.mask.model_copy(update={"kind": kind}))
        title_en, title_zh = TITLES.get(kind, (kind, kind))
        if isinstance(masker, WorkbenchError):
            samples.append(_unavailable(kind, title_en, title_zh, masker))
            continue
        try:
            picture, milliseconds = _timed(frame, faces, masker, options)
        except WorkbenchError as error:
            samples.append(_unavailable(kind, title_en, title_zh, error))
            continue
        notes = ("", "") if len(faces.boxes) else ("no face is hidden on this frame", "此帧没有需要遮挡的人脸")
        samples.append(MaskSample(kind, title_en, title_zh, picture, milliseconds, *notes))
    return samples


def refuse_undecided(session: ClipSession, last: int) -> None:
    """Raises UsageError unless it is final what is hidden up to frame ``last``."""
    if session.complete:
        return
    done = session.analysed
    known_until = session.times[done - 1] - session.preset.timeline.horizon_seconds if done else -np.inf
    if session.times[last] > known_until:
        ready = max(0.0, float(known_until - session.times[0]))
        raise UsageError(f"the clip is analysed up to {ready:.1f} s so far: wait a moment, or choose an earlier part")


def _opened(options: MaskOptions) -> tuple[MaskOptions, Masker | WorkbenchError]:
    try:
        return options, open_masker(options, secret=PREVIEW_SECRET)
    except WorkbenchError as error:
        return options, error
    except ImportError as error:
        return options, WorkbenchError(f"the package {error.name} is missing; run: pip install {error.name}")


def _frame(session: ClipSession, index: int) -> Frame:
    """The frame, read from half an interval before it on."""
    times = session.times
    before = float((times[index - 1] + times[index]) / 2 - times[0]) if index else None
    with VideoFile(session.source, start_seconds=before) as video:
        return next(frame for frame in video.frames() if frame.index >= index)


def _timed(frame: Frame, faces: HiddenFaces, masker: Masker, options: MaskOptions) -> tuple[Picture, float | None]:
    """The masked frame, and the least time it took per face, without the copying: other work only ever adds to it."""
    taken: list[float] = []
    while len(taken) < LEAST_RUNS or sum(taken) < TIMED_SECONDS:
        copied = copy_of(frame)
        start = time.perf_counter()
        hide(copied, faces.boxes, masker, options, tracks=faces.tracks, poses=faces.poses)
        taken.append(time.perf_counter() - start)
        if (sum(taken) > SLOW_SECONDS and len(taken) > 1) or len(taken) == MOST_RUNS:
            break
    scale = min(1.0, LONG_SIDE_PX / max(frame.width_px, frame.height_px))
    picture = colour.picture(copied, max(1, round(frame.width_px * scale)), max(1, round(frame.height_px * scale)))
    return picture, 1000 * min(taken) / len(faces.boxes) if len(faces.boxes) else None


def _unavailable(kind: str, title_en: str, title_zh: str, error: WorkbenchError) -> MaskSample:
    return MaskSample(kind, title_en, title_zh, None, None, f"not available here: {error}", f"此处不可用：{error}")
