"""One wording of a question becomes scores of chunks: scope, search by meaning, words and other retrievers, fuse."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from wellread.index.open import Snapshot
from wellread.index.tree import entries
from wellread.index.words import languages
from wellread.models.api import Embedder
from wellread.retrieve import fuse
from wellread.retrieve.parts import Query, Retriever, Trace
from wellread.retrieve.settings import RetrieveSettings
from wellread.retrieve.understand import scope
from wellread.retrieve.understand.filters import asks_for_dates
from wellread.types import AnyOf, Compare, Filter, Not, ValidOn

YEAR = re.compile(r"\b(?:19|20)\d\d\b")

Vector = NDArray[np.float32]  # (dim,)
Scores = Mapping[int, float]  # chunk key → score, higher is better


@dataclass(frozen=True, slots=True)
class WordingHits:
    """What one wording found: the score that orders, and what each retriever gave."""

    fused: Scores
    retrievers: Mapping[str, Scores]


def embed(
    texts: Sequence[str], passage: str, embedder: Embedder, settings: RetrieveSettings, trace: Trace
) -> dict[str, Vector]:
    """The vector of each text, that of the first midway to a made-up ``passage``; none where meaning is not searched.

    Raises: ModelError.
    Source: Gao et al., ACL 2023 (HyDE), equation 8: the mean of the question and of what was made up.
    """
    if settings.mode == "bm25":
        return {}
    with trace.stage("embed") as detail:
        vectors = np.asarray(embedder.embed(texts, "query"), np.float32)
        if passage:
            middle = vectors[0] + np.asarray(embedder.embed([passage])[0], np.float32)
            vectors[0] = middle / np.linalg.norm(middle)
        detail |= {"model": embedder.id, "texts": len(texts) + bool(passage)}
        trace.sent_to(embedder.remote)
    return dict(zip(texts, vectors, strict=True))


def from_above(query: Query, snapshot: Snapshot, settings: RetrieveSettings) -> dict[int, float]:
    """Passages of the documents or sections that are nearest as a whole, each with the cosine of that whole."""
    if query.vector is None or settings.entry == "none":
        return {}
    known = entries.entries(snapshot, settings.entry)
    near = known.nearest(query.vector, settings.entries, query.within)
    return {key: cosine for n, cosine in reversed(near) for key in known.passages(n)}


def legs_of(settings: RetrieveSettings, further: Sequence[Retriever]) -> tuple[Retriever, ...]:
    """The retrievers beside meaning and words that the settings switch on, then those that were given."""
    own = (Retriever("above", settings.entry_weight, from_above),) if settings.entry != "none" else ()
    return (*own, *further)


def find(
    query: Query,
    snapshot: Snapshot,
    settings: RetrieveSettings,
    retrievers: Sequence[Retriever],
    where: Filter | None,
    trace: Trace,
) -> WordingHits:
    """Every chunk that was found with its score, within what ``snapshot`` may see and ``query.within``."""
    target = None
    if settings.scope:
        with trace.stage("scope") as detail:
            target = _scope(query.text, snapshot, query.within)
            detail.update(_told(target))
    with trace.stage("search") as detail:
        found, terms = _searched(query, snapshot, settings, retrievers, target)
        if settings.mode == "hybrid" or settings.min_score > 0:
            found = _measured(found, query.vector, snapshot, settings.min_score)
        only = target is not None and target.only
        outdated = _outdated(query.text, where, snapshot) if settings.in_force and not only else frozenset()
        found, n_left_out = _without(found, outdated, snapshot)
        detail |= {name: len(retriever) for name, retriever in found.items()} | query.told
        if language := languages.foreign(query.text, snapshot.languages):
            detail["foreign"] = language
        detail |= {"left_out": n_left_out, "terms": tuple(re.sub('["*()]', "", term) for term in terms)}
    with trace.stage("fuse") as detail:
        alpha = fuse.alpha_of(query.embedder_id) if settings.alpha is None else settings.alpha
        fused = _fused(found, replace(settings, alpha=alpha), retrievers)
        if target is not None and not target.only:
            fused = _boosted(fused, target, snapshot)
        detail |= {"method": settings.fusion, "alpha": alpha, "candidates": len(fused)}
    return WordingHits(fused, found)


def _scope(question: str, snapshot: Snapshot, within: Sequence[int] | None) -> scope.Scope | None:
    known = snapshot.memo.get(("vocabulary", snapshot.allowed))
    if known is None:
        known = snapshot.memo["vocabulary", snapshot.allowed] = scope.vocabulary(snapshot.names(), snapshot.allowed)
    found = scope.scope(question, known)
    if found is None or within is None:
        return found
    both = found.versions & frozenset(within)
    return scope.Scope(both, found.only, found.boost, found.named) if both else None


def _told(target: scope.Scope | None) -> dict[str, object]:
    if target is None:
        return {"named": ()}
    return {"named": target.named, "documents": len(target.versions), "only": target.only}


def _searched(
    query: Query,
    snapshot: Snapshot,
    settings: RetrieveSettings,
    retrievers: Sequence[Retriever],
    target: scope.Scope | None,
) -> tuple[dict[str, Scores], list[str]]:
    """What each retriever found and the words looked for, first in the documents that the question names."""
    if target is not None and target.only:
        found, terms = _retrievers(
            replace(query, within=tuple(sorted(target.versions))), snapshot, settings, retrievers
        )
        if any(found.values()):
            return found, terms
    found, terms = _retrievers(query, snapshot, settings, retrievers)
    if target is not None and not target.only:  # the best of the documents named are among what is found
        named, _ = _retrievers(replace(query, within=tuple(sorted(target.versions))), snapshot, settings, retrievers)
        found = {name: {**retriever, **named[name]} for name, retriever in found.items()}
    return found, terms


def _retrievers(
    query: Query, snapshot: Snapshot, settings: RetrieveSettings, retrievers: Sequence[Retriever]
) -> tuple[dict[str, Scores], list[str]]:
    expression, terms = snapshot.plan_text(query.text) if settings.mode != "dense" else ("", [])
    dense: Scores = {}
    if query.vector is not None:
        dense = dict(snapshot.search_dense(query.vector, query.embedder_id, versions=query.within, k=query.n))
    bm25 = _words(expression, query, snapshot, settings) if expression else {}
    if retrievers:
        query = replace(query, first=_first(dense, bm25, query, settings))
    further = {retriever.name: retriever.find(query, snapshot, settings) for retriever in retrievers}
    return {"dense": dense, "bm25": bm25, **further}, terms


def _first(dense: Scores, bm25: Scores, query: Query, settings: RetrieveSettings) -> dict[int, float]:
    alpha = fuse.alpha_of(query.embedder_id) if settings.alpha is None else settings.alpha
    return fuse.minmax([dense, bm25], (alpha, 1 - alpha))


def _words(expression: str, query: Query, snapshot: Snapshot, settings: RetrieveSettings) -> Scores:
    weight = settings.title_weight
    return dict(snapshot.search_planned(expression, versions=query.within, k=query.n, title_weight=weight))


def _outdated(question: str, where: Filter | None, snapshot: Snapshot) -> frozenset[int]:
    """Versions that are superseded or not in force today; none where the question or the filter asks for a date."""
    today = date.today()
    if where is not None and asks_for_dates(where):
        return frozenset()
    if any(int(year) != today.year for year in YEAR.findall(question)):
        return frozenset()
    known: frozenset[int] | None = snapshot.memo.get(("outdated", snapshot.allowed, today))
    if known is None:
        over = AnyOf((Not(ValidOn(today)), Compare("superseded_by", "like", "*")))
        known = snapshot.memo["outdated", snapshot.allowed, today] = frozenset(snapshot.matching(over))
    return known


def _without(
    found: Mapping[str, Scores], outdated: frozenset[int], snapshot: Snapshot
) -> tuple[dict[str, Scores], int]:
    """Scores without the chunks of some versions, and how many those were; all stay where nothing else is found."""
    keys = {key for retriever in found.values() for key in retriever}
    out = snapshot.of_versions(list(keys), outdated) if outdated and keys else set()
    if not out or out == keys:
        return dict(found), 0
    return {name: {key: s for key, s in retriever.items() if key not in out} for name, retriever in found.items()}, len(
        out
    )


def _measured(
    found: Mapping[str, Scores], vector: Vector | None, snapshot: Snapshot, least: float
) -> dict[str, Scores]:
    """The retrievers with the true cosine of what was found without it, and without what is below ``least``.

    A chunk that is not among the nearest by meaning would count as 0 otherwise, however near it is: docs/log.md.
    """
    if vector is None:
        return dict(found)
    dense = found["dense"]
    others = {key for name, retriever in found.items() if name != "dense" for key in retriever if key not in dense}
    dense = {**snapshot.cosines(vector, sorted(others)), **dense}
    if least <= 0:
        return {**found, "dense": dense}
    kept = {key for key, score in dense.items() if score >= least}
    return {
        name: {k: s for k, s in retriever.items() if k in kept}
        for name, retriever in ({**found, "dense": dense}).items()
    }


def _fused(
    found: Mapping[str, Scores], settings: RetrieveSettings, retrievers: Sequence[Retriever]
) -> dict[int, float]:
    if settings.mode == "dense" and not retrievers:
        return dict(found["dense"])
    if settings.mode == "bm25" and not retrievers:
        return dict(found["bm25"])
    alpha = settings.alpha or 0.0
    two = {"hybrid": (alpha, 1 - alpha), "dense": (1.0, 0.0), "bm25": (0.0, 1.0)}[settings.mode]
    weights = (*two, *(retriever.weight for retriever in retrievers))
    ordered = [found["dense"], found["bm25"], *(found[retriever.name] for retriever in retrievers)]
    if settings.fusion == "rrf":
        return fuse.rrf(ordered, [w / max(weights) for w in weights] if retrievers else None)
    return fuse.minmax(ordered, weights)


def _boosted(fused: Mapping[int, float], target: scope.Scope, snapshot: Snapshot) -> dict[int, float]:
    """The scores with those of the documents named raised; what lies between 0 and 1 stays there, BM25 is open."""
    inside = snapshot.of_versions(list(fused), target.versions)
    raised = {key: score * target.boost if key in inside and score > 0 else score for key, score in fused.items()}
    best = max(raised.values(), default=0.0)
    if best <= 1 or max(fused.values()) > 1:
        return raised
    return {key: score / best for key, score in raised.items()}
