"""A reranker: passages that hold many of the question's words, close together, come first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wellread.errors import UsageError
from wellread.index.words.stopwords import STOPWORDS
from wellread.models.settings import RerankSettings

_WORD = re.compile(r"\w+")


class Nearness:
    """Share of the question's words in a passage, and a little more the shorter the stretch that holds them."""

    id = "example:nearness-1"
    remote = None

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """(len(passages),) float32, 0 to 1.1."""
        wanted = {_stem(word) for word in _WORD.findall(question.lower()) if word not in STOPWORDS}
        return np.array([self._one(wanted, passage) for passage in passages], np.float32)

    def _one(self, wanted: set[str], passage: str) -> float:
        places = [(at, _stem(word)) for at, word in enumerate(_WORD.findall(passage.lower())) if _stem(word) in wanted]
        held = {word for _, word in places}
        if not held:
            return 0.0
        shortest, last = len(passage), dict[str, int]()
        for at, word in places:
            last[word] = at
            if len(last) == len(held):
                shortest = min(shortest, at - min(last.values()) + 1)
        return len(held) / len(wanted) + 0.1 * len(held) / shortest


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


def open_reranker(name: str, settings: RerankSettings, folder: Path, api_key: str | None) -> Nearness:
    """``example:nearness``."""
    if name != "nearness":
        raise UsageError(f"rerank.model = 'example:{name}': there is only example:nearness")
    return Nearness()
