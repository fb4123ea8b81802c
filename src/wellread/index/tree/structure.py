"""The tree of summaries, as a structure: made outside of the batch, kept in step where ``tree.mode`` searches it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from wellread.index.structure import Brought, Making, Renewed
from wellread.index.tree import check as checking
from wellread.index.tree import grow, rows
from wellread.store.check import Fault
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Store, Transaction

name = "tree of summaries"


def add(tx: Transaction, chunks: Sequence[ChunkRow], brought: Brought) -> None:
    """Nothing: what hangs nowhere finds its place in ``renew``."""


def remove(tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
    """As ``Structure.remove``: an heir that says the same takes the place, every other summary above is blanked."""
    rows.follow(tx, gone, heirs)


def renew(making: Making, *, again: bool = False) -> Renewed:
    """As ``Structure.renew``; nothing where ``tree.mode`` is off, unless ``again``."""
    settings = making.settings["tree"]
    if settings.mode == "off" and not again:
        return Renewed()
    if again:
        grow.drop(making.store)
    models = grow.TreeModels(making.embedder(), making.cheap(), making.chat)
    grown = grow.update(making.store, models, settings, making.progress)
    return Renewed(grown.made, grown.made, grown.seconds)


def check(store: Store) -> Iterator[Fault]:
    """As ``Structure.check``."""
    with store.reading() as connection:
        yield from checking.check(connection)


def drop(tx: Transaction) -> None:
    """As ``Structure.drop``."""
    if rows.drop(tx):
        tx.bump()


def size(connection: Connection) -> int:
    """As ``Structure.size``: chunks that hang in it."""
    return sum(rows.n_leaves(connection).values())
