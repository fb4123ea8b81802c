"""Two rankings become one: by rank, or by score brought to a common scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RetrieverScores = Mapping[int, float]  # chunk key -> score, higher is better

STATIC_ALPHA, ALPHA = 0.4, 0.6  # dense weights of token tables and of models that read: docs/benchmarks.md
ALPHAS = tuple(step / 20 for step in range(21))


def alpha_of(embedder_id: str) -> float:
    """The dense weight in ``minmax`` that suits an embedder, where nothing was measured on the user's questions."""
    return STATIC_ALPHA if embedder_id.startswith("static:") else ALPHA


def rrf(retrievers: Sequence[RetrieverScores], weights: Sequence[float] | None = None, k: int = 60) -> dict[int, float]:
    """Score of each key by reciprocal rank fusion; higher is better. A retriever without hits adds nothing.

    Args:
        retrievers: keys with scores; only their order counts.
        weights: of each retriever; None: all 1.
        k: damping of the top ranks, > 0; 60 in the paper.
    Raises: ValueError if k <= 0.
    Source: Cormack et al., SIGIR 2009, equation 1. Keys with equal scores share the better rank.
    """
    if k <= 0:
        raise ValueError("k is positive")
    fused: dict[int, float] = {}
    for retriever, weight in zip(retrievers, weights or [1.0] * len(retrievers), strict=True):
        rank, before = 0, math.inf
        for n, key in enumerate(sorted(retriever, key=lambda key: (-retriever[key], key)), 1):
            if retriever[key] < before:
                rank, before = n, retriever[key]
            fused[key] = fused.get(key, 0.0) + weight / (k + rank)
    return fused


def minmax(retrievers: Sequence[RetrieverScores], weights: Sequence[float]) -> dict[int, float]:
    """Score of each key, 0 to 1: the weighted mean of its scores after each retriever's were brought to 0..1.

    A retriever without hits weighs nothing, the others then share its weight; a key that a retriever does not have
    gets its 0. The best of a retriever gets 1, also where it is the only one.

    Source: Bruch et al., TOIS 2023, section 3 (convex combination with theoretical or observed minimum: observed).
    """
    present = [(retriever, weight) for retriever, weight in zip(retrievers, weights, strict=True) if retriever]
    total = sum(weight for _, weight in present)
    fused: dict[int, float] = {}
    for retriever, weight in present:
        low, high = min(retriever.values()), max(retriever.values())
        share = weight / total if total > 0 else 1 / len(present)
        for key, score in retriever.items():
            scaled = (score - low) / (high - low) if high > low else 1.0
            fused[key] = fused.get(key, 0.0) + share * scaled
    return fused


def ranked(scores: RetrieverScores) -> list[int]:
    """Keys, best first, ties by key."""
    return sorted(scores, key=lambda key: (-scores[key], key))


@dataclass(frozen=True, slots=True)
class Fit:
    """A weight for ``minmax``; ``score`` is nDCG@10 on questions that the weight was not chosen on."""

    alpha: float
    score: float
    default_score: float  # of the alpha that was passed as default, on the same questions
    n: int


def fit_weight(
    runs: Sequence[tuple[RetrieverScores, RetrieverScores]],
    qrels: Sequence[Mapping[int, float]],
    *,
    default: float = 0.5,
    folds: int = 5,
) -> Fit:
    """The dense weight with the best mean nDCG@10 over all questions, and its cross-validated worth.

    ``default`` is kept where the fitted weights do not beat it on questions that they were not fitted on.

    Args:
        runs: (dense, bm25) scores of each question.
        qrels: gain of each relevant key, of each question; a question without any is left out.
        default: the weight to beat.
        folds: parts for cross-validation, by position, so that the result is always the same.
    Raises: ValueError if the lengths differ, or fewer than two questions have a relevant key.
    """
    pairs = [(run, gains) for run, gains in zip(runs, qrels, strict=True) if gains]
    if len(pairs) < 2:
        raise ValueError("at least two questions with relevant passages are needed")
    grid = sorted({*ALPHAS, default})
    table = [[ndcg(ranked(minmax(run, (alpha, 1 - alpha))), gains) for alpha in grid] for run, gains in pairs]
    at_default = grid.index(default)
    n, folds = len(table), min(folds, len(table))
    held_out = 0.0
    for fold in range(folds):
        chosen = _best_column([row for i, row in enumerate(table) if i % folds != fold], at_default)
        held_out += sum(row[chosen] for i, row in enumerate(table) if i % folds == fold)
    default_score = sum(row[at_default] for row in table) / n
    if held_out / n <= default_score:
        return Fit(default, default_score, default_score, n)
    return Fit(grid[_best_column(table, at_default)], held_out / n, default_score, n)


def _best_column(table: Sequence[Sequence[float]], default: int) -> int:
    """The column with the highest sum; among equals the one nearest to the default."""
    sums = [math.fsum(column) for column in zip(*table, strict=True)]
    return max(range(len(sums)), key=lambda i: (round(sums[i], 9), -abs(i - default)))


def ndcg(ranking: Sequence[int], gains: Mapping[int, float], k: int = 10) -> float:
    """nDCG@k, 0 to 1, with linear gains; 0 where nothing is relevant. Source: Järvelin and Kekäläinen, TOIS 2002."""
    best = math.fsum(gain / math.log2(n + 2) for n, gain in enumerate(sorted(gains.values(), reverse=True)[:k]))
    got = math.fsum(gains.get(key, 0.0) / math.log2(n + 2) for n, key in enumerate(ranking[:k]))
    return got / best if best > 0 else 0.0
