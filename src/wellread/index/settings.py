"""What can be set about the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wellread.index.words.languages import PLAIN, SNOWBALL


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """Section ``[index]`` of wellread.toml: what is kept of words and vectors."""

    language: str = "auto"
    """Language whose stems are searched by words (en, de, fr, es …); auto: that of each passage, by a guess."""
    vectors: Literal["float16", "int8", "binary"] = "float16"
    """What a new set of vectors stores: halves, bytes (half the size), or signs alone (a sixteenth)."""

    def __post_init__(self) -> None:
        known = ("auto", PLAIN, *sorted(SNOWBALL))
        if self.language not in known:
            raise ValueError(f"language: is one of {', '.join(known)}")
