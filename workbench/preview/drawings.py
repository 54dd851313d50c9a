"""Pictures of a clip side by side, as figures for a notebook or a paper.

What is drawn comes from ``ClipSession``: the same pixels as on the page, and striped where a frame cannot be shown.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from workbench.data import Picture
from workbench.errors import OutputError, UsageError
from workbench.presets.settings import with_settings
from workbench.preview.compare import MaskSample, compare_masks
from workbench.preview.session import ClipSession, View
from workbench.video.part_file import write_private

WIDTH_PX, DPI = 980, 100  # as wide as a notebook's column
TITLE_PX, GAP_PX = 26, 6
MOST_COLUMNS = 6
JPEG_QUALITY = 82
FACE_MARGIN = 0.75  # of the face's size, on each side: enough to see what the mask leaves of hair and neck

Window = tuple[float, float, float, float]
"""x0, y0, x1, y1 of a part of a picture, as fractions of it."""

WHOLE: Window = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Drawing:
    """A matplotlib ``figure`` that a notebook shows as a small JPEG or PNG. ``text`` says in words what is on it."""

    figure: Figure
    text: str
    format: Literal["jpeg", "png"] = "jpeg"

    def __repr__(self) -> str:
        return f"Drawing({self.text})"

    def encoded(self) -> bytes:
        """The figure as a JPEG (photographs) or PNG (charts) file."""
        packed = io.BytesIO()
        quality = {"quality": JPEG_QUALITY} if self.format == "jpeg" else {"optimize": True}
        self.figure.savefig(packed, format=self.format, pil_kwargs=quality)
        return packed.getvalue()

    def save(self, path: Path | str) -> None:
        """Write the figure in the format that the file's ending names (.png, .jpg, .pdf, .svg …), all or nothing.

        Raises UsageError for an ending that is none of these, OutputError for a place that cannot be written.
        """
        path, packed = Path(path), io.BytesIO()
        try:
            self.figure.savefig(packed, format=path.suffix[1:] or self.format)
            write_private(path, packed.getvalue())
        except ValueError as error:
            raise UsageError(f"{path}: a drawing can be saved as .png, .jpg, .pdf or .svg") from error
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another place") from error

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002
        """What Jupyter shows. Made here, so that the picture is the same whichever backend matplotlib has."""
        return {"text/plain": repr(self), f"image/{self.format}": base64.b64encode(self.encoded()).decode()}


def draw_frames(
    session: ClipSession, frames: Sequence[int], *, views: Sequence[View] = ("mask",), track: int | None = None
) -> Drawing:
    """Frames (numbers from 0) side by side, a row for each view: ``original``, ``detection``, ``tracking``, ``mask``.

    ``track`` shows only the surroundings of that track's face. Raises UsageError for a frame, a view or a track that
    does not exist, or for no frame at all.

    >>> draw_frames(session, [0, 10], views=["original", "mask"])
    Drawing(frames 0, 10 as original, mask)
    """
    captions = [f"frame {frame}, {_seconds(session, frame):.2f} s" for frame in frames]
    rows = [
        [
            Cell(
                _shown(session, frame, view, track, across=len(frames)),
                f"{view}, {caption}" if len(views) > 1 else caption,
            )
            for frame, caption in zip(frames, captions, strict=True)
        ]
        for view in views
    ]
    listed = ", ".join(str(frame) for frame in frames)
    return drawing(rows, text=f"frames {listed} as {', '.join(views)}")


def draw_settings(
    session: ClipSession, frame: int, settings: Sequence[str], *, view: View = "mask", track: int | None = None
) -> Drawing:
    """One frame under each of ``settings`` (``section.key=value``, several joined with a comma), side by side.

    Options that need other detections make the session look at the clip again for ``tracking`` and ``mask``. The
    session has its own settings back afterwards. Raises UsageError for an option, a frame, a view or a track that does
    not exist.

    >>> draw_settings(session, 10, ["mask.strength=10", "mask.strength=20"])
    Drawing(frame 10 as mask with mask.strength=10 | mask.strength=20)
    """
    before, cells = session.preset, []
    presets = [with_settings(before, setting.split(",")) for setting in settings]
    try:
        for preset, setting in zip(presets, settings, strict=True):
            session.set_preset(preset)
            if view in ("tracking", "mask"):  # the others need but this frame
                session.analyze()
            picture = _shown(session, frame, view, track, across=len(settings))
            cells.append(Cell(picture, setting.replace(",", "\n")))
    finally:
        session.set_preset(before)
    return drawing([cells], text=f"frame {frame} as {view} with {' | '.join(settings)}")


def draw_masks(session: ClipSession, frame: int, *, track: int | None = None) -> Drawing:
    """One frame under every kind of mask, with what each costs; a kind that cannot run here says why.

    ``track`` shows only the surroundings of that track's face. Raises as ``compare_masks``; UsageError for a track that
    is not on the frame.

    >>> draw_masks(session, 10)
    Drawing(frame 10 under gaussian, mosaic, solid, gan, diffusion)
    """
    window = _window(session, frame, track)
    samples = compare_masks(session, frame)
    cells = [Cell(_part(one.picture, window), f"{one.title_en}: {_cost(one)}", one.note_en) for one in samples]
    return drawing([cells], text=f"frame {frame} under {', '.join(sample.kind for sample in samples)}")


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture of a drawing; ``note`` stands where there is none."""

    picture: Picture | None
    title: str = ""
    note: str = ""


def drawing(rows: Sequence[Sequence[Cell]], *, text: str, room_for: int = 1) -> Drawing:
    """The cells as a grid, all pictures of one size, small enough that ``room_for`` of them fit into a row.

    Raises UsageError for no picture, or too many in a row.
    """
    columns = len(rows[0]) if rows else 0
    if not 0 < columns <= MOST_COLUMNS:
        raise UsageError(f"{columns} pictures in a row: draw 1 to {MOST_COLUMNS}")
    columns = max(columns, room_for)
    sizes = [cell.picture.shape[:2] for row in rows for cell in row if cell.picture is not None]
    tallest = max((height / width for height, width in sizes), default=0.5625)
    cell_width = (WIDTH_PX - GAP_PX * (columns - 1)) / columns
    title = TITLE_PX * max(1 + cell.title.count("\n") for row in rows for cell in row)
    height = len(rows) * (title + cell_width * tallest)
    with rc_context({"font.family": ["DejaVu Sans"], "font.size": 9}):
        figure = Figure(figsize=(WIDTH_PX / DPI, height / DPI), dpi=DPI)
        FigureCanvasAgg(figure)
        for down, row in enumerate(rows):
            for across, cell in enumerate(row):
                top = 1 - (down * (title + cell_width * tallest) + title) / height
                place = (
                    across * (cell_width + GAP_PX) / WIDTH_PX, top - cell_width * tallest / height,
                    cell_width / WIDTH_PX, cell_width * tallest / height,
                )  # fmt: skip
                _fill(figure.add_axes(place), cell)
    return Drawing(figure, text)


def _fill(ax: Axes, cell: Cell) -> None:
    ax.set(xticks=[], yticks=[])
    ax.set_title(cell.title, loc="left", fontsize=9, pad=4)
    for spine in ax.spines.values():
        spine.set_visible(cell.picture is None)
        spine.set_color("#c0c4ca")
    if cell.picture is None:
        ax.text(0.5, 0.5, cell.note, ha="center", va="center", color="#6a6f77", transform=ax.transAxes, wrap=True)
    else:
        ax.imshow(cell.picture, interpolation="lanczos")
        ax.set_anchor("N")


def _shown(session: ClipSession, frame: int, view: View, track: int | None, *, across: int) -> Picture:
    """The frame as wide as one of ``across`` in a row, or the part of it round a track's face as it is in the clip."""
    width = WIDTH_PX // max(across, 1) if track is None else None
    return _part(session.picture(frame, view, width_px=width), _window(session, frame, track))


def _seconds(session: ClipSession, frame: int) -> float:
    """Seconds since the clip's first frame; 0 for a frame that is none, which is refused where it is drawn."""
    return float(session.times[frame] - session.times[0]) if 0 <= frame < session.frames else 0.0


def _window(session: ClipSession, frame: int, track: int | None) -> Window:
    """Where the face of a track is on a frame, with a margin."""
    if track is None:
        return WHOLE
    rows = session.timeline.rows
    found = rows[(rows["frame"] == frame) & (rows["track"] == track)]
    if found.empty:
        raise UsageError(f"track {track} is not on frame {frame}: see the timeline for where it is")
    x, y, w, h = found[["x", "y", "w", "h"]].iloc[0].to_numpy(float)
    half = max(w, h) * (0.5 + FACE_MARGIN)
    width, height = session.info.width_px, session.info.height_px
    low = np.clip([x + w / 2 - half, y + h / 2 - half], 0, [width - 2 * half, height - 2 * half])
    x0, y0, x1, y1 = np.clip([*low, *(low + 2 * half)], 0, [width, height, width, height]).tolist()
    return x0 / width, y0 / height, x1 / width, y1 / height


@overload
def _part(picture: Picture, window: Window) -> Picture: ...
@overload
def _part(picture: None, window: Window) -> None: ...
def _part(picture: Picture | None, window: Window) -> Picture | None:
    if picture is None:
        return None
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = window
    return picture[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]


def _cost(sample: MaskSample) -> str:
    cost = sample.milliseconds_per_face
    return "no face" if cost is None else f"{cost:.1f} ms a face"
