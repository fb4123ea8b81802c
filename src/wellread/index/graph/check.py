"""Whether the graph of names says what the chunks say."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from wellread.index.graph import names
from wellread.index.graph.build import RULES
from wellread.index.graph.schema import graph_edges, graph_entities, graph_mentions, graph_passages
from wellread.store.schema import chunks

BATCH = 1_000
CURE = "run: wellread graph build --again"


def check(connection: Connection) -> Iterator[str]:
    """What is wrong, for each passage where something is: passages are read again by the rules that read them before.

    Of passages that a model read, every name must stand at its place, and every relation be between names of it.
    """
    after = 0
    while True:
        rows = connection.execute(
            select(graph_passages, chunks.c.text, chunks.c.access_id.label("readers"))
            .outerjoin(chunks, chunks.c.key == graph_passages.c.chunk_key)
            .where(graph_passages.c.id > after).order_by(graph_passages.c.id).limit(BATCH)
        ).all()  # fmt: skip
        if not rows:
            return
        first, after = rows[0].id, rows[-1].id
        mentions, edges = _mentions(connection, first, after), _edges(connection, first, after)
        for row in rows:
            if row.text is None or row.readers != row.access_id:
                yield f"passage {row.id} belongs to no chunk, or to one of other readers"
                continue
            held, said = mentions.get(row.id, set()), edges.get(row.id, set())
            if not _fits(row.text, row.extractor, row.access_id, held, said):
                yield f"passage {row.id} names what chunk {row.chunk_key} does not say, or not there"


Held = set[tuple[int, str, int, int]]  # access id, key, start, end
Said = set[tuple[str, str, str, int, int]]  # key, key, label, start, end


def _fits(text: str, extractor: str, access_id: int, held: Held, said: Said) -> bool:
    if any(owner != access_id for owner, _, _, _ in held):
        return False
    if extractor == RULES:
        found = names.extract(text)
        wanted = {(access_id, m.key, *m.span) for m in found.mentions if m.key}
        return held == wanted and said == {(r.one, r.other, r.label, *r.span) for r in found.relations}
    keys = {key for _, key, _, _ in held}
    stand = all(names.key_of(text[start:end]) == key for _, key, start, end in held)
    return stand and all({one, other} <= keys and start < end <= len(text) for one, other, _, start, end in said)


def _mentions(connection: Connection, first: int, last: int) -> dict[int, Held]:
    found: dict[int, Held] = {}
    statement = (
        select(graph_mentions, graph_entities.c.key, graph_entities.c.access_id)
        .join(graph_entities, graph_entities.c.id == graph_mentions.c.entity_id)
        .where(graph_mentions.c.passage_id.between(first, last))
    )
    for row in connection.execute(statement):
        found.setdefault(row.passage_id, set()).add((row.access_id, row.key, row.start, row.end))
    return found


def _edges(connection: Connection, first: int, last: int) -> dict[int, Said]:
    found: dict[int, Said] = {}
    one, other = graph_entities.alias(), graph_entities.alias()
    statement = (
        select(graph_edges, one.c.key.label("one_key"), other.c.key.label("other_key"))
        .join(one, one.c.id == graph_edges.c.one_id)
        .join(other, other.c.id == graph_edges.c.other_id)
        .where(graph_edges.c.passage_id.between(first, last))
    )
    for row in connection.execute(statement):
        found.setdefault(row.passage_id, set()).add((row.one_key, row.other_key, row.label, row.start, row.end))
    return found
