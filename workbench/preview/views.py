"""Pictures of an opened clip: a frame in one of four views, or a track's face. Where it fails, nothing is shown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.data import Frame, Picture, VideoInfo
from workbench.errors import UsageError
from workbench.maskers import open_masker
from workbench.preview.index import read_index, untrusted_index
from workbench.preview.overlays import (
    PREVIEW_SECRET,
    draw_detections,
    draw_tracks,
    hidden_picture,
    masked_picture,
    picture_size,
    small_picture,
)
from workbench.preview.published import Published
from workbench.preview.reader import FrameReader
from workbench.preview.thumbnails import SIDE_PX, best_place, face_picture

View = Literal["original", "detection", "tracking", "mask"]

THUMBNAILS_KEPT = 256

log = logging.getLogger(__name__)


class Views:
    """Draws what a ``Published`` state says over the clip's frames. Thread-safe."""

    def __init__(self, source: Path, info: VideoInfo, *, cache_bytes: int) -> None:
        self._source = source
        self._info = info
        self._cache_bytes = cache_bytes
        self.index = read_index(source)
        self.times: NDArray[np.float64] = self.index.times()
        self._reader = FrameReader(source, self.index, cache_bytes=cache_bytes)
        self._masking = threading.Lock()  # maskers are for one thread at a time
        self._thumbnails: dict[tuple[int, int], Picture] = {}

    def take_times(self, pts: Sequence[int]) -> None:
        """Take over the times at which the frames really came, where the file's packets said something else."""
        if list(pts) != self.index.pts.tolist():
            self._reader.close()
            self.index = untrusted_index(pts, self._info.time_base)
            self.times = self.index.times()
            self._reader = FrameReader(self._source, self.index, cache_bytes=self._cache_bytes)

    def offer(self, frame: Frame) -> None:
        """Keep a frame that was decoded elsewhere, if there is room."""
        self._reader.offer(frame)

    def picture(self, state: Published, index: int, view: View, *, width_px: int | None) -> Picture:
        """As ``ClipSession.picture``."""
        if not 0 <= index < len(self.times):
            raise UsageError(f"frame {index}: the clip has frames 0 to {len(self.times) - 1}")
        if view not in get_args(View):
            raise UsageError(f"view {view!r}: must be one of {', '.join(get_args(View))}")
        try:
            return self._drawn(state, self._reader.frame(index), view, width_px)
        except Exception as error:  # whatever it is: a picture that is not as asked for must show nothing
            _report(f"frame {index} cannot be shown as {view}", error)
            return hidden_picture(*picture_size(self._info.width_px, self._info.height_px, width_px))

    def thumbnail(self, state: Published, track: int) -> Picture:
        """As ``ClipSession.thumbnail``."""
        place = best_place(state.timeline, track)
        known = self._thumbnails.get((track, place.frame))
        if known is not None:
            return known
        try:
            drawn = face_picture(self._reader.frame(place.frame), place)
        except Exception as error:  # as above
            _report(f"track {track} cannot be shown", error)
            return hidden_picture(SIDE_PX, SIDE_PX)
        if len(self._thumbnails) >= THUMBNAILS_KEPT:
            self._thumbnails.clear()
        self._thumbnails[track, place.frame] = drawn
        return drawn

    def close(self) -> None:
        self._reader.close()

    def _drawn(self, state: Published, frame: Frame, view: View, width_px: int | None) -> Picture:
        if view == "mask":
            faces, options = state.hidden_on(frame), state.preset.mask
            with self._masking:
                masker = open_masker(options, secret=PREVIEW_SECRET)
                return masked_picture(frame, faces, masker, options, width_px=width_px)
        picture = small_picture(frame, width_px)
        scale = picture.shape[1] / frame.width_px
        confidence = state.preset.detector.confidence
        if view == "detection":
            draw_detections(picture, state.found_on(frame), scale=scale, confidence=confidence)
        elif view == "tracking":
            draw_tracks(picture, state.tracks_on(frame.index), scale=scale)
            if frame.index >= state.analysed:  # candidates without a number yet
                draw_detections(picture, state.found_on(frame), scale=scale, confidence=confidence)
        return picture


def _report(what: str, error: Exception) -> None:
    """What went wrong, with the reason, which may name the file, only for those who look for it."""
    log.warning("%s: %s", what, type(error).__name__)
    log.debug("%s", error)
