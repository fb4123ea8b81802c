"""Passages of one document support each other: those of a document that was found many times over rise.

A passage is short and its words few; that its document holds other passages alike says that it is about the matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from wellread.retrieve import fuse
from wellread.types import Hit

MOST = 100  # best passages that speak for their documents, and can be raised by them

Homes = Callable[[Sequence[int]], Mapping[int, tuple[int, int]]]  # chunk keys → version id, chunks of that version


def worth(fused: Mapping[int, float], homes: Homes, detail: dict[str, object]) -> dict[int, float]:
    """What each passage's document is worth, 0 to 1: the sum of the scores of its best passages by √(its passages).

    The best document is worth 1. The sum alone would favour long documents, the mean short ones.

    Args:
        fused: chunk key → score, not negative.
        homes: gives document and length of the chunks; one that it does not know gets no worth.
        detail: gets how many documents and passages there are.
    Source: Callan, Passage-level evidence in document retrieval, SIGIR 1994 (documents scored by their passages); the
        root was chosen on half of the questions of two sets: docs/log.md.
    """
    best_keys = fuse.ranked(fused)[:MOST]
    of = homes(best_keys)
    sums: dict[int, float] = {}
    for key in best_keys:
        if key in of:
            version, n_chunks = of[key]
            sums[version] = sums.get(version, 0.0) + fused[key] / math.sqrt(max(n_chunks, 1))
    best = max(sums.values(), default=0.0)
    detail |= {"documents": len(sums), "passages": len(best_keys)}
    return {key: sums.get(version, 0.0) / best for key, (version, _) in of.items()} if best > 0 else {}


def raised(hits: Sequence[Hit], weight: float) -> list[Hit]:
    """The hits by the weighted mean of their score (weight 1) and of what their document is worth (``weight``).

    What no reranker read stays behind what one read.
    """
    if not any("document" in hit.scores for hit in hits):
        return list(hits)
    reranked = any("rerank" in hit.scores for hit in hits)
    read = [hit for hit in hits if "rerank" in hit.scores or not reranked]
    made = [replace(hit, score=(hit.score + weight * hit.scores.get("document", 0.0)) / (1 + weight)) for hit in read]
    return sorted(made, key=lambda hit: -hit.score) + [hit for hit in hits if reranked and "rerank" not in hit.scores]
