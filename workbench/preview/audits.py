"""What an audit found, as a figure: the faces that show, or where none does, those of which most is left."""

from __future__ import annotations

from pathlib import Path

from workbench.audit import Audit, Showing
from workbench.colour import crop
from workbench.data import Frame, Picture
from workbench.preview.drawings import FACE_MARGIN, MOST_COLUMNS, Cell, Drawing, drawing
from workbench.video.files import VideoFile

LEAST_COLUMNS = 4  # a single face need not fill the page


def draw_audit(audit: Audit, output: Path) -> Drawing:
    """The faces of ``output`` that show, longest first; where none does, those of which most is left: at most six.

    Raises SourceError for an output that cannot be read any more.

    >>> output = folder / "drawn.mp4"
    >>> report = render_clip(clip, session.timeline, output, session.preset)
    >>> draw_audit(audit_output(output, clip, timeline=session.timeline), output)
    Drawing(no face shows; the weakest masks)
    """
    listed = (audit.showing or audit.weakest)[:MOST_COLUMNS]
    pictures = _pictures(output, listed, audit.first_frame)
    cells = [Cell(pictures.get(number), _caption(each)) for number, each in enumerate(listed)]
    if audit.showing:
        text = f"{len(audit.showing)} faces show" if len(audit.showing) > 1 else "a face shows"
    else:
        text = "no face shows; the weakest masks"
    return drawing([cells or [Cell(None, "", "no face was looked for")]], text=text, room_for=LEAST_COLUMNS)


def _caption(showing: Showing) -> str:
    return f"{showing.at_seconds:.2f} s, frame {showing.frame}\n{showing.detail:.0%} of the detail left"


def _pictures(output: Path, listed: tuple[Showing, ...], first_frame: int) -> dict[int, Picture]:
    """The surroundings of each face, by its place in the list; their frames counted from the output's first one."""
    wanted: dict[int, list[int]] = {}
    for number, each in enumerate(listed):
        wanted.setdefault(each.frame - first_frame, []).append(number)
    found: dict[int, Picture] = {}
    with VideoFile(output) as video:
        for frame in video.frames():
            for number in wanted.pop(frame.index, []):
                found[number] = _face(frame, listed[number])
            if not wanted:
                break
    return found


def _face(frame: Frame, showing: Showing) -> Picture:
    half = max(showing.w, showing.h) * (0.5 + FACE_MARGIN)
    x, y = showing.x + showing.w / 2, showing.y + showing.h / 2
    return crop(frame, round(x - half), round(y - half), round(x + half), round(y + half))
