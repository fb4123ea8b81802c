"""What an index of one's own is made from and must keep to: the passages that one person may see, by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from wellread.index.open import Snapshot
from wellread.store import documents
from wellread.store.engine.words import one_of
from wellread.store.schema import chunks


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage as it is searched: ``text`` has its header in front; ``version`` is what ``Query.within`` speaks of."""

    key: int
    version: int
    text: str


def passages(snapshot: Snapshot, *, after: int = 0, everyone: bool = False) -> Iterator[IndexedPassage]:
    """Every passage that ``snapshot`` may see, by key, those above ``after``; a key is never given to another passage.

    ``everyone`` also gives those that only others may see: what is made of them answers nobody without ``seen``.
    """
    for batch in documents.chunk_batches(snapshot.connection, after=after):
        rows = (
            batch
            if everyone or snapshot.allowed is None
            else [row for row in batch if row.access_id in snapshot.allowed]
        )
        yield from (IndexedPassage(row.key, row.version_id, row.indexed_text) for row in rows)


def seen(snapshot: Snapshot, keys: Sequence[int], versions: Sequence[int] | None = None) -> set[int]:
    """Those of the keys whose passages are there, may be seen, and belong to one of ``versions`` (None: any)."""
    columns = chunks.c
    statement = select(columns.key).where(one_of(columns.key, keys))
    if snapshot.allowed is not None:
        statement = statement.where(one_of(columns.access_id, snapshot.allowed))
    if versions is not None:
        statement = statement.where(one_of(columns.version_id, versions))
    return set(snapshot.connection.execute(statement).scalars())
