"""Two rankings become one: by rank, or by score brought to a common scale."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

RetrieverScores = Mapping[int, float]  # chunk key -> score, higher is better

STATIC_ALPHA, ALPHA = 0.4, 0.6  # dense weights of token tables and of models that read: docs/benchmarks.md


def alpha_of(embedder_id: str) -> float:
    """The dense weight in ``minmax`` that suits an embedder, where nothing was measured on the user's questions."""
    return STATIC_ALPHA if embedder_id.startswith("static:") else ALPHA


def rrf(retrievers: Sequence[RetrieverScores], weights: Sequence[float] | None = None, k: int = 60) -> dict[int, float]:
    """Score of each key by reciprocal rank fusion; higher is better. A retriever without hits adds nothing.

    The order in which the retrievers are listed decides nothing.

    Args:
        retrievers: keys with scores; only their order counts.
        weights: of each retriever; None: all 1.
        k: damping of the top ranks, > 0; 60 in the paper.
    Raises: ValueError if k <= 0.
    Source: Cormack et al., SIGIR 2009, equation 1. Keys with equal scores share the better rank.
    """
    if k <= 0:
        raise ValueError("k is positive")
    shares: dict[int, list[float]] = defaultdict(list)
    for retriever, weight in zip(retrievers, weights or [1.0] * len(retrievers), strict=True):
        rank, before = 0, math.inf
        for n, key in enumerate(sorted(retriever, key=lambda key: (-retriever[key], key)), 1):
            if retriever[key] < before:
                rank, before = n, retriever[key]
            shares[key].append(weight / (k + rank))
    return _summed(shares)


def minmax(retrievers: Sequence[RetrieverScores], weights: Sequence[float]) -> dict[int, float]:
    """Score of each key, 0 to 1: the weighted mean of its scores after each retriever's were brought to 0..1.

    A retriever without hits weighs nothing, the others then share its weight; a key that a retriever does not have
    gets its 0. The best of a retriever gets 1, also where it is the only one.

    Source: Bruch et al., TOIS 2023, section 3 (convex combination with theoretical or observed minimum: observed).
    """
    present = [(retriever, weight) for retriever, weight in zip(retrievers, weights, strict=True) if retriever]
    total = math.fsum(weight for _, weight in present)
    shares: dict[int, list[float]] = defaultdict(list)
    for retriever, weight in present:
        low, high = min(retriever.values()), max(retriever.values())
        share = weight / total if total > 0 else 1 / len(present)
        for key, score in retriever.items():
            scaled = (score - low) / (high - low) if high > low else 1.0
            shares[key].append(share * scaled)
    return _summed(shares)


def _summed(shares: Mapping[int, Sequence[float]]) -> dict[int, float]:
    """Each key's exact sum, rounded once: it does not depend on the order in which retrievers are listed."""
    return {key: math.fsum(values) for key, values in shares.items()}


def ranked(scores: RetrieverScores) -> list[int]:
    """Keys, best first, ties by key."""
    return sorted(scores, key=lambda key: (-scores[key], key))
