"""What can be set about the tree of summaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """Section ``[tree]`` of wellread.toml: summaries of passages that lie close, and of those summaries again."""

    mode: Literal["off", "collapsed", "traverse"] = "off"
    """collapsed: all summaries are compared with a question at once; traverse: branch by branch from the top down."""
    summaries: Literal["extract", "chat"] = "extract"
    """extract: the most telling sentences below, no model is asked; chat: written by chat.model, a call each."""
    cluster_size: int = 12
    """Passages, or summaries, under one summary at most."""
    levels: int = 3
    """Levels of summaries above the passages at most; a level of no more than cluster_size gets none above it."""
    sentences: int = 6
    """Sentences of an extracted summary."""
    entries: int = 10
    """How many summaries are gone into, for collapsed."""
    beam: int = 5
    """How many branches are followed at each level, for traverse."""
    weight: float = 0.1
    """Weight of this search beside those by meaning and by words, which weigh 1 together."""

    def __post_init__(self) -> None:
        for name, least in (("cluster_size", 4), ("levels", 1), ("sentences", 1), ("entries", 1), ("beam", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: is at least {least}")
        if not 0 <= self.weight <= 1:
            raise ValueError("weight: is between 0 and 1")
