"""Hits in the order of a reranker, which reads question and passage together."""

from __future__ import annotations

import time
from dataclasses import replace

from wellread.models.api import Reranker
from wellread.retrieve.search import SearchResult
from wellread.types import Stage

CANDIDATES = 50  # best hits of the search that a reranker reads


def rerank(question: str, found: SearchResult, reranker: Reranker, k: int) -> SearchResult:
    """The ``k`` best of ``found`` by the reranker's score, which becomes the score of a hit; ties keep their order.

    Raises: ModelError, ModelUnavailable.
    """
    started = time.perf_counter()
    scores = reranker.score(question, [hit.chunk.indexed_text for hit in found.hits]) if found.hits else ()
    hits = [
        replace(hit, score=float(score), scores={**hit.scores, "rerank": float(score)})
        for hit, score in zip(found.hits, scores, strict=True)
    ]
    hits.sort(key=lambda hit: -hit.score)
    stage = Stage("rerank", (time.perf_counter() - started) * 1e3, {"model": reranker.id, "read": len(hits), "kept": k})
    return replace(found, hits=tuple(hits[:k]), stages=(*found.stages, stage))
