"""What can be set about training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """Section ``[tune]`` of wellread.toml."""

    seed: int = 0
    """Where chance enters: order of the examples, initial weights of what is added, dropout."""
