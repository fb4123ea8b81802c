"""Learned sparse vectors, as a structure: a row per chunk, where ``sparse.model`` names a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, select

from wellread.index.sparse import sparse
from wellread.index.sparse.schema import sparse_vectors
from wellread.index.structure import Brought, Making, Renewed
from wellread.store.check import Fault
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Store, Transaction
from wellread.store.schema import chunks as chunk_table

name = "sparse vectors"


def add(tx: Transaction, chunks: Sequence[ChunkRow], brought: Brought) -> None:
    """Nothing: what has no row yet gets one from the model, in ``renew``."""


def remove(tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
    """As ``Structure.remove``: an heir with the same text keeps the row."""
    held = sparse.taken(tx.connection, [chunk.key for chunk in gone])
    sparse.hand_on(tx.connection, held, heirs)


def renew(making: Making, *, again: bool = False) -> Renewed:
    """As ``Structure.renew``; ``again`` also takes another encoder than the one that the rows are from."""
    if making.sparse is None:
        return Renewed()
    return Renewed(chunks=sparse.fill(making.store, making.sparse(), making.progress, again=again))


def check(store: Store) -> Iterator[Fault]:
    """As ``Structure.check``: rows that are not as they were written, or are no chunk's."""
    with store.reading() as connection:
        if sparse.model_of(connection) is None:
            return
        both = sparse_vectors.outerjoin(chunk_table, chunk_table.c.key == sparse_vectors.c.chunk_key)
        wanted = chunk_table.c.content_hash.label("wanted")
        for row in connection.execute(select(sparse_vectors, wanted).select_from(both)):
            if row.wanted is None:
                yield Fault(name, f"there is one of chunk {row.chunk_key}, which is gone", sparse.REEMBED)
            elif row.content_hash != row.wanted or row.crc != sparse.crc(row.terms, row.weights):
                yield Fault(name, f"the one of chunk {row.chunk_key} is not as it was written", sparse.REEMBED)


def drop(tx: Transaction) -> None:
    """As ``Structure.drop``."""
    sparse.drop(tx.connection)


def size(connection: Connection) -> int:
    """As ``Structure.size``."""
    if sparse.model_of(connection) is None:
        return 0
    return int(connection.execute(select(func.count()).select_from(sparse_vectors)).scalar_one())
