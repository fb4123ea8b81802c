"""Abbreviations and other names as the chunks say them, as a structure, with the list of stems for spelling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, select

from wellread.index.structure import Brought, Making, Renewed
from wellread.index.words import check as checking
from wellread.index.words import fulltext
from wellread.index.words import glossary as pairs
from wellread.index.words.schema import glossary as rows
from wellread.store.check import Fault
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Store, Transaction

name = "glossary"
REBUILD = "run: wellread index rebuild"


def add(tx: Transaction, chunks: Sequence[ChunkRow], brought: Brought) -> None:
    """As ``Structure.add``; a base that has none learns it from all its chunks."""
    if not pairs.exists(tx.connection):
        pairs.create(tx.connection)  # the new chunks are among those that it reads
    else:
        pairs.add(tx.connection, [chunk.key for chunk in chunks], [chunk.indexed_text for chunk in chunks])


def remove(tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
    """As ``Structure.remove``."""
    if pairs.exists(tx.connection):
        pairs.remove(tx.connection, [chunk.key for chunk in gone])


def renew(making: Making, *, again: bool = False) -> Renewed:
    """As ``Structure.renew``; nothing is missing once there is one."""
    with making.store.reading() as connection:
        if not fulltext.exists(connection) or (pairs.exists(connection) and not again):
            return Renewed()
    with making.store.writing() as tx:
        pairs.create(tx.connection)
        tx.bump()
        return Renewed(chunks=size(tx.connection))


def check(store: Store) -> Iterator[Fault]:
    """As ``Structure.check``: it is compared chunk by chunk."""
    with store.reading() as connection:
        found = list(checking.names(connection)) if pairs.exists(connection) else []
    yield from (Fault(name, what, REBUILD) for what in found)


def drop(tx: Transaction) -> None:
    """As ``Structure.drop``."""
    pairs.drop(tx.connection)


def size(connection: Connection) -> int:
    """As ``Structure.size``; most chunks explain nothing."""
    if not pairs.exists(connection):
        return 0
    return int(connection.execute(select(func.count(rows.c.chunk_key.distinct()))).scalar_one())
