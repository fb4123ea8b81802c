"""What can be set about the graph of names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """Section ``[graph]`` of wellread.toml: names in the documents, relations between them, groups of names."""

    mode: Literal["off", "local", "global", "both"] = "off"
    """local: from the names of the first hits to other passages; global: by summaries of groups of names; or both."""
    extractor: Literal["names", "chat"] = "names"
    """names: capitals, codes and explained abbreviations, no model is asked; chat: chat.model too, a call a passage."""
    walk: Literal["shared", "pagerank"] = "shared"
    """How local continues: shared: one step over the names that passages share; pagerank: many steps, by chance."""
    weight: float = 0.25
    """Weight of each of these searches beside those by meaning and by words, which weigh 1 together."""
    passages: int = 10
    """Best hits of the other searches from which local continues."""
    damping: float = 0.5
    """Chance that pagerank continues instead of starting again, at every step."""
    named: float = 0.2
    """Share of local that begins at the names of the question; the rest begins at the best hits."""
    communities: int = 5
    """Groups of names that global goes into."""
    least: int = 2
    """Passages that a name stands in, from which it leads from one to another."""
    most: float = 0.1
    """Share of the passages above which a name tells nothing and leads nowhere."""
    npmi: float = 0.0
    """How much more often than by chance two names stand together, from which that counts, -1 to 1."""
    same: float = 0.92
    """Cosine of two names from which they are taken for one; 1: only where they are spelled alike."""
    resolution: float = 1.0
    """Above 1 more and smaller groups of names, below 1 fewer and larger ones."""
    size: int = 3
    """Names of a group from which it gets a summary."""
    summaries: Literal["extract", "chat"] = "extract"
    """extract: the most telling sentences of a group, no model is asked; chat: written by chat.model, a call each."""
    sentences: int = 5
    """Sentences of an extracted summary."""

    def __post_init__(self) -> None:
        for name, least in (("passages", 1), ("communities", 1), ("least", 1), ("size", 2), ("sentences", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: is at least {least}")
        for name in ("weight", "named", "most", "same"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: is between 0 and 1")
        if not 0 < self.damping < 1:
            raise ValueError("damping: is above 0 and below 1")
        if not -1 <= self.npmi <= 1:
            raise ValueError("npmi: is between -1 and 1")
        if self.resolution <= 0:
            raise ValueError("resolution: is above 0")
