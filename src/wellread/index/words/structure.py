"""The words of every chunk, as a structure: BM25 over title, headings and text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, select

from wellread.index.structure import Brought, Making, Renewed
from wellread.index.words import check as checking
from wellread.index.words import fulltext
from wellread.progress import Progress
from wellread.store import documents
from wellread.store.check import Fault
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Store, Transaction, read_meta
from wellread.store.engine.words import has_tables
from wellread.store.schema import chunks as chunk_table

name = "full text"
REBUILD = "run: wellread index rebuild"


def add(tx: Transaction, chunks: Sequence[ChunkRow], brought: Brought) -> None:
    """As ``Structure.add``. Raises: StoreError where the table was made with another ``index.language``."""
    if not fulltext.exists(tx.connection, brought.language):
        fulltext.create(tx.connection, brought.language)
    keys, texts, titles = [c.key for c in chunks], [c.text for c in chunks], [c.header for c in chunks]
    fulltext.add(tx.connection, keys, texts, titles)


def remove(tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
    """As ``Structure.remove``: the text of each is given back, which takes its words out."""
    if fulltext.exists(tx.connection):
        keys, texts, titles = [c.key for c in gone], [c.text for c in gone], [c.header for c in gone]
        fulltext.remove(tx.connection, keys, texts, titles)


def renew(making: Making, *, again: bool = False) -> Renewed:
    """As ``Structure.renew``; what an earlier program has indexed, as this one cannot read it, is made again."""
    return Renewed(chunks=index_again(making.store, making.settings["index"].language, making.progress, whatever=again))


def index_again(store: Store, language: str, progress: Progress, *, whatever: bool) -> int:
    """How many chunks were indexed, all of them, where an earlier program had made the table or ``whatever`` it is.

    10,000 chunks take about three seconds.
    """
    with store.reading() as connection:
        if not whatever and not _is_outdated(connection):
            return 0
    with store.writing() as tx:
        if not whatever and not _is_outdated(tx.connection):  # somebody was faster
            return 0
        fulltext.create(tx.connection, language)
        n = 0
        for rows in documents.chunk_batches(tx.connection):
            keys, texts, titles = [row.key for row in rows], [row.text for row in rows], [row.header for row in rows]
            fulltext.add(tx.connection, keys, texts, titles)
            n += len(rows)
            progress.step("words", n)
        tx.bump()
    return n


def _is_outdated(connection: Connection) -> bool:
    return read_meta(connection, fulltext.META_KEY) not in (None, fulltext.TOKENIZER)


def check(store: Store) -> Iterator[Fault]:
    """As ``Structure.check``: the table is compared with one that is made in memory."""
    with store.reading() as connection:
        tokenizer = read_meta(connection, fulltext.META_KEY)
        language = read_meta(connection, fulltext.LANGUAGE_KEY) or fulltext.AUTO
        n_chunks = int(connection.execute(select(func.count()).select_from(chunk_table)).scalar_one())
    if tokenizer == fulltext.TOKENIZER:
        yield from (Fault(name, what, REBUILD) for what in checking.words(store, language))
    elif tokenizer is not None or n_chunks:
        yield Fault(name, f"made with tokenizer {tokenizer}, this is {fulltext.TOKENIZER}", REBUILD)


def drop(tx: Transaction) -> None:
    """As ``Structure.drop``."""
    fulltext.drop(tx.connection)


def size(connection: Connection) -> int:
    """As ``Structure.size``."""
    return fulltext.size(connection) if has_tables(connection, "chunks_fts") else 0
