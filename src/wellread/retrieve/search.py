"""A question becomes hits: understand it, find within what may be seen, fuse, read the passages, rerank, widen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
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
from wellread.types import Document, Filter, Hit, Principal


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

    One snapshot of the base serves the whole question. No connection is held while a chat model writes, a service
    embeds the question or a reranker reads; where the base has changed meanwhile, the question is understood again.
    Two things do hold it: widening hits after a reranker on this machine, and feedback from the first hits.

    Raises: StoreError, ModelError, ModelUnavailable; UsageError for a filter with an unknown field.
    """
    k = settings.retrieve.top_k if k is None else k
    trace = Trace()
    with ExitStack() as held:
        snapshot, understood, plan, vectors = _prepared(question, parts, settings, who, held, trace)
        parts, settings = understood.parts, understood.settings
        generation = snapshot.generation
        if not understood.searched:
            return trace.result([], generation)
        within = None
        if where is not None:
            with trace.stage("filter") as detail:
                within = tuple(snapshot.matching(where))
                detail["documents"] = len(within)
        n = _read(k, parts, settings)
        scene = _SearchContext(snapshot, parts, settings, where, within, vectors, n, plan.feedback, trace)
        asked = [(plan.question, plan.wordings), *((part, (Wording(part),)) for part in plan.sub_questions)]
        lists = [_of_part(text, wordings, scene) for text, wordings in asked]
        read = _documents(lists, scene, held)
        lists = [_ordered(text, hits, parts, settings, trace) for (text, _), hits in zip(asked, lists, strict=True)]
        hits = lists[0]
        if plan.sub_questions:
            with trace.stage("join") as detail:
                hits = joined(lists)
                detail |= {"sub_questions": len(plan.sub_questions), "hits": len(hits)}
        if settings.expand.mode != "none":
            with trace.stage("expand") as detail:
                hits = expanding.expand(hits, read, settings.expand, k, detail)
    return trace.result(hits[:k], generation)


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


@dataclass(frozen=True, slots=True)
class _Understood:
    """What one generation makes of a question: the parts and settings of its kind, and its words in the documents'."""

    generation: int
    parts: SearchParts
    settings: SearchSettings
    searched: bool
    question: str
    named: str
    detail: Mapping[str, object]
    ms: float


def _prepared(
    question: str, parts: SearchParts, settings: SearchSettings, who: Principal, held: ExitStack, trace: Trace
) -> tuple[Snapshot, _Understood, SearchPlan, Mapping[str, Vector]]:
    """An open snapshot, and what is to be searched for in it; ``held`` closes it."""
    asking = Asking(parts.chat, trace)
    for last in (False, False, True):
        snapshot = held.enter_context(parts.reader.snapshot(who=who))
        understood = _understood(question, snapshot, parts, settings, trace)
        elsewhere = understood.searched and not last and _asks(understood.parts, understood.settings)
        if elsewhere:
            held.close()
        plan, vectors = _planned(understood, asking, trace)
        if not elsewhere:
            break
        snapshot = held.enter_context(parts.reader.snapshot(who=who))
        if snapshot.generation == understood.generation:
            break
        held.close()  # the base has changed while models wrote
    return snapshot, understood, plan, vectors


def _asks(parts: SearchParts, settings: SearchSettings) -> bool:
    """Whether something slow is asked before the search: a chat model, a part of another package, a service."""
    rewrite = settings.rewrite
    writes = "model" in (rewrite.variants, rewrite.step_back, rewrite.hyde, rewrite.sub_questions)
    embeds = settings.retrieve.mode != "bm25" and parts.embedder.remote is not None
    return (writes and parts.chat is not None) or bool(parts.rewriters) or embeds


def _understood(
    question: str, snapshot: Snapshot, parts: SearchParts, settings: SearchSettings, trace: Trace
) -> _Understood:
    """The question as the documents spell it and name its things, and what its kind needs; no chat model is asked."""
    if settings.retrieve.mode != "bm25":
        snapshot.check_embedder(parts.embedder.id)
    searched = True
    if settings.route.mode != "off":
        parts, settings, searched = _routed(question, snapshot, parts, settings, trace)
    started, detail = time.perf_counter(), dict[str, object]()
    spelled = named = question
    if searched and (settings.rewrite.spelling or settings.rewrite.glossary):
        spelled, named = rewriting.own_words(question, snapshot, settings.rewrite, parts.is_word, detail)
    ms = (time.perf_counter() - started) * 1e3
    return _Understood(snapshot.generation, parts, settings, searched, spelled, named, detail, ms)


def _routed(
    question: str, snapshot: Snapshot, parts: SearchParts, settings: SearchSettings, trace: Trace
) -> tuple[SearchParts, SearchSettings, bool]:
    """Parts and settings as the kind of the question needs them, and whether anything is searched for at all."""
    with trace.stage("route") as detail:
        route = routing.routed(question, snapshot, settings.route, parts)
        running: tuple[str, ...] = getattr(settings.route, route.kind)
        detail |= {"kind": route.kind, "by": route.by, "sure": round(route.sure, 2)}
        detail["parts"] = running or "none: nothing is searched for"
        settings = routing.applied(route.kind, settings.route, settings)
        if "rerank" not in running:
            parts = replace(parts, reranker=None)
        return parts, settings, bool(running)


def _planned(understood: _Understood, asking: Asking, trace: Trace) -> tuple[SearchPlan, Mapping[str, Vector]]:
    """What is to be searched for, and its vectors."""
    parts, settings = understood.parts, understood.settings
    if not understood.searched:
        return SearchPlan(understood.question, ()), {}
    with trace.stage("rewrite", understood.ms) as detail:
        detail |= understood.detail
        made = rewriting.plan(understood.question, understood.named, settings.rewrite, asking, detail)
        detail["calls"] = asking.calls
        others = [text for rewrite in parts.rewriters for text in rewrite(understood.question)]
        if parts.rewriters:
            detail["rewriters"] = tuple(others) or "nothing to add"
        plan = rewriting.with_others(made, others)
    return plan, finding.embed(plan.texts, plan.passage, parts.embedder, settings.retrieve, trace)


def _documents(
    lists: Sequence[Sequence[Hit]], scene: _SearchContext, held: ExitStack
) -> Callable[[str], Document | None]:
    """How the documents of hits are read to widen them; the snapshot is over where it is not needed for that.

    A document is long and few of them are widened, so they are read as they are needed; before a service reranks, all
    of them are.
    """
    reranker = scene.parts.reranker
    if scene.settings.expand.mode == "none":
        held.close()
    elif reranker is not None and reranker().remote is not None:
        ids = {hit.document.id for hits in lists for hit in hits}
        known = {document_id: scene.snapshot.document(document_id) for document_id in ids}
        held.close()
        return known.get
    return scene.snapshot.document


def _read(k: int, parts: SearchParts, settings: SearchSettings) -> int:
    """Hits that are read so that ``k`` are left at the end."""
    n = k if settings.expand.mode == "none" else 2 * k
    return max(n, settings.rerank.candidates) if parts.reranker else n


def _of_part(question: str, wordings: Sequence[Wording], scene: _SearchContext) -> list[Hit]:
    """The hits of one question in all its wordings."""
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
    return hits


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


def _ordered(question: str, hits: list[Hit], parts: SearchParts, settings: SearchSettings, trace: Trace) -> list[Hit]:
    """The hits as a reranker orders them, where there is one, and raised by their documents' scores."""
    if parts.reranker is not None:
        with trace.stage("rerank") as detail:
            reranker = parts.reranker()
            cheap = parts.cheap() if parts.cheap else None
            trace.sent_to(reranker.remote)
            hits = reranking.rerank(question, hits, reranker, settings.rerank, cheap, detail)
    return together.raised(hits, settings.retrieve.document_weight)
