"""What a worker tells the process of a job."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from workbench.jobs.logs import LogOptions


@dataclass(frozen=True)
class Order:
    """Which job of which queue, and how. The process reads all else from the queue."""

    root: str
    id: str
    segment_seconds: float
    logs: LogOptions

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def of(cls, line: str) -> Order:
        values = json.loads(line)
        return cls(**{**values, "logs": LogOptions(**values["logs"])})
