"""The graph comes into step with the chunks: what is new is read, compared, placed among the groups, and summed up.

``update`` does what is missing, wherever it was stopped. A chunk that did not change is not read again, a name that was
there is not placed again, and only groups that hold a name of a changed chunk are summed up again. Groups belong to one
access id, so that a summary holds nothing that one of its readers may not see.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from sqlalchemy import Connection

from wellread.errors import UsageError
from wellread.index.graph import cluster, communities, merge, names, triples
from wellread.index.graph import rows as graph
from wellread.index.graph.communities import Community
from wellread.index.graph.names import Extracted
from wellread.index.graph.rows import Entity, ExtractedPassage, NamedEntity, StatedRelation
from wellread.index.graph.settings import GraphSettings
from wellread.index.tree import summarise
from wellread.models.api import Chat, Embedder
from wellread.progress import SILENT, Progress
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Store
from wellread.types import Span, Usage

RULES = "names:1"  # raised when names.extract finds something else: passages are read again then
PROMPT = "1"  # the same for triples
BATCH = 1_000  # chunks committed at once; those that a model read are committed one by one
REBUILT = 0.3  # share of new names from which all groups are rebuilt
MOST_TEXTS = 200  # sentences under one summary
SUMMARIES = 64  # committed at once
TITLES = 8  # names that a summary begins with


@dataclass(frozen=True, slots=True)
class GraphModels:
    """What makes the graph; ``cheap`` compares names and sentences, ``chat`` is None where no model is set."""

    embedder: Embedder
    cheap: Embedder
    chat: Callable[[], Chat] | None = None
    chat_name: str = ""


@dataclass(slots=True)
class GraphUpdate:
    """What was done, and what there is now; ``reason`` says why sentences stand where a model should have written."""

    read: int = 0  # passages
    named: int = 0  # names that are new
    merged: int = 0  # pairs of names taken for one by meaning
    regrouped: int = 0  # names that were put into a group, or into another one
    summed: int = 0  # groups that got a new summary
    passages: int = 0
    entities: int = 0
    relations: int = 0
    communities: int = 0
    dropped: int = 0  # statements of a model whose names do not stand in the passage
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    reason: str = ""
    seconds: float = 0.0


def update(
    store: Store, models: GraphModels, settings: GraphSettings, progress: Progress = SILENT, *, whole: bool = False
) -> GraphUpdate:
    """What was done; the graph is in step with the chunks that were there when it began.

    Stopped at any instant and called again, only what is missing is done. With ``whole`` everything is rebuilt.

    Raises: UsageError where the extractor is chat and no model is set; ModelError if one fails: what was read stays.
    """
    started, done = time.monotonic(), GraphUpdate()
    if whole:
        with store.writing() as tx:
            graph.clear(tx)
    _read(store, models, settings, done, progress)
    with store.reading() as connection:
        fresh = {entity.access_id for entity in graph.entities(connection, allowed=None, fresh=True)}
    for access_id in sorted(fresh):
        _compared(store, models, settings, access_id, done)
        _placed(store, settings, access_id, done)
    _summed(store, models, settings, done, progress)
    with store.reading() as connection:
        for name, n in graph.counts(connection, allowed=None).items():
            setattr(done, name, n)
    done.seconds = time.monotonic() - started
    return done


def _read(store: Store, models: GraphModels, settings: GraphSettings, done: GraphUpdate, progress: Progress) -> None:
    """Every live chunk was read by the extractor of the settings."""
    chat: Chat | None = None
    extractor, size = RULES, BATCH
    if settings.extractor == "chat":
        if models.chat is None:
            raise UsageError("graph.extractor is chat and chat.model is empty; name a model, or set it to names")
        extractor, size = f"chat:{PROMPT}:{models.chat_name}", 1
    with store.reading() as connection:
        total = graph.n_missing(connection, extractor)
    after, n = 0, 0
    while n < total:
        with store.reading() as connection:
            rows = graph.missing(connection, extractor, after=after, size=size)
        if not rows:
            break
        if settings.extractor == "chat" and models.chat is not None:
            chat = chat or models.chat()
            found = [_passage(row, triples.ask(row.text, chat)) for row in rows]
            done.calls += len(rows)
        else:
            found = [_passage(row, names.extract(row.text)) for row in rows]
        with store.writing() as tx:
            done.read += graph.put(tx, found, extractor)
        after, n = rows[-1].key, n + len(rows)
        progress.step("names", n, total, "passages")


def _passage(row: ChunkRow, found: Extracted) -> ExtractedPassage:
    """What was found in a chunk, each name once with all its places."""
    places: dict[str, list[Span]] = {}
    named: dict[str, tuple[str, str]] = {}
    for mention in found.mentions:
        if mention.key:
            places.setdefault(mention.key, []).append(mention.span)
            named.setdefault(mention.key, (mention.text, mention.kind))
    said = [
        StatedRelation(r.one, r.other, r.label, r.span) for r in found.relations if r.one in named and r.other in named
    ]
    entities = tuple(NamedEntity(key, *named[key], tuple(dict.fromkeys(places[key]))) for key in named)
    return ExtractedPassage(row, entities, tuple(said), found.dropped)


def _compared(store: Store, models: GraphModels, settings: GraphSettings, access_id: int, done: GraphUpdate) -> None:
    """New names that mean what others of the access id mean are one with them."""
    with store.reading() as connection:
        every = graph.entities(connection, allowed=[access_id])
    fresh = [n for n, entity in enumerate(every) if entity.fresh]
    done.named += len(fresh)
    if settings.same >= 1 or not fresh:
        return
    vectors = np.asarray(models.cheap.embed([entity.key for entity in every]), np.float32)
    found = merge.pairs([e.key for e in every], [e.kind for e in every], vectors, fresh, settings.same)
    with store.writing() as tx:
        graph.put_same(tx, [(every[i].id, every[j].id, score) for i, j, score in found])
    done.merged += len(found)


def _placed(store: Store, settings: GraphSettings, access_id: int, done: GraphUpdate) -> None:
    """Every name of the access id has found its group; where many are new, all groups are rebuilt."""
    with store.reading() as connection:
        every = graph.entities(connection, allowed=[access_id])
        heads, near = _near(connection, every, access_id, settings.npmi)
    fresh = [n for n, entity in enumerate(every) if entity.fresh]
    if len(fresh) > REBUILT * len(every):
        labels = cluster.louvain(near, settings.resolution)
    else:
        labels = _as_they_are(every, heads)
        cluster.move(near, labels, sorted({heads[n] for n in fresh}), settings.resolution)
    groups: dict[int, list[int]] = {}
    for n, head in enumerate(heads):
        groups.setdefault(labels[head], []).append(n)
    groups = {label: members for label, members in groups.items() if len({heads[n] for n in members}) > 1}
    kept = _kept(every, groups)
    with store.writing() as tx:
        there = {community.id for community in graph.communities(tx.connection, allowed=[access_id])}
        new = [label for label in groups if kept.get(label) not in there]  # others may have dropped some meanwhile
        kept |= dict(zip(new, communities.new(tx, len(new), access_id), strict=True))
        wanted = {n: kept[label] for label, members in groups.items() for n in members}
        changes = {
            entity.id: wanted.get(n)
            for n, entity in enumerate(every)
            if entity.fresh or wanted.get(n) != entity.community_id
        }
        communities.place(tx, changes)
    done.regrouped += len(changes)


def _near(
    connection: Connection, every: Sequence[Entity], access_id: int, least: float
) -> tuple[list[int], list[dict[int, float]]]:
    """Which entity stands for each (by its place in ``every``), and the neighbours of those that do."""
    at = {entity.id: n for n, entity in enumerate(every)}
    union = merge.Union(len(every))
    for one, other in graph.same(connection, allowed=[access_id]):
        union.join(at[one], at[other])
    heads = [union.find(n) for n in range(len(every))]
    stands: dict[int, set[int]] = {}
    n_passages = graph.counts(connection, allowed=[access_id])["passages"]
    for chunk, entity, _ in graph.mentions(connection, allowed=[access_id]):
        stands.setdefault(heads[at[entity]], set()).add(chunk)
    together: dict[tuple[int, int], int] = {}
    for one, other, n in graph.relations(connection, allowed=[access_id]):
        i, j = sorted((heads[at[one]], heads[at[other]]))
        together[i, j] = together.get((i, j), 0) + n
    edges = []
    for (i, j), n in together.items():
        often = min(n, len(stands[i]), len(stands[j]))
        telling = cluster.npmi(often, len(stands[i]), len(stands[j]), n_passages) if i != j else -1.0
        if telling >= least:
            edges.append((i, j, n * telling))
    return heads, cluster.near_of(len(every), edges)


def _as_they_are(every: Sequence[Entity], heads: Sequence[int]) -> list[int]:
    """The group of each entity as it was, each that has none in one of its own."""
    first: dict[int, int] = {}
    labels = list(range(len(every)))
    for n, entity in enumerate(every):
        if entity.community_id is not None:
            labels[heads[n]] = first.setdefault(entity.community_id, heads[n])
    return labels


def _kept(every: Sequence[Entity], groups: dict[int, list[int]]) -> dict[int, int]:
    """The community that each group continues with: the one that most of its names were in; each is taken once."""
    shares = []
    for label, members in groups.items():
        before = Counter(every[n].community_id for n in members)
        shares += [(n, label, community) for community, n in before.items() if community is not None]
    kept: dict[int, int] = {}
    taken: set[int] = set()
    for _, label, community in sorted(shares, key=lambda share: (-share[0], share[1], share[2])):
        if label not in kept and community not in taken:
            kept[label] = community
            taken.add(community)
    return kept


@dataclass(frozen=True, slots=True)
class _Group:
    """A community with all that its summary is made of; a small one has none."""

    community: Community
    members: tuple[int, ...]
    titles: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def _summed(store: Store, models: GraphModels, settings: GraphSettings, done: GraphUpdate, progress: Progress) -> None:
    """Every group has a summary of what it says now, and the vector of that."""
    writer = summarise.Writer(models.chat if settings.summaries == "chat" else None)
    size = 1 if settings.summaries == "chat" else SUMMARIES
    with store.reading() as connection:
        every = graph.communities(connection, allowed=None)
    stale = [c.id for c in every if c.dirty or (c.summary and c.embedder_id != models.embedder.id)]
    for start in range(0, len(stale), size):
        ids = stale[start : start + size]
        with store.reading() as connection:
            groups = _groups(connection, ids, settings.size)
        made = [_summary(group, writer, models, settings) for group in groups.values()]
        texts = [community.summary for community in made if community.summary]
        vectors = iter(np.asarray(models.embedder.embed(texts), np.float16)) if texts else iter(())
        with store.writing() as tx:
            now = _groups(tx.connection, ids, settings.size)
            for community in made:
                vector = next(vectors).tobytes() if community.summary else b""
                if now.get(community.id) != groups[community.id]:
                    continue  # somebody else was here: it may hold what is gone; it is looked at the next time
                communities.sum_up(tx, replace(community, vector=vector, embedder_id=models.embedder.id))
                done.summed += bool(community.summary)
        progress.step("groups", start + len(ids), len(stale))
    done.calls, done.usage = done.calls + writer.calls, done.usage + writer.usage
    done.reason = writer.reason if settings.summaries == "chat" and stale else ""


def _groups(connection: Connection, ids: Sequence[int], least: int) -> dict[int, _Group]:
    """Some communities with what is to be said of those of at least so many names: the most connected ones, texts."""
    members = communities.members(connection, ids)
    found: dict[int, _Group] = {}
    for community in graph.communities(connection, allowed=None, ids=ids):
        names = dict(members.get(community.id, ()))
        found[community.id] = _Group(community, tuple(names))
        if len(names) >= least:
            often = communities.degrees(connection, names)
            titles = sorted(names, key=lambda entity: (-often.get(entity, 0), entity))[:TITLES]
            texts = tuple(communities.texts(connection, names, most=MOST_TEXTS))
            found[community.id] = _Group(community, tuple(names), tuple(names[entity] for entity in titles), texts)
    return found


def _summary(group: _Group, writer: summarise.Writer, models: GraphModels, settings: GraphSettings) -> Community:
    """The community with a summary: its most connected names, then what is said of them; "" for a small one."""
    if not group.titles:
        return replace(group.community, dirty=0, summary="", made_by="")
    written = writer.write(group.texts) if settings.summaries == "chat" and group.texts else ""
    said = written or summarise.extract(group.texts, models.cheap, settings.sentences)
    summary = f"{', '.join(group.titles)}.\n\n{said}"
    return replace(group.community, dirty=0, summary=summary, made_by=writer.name if written else summarise.EXTRACT)
