"""Who has an invented face in a job, and who is hidden by a solid colour instead."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Self


@dataclass(eq=False)
class People:
    """``invented`` tracks were seen with a face of their own; ``solid`` says of the others why they got a colour."""

    invented: set[int] = field(default_factory=set)
    solid: dict[int, str] = field(default_factory=dict)

    @property
    def is_torn(self) -> bool:
        """Whether a track was seen with a face and then could not be invented any more."""
        return not self.invented.isdisjoint(self.solid)

    @property
    def notes(self) -> list[str]:
        """What was done otherwise than asked."""
        return [
            f"track {track} was hidden by a solid colour: its face could not be invented ({reason})"
            for track, reason in sorted(self.solid.items())
        ]

    def begun_again(self) -> Self:
        """Nobody has been seen yet, and who could not be invented gets a colour from the beginning."""
        return type(self)(solid=dict(self.solid))

    def to_json(self) -> str:
        """For ``from_json``."""
        return json.dumps({"invented": sorted(self.invented), "solid": self.solid})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What ``to_json`` gave."""
        facts = json.loads(text)
        return cls(set(facts["invented"]), {int(track): reason for track, reason in facts["solid"].items()})
