"""What of a source an output does not carry, said in sentences."""

from __future__ import annotations

from pathlib import Path

from workbench.video.probing import is_cover, main_video, open_source

TECHNICAL_KEYS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration"})
"""Entries of a file's metadata that describe the file, not its content."""

NAMES = {"subtitle": "subtitle", "data": "data", "attachment": "attached file", "video": "further video"}


def left_out(source: Path) -> list[str]:
    """Sentences about the streams, chapters and descriptive data of ``source`` that are never written."""
    with open_source(source) as container:
        main = main_video(container)
        notes = []
        for kind, name in NAMES.items():
            streams = [stream for stream in container.streams if stream.type == kind and stream is not main]
            covers = [stream for stream in streams if kind == "video" and is_cover(stream)]
            for count, what in ((len(streams) - len(covers), f"{name} stream"), (len(covers), "cover picture")):
                if count:
                    notes.append(f"{count} {what}{'s' if count > 1 else ''} left out")
        chapters = len(container.chapters())
        if chapters:
            notes.append(f"{chapters} chapter mark{'s' if chapters > 1 else ''} left out")
        described = sorted(key for key in container.metadata if key.lower() not in TECHNICAL_KEYS)
        if described:
            notes.append(f"descriptive data removed: {', '.join(described)}")
        return notes
