"""The graph of names as rows: entities, where passages mention them, what passages say between two.

An entity and a passage belong to one access id: what a reader may see of the graph is what the documents
say that the reader may see. Places count from the start of a chunk, so that a chunk that a new version holds unchanged
keeps its rows. What is gone is gone in the same transaction: ``follow`` stands beside every change of chunks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, or_, select, update

from wellread.index.graph.communities import Community, drop_empty, touch
from wellread.index.graph.schema import (
    graph_communities,
    graph_edges,
    graph_entities,
    graph_mentions,
    graph_passages,
    graph_same,
)
from wellread.store import access
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Transaction
from wellread.store.engine.words import one_of, upsert
from wellread.store.schema import chunks, versions
from wellread.types import Principal, Span

_ENTITY = ("id", "access_id", "key", "name", "kind", "community_id", "fresh")  # in the order of Entity
_COMMUNITY = ("id", "access_id", "dirty", "summary", "made_by", "embedder_id", "vector")  # in the order of Community


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """An entity as a passage gives it: its key, its name as it stands there, its kind, its places in the chunk."""

    key: str
    name: str
    kind: str
    places: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class StatedRelation:
    """A relation as a passage gives it, between two keys of its ``Named``."""

    one: str
    other: str
    label: str
    place: Span


@dataclass(frozen=True, slots=True)
class ExtractedPassage:
    """What an extractor found in one chunk."""

    chunk: ChunkRow
    named: tuple[NamedEntity, ...]
    said: tuple[StatedRelation, ...]
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Entity:
    """A row of ``graph_entities``."""

    id: int
    access_id: int
    key: str
    name: str
    kind: str
    community_id: int | None
    fresh: int


@dataclass(frozen=True, slots=True)
class RelationSource:
    """Where a document says something: ``document.text[start:end]`` of that version."""

    document_id: str
    version: int
    uri: str
    title: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A relation with the place that it comes from; ``quote`` is the text there."""

    one_id: int
    other_id: int
    label: str
    source: RelationSource
    quote: str


# writing


def missing(connection: Connection, extractor: str, *, after: int, size: int) -> list[ChunkRow]:
    """Live chunks with keys above ``after`` that this extractor has not read, by key, ``size`` at most."""
    columns = [chunks.c[name] for name in ChunkRow._fields]
    statement = _unread(select(*columns), extractor).where(chunks.c.key > after)
    return [ChunkRow(*row) for row in connection.execute(statement.order_by(chunks.c.key).limit(size))]


def n_missing(connection: Connection, extractor: str) -> int:
    """How many live chunks this extractor has not read."""
    return int(connection.execute(_unread(select(func.count(chunks.c.key)), extractor)).scalar_one())


def _unread(statement: Select[Any], extractor: str) -> Select[Any]:
    read = (graph_passages.c.chunk_key == chunks.c.key) & (graph_passages.c.extractor == extractor)
    both = chunks.outerjoin(graph_passages, read)
    return statement.select_from(both).where(graph_passages.c.id.is_(None))


def put(tx: Transaction, passages: Sequence[ExtractedPassage], extractor: str) -> int:
    """How many of the passages are in the graph now: those whose chunk is still live; what was there of them is gone.

    Entities that are new are fresh; communities that are touched are dirty, and their summaries empty.
    """
    keys = one_of(chunks.c.key, [passage.chunk.key for passage in passages])
    there = set(tx.connection.execute(select(chunks.c.key).where(keys)).scalars())
    passages = [passage for passage in passages if passage.chunk.key in there]
    if not passages:
        return 0
    old = select(graph_passages.c.id).where(one_of(graph_passages.c.chunk_key, there))
    drop(tx, list(tx.connection.execute(old).scalars()))
    ids = _entities(tx, passages)
    first = tx.allocate("graph_passage_id", len(passages))
    rows, mentions, edges = [], [], []
    edge = tx.allocate("graph_edge_id", max(1, sum(len(passage.said) for passage in passages)))
    for number, passage in enumerate(passages, first):
        chunk = passage.chunk
        rows.append(_row(number, passage, extractor))
        for named in passage.named:
            entity = ids[chunk.access_id, named.key]
            mentions += [
                {"passage_id": number, "entity_id": entity, "start": place.start, "end": place.end}
                for place in named.places
            ]
        for said in passage.said:
            edges.append({"id": edge, "passage_id": number, "one_id": ids[chunk.access_id, said.one],
                          "other_id": ids[chunk.access_id, said.other], "label": said.label,
                          "start": said.place.start, "end": said.place.end})  # fmt: skip
            edge += 1
    tx.connection.execute(insert(graph_passages), rows)
    for table, values in ((graph_mentions, mentions), (graph_edges, edges)):
        if values:
            tx.connection.execute(insert(table), values)
    touch(tx, set(ids.values()))
    tx.bump()
    return len(passages)


def _row(number: int, passage: ExtractedPassage, extractor: str) -> dict[str, object]:
    chunk = passage.chunk
    row = {"id": number, "chunk_key": chunk.key, "access_id": chunk.access_id, "content_hash": chunk.content_hash}
    return {**row, "extractor": extractor, "dropped": passage.dropped}


def _entities(tx: Transaction, passages: Sequence[ExtractedPassage]) -> dict[tuple[int, str], int]:
    """The ids of the entities of the passages by access id and key, made where they are not there."""
    wanted: dict[tuple[int, str], NamedEntity] = {}
    for passage in passages:
        for named in passage.named:
            wanted.setdefault((passage.chunk.access_id, named.key), named)
    found: dict[tuple[int, str], int] = {}
    for access_id in {access_id for access_id, _ in wanted}:
        keys = [key for owner, key in wanted if owner == access_id]
        for start in range(0, len(keys), 500):
            statement = select(graph_entities.c.id, graph_entities.c.key).where(
                graph_entities.c.access_id == access_id, graph_entities.c.key.in_(keys[start : start + 500])
            )
            found.update(((access_id, row.key), row.id) for row in tx.connection.execute(statement))
    new = [pair for pair in wanted if pair not in found]
    if new:
        first = tx.allocate("graph_entity_id", len(new))
        rows = [
            {"id": number, "access_id": pair[0], "key": pair[1], "name": wanted[pair].name, "kind": wanted[pair].kind,
             "community_id": None, "fresh": 1}
            for number, pair in enumerate(new, first)
        ]  # fmt: skip
        tx.connection.execute(insert(graph_entities), rows)
        found.update((pair, number) for number, pair in enumerate(new, first))
    return found


def drop(tx: Transaction, passage_ids: Sequence[int]) -> None:
    """Those passages are gone from the graph, with the entities that nothing mentions any more."""
    if not passage_ids:
        return
    mine = one_of(graph_mentions.c.passage_id, passage_ids)
    entity_ids = set(tx.connection.execute(select(graph_mentions.c.entity_id).where(mine).distinct()).scalars())
    touch(tx, entity_ids)
    tx.connection.execute(delete(graph_edges).where(one_of(graph_edges.c.passage_id, passage_ids)))
    tx.connection.execute(delete(graph_mentions).where(mine))
    tx.connection.execute(delete(graph_passages).where(one_of(graph_passages.c.id, passage_ids)))
    still = select(graph_mentions.c.entity_id).where(one_of(graph_mentions.c.entity_id, entity_ids))
    lost = entity_ids - set(tx.connection.execute(still.distinct()).scalars())
    if lost:
        one, other = (one_of(graph_same.c[name], lost) for name in ("one_id", "other_id"))
        tx.connection.execute(delete(graph_same).where(or_(one, other)))
        tx.connection.execute(delete(graph_entities).where(one_of(graph_entities.c.id, lost)))
        drop_empty(tx)
    tx.bump()


def follow(tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
    """The graph when chunks go and others, the heirs, take their place.

    A new chunk that says letter for letter, to the same readers, what one of the old said keeps what was found in it.
    """
    if not gone:
        return
    mine = one_of(graph_passages.c.chunk_key, [row.key for row in gone])
    columns = (graph_passages.c.id, graph_passages.c.access_id, graph_passages.c.content_hash)
    held = tx.connection.execute(select(*columns).where(mine)).all()
    if not held:
        return
    free: dict[tuple[int, bytes], list[int]] = {}
    for heir in heirs:
        free.setdefault((heir.access_id, heir.content_hash), []).append(heir.key)
    moved, lost = [], []
    for row in held:
        same = free.get((row.access_id, row.content_hash))
        if same:
            moved.append({"passage": row.id, "heir": same.pop(0)})
        else:
            lost.append(row.id)
    if moved:
        move = update(graph_passages).where(graph_passages.c.id == bindparam("passage"))
        tx.connection.execute(move.values(chunk_key=bindparam("heir")), moved)
    drop(tx, lost)


def clear(tx: Transaction) -> None:
    """There is no graph any more."""
    for table in (graph_same, graph_edges, graph_mentions, graph_entities, graph_communities, graph_passages):
        tx.connection.execute(delete(table))
    tx.bump()


def put_same(tx: Transaction, pairs: Iterable[tuple[int, int, float]]) -> None:
    """Those entities (with their cosine) are taken for one, whatever their names; pairs of one that is gone are not."""
    pairs = list(pairs)
    named = one_of(graph_entities.c.id, {id for one, other, _ in pairs for id in (one, other)})
    there = set(tx.connection.execute(select(graph_entities.c.id).where(named)).scalars()) if pairs else set()
    rows = [
        {"one_id": min(one, other), "other_id": max(one, other), "score": score}
        for one, other, score in pairs
        if one in there and other in there
    ]
    upsert(tx.connection, graph_same, rows)


# reading


def exists(connection: Connection) -> bool:
    """Whether anything is in the graph."""
    return connection.execute(select(graph_passages.c.id).limit(1)).first() is not None


def counts(connection: Connection, *, allowed: Collection[int] | None) -> dict[str, int]:
    """Passages, entities (one for each access id), relations, communities and what was dropped, within the ids."""
    p, e, c = graph_passages, graph_entities, graph_communities
    edges = select(func.count()).select_from(graph_edges.join(p, p.c.id == graph_edges.c.passage_id))
    wanted = {
        "passages": access.within(select(func.count()).select_from(p), p.c.access_id, allowed),
        "entities": access.within(select(func.count()).select_from(e), e.c.access_id, allowed),
        "relations": access.within(edges, p.c.access_id, allowed),
        "communities": access.within(select(func.count()).select_from(c), c.c.access_id, allowed),
        "dropped": access.within(select(func.coalesce(func.sum(p.c.dropped), 0)), p.c.access_id, allowed),
    }
    return {name: int(connection.execute(statement).scalar_one()) for name, statement in wanted.items()}


def entities(connection: Connection, *, allowed: Collection[int] | None, fresh: bool = False) -> list[Entity]:
    """The entities of those access ids (None: all), by id; with ``fresh`` only those that are."""
    columns = [graph_entities.c[name] for name in _ENTITY]
    statement = access.within(select(*columns), graph_entities.c.access_id, allowed).order_by(graph_entities.c.id)
    if fresh:
        statement = statement.where(graph_entities.c.fresh == 1)
    return [Entity(*row) for row in connection.execute(statement)]


def mentions(connection: Connection, *, allowed: Collection[int] | None) -> list[tuple[int, int, int]]:
    """(chunk key, entity id, how often) of everything that is mentioned within the access ids."""
    statement = (
        select(graph_passages.c.chunk_key, graph_mentions.c.entity_id, func.count())
        .join(graph_passages, graph_passages.c.id == graph_mentions.c.passage_id)
        .group_by(graph_mentions.c.passage_id, graph_mentions.c.entity_id)
    )
    return _counted(connection, access.within(statement, graph_passages.c.access_id, allowed))


def relations(connection: Connection, *, allowed: Collection[int] | None) -> list[tuple[int, int, int]]:
    """(one id, other id, how often) of everything that is related within the access ids."""
    statement = (
        select(graph_edges.c.one_id, graph_edges.c.other_id, func.count())
        .join(graph_passages, graph_passages.c.id == graph_edges.c.passage_id)
        .group_by(graph_edges.c.one_id, graph_edges.c.other_id)
    )
    return _counted(connection, access.within(statement, graph_passages.c.access_id, allowed))


def _counted(connection: Connection, statement: Select[Any]) -> list[tuple[int, int, int]]:
    return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


def same(connection: Connection, *, allowed: Collection[int] | None) -> list[tuple[int, int]]:
    """Pairs of entities that are taken for one; both are of the access ids."""
    one, other = graph_entities.alias(), graph_entities.alias()
    statement = (
        select(graph_same.c.one_id, graph_same.c.other_id)
        .join(one, one.c.id == graph_same.c.one_id).join(other, other.c.id == graph_same.c.other_id)
    )  # fmt: skip
    statement = access.within(access.within(statement, one.c.access_id, allowed), other.c.access_id, allowed)
    return [(row.one_id, row.other_id) for row in connection.execute(statement)]


def communities(
    connection: Connection,
    *,
    allowed: Collection[int] | None,
    ids: Collection[int] | None = None,
    dirty: bool = False,
) -> list[Community]:
    """The communities of those access ids and ids (None: all), by id; with ``dirty`` only those to be summed up."""
    columns = [graph_communities.c[name] for name in _COMMUNITY]
    statement = access.within(select(*columns), graph_communities.c.access_id, allowed).order_by(graph_communities.c.id)
    statement = access.within(statement, graph_communities.c.id, ids)
    if dirty:
        statement = statement.where(graph_communities.c.dirty == 1)
    return [Community(*row) for row in connection.execute(statement)]


def statements(connection: Connection, entity_ids: Collection[int], *, who: Principal) -> list[Statement]:
    """What documents that ``who`` may see say of those entities and others, in the order of documents and text."""
    mine = or_(one_of(graph_edges.c.one_id, entity_ids), one_of(graph_edges.c.other_id, entity_ids))
    columns = (graph_edges.c.one_id, graph_edges.c.other_id, graph_edges.c.label, *_SOURCE, graph_edges.c.start,
               graph_edges.c.end, chunks.c.text.label("chunk_text"), chunks.c.start.label("chunk_start"))  # fmt: skip
    statement = (
        select(*columns)
        .join(graph_passages, graph_passages.c.id == graph_edges.c.passage_id)
        .join(chunks, chunks.c.key == graph_passages.c.chunk_key)
        .join(versions, versions.c.id == chunks.c.version_id)
        .where(mine, access.visible(connection, chunks, who=who))
        .order_by(versions.c.uri, chunks.c.start, graph_edges.c.start, graph_edges.c.id)
    )
    return [
        Statement(row.one_id, row.other_id, row.label, _source(row), row.chunk_text[row.start : row.end])
        for row in connection.execute(statement)
    ]


_SOURCE = (versions.c.document_id, versions.c.version, versions.c.uri, versions.c.title)


def _source(row: Any) -> RelationSource:
    start, end = row.chunk_start + row.start, row.chunk_start + row.end
    return RelationSource(row.document_id, row.version, row.uri, row.title, start, end)


def places(connection: Connection, entity_ids: Collection[int], *, who: Principal) -> list[RelationSource]:
    """Where documents that ``who`` may see mention those entities, in the order of documents and text."""
    columns = (*_SOURCE, graph_mentions.c.start, graph_mentions.c.end, chunks.c.start.label("chunk_start"))
    statement = (
        select(*columns)
        .join(graph_passages, graph_passages.c.id == graph_mentions.c.passage_id)
        .join(chunks, chunks.c.key == graph_passages.c.chunk_key)
        .join(versions, versions.c.id == chunks.c.version_id)
        .where(one_of(graph_mentions.c.entity_id, entity_ids), access.visible(connection, chunks, who=who))
        .order_by(versions.c.uri, chunks.c.start, graph_mentions.c.start)
    )
    return [_source(row) for row in connection.execute(statement)]
