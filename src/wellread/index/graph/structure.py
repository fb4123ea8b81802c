"""The graph of names, as a structure: read outside of the batch, kept in step where ``graph.mode`` searches it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from wellread.index.graph import build, rows
from wellread.index.graph import check as checking
from wellread.index.structure import Brought, Making, Renewed
from wellread.store.check import Fault
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Store, Transaction

name = "graph of names"


def add(tx: Transaction, chunks: Sequence[ChunkRow], brought: Brought) -> None:
    """Nothing: what was not read yet is read in ``renew``."""


def remove(tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
    """As ``Structure.remove``: an heir that says the same to the same readers keeps what was found in it."""
    rows.follow(tx, gone, heirs)


def renew(making: Making, *, again: bool = False) -> Renewed:
    """As ``Structure.renew``; nothing where ``graph.mode`` is off, unless ``again``."""
    settings = making.settings["graph"]
    if settings.mode == "off" and not again:
        return Renewed()
    models = build.GraphModels(making.embedder(), making.cheap(), making.chat, making.settings["chat"].model)
    done = build.update(making.store, models, settings, making.progress, whole=again)
    return Renewed(done.read, done.summed, done.seconds)


def check(store: Store) -> Iterator[Fault]:
    """As ``Structure.check``: passages are read again."""
    with store.reading() as connection:
        yield from (Fault(name, what, checking.CURE) for what in checking.check(connection))


def drop(tx: Transaction) -> None:
    """As ``Structure.drop``."""
    rows.clear(tx)


def size(connection: Connection) -> int:
    """As ``Structure.size``: chunks that were read."""
    return rows.counts(connection, allowed=None)["passages"]
