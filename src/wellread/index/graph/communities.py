"""The communities of the graph of names as rows: entities that hang together, and what is said of them.

A community belongs to one access id. Its summary is text of documents: it is empty from the moment that a passage of it
is gone, and one that no entity belongs to is gone itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from wellread.index.graph.schema import graph_communities, graph_edges, graph_entities, graph_passages
from wellread.store.engine.api import Transaction
from wellread.store.engine.words import one_of
from wellread.store.schema import chunks


@dataclass(frozen=True, slots=True)
class Community:
    """A row of ``graph_communities``; ``vector`` is float16 bytes, b"" where there is none yet."""

    id: int
    access_id: int
    dirty: int = 1
    summary: str = ""
    made_by: str = ""
    embedder_id: str = ""
    vector: bytes = b""


def new(tx: Transaction, n: int, access_id: int) -> range:
    """The ids of ``n`` new communities, empty and dirty."""
    first = tx.allocate("graph_community_id", max(n, 1))
    empty = {"access_id": access_id, "dirty": 1, "summary": "", "made_by": "", "embedder_id": "", "vector": b""}
    rows = [{"id": number, **empty} for number in range(first, first + n)]
    if rows:
        tx.connection.execute(insert(graph_communities), rows)
    return range(first, first + n)


def place(tx: Transaction, communities: dict[int, int | None]) -> None:
    """The entities belong to those communities (None: to none), which are dirty, as are those that they leave."""
    if not communities:
        return
    touch(tx, communities.keys())
    change = update(graph_entities).where(graph_entities.c.id == bindparam("entity"))
    rows = [{"entity": entity, "community": community} for entity, community in communities.items()]
    tx.connection.execute(change.values(community_id=bindparam("community"), fresh=0), rows)
    touch(tx, communities.keys())
    drop_empty(tx)
    tx.bump()


def drop_empty(tx: Transaction) -> None:
    """Communities that no entity belongs to are gone."""
    used = select(graph_entities.c.community_id).where(graph_entities.c.community_id.is_not(None))
    tx.connection.execute(delete(graph_communities).where(graph_communities.c.id.not_in(used)))


def touch(tx: Transaction, entity_ids: Collection[int]) -> None:
    """The communities of the entities say nothing until they are summed up again."""
    own = select(graph_entities.c.community_id).where(one_of(graph_entities.c.id, entity_ids))
    tx.connection.execute(
        update(graph_communities).where(graph_communities.c.id.in_(own)).values(dirty=1, summary="", vector=b"")
    )


def sum_up(tx: Transaction, community: Community) -> None:
    """The community holds that summary."""
    values = {name: getattr(community, name) for name in ("dirty", "summary", "made_by", "embedder_id", "vector")}
    tx.connection.execute(update(graph_communities).where(graph_communities.c.id == community.id).values(**values))
    tx.bump()


def members(connection: Connection, ids: Collection[int]) -> dict[int, list[tuple[int, str]]]:
    """(id, name) of the entities of each of some communities, by id; one without any is missing."""
    columns = (graph_entities.c.community_id, graph_entities.c.id, graph_entities.c.name)
    statement = select(*columns).where(one_of(graph_entities.c.community_id, ids)).order_by(graph_entities.c.id)
    found: dict[int, list[tuple[int, str]]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.community_id, []).append((row.id, row.name))
    return found


def texts(connection: Connection, entity_ids: Collection[int], *, most: int) -> list[str]:
    """The sentences that state relations among those entities, each once; for summing up, not for answers."""
    both = (one_of(graph_edges.c.one_id, entity_ids), one_of(graph_edges.c.other_id, entity_ids))
    statement = (
        select(chunks.c.text, graph_edges.c.start, graph_edges.c.end)
        .join(graph_passages, graph_passages.c.id == graph_edges.c.passage_id)
        .join(chunks, chunks.c.key == graph_passages.c.chunk_key)
        .where(*both).distinct().order_by(chunks.c.key, graph_edges.c.start).limit(most)
    )  # fmt: skip
    return list(dict.fromkeys(row.text[row.start : row.end] for row in connection.execute(statement)))


def degrees(connection: Connection, entity_ids: Collection[int]) -> dict[int, int]:
    """In how many relations each of the entities stands; for summing up, not for answers."""
    found: dict[int, int] = {}
    for column in (graph_edges.c.one_id, graph_edges.c.other_id):
        counted = select(column, func.count()).where(one_of(column, entity_ids)).group_by(column)
        for entity, n in connection.execute(counted):
            found[entity] = found.get(entity, 0) + n
    return found
