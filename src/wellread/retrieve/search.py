"""A question becomes hits: understand it, find within what may be seen, fuse, read the passages, rerank, widen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wellread.index.open import Snapshot
from wellread.retrieve import expand as expanding
from wellread.retrieve import fuse, together
from wellread.retrieve import rerank as reranking
from wellread.retrieve.parts import Query, SearchParts, SearchResult, SearchSettings, Trace
from wellread.retrieve.retrievers import find as finding
from wellread.retrieve.retrievers.find import Vector, WordingHits
from wellread.retrieve.understand import rewrite as rewriting
from wellread.retrieve.understand import route as routing
from wellread.retrieve.understand.rewrite import Asking, SearchPlan, Wording
from wellread.types import Filter, Hit, Principal


def search(
    question: str,
    parts: SearchParts,
    settings: SearchSettings,
    *,
    who: Principal,
    where: Filter | None = None,
    k: int | None = None,
) -> SearchResult:
    """The ``k`` best passages that ``who`` may see and ``where`` matches; k None: as many as the settings say.

    Raises: StoreError, ModelError, ModelUnavailable; UsageError for a filter with an unknown field.
    """
    k = settings.retrieve.top_k if k is None else k
    trace = Trace()
    if settings.retrieve.mode != "bm25":
        parts.reader.check_embedder(parts.embedder.id)
    if settings.route.mode != "off":
        parts, settings, searched = _routed(question, parts, settings, who, trace)
        if not searched:
            return trace.result([], parts.reader.store.generation())
    plan = _understood(question, parts, settings, who, trace)
    vectors = finding.embed(plan.texts, plan.passage, parts.embedder, settings.retrieve, trace)
    with parts.reader.snapshot(who=who) as snapshot:
        within = None
        if where is not None:
            with trace.stage("filter") as detail:
                within = tuple(snapshot.matching(where))
                detail["documents"] = len(within)
        scene = _SearchContext(
            snapshot, parts, settings, where, within, vectors, _read(k, parts, settings), plan.feedback, trace
        )
        hits = _of_part(plan.question, plan.wordings, scene)
        if plan.parts:
            lists = [hits, *(_of_part(part, (Wording(part),), scene) for part in plan.parts)]
            with trace.stage("join") as detail:
                hits = joined(lists)
                detail |= {"parts": len(plan.parts), "hits": len(hits)}
        if settings.expand.mode != "none":
            with trace.stage("expand") as detail:
                hits = expanding.expand(hits, snapshot.document, settings.expand, k, detail)
        return trace.result(hits[:k], snapshot.generation)


@dataclass(frozen=True, slots=True)
class _SearchContext:
    """What every part of one search has in common; ``n`` hits are read."""

    snapshot: Snapshot
    parts: SearchParts
    settings: SearchSettings
    where: Filter | None
    within: tuple[int, ...] | None
    vectors: Mapping[str, Vector]
    n: int
    feedback: bool
    trace: Trace


def _routed(
    question: str, parts: SearchParts, settings: SearchSettings, who: Principal, trace: Trace
) -> tuple[SearchParts, SearchSettings, bool]:
    """Parts and settings as the kind of the question needs them, and whether anything is searched for at all."""
    with trace.stage("route") as detail:
        with parts.reader.snapshot(who=who) as snapshot:
            route = routing.routed(question, snapshot, settings.route, parts)
        running: tuple[str, ...] = getattr(settings.route, route.kind)
        detail |= {"kind": route.kind, "by": route.by, "sure": round(route.sure, 2)}
        detail["parts"] = running or "none: nothing is searched for"
        settings = routing.applied(route.kind, settings.route, settings)
        if "rerank" not in running:
            parts = replace(parts, reranker=None)
        return parts, settings, bool(running)


def _read(k: int, parts: SearchParts, settings: SearchSettings) -> int:
    """Hits that are read so that ``k`` are left at the end."""
    n = k if settings.expand.mode == "none" else 2 * k
    return max(n, settings.rerank.candidates) if parts.reranker else n


def _understood(
    question: str, parts: SearchParts, settings: SearchSettings, who: Principal, trace: Trace
) -> SearchPlan:
    """What is to be searched for; the base is looked at only while no model writes."""
    with trace.stage("rewrite") as detail:
        named = question
        if settings.rewrite.spelling or settings.rewrite.glossary:
            with parts.reader.snapshot(who=who) as snapshot:
                question, named = rewriting.own_words(question, snapshot, settings.rewrite, parts.is_word, detail)
        asking = Asking(parts.chat, trace)
        made = rewriting.plan(question, named, settings.rewrite, asking, detail)
        detail["calls"] = asking.calls
        others = [text for rewrite in parts.rewriters for text in rewrite(question)]
        if parts.rewriters:
            detail["rewriters"] = tuple(others) or "nothing to add"
        return rewriting.with_others(made, others)


def _of_part(question: str, wordings: Sequence[Wording], scene: _SearchContext) -> list[Hit]:
    """The hits of one question in all its wordings, reranked against it."""
    found = merged([(wording.weight, _found(wording.text, scene, scene.vectors)) for wording in wordings])
    hits = _hits(found, scene)
    if scene.feedback:
        with scene.trace.stage("feedback") as detail:
            text = rewriting.feedback(question, hits, scene.snapshot)
            detail["searched"] = (text,) if text else "nothing to add"
        if text:
            retrieve, trace = scene.settings.retrieve, scene.trace
            vectors = finding.embed((text,), "", scene.parts.embedder, retrieve, trace)
            found = merged([(1.0, found), (rewriting.BESIDE, _found(text, scene, vectors))])
            hits = _hits(found, scene)
    return together.raised(_reranked(question, hits, scene), scene.settings.retrieve.document_weight)


def _found(text: str, scene: _SearchContext, vectors: Mapping[str, Vector]) -> WordingHits:
    settings = scene.settings.retrieve
    n = max(settings.candidates, scene.n)
    query = Query(text, vectors.get(text), scene.parts.embedder.id, scene.within, n)
    retrievers = finding.legs_of(settings, scene.parts.retrievers)
    return finding.find(query, scene.snapshot, settings, retrievers, scene.where, scene.trace)


def merged(wordings: Sequence[tuple[float, WordingHits]]) -> WordingHits:
    """What several wordings found, as one: scores by weighted mean, of each retriever the best of any."""
    if len(wordings) == 1:
        return wordings[0][1]
    retrievers: dict[str, dict[int, float]] = {}
    for _, found in wordings:
        for name, retriever in found.retrievers.items():
            known = retrievers.setdefault(name, {})
            known.update({key: score for key, score in retriever.items() if score > known.get(key, float("-inf"))})
    return WordingHits(
        fuse.minmax([found.fused for _, found in wordings], [weight for weight, _ in wordings]), retrievers
    )


def joined(lists: Sequence[Sequence[Hit]]) -> list[Hit]:
    """The hits of several questions, each once with its best score, scores brought to 0..1 within each question."""
    best: dict[str, Hit] = {}
    for hits in lists:
        scaled = fuse.minmax([{n: hit.score for n, hit in enumerate(hits)}], [1.0])
        for n, hit in enumerate(hits):
            if hit.chunk.id not in best or scaled[n] > best[hit.chunk.id].score:
                best[hit.chunk.id] = replace(hit, score=scaled[n])
    return sorted(best.values(), key=lambda hit: -hit.score)


def _hits(found: WordingHits, scene: _SearchContext) -> list[Hit]:
    """The best of what was found, by its own score and its document's, which stands in ``scores`` until reranked."""
    settings = scene.settings.retrieve
    worth: dict[int, float] = {}
    if settings.document_weight and settings.mode == "hybrid" and settings.fusion == "minmax" and found.fused:
        with scene.trace.stage("together") as detail:
            worth = together.worth(found.fused, scene.snapshot.homes, detail)
    with scene.trace.stage("read") as detail:
        both = {key: score + settings.document_weight * worth.get(key, 0.0) for key, score in found.fused.items()}
        keys = fuse.ranked(both)[: scene.n]
        rows = scene.snapshot.chunks(keys)
        hits = []
        for key in keys:
            if key in rows:
                scores = {name: retriever[key] for name, retriever in found.retrievers.items() if key in retriever}
                scores |= {"fused": found.fused[key]} | ({"document": worth[key]} if key in worth else {})
                hits.append(Hit(*rows[key], found.fused[key], scores))
        detail |= {"hits": len(hits), "dropped": len(found.fused) - len(hits)}
        return hits


def _reranked(question: str, hits: list[Hit], scene: _SearchContext) -> list[Hit]:
    parts = scene.parts
    if parts.reranker is None:
        return hits
    with scene.trace.stage("rerank") as detail:
        reranker = parts.reranker()
        cheap = parts.cheap() if parts.cheap else None
        scene.trace.sent_to(reranker.remote)
        return reranking.rerank(question, hits, reranker, scene.settings.rerank, cheap, detail)
