"""The sample clips: what the gallery shows, and what the demo and the guided walk open."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import SourceError, UsageError

FOLDER = Path(__file__).resolve().parents[2] / "sample_videos"
"""They come with the repository; a package installed without it has none."""

DEMO = "meeting_grid"
"""Several people, found at once: what the demo opens."""

DIM = "dim_night_ward"
"""The dim clip of the guided walk through the tuning."""


@dataclass(frozen=True)
class Sample:
    """A clip of people of nobody (CC0), with its picture for a gallery.

    ``truth`` says where every face is, in the format of ``evaluate.load_truth``; ``thumbnail`` is a JPEG.
    """

    name: str
    title: str
    title_zh: str
    description: str
    description_zh: str
    path: Path
    truth: Path | None
    thumbnail: Path


def samples() -> list[Sample]:
    """The sample clips, the demo's first; none where they were not installed. Raises SourceError for a broken one.

    >>> samples()[0].title
    'Video meeting, 2x2 grid'
    """
    found = [_sample(facts) for facts in sorted(FOLDER.glob("*.json")) if facts.with_suffix(".mp4").is_file()]
    return sorted(found, key=lambda sample: sample.name != DEMO)


def sample(name: str) -> Sample:
    """One sample clip by name. Raises UsageError when there is none of that name.

    >>> sample("consultation").path.name
    'consultation.mp4'
    """
    by_name = {each.name: each for each in samples()}
    if name not in by_name:
        known = ", ".join(by_name) or f"none here: clone the repository to have {FOLDER.name}/"
        raise UsageError(f"no sample clip {name!r}; there are {known}")
    return by_name[name]


def _sample(facts: Path) -> Sample:
    truth = facts.with_suffix(".gt.csv")
    try:
        words = json.loads(facts.read_text(encoding="utf-8"))
        return Sample(
            name=facts.stem,
            title=words["title"],
            title_zh=words["title_zh"],
            description=words["description"],
            description_zh=words["description_zh"],
            path=facts.with_suffix(".mp4"),
            truth=truth if truth.is_file() else None,
            thumbnail=facts.with_suffix(".jpg"),
        )
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(f"{facts}: no description of a sample clip ({reason}); restore it") from error
