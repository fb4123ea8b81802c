"""The vectors of every chunk, as a structure: files that only grow, and slots in the store that say what counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import Connection, delete, func, select

from wellread.errors import StoreError
from wellread.index.structure import Brought, Making, Renewed
from wellread.index.vectors import check as checking
from wellread.index.vectors import sets
from wellread.index.vectors.schema import slots
from wellread.store.check import Fault
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Store, Transaction
from wellread.store.engine.words import one_of
from wellread.store.schema import chunks as chunk_table

name = "vectors"
REBUILD = "run: wellread index rebuild"


def add(tx: Transaction, chunks: Sequence[ChunkRow], brought: Brought) -> None:
    """As ``Structure.add``: appended and flushed before the commit that counts them.

    Raises: StoreError where the live set is of another embedder or the disk is full; KeyError where a vector of a
    chunk was not brought.
    """
    if not chunks or brought.embedder is None:
        return
    into = sets.live_for(tx, brought.embedder, brought.storage)
    lacking = sets.lacking(tx.connection, into, [chunk.key for chunk in chunks])
    new = [chunk for chunk in chunks if chunk.key in lacking]
    if new:
        vectors = np.stack([brought.vectors[chunk.content_hash] for chunk in new])
        placed = [(chunk.key, chunk.access_id, chunk.version_id) for chunk in new]
        sets.append(brought.store, tx, into, vectors, placed)


def remove(tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
    """As ``Structure.remove``: their slots are dead, until ``compact`` gives them back."""
    tx.connection.execute(delete(slots).where(one_of(slots.c.chunk_key, [chunk.key for chunk in gone])))


def renew(making: Making, *, again: bool = False) -> Renewed:
    """As ``Structure.renew``; a live set of another embedder, or stored otherwise, stays until ``reembed``."""
    if again:
        done = sets.made_live(
            making.store, making.embedder(), making.progress, making.settings["index"].vectors, resume=False
        )
        return Renewed(chunks=done)
    with making.store.reading() as connection:
        live = sets.live(connection)
        if live is None or not sets.missing(connection, live, after=0):
            return Renewed()
    if live.embedder_id != making.embedder().id:
        return Renewed()
    return Renewed(chunks=sets.fill(making.store, live, making.embedder(), making.progress))


def check(store: Store) -> Iterator[Fault]:
    """As ``Structure.check``: every vector against its checksum, its bits and its chunk."""
    with store.reading() as connection:
        if sets.live(connection) is None and connection.execute(select(chunk_table.c.key).limit(1)).first():
            yield Fault(name, "there are none", REBUILD)
        for which in (*sets.found(connection, "live"), *sets.found(connection, "building")):
            where = f"{sets.FOLDER}/{which.folder}"
            try:
                yield from (Fault(where, what, REBUILD) for what in checking.vectors(store, connection, which))
            except StoreError as error:
                yield Fault(where, str(error), REBUILD)


def drop(tx: Transaction) -> None:
    """As ``Structure.drop``; the files go with the next ``sweep``."""
    for state in ("live", "building", "retired"):
        for which in sets.found(tx.connection, state):
            sets.drop(tx, which)


def size(connection: Connection) -> int:
    """As ``Structure.size``: of the live set."""
    live = sets.live(connection)
    if live is None:
        return 0
    return int(connection.execute(select(func.count()).where(slots.c.set_id == live.id)).scalar_one())
