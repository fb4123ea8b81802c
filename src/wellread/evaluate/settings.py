"""What can be set about measuring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EvaluateSettings:
    """Section ``[evaluate]`` of wellread.toml."""

    seed: int = 0
    """Where chance enters: draws of the bootstrap, examples of the few-shot prompt, splits."""
    draws: int = 10000
    """Resamples of a bootstrap interval."""
    ways: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Ways of your own: a name, then `reads` and settings that differ, as in [evaluate.ways.mine]."""

    def __post_init__(self) -> None:
        if self.draws < 100:
            raise ValueError("draws: is at least 100")
