"""What can be set about searching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RetrieveSettings:
    """Section ``[retrieve]`` of wellread.toml."""

    mode: Literal["hybrid", "dense", "bm25"] = "hybrid"
    """hybrid: by meaning and by words, fused; dense: by meaning alone; bm25: by words alone."""
    top_k: int = 10
    """Hits of a search that does not say how many."""
    candidates: int = 100
    """Best chunks of each of the two searches that are fused."""
    fusion: Literal["minmax", "rrf"] = "minmax"
    """minmax: scores brought to 0..1 and added by weight; rrf: by rank alone."""
    alpha: float = 0.4
    """Weight of the dense score in minmax, 0 to 1; `fit_weight` finds the one for labelled questions."""
    min_score: float = 0.0
    """Cosine below which a chunk is no hit, however many words it shares; 0 keeps all."""
    in_force: bool = True
    """Leave out documents that are not in force today or superseded, unless question or filter name another year."""
    scope: bool = True
    """Look first in the documents that the question names: by title, file name, metadata value or year."""

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ValueError("top_k: is at least 1")
        if self.candidates < 1:
            raise ValueError("candidates: is at least 1")
        if not 0 <= self.alpha <= 1:
            raise ValueError("alpha: is between 0 and 1")
        if not -1 <= self.min_score <= 1:
            raise ValueError("min_score: is between -1 and 1")
