"""The same faces under every mask, for docs/images: ``python -m tests.maskers.draw_sheets``."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from tests.conftest import PROJECT, SAMPLES
from workbench import colour
from workbench.data import Frame, HiddenFaces, Picture
from workbench.maskers import MaskOptions, open_masker
from workbench.presets import load_preset
from workbench.preview.compare import TITLES, mask_kinds
from workbench.preview.overlays import copy_of, masked_copy
from workbench.process import analyze_clip, decide_store
from workbench.timeline import BoxLookup
from workbench.video.files import VideoFile

SHEETS = {
    "consultation": (20, 60, 120),
    "meeting_grid": (20, 70, 120),
    "dim_night_ward": (20, 70, 120),
    "profile_and_occlusion": (20, 70, 150),
}
"""Clips and the numbers of their frames that are shown."""

SECRET = b"sheets"
AROUND = 1.1  # of the face's height, on each side of its middle


def sheet(clip: str, frames: tuple[int, ...]) -> None:
    """A row for each frame: its largest face, untouched and under every mask."""
    path, preset = SAMPLES / f"{clip}.mp4", load_preset("dim-light" if clip.startswith("dim") else "balanced")
    lookup = BoxLookup(decide_store(analyze_clip(path, preset), preset))
    with VideoFile(path) as video:
        shown = {frame.index: copy_of(frame) for frame in video.frames() if frame.index in frames}
    kinds = mask_kinds()
    figure, axes = plt.subplots(len(frames), len(kinds) + 1, figsize=(13, 2.3 * len(frames)), squeeze=False)
    for row, index in zip(axes, frames, strict=True):
        faces = lookup.on(index)
        box = faces.boxes[int(np.argmax(faces.boxes[:, 3] - faces.boxes[:, 1]))]
        pictures = [("Original", cut(shown[index], box))]
        for kind in kinds:
            pictures.append((TITLES[kind][0], cut(masked(shown[index], faces, kind), box)))
        for axis, (title, picture) in zip(row, pictures, strict=True):
            axis.imshow(picture)
            axis.set_axis_off()
            if index == frames[0]:
                axis.set_title(title, fontsize=11)
    figure.tight_layout(pad=0.4)
    figure.savefig(PROJECT / "docs" / "images" / f"masks-{clip.replace('_', '-')}.webp", dpi=90)
    plt.close(figure)


def masked(frame: Frame, faces: HiddenFaces, kind: str) -> Frame:
    options = MaskOptions.model_validate({"kind": kind})
    return masked_copy(frame, faces, open_masker(options, secret=SECRET), options)


def cut(frame: Frame, box: np.ndarray) -> Picture:
    """A square round the face, as far as the picture goes."""
    centre, reach = (box[:2] + box[2:]) / 2, AROUND * (box[3] - box[1])
    x0, y0, x1, y1 = (int(value) for value in (*(centre - reach), *(centre + reach)))
    return colour.crop(frame, x0, y0, x1, y1)


if __name__ == "__main__":
    for name, numbers in SHEETS.items():
        sheet(name, numbers)
