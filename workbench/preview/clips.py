"""Short preview clips for a browser: original beside masked, and the same seconds under every mask.

They are H.264 with 4:2:0 colour in an MP4 whose index comes first, at most 1280 px wide, with the source's sound and
the source's times. Only frames that are finally decided are shown, and a frame whose faces cannot be hidden ends the
clip: there is no output then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np

from workbench import colour
from workbench.data import Frame, VideoInfo
from workbench.errors import MaskingError, UsageError, WorkbenchError
from workbench.maskers import MaskOptions, open_masker
from workbench.preview.compare import TITLES, compare_masks, masks_of_every_kind, refuse_undecided
from workbench.preview.fonts import Language, writable_language
from workbench.preview.labels import Label, put
from workbench.preview.overlays import PREVIEW_SECRET, masked_copy
from workbench.preview.session import ClipSession
from workbench.render import TimelineBoxes
from workbench.stages import Masker, Progress, ProgressUpdate
from workbench.video.canvas import blank_frame
from workbench.video.files import VideoFile
from workbench.video.options import OutputOptions
from workbench.video.prefetch import FRAMES_AHEAD, prefetch
from workbench.video.writer import VideoWriter

LARGEST_PX = (1280, 720)
LONGEST_SECONDS = 30.0  # a preview is watched while one waits for it
FLUENT_MILLISECONDS = 40.0  # a face: masks that take longer are shown in motion at a lower rate
SLOW_MILLISECONDS = 10.0  # a face and frame of those, on average
GAP_PX = 4  # between panels; even, as everything in a 4:2:0 picture
ENCODING = OutputOptions(container="mp4", encoder="software", crf=20, speed="veryfast")

WORDS = {"original": ("Original", "原始"), "masked": ("Masked", "已打码")}


@dataclass(frozen=True)
class _Grid:
    """Panels of one size, laid out in rows; a last row that is not full is centred."""

    panel_width: int
    panel_height: int
    columns: int
    count: int

    @property
    def rows(self) -> int:
        return ceil(self.count / self.columns)

    @property
    def width(self) -> int:
        return self.columns * (self.panel_width + GAP_PX) - GAP_PX

    @property
    def height(self) -> int:
        return self.rows * (self.panel_height + GAP_PX) - GAP_PX

    def corner(self, number: int) -> tuple[int, int]:
        row, column = divmod(number, self.columns)
        missing = self.columns - min(self.columns, self.count - row * self.columns)
        indent = missing * (self.panel_width + GAP_PX) // 4 * 2
        return indent + column * (self.panel_width + GAP_PX), row * (self.panel_height + GAP_PX)

    @classmethod
    def largest(cls, count: int, shape: float) -> _Grid:
        """The layout with the largest panels of that ``shape`` (width over height) within ``LARGEST_PX``."""
        layouts = [cls._fitting(count, columns, shape) for columns in range(1, count + 1)]
        return max(layouts, key=lambda grid: (grid.panel_width, -grid.rows))

    @classmethod
    def _fitting(cls, count: int, columns: int, shape: float) -> _Grid:
        rows = ceil(count / columns)
        width = (LARGEST_PX[0] + GAP_PX) / columns - GAP_PX
        height = (LARGEST_PX[1] + GAP_PX) / rows - GAP_PX
        width = min(width, height * shape)
        return cls(_even(width), _even(width / shape), columns, count)


def side_by_side(
    session: ClipSession,
    start_seconds: float,
    seconds: float,
    output: Path,
    *,
    language: Language = "en",
    progress: Progress | None = None,
) -> Path:
    """Original and masked side by side, for ``seconds`` from ``start_seconds`` after the clip's first frame.

    A part that reaches beyond the end is moved forward. Raises UsageError for a part that is not analysed yet or longer
    than 30 s, and what masking and writing raise; then there is no output.
    """
    mask, masker, language = (
        session.preset.mask,
        open_masker(session.preset.mask, secret=PREVIEW_SECRET),
        writable_language(language),
    )
    labels = [Label.of(_word(WORDS[key], language), language=language) for key in ("original", "masked")]

    def panels(frame: Frame, boxes: TimelineBoxes) -> Sequence[Frame]:
        return frame, masked_copy(frame, boxes.on(frame), masker, mask)

    return _write(session, (start_seconds, seconds), output, panels=panels, labels=labels, progress=progress)


def compare_clip(
    session: ClipSession,
    start_seconds: float,
    seconds: float,
    output: Path,
    progress: Progress | None = None,
    *,
    language: Language = "en",
) -> Path:
    """The same seconds under every mask that runs here, in a grid, each with its name and cost. As ``side_by_side``.

    A mask that takes long is shown at a lower frame rate, which its name tells, so that nobody waits for it.
    """
    language = writable_language(language)
    start, end = _part(session, start_seconds, seconds)
    middle = int(np.searchsorted(session.times - session.times[0], (start + end) / 2))
    costs = {each.kind: each.milliseconds_per_face for each in compare_masks(session, min(middle, session.frames - 1))}
    shown: list[_InMotion] = []
    labels = []
    for kind, (options, masker) in masks_of_every_kind(session.preset.mask).items():
        if not isinstance(masker, WorkbenchError):
            cost = costs[kind] or 0.0
            every = 1 if cost <= FLUENT_MILLISECONDS else ceil(cost / SLOW_MILLISECONDS)
            shown.append(_InMotion(options, masker, every))
            labels.append(Label.of(_title(kind, costs[kind], language, every=every), language=language))

    def panels(frame: Frame, boxes: TimelineBoxes) -> Sequence[Frame]:
        return [each.panel(frame, boxes) for each in shown]

    return _write(session, (start_seconds, seconds), output, panels=panels, labels=labels, progress=progress)


def _word(words: tuple[str, str], language: Language) -> str:
    return words[language == "zh"]


@dataclass
class _InMotion:
    """One mask's panel, made anew once in ``every`` frames."""

    options: MaskOptions
    masker: Masker
    every: int
    _last: tuple[int, Frame] | None = None

    def panel(self, frame: Frame, boxes: TimelineBoxes) -> Frame:
        if self._last is None or frame.index - self._last[0] >= self.every:
            self._last = frame.index, masked_copy(frame, boxes.on(frame), self.masker, self.options)
        return self._last[1]


def _title(kind: str, milliseconds: float | None, language: Language, *, every: int) -> str:
    title = _word(TITLES.get(kind, (kind, kind)), language)
    if milliseconds is None:
        return title
    title = f"{title} · {milliseconds:.1f} " + _word(("ms per face", "毫秒/脸"), language)
    return title if every <= 1 else f"{title} · " + _word((f"one frame in {every}", f"每 {every} 帧一次"), language)


def _part(session: ClipSession, start: float, seconds: float) -> tuple[float, float]:
    """Begin and end in seconds after the first frame, moved into the clip. Raises UsageError."""
    if not (0 < seconds <= LONGEST_SECONDS and start >= 0):
        raise UsageError(
            f"a preview of {seconds:g} s from {start:g} s: start at 0 or later, take up to {LONGEST_SECONDS:g} s"
        )
    times = session.times - session.times[0]
    length = float(times[-1]) + 1 / float(session.info.average_fps)
    begin = max(0.0, min(start, length - seconds))
    end = min(begin + seconds, length)
    refuse_undecided(session, max(0, int(np.searchsorted(times, end)) - 1))
    return begin, end


def _write(
    session: ClipSession,
    part: tuple[float, float],
    output: Path,
    *,
    panels: Callable[[Frame, TimelineBoxes], Sequence[Frame]],
    labels: Sequence[Label],
    progress: Progress | None,
) -> Path:
    """Write the panels of every frame as one picture."""
    start, end = _part(session, *part)
    info = session.info
    grid = _Grid.largest(len(labels), float(_shape(info)))
    boxes = TimelineBoxes(session.timeline, width_px=info.width_px, height_px=info.height_px, whole_clip=False)
    expected = int(
        np.count_nonzero((session.times - session.times[0] >= start) & (session.times - session.times[0] < end))
    )
    with ExitStack() as stack:
        video = stack.enter_context(VideoFile(session.source, start_seconds=start, end_seconds=end))
        sink = stack.enter_context(
            VideoWriter(
                output,
                source=session.source,
                info=_plain(info),
                options=ENCODING,
                start_seconds=start,
                end_seconds=end,
            )
        )
        for frame in stack.enter_context(prefetch(video.frames(), depth=FRAMES_AHEAD)):
            sink.write(_laid_out(frame, grid, panels(frame, boxes), labels))
            if progress is not None:
                progress(ProgressUpdate(sink.frames_written, expected))
    return output


def _laid_out(frame: Frame, grid: _Grid, panels: Sequence[Frame], labels: Sequence[Label]) -> Frame:
    canvas = blank_frame(grid.width, grid.height, like=frame)
    for number, (panel, label) in enumerate(zip(panels, labels, strict=True)):
        x, y = grid.corner(number)
        try:
            small = colour.picture(panel, grid.panel_width, grid.panel_height)
        except ValueError as error:
            raise MaskingError(f"frame {frame.index} cannot be shown ({error})") from error
        put(canvas, small, (x, y))
        label.put_on(canvas, (x, y))
    return canvas


def _plain(info: VideoInfo) -> VideoInfo:
    """The facts of the clip that is written: upright, 8 bits, square pixels."""
    plain = replace(info.colour, bit_depth=8)
    return replace(info, colour=plain, sample_aspect_ratio=Fraction(1), rotation_degrees=0, interlaced=False)


def _shape(info: VideoInfo) -> Fraction:
    """Width over height as shown; the pixels' own shape is that of the stored picture."""
    pixel = info.sample_aspect_ratio
    if info.rotation_degrees in (90, 270):
        pixel = 1 / pixel
    return Fraction(info.width_px, info.height_px) * pixel


def _even(length: float) -> int:
    return max(2, int(length) // 2 * 2)
