"""The audit itself: reads source and output side by side.

    source ─▶ frames ─┐                          ┌─ the detector sees a face: is it under a mask?
                      ├─▶ pairs of equal time ───┤
    output ─▶ frames ─┘                          └─ the timeline hides a face: is it really gone?

Both questions are answered from the pixels, by what is left of a face's detail (``detail.py``). So an audit knows
nothing of how a mask was made, and judges what any program wrote.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench import boxes as geometry
from workbench.audit.look import Look, Sighting
from workbench.audit.result import Audit, Showing
from workbench.data import Frame
from workbench.detectors import open_finder
from workbench.detectors.options import DetectorOptions
from workbench.errors import UsageError
from workbench.stages import Progress, ProgressUpdate
from workbench.timeline import KeyBox, Timeline
from workbench.video.files import VideoFile
from workbench.video.prefetch import FRAMES_AHEAD, prefetch
from workbench.video.sound_check import compare_sound
from workbench.video.stretch import WHOLE, Stretch, expected_frames

EYES = DetectorOptions(image_size=960, every=1, confidence=0.45)
"""How an audit looks: at every frame, larger than the presets do. What it saw below this confidence was no face."""

BATCH = 4  # frames that the detector gets at once
SAME_SHAPE = 0.02  # by which the proportions of source and output may differ: sizes are rounded to even numbers
SAME_FACE_IOU = 0.3
SAME_FACE_SECONDS = 0.5  # a face that is seen again after this long is another finding
WEAKEST = 6  # places to look at where nothing shows


def audit_output(
    output: Path,
    source: Path,
    *,
    timeline: Timeline | None = None,
    detector: DetectorOptions = EYES,
    stretch: Stretch = WHOLE,
    progress: Progress | None = None,
) -> Audit:
    """Look at a masked ``output`` of ``source`` once more, with larger pictures than it was made with.

    ``timeline`` is what was hidden: with it each of its boxes is checked too, and faces of kept tracks may show.
    ``stretch`` is the part of the source that was written. Raises SourceError for a file that cannot be read,
    UsageError for two files of different shape.

    >>> report, timeline = process_clip(clip, folder / "checked.mp4", load_preset("balanced"))
    >>> audit = audit_output(folder / "checked.mp4", clip, timeline=timeline)
    >>> audit.passed, audit.looked, audit.gone >= 80, audit.sound
    (True, 20, True, 'identical')
    """
    with ExitStack() as stack:
        start, end = stretch.start_seconds, stretch.end_seconds
        original = stack.enter_context(VideoFile(source, start_seconds=start, end_seconds=end))
        masked = stack.enter_context(VideoFile(output))
        scale = _scale(original, masked)
        finder = open_finder(detector, width_px=masked.info.width_px, height_px=masked.info.height_px)
        look = Look(finder, detector.confidence, timeline, scale)
        frames = (stack.enter_context(prefetch(each.frames(), depth=FRAMES_AHEAD)) for each in (original, masked))
        clocks = _Clocks(original.info.time_base, masked.info.time_base)
        expected = expected_frames(original.info, stretch)
        for batch in _batches(itertools.zip_longest(*frames), every=detector.every):
            pairs = [(theirs, ours, seen) for theirs, ours, seen in batch if theirs is not None and ours is not None]
            look.at(pairs)
            clocks.add(pairs, complete=len(pairs) == len(batch))
            if progress is not None:
                progress(ProgressUpdate(len(clocks.times), expected, look.gone))
    return Audit(
        source=source,
        output=output,
        detector=f"{finder.detector.name} ({finder.detector.engine})",
        frames=masked.frames_read,
        looked=look.looked,
        gone=look.gone,
        showing=tuple(_finding(chain, scale) for chain in _chains(look.shown)),
        weakest=tuple(_finding([each], scale) for each in look.weakest(WEAKEST)),
        times_kept=clocks.agree(),
        sound=compare_sound(source, output) if stretch == WHOLE else "none",
        times=tuple(clocks.times),
        first_frame=clocks.first_frame,
    )


class _Clocks:
    """Compares the times of the frames of both files as they come. ``times``: those of the source, in seconds."""

    def __init__(self, their_tick: Fraction, our_tick: Fraction) -> None:
        self.times = array("d")
        self.first_frame = 0
        self._ticks = their_tick, our_tick
        self._offset = Fraction(0)
        self._agree = True

    def add(self, pairs: Sequence[tuple[Frame, Frame, bool]], *, complete: bool) -> None:
        self._agree = self._agree and complete
        for theirs, ours, _ in pairs:
            time = theirs.pts * self._ticks[0]
            ahead = ours.pts * self._ticks[1] - time
            if not self.times:
                self.first_frame, self._offset = theirs.index, ahead
            self.times.append(float(time))
            self._agree = self._agree and abs(ahead - self._offset) <= max(self._ticks)

    def agree(self) -> bool:
        """Whether no frame is missing, and all lie where they should after the first, as exactly as both can say."""
        return self._agree


def _batches(
    pairs: Iterator[tuple[Frame | None, ...]], *, every: int
) -> Iterator[list[tuple[Frame | None, Frame | None, bool]]]:
    """Pairs with whether the detector is to look, as many at once as it gets in a batch."""
    batch: list[tuple[Frame | None, Frame | None, bool]] = []
    for number, (theirs, ours) in enumerate(pairs):
        batch.append((theirs, ours, number % every == 0))
        if sum(seen for _, _, seen in batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield [*batch[:-1], (*batch[-1][:2], True)]  # the last frame is always looked at


def _scale(original: VideoFile, masked: VideoFile) -> NDArray[np.float64]:
    """(4,) from pixels of the source's picture to those of the output's. Raises UsageError for another shape."""
    theirs, ours = original.info, masked.info
    across, down = ours.width_px / theirs.width_px, ours.height_px / theirs.height_px
    if abs(across / down - 1) > SAME_SHAPE:
        sizes = f"{ours.width_px}x{ours.height_px}, of the other {theirs.width_px}x{theirs.height_px}"
        raise UsageError(f"{masked.path} is no output of {original.path}: its pictures are {sizes}; name its source")
    return np.array([across, down, across, down])


def _chains(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    """Sightings of one face, one after the other, as one chain each; longest first."""
    chains: list[list[Sighting]] = []
    for sighting in sorted(sightings, key=lambda each: each.frame):
        for chain in reversed(chains):
            near = sighting.seconds - chain[-1].seconds <= SAME_FACE_SECONDS
            if near and geometry.iou(chain[-1].box[None], sighting.box[None])[0, 0] >= SAME_FACE_IOU:
                chain.append(sighting)
                break
        else:
            chains.append([sighting])
    return sorted(chains, key=lambda chain: chain[0].seconds - chain[-1].seconds)


def _finding(chain: Sequence[Sighting], scale: NDArray[np.float64]) -> Showing:
    best = max(chain, key=lambda each: (each.score or 0.0, each.detail))
    places = {each.frame: _key_box(each.frame, each.box) for each in chain}
    shown = _key_box(best.frame, best.box * scale)
    return Showing(
        first_seconds=chain[0].seconds,
        last_seconds=chain[-1].seconds,
        frames=len(places),
        frame=best.frame,
        at_seconds=best.seconds,
        x=round(shown.x, 1),
        y=round(shown.y, 1),
        w=round(shown.w, 1),
        h=round(shown.h, 1),
        detail=round(max(each.detail for each in chain), 3),
        score=None if best.score is None else round(best.score, 3),
        track=next((each.track for each in chain if each.track is not None), None),
        places=tuple(places.values()),
    )


def _key_box(frame: int, box: NDArray[np.float64]) -> KeyBox:
    x0, y0, x1, y1 = box.tolist()
    return KeyBox(frame, x0, y0, x1 - x0, y1 - y0)
