"""An audit in words, for whoever reads a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SOUND = {
    "none": "nothing to compare",
    "identical": "the source's packets, bit for bit",
    "converted": "all there, in other packets than the source's",
    "shortened": "SHORTER than the source's",
    "missing": "MISSING",
}


def audit_lines(audit: Mapping[str, Any]) -> Iterator[str]:
    """Lines for ``Audit.as_dict()``: the verdict first, then what to look at."""
    showing, weakest = audit["showing"], audit["weakest"]
    faces = "no face shows" if not showing else "1 face shows" if len(showing) == 1 else f"{len(showing)} faces show"
    yield f"{faces}; {audit['frames']} frames, looked at {audit['looked']}, {audit['gone']} faces are gone"
    yield "time: every frame at its source's" if audit["times_kept"] else "time: frames are MISSING or moved"
    yield f"sound: {SOUND[audit['sound']]}"
    for face in showing:
        yield f"please look: {_described(face)}"
    if weakest and not showing:
        yield f"weakest mask: {weakest[0]['at_seconds']:.2f} s, {weakest[0]['detail']:.0%} of the face's detail is left"


def _described(face: Mapping[str, Any]) -> str:
    where = f"{face['first_seconds']:.2f}–{face['last_seconds']:.2f} s, most on frame {face['frame']}"
    seen = "not seen by the detector" if face["score"] is None else f"confidence {face['score']:.2f}"
    meant = "" if face["track"] is None else f", track {face['track']} should hide it"
    return f"{where} ({seen}, {face['detail']:.0%} of its detail is left{meant})"
