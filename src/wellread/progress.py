"""Reporting of long work: a room calls ``step``; who watches (a terminal, a job row, nobody) decides what is shown."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """Receives counts of finished work. ``total`` is None while it is not known."""

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        """``done`` of ``total`` items of a stage are finished."""
        ...


class Silent:
    """Nobody watches. Threads may share it."""

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        """Nothing happens."""


SILENT = Silent()


@dataclass(slots=True)
class Rate:
    """Speed and time left of one stage, from the moment it was made."""

    started: float = field(default_factory=time.monotonic)

    def per_second(self, done: int) -> float:
        """Items per second so far."""
        return done / max(time.monotonic() - self.started, 1e-9)

    def seconds_left(self, done: int, total: int) -> float | None:
        """Seconds to go at the speed so far; None before the first item."""
        return (total - done) / self.per_second(done) if done else None
