"""The states of a job and the moves between them.

queued ──▶ running ──▶ done · needs_review · failed · cancelled
  ▲  │        │                               │        │
  │  └────────┼──▶ cancelled                  │        │
  └───────────┴────────(again)────────────────┴────────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

State = Literal["queued", "running", "done", "needs_review", "failed", "cancelled"]

ALLOWED: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        "queued": frozenset({"running", "cancelled"}),
        "running": frozenset({"done", "needs_review", "failed", "cancelled", "queued"}),  # queued: its worker died
        "done": frozenset(),
        "needs_review": frozenset(),
        "failed": frozenset({"queued"}),
        "cancelled": frozenset({"queued"}),
    }
)
"""To which states a job may go from each state."""

ACTIVE: frozenset[State] = frozenset({"queued", "running"})
"""States in which there is work to come."""

FINISHED: frozenset[State] = frozenset({"done", "needs_review"})
"""States in which there is an output."""

ENDED: frozenset[State] = FINISHED | {"failed", "cancelled"}
"""States that last until somebody wants something else."""
