"""Hits in the order of a reranker, which reads question and passages together: whole ones, or their best sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wellread.models.api import Embedder, Reranker
from wellread.models.settings import RerankSettings
from wellread.retrieve import units as pieces
from wellread.types import Hit

ALONE = 1.0  # weight of a cross-encoder, which needs no help from the search
BESIDE = 0.67  # weight of a sentence encoder; docs/log.md


@dataclass(frozen=True, slots=True)
class RerankInput:
    """What a reranker reads of a hit (an index into the hits), and the share of the question's words that it holds."""

    hit: int
    text: str
    coverage: float = 0.0


def rerank(
    question: str,
    hits: Sequence[Hit],
    reranker: Reranker,
    settings: RerankSettings,
    cheap: Embedder | None,
    detail: dict[str, object],
) -> list[Hit]:
    """The hits, best first by the reranker's score weighed with their own; ties keep their order.

    A hit that was not read, because it is beyond ``candidates`` or the time was up, keeps its place behind those that
    were. ``cheap`` is an embedder that is cheap and helps to choose what is read; ``detail`` gets what was
    read, left and how it was weighed.

    Raises: ModelError, ModelUnavailable.
    """
    if not hits:
        return []
    encoder = isinstance(reranker, Embedder)
    by_sentence = settings.reads == "sentences" or (settings.reads == "auto" and encoder)
    weight = settings.weight if settings.weight is not None else (BESIDE if encoder else ALONE)
    first = hits[: settings.candidates]
    chosen = sentences(question, first, settings.sentences, cheap) if by_sentence else passages(first)
    scores = _in_time(question, chosen, reranker, settings)
    best: dict[int, float] = {}
    for piece, score in zip(chosen, scores, strict=False):
        value = (1 - pieces.LEAD) * score + pieces.LEAD * piece.coverage if encoder and by_sentence else score
        best[piece.hit] = max(value, best.get(piece.hit, value))
    detail |= {"model": reranker.id, "read": len(best), "pieces": len(scores), "weight": weight}
    if len(scores) < len(chosen):
        detail |= {"out of time": f"{len(first) - len(best)} keep their place", "budget_ms": settings.budget_ms}
    read = _weighed([hits[n] for n in best], list(best.values()), weight)
    return read + [replace(hit, score=0.0) for n, hit in enumerate(hits) if n not in best]


def passages(hits: Sequence[Hit]) -> list[RerankInput]:
    """Each hit whole, with its header."""
    return [RerankInput(n, hit.chunk.indexed_text) for n, hit in enumerate(hits)]


def sentences(question: str, hits: Sequence[Hit], most: int, cheap: Embedder | None) -> list[RerankInput]:
    """The sentences, items and rows of each hit that are nearest to the question, at most ``most`` of each.

    Near is what shares words with it, and what ``cheap`` finds alike. First the best of every hit, in the order of the
    hits, then the second best: where time ends, each had its turn. A hit without any piece is read whole.
    """
    units = pieces.units_of(hits)
    texts = [f"{unit.context}: {unit.reading}" if unit.context else unit.reading for unit in units]
    covered = pieces.covered(question, units)
    near = covered.copy()
    if cheap is not None and units:
        near += np.asarray(cheap.embed(texts) @ cheap.embed([question], "query")[0], np.float32)
    order: dict[int, list[int]] = {n: [] for n in range(len(hits))}
    for i in np.argsort(-near, kind="stable"):
        order[units[i].hit].append(int(i))
    chosen = []
    for turn in range(most):
        for n, hit in enumerate(hits):
            if turn < len(order[n]):
                i = order[n][turn]
                chosen.append(RerankInput(n, texts[i], float(covered[i])))
            elif turn == 0:
                chosen.append(RerankInput(n, hit.chunk.indexed_text))
    return chosen


def _in_time(question: str, chosen: Sequence[RerankInput], reranker: Reranker, settings: RerankSettings) -> list[float]:
    """Scores of the first pieces, as many as the budget allows; at least one batch.

    Without a budget a sentence encoder gets all at once, which it sorts by length: a sixth less time for 50.
    """
    score = _scorer(question, reranker)
    if not settings.budget_ms and isinstance(reranker, Embedder):
        return list(map(float, score([piece.text for piece in chosen])))
    started = time.perf_counter()
    scores: list[float] = []
    for start in range(0, len(chosen), settings.batch):
        spent_ms = (time.perf_counter() - started) * 1e3
        turns = start // settings.batch
        if settings.budget_ms and turns and spent_ms + spent_ms / turns > settings.budget_ms:
            break
        scores += map(float, score([piece.text for piece in chosen[start : start + settings.batch]]))
    return scores


def _scorer(question: str, reranker: Reranker) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """Scores of texts against the question, which a sentence encoder embeds only once."""
    if not isinstance(reranker, Embedder):
        return lambda texts: reranker.score(question, texts)
    vector = reranker.embed([question], "query")[0]
    return lambda texts: np.asarray(reranker.embed(texts) @ vector, np.float32)


def _weighed(hits: Sequence[Hit], scores: Sequence[float], weight: float) -> list[Hit]:
    """Hits by the weighted mean of both scores, each brought to 0..1."""
    ours, theirs = _scaled([hit.score for hit in hits]), _scaled(scores)
    both = [(1 - weight) * a + weight * b for a, b in zip(ours, theirs, strict=True)]
    made = [
        replace(hit, score=mean, scores={**hit.scores, "rerank": score})
        for hit, mean, score in zip(hits, both, scores, strict=True)
    ]
    return sorted(made, key=lambda hit: -hit.score)


def _scaled(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 1.0 for value in values]
