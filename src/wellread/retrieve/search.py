"""A question becomes hits: scope, search by meaning and by words within what may be seen, fuse, read the passages."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from wellread.index.open import IndexReader, Look
from wellread.models.api import Embedder
from wellread.retrieve import fuse, scope
from wellread.retrieve.settings import RetrieveSettings
from wellread.types import AnyOf, Compare, Filter, Hit, Not, Principal, Stage, ValidOn

__all__ = ["RetrieveSettings", "SearchResult", "search"]


YEAR = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, and what each stage did; ``generation`` is the state of the base that they are from."""

    hits: tuple[Hit, ...]
    stages: tuple[Stage, ...]
    generation: int = 0


@dataclass(slots=True)
class _Trace:
    """Stages as they end."""

    stages: list[Stage] = field(default_factory=list)
    since: float = field(default_factory=time.perf_counter)

    def end(self, name: str, **detail: object) -> None:
        now = time.perf_counter()
        self.stages.append(Stage(name, (now - self.since) * 1000, detail))
        self.since = now


def search(
    question: str,
    reader: IndexReader,
    embedder: Embedder,
    settings: RetrieveSettings,
    *,
    who: Principal,
    where: Filter | None = None,
    k: int | None = None,
) -> SearchResult:
    """The ``k`` best passages that ``who`` may see and ``where`` matches; k None: as many as the settings say.

    Raises: StoreError, ModelError; UsageError for a filter with an unknown field.
    """
    k = settings.top_k if k is None else k
    trace = _Trace()
    vector = None
    if settings.mode != "bm25":
        reader.check_embedder(embedder.id)
        vector = np.asarray(embedder.embed([question], "query")[0], np.float32)
        trace.end("embed", model=embedder.id)
    with reader.looking(who=who) as look:
        within = look.matching(where) if where is not None else None
        if within is not None:
            trace.end("filter", documents=len(within))
        target = _scope(question, look, within) if settings.scope else None
        if settings.scope:
            trace.end("scope", **_told(target))
        n = max(settings.candidates, k)
        words = question if settings.mode != "dense" else ""
        terms: list[str] = []
        if target is not None and target.only:
            legs, terms = _legs(words, vector, embedder.id, look, (sorted(target.versions), None, n))
        if target is None or not target.only or not any(legs):
            inside = sorted(target.versions) if target is not None and not target.only else None
            legs, terms = _legs(words, vector, embedder.id, look, (within, inside, n))
        if settings.mode == "hybrid" or settings.min_score > 0:
            legs = _measured(legs, vector, look, settings.min_score)
        outdated = (
            _outdated(question, where, look) if settings.in_force and not (target and target.only) else frozenset()
        )
        legs, n_left_out = _without(legs, outdated, look)
        trace.end(
            "search",
            left_out=n_left_out,
            dense=len(legs[0]),
            bm25=len(legs[1]),
            terms=tuple(term.strip('"*') for term in terms),
        )
        fused = _fused(legs, settings)
        if target is not None and not target.only:
            fused = _boosted(fused, target, look)
        order = fuse.ranked(fused)
        trace.end("fuse", method=settings.fusion, alpha=settings.alpha, candidates=len(order))
        hits = _hits(order, fused, legs, look, k)
        trace.end("read", hits=len(hits))
        return SearchResult(tuple(hits), tuple(trace.stages), look.generation)


def _scope(question: str, look: Look, within: Sequence[int] | None) -> scope.Scope | None:
    known = look.memo.get(("vocabulary", look.allowed))
    if known is None:
        known = look.memo["vocabulary", look.allowed] = scope.vocabulary(look.names(), look.allowed)
    found = scope.scope(question, known)
    if found is None or within is None:
        return found
    both = found.versions & frozenset(within)
    return scope.Scope(both, found.only, found.boost, found.named) if both else None


def _told(target: scope.Scope | None) -> dict[str, object]:
    if target is None:
        return {"named": ()}
    return {"named": target.named, "documents": len(target.versions), "only": target.only}


Legs = tuple[dict[int, float], dict[int, float]]  # dense, bm25


def _legs(
    words: str,
    vector: NDArray[np.float32] | None,
    embedder_id: str,
    look: Look,
    bounds: tuple[Sequence[int] | None, Sequence[int] | None, int],
) -> tuple[Legs, list[str]]:
    """Both searches, within versions (None: all); the best ``n`` of the versions named are among what is found.

    Without ``words``, or without a vector, that search is left out. ``bounds`` are the versions to look in, those named
    in the question (None: none), and n.
    """
    within, named, n = bounds
    expression, terms = look.plan_text(words) if words else ("", [])
    dense: dict[int, float] = {}
    bm25: dict[int, float] = {}
    for versions in (within,) if named is None else (within, named):
        if vector is not None:
            dense.update(look.search_dense(vector, embedder_id, versions=versions, k=n))
        if expression:
            bm25.update(look.search_planned(expression, versions=versions, k=n))
    return (dense, bm25), terms


def _outdated(question: str, where: Filter | None, look: Look) -> frozenset[int]:
    """Versions that are superseded or not in force today; none where the question or the filter asks for a date."""
    today = date.today()
    if where is not None or any(int(year) != today.year for year in YEAR.findall(question)):
        return frozenset()
    known: frozenset[int] | None = look.memo.get(("outdated", look.allowed, today))
    if known is None:
        over = AnyOf((Not(ValidOn(today)), Compare("superseded_by", "like", "*")))
        known = look.memo["outdated", look.allowed, today] = frozenset(look.matching(over))
    return known


def _without(legs: Legs, outdated: frozenset[int], look: Look) -> tuple[Legs, int]:
    """The legs without the chunks of some versions, and how many those were; all stay where nothing else is found."""
    found = {*legs[0], *legs[1]}
    out = look.of_versions(list(found), outdated) if outdated and found else set()
    if not out or out == found:
        return legs, 0
    dense, bm25 = ({key: score for key, score in leg.items() if key not in out} for leg in legs)
    return (dense, bm25), len(out)


def _measured(legs: Legs, vector: NDArray[np.float32] | None, look: Look, least: float) -> Legs:
    """The legs with the true cosine of what was found by words alone, without what is below ``least``.

    A chunk that is not among the nearest by meaning would count as 0 otherwise, however near it is: docs/log.md.
    """
    dense, bm25 = legs
    if vector is None:
        return legs
    dense = {**look.cosines(vector, [key for key in bm25 if key not in dense]), **dense}
    if least <= 0:
        return dense, bm25
    return (
        {key: score for key, score in dense.items() if score >= least},
        {key: score for key, score in bm25.items() if dense.get(key, -1.0) >= least},
    )


def _fused(legs: Legs, settings: RetrieveSettings) -> dict[int, float]:
    if settings.mode == "dense":
        return dict(legs[0])
    if settings.mode == "bm25":
        return dict(legs[1])
    if settings.fusion == "rrf":
        return fuse.rrf(legs)
    return fuse.minmax(legs, (settings.alpha, 1 - settings.alpha))


def _boosted(fused: Mapping[int, float], target: scope.Scope, look: Look) -> dict[int, float]:
    inside = look.of_versions(list(fused), target.versions)
    return {key: score * target.boost if key in inside and score > 0 else score for key, score in fused.items()}


def _hits(order: Sequence[int], fused: Mapping[int, float], legs: Legs, look: Look, k: int) -> list[Hit]:
    rows = look.chunks(order[:k])
    hits = []
    for key in order[:k]:
        if key not in rows:
            continue
        chunk, document = rows[key]
        scores = {name: leg[key] for name, leg in zip(("dense", "bm25"), legs, strict=True) if key in leg}
        hits.append(Hit(chunk, document, fused[key], {**scores, "fused": fused[key]}))
    return hits
