"""Changes of documents become what can be found: text, words and vectors of a batch in one transaction.

What a batch needs embedded is embedded first, outside the transaction; the vectors are then appended and flushed, and
the commit that counts them also holds the version, its chunks, their words and the state of the source items. Killed at
any instant, the base is as after the last commit, and the next run does what is missing.
"""

from __future__ import annotations

from sqlalchemy import func, select

from wellread.index.settings import IndexSettings
from wellread.index.vectors import sets
from wellread.index.vectors.sets import VectorSet
from wellread.index.words import fulltext, glossary
from wellread.models.api import Embedder
from wellread.progress import SILENT, Progress
from wellread.store import documents
from wellread.store.engine.api import Store, Transaction, read_meta
from wellread.store.schema import chunks as chunk_table

DEAD_SHARE, DEAD_LEAST = 0.3, 1_000  # slots of deleted chunks from which a set is written anew


def compact(store: Store, *, force: bool = True) -> int:
    """Slots of deleted chunks that were given back; without ``force`` only where they are many.

    The live rows are copied into a new folder, and one transaction makes it the one that answers.
    """
    with store.reading() as connection:
        current = sets.live(connection)
        n_dead = sets.dead(connection, current) if current is not None else 0
    if current is None or n_dead == 0:
        return 0
    if not force and (n_dead <= DEAD_LEAST or n_dead <= DEAD_SHARE * current.n_slots):
        return 0
    with store.writing() as tx:
        current = sets.live(tx.connection)  # as it is now that nobody else writes
        if current is None:
            return 0
        n_dead = sets.dead(tx.connection, current)
        sets.compacted(store, tx, current)
    sets.sweep(store)
    return n_dead


def reembed(
    store: Store, embedder: Embedder, progress: Progress = SILENT, settings: IndexSettings = IndexSettings()
) -> int:
    """How many chunks were embedded for a set of this embedder's vectors, which answers from now on.

    The set that was live answers until then. Stopped and called again, only what is missing is done; chunks that come
    or go meanwhile are followed. Nothing is done where the live set is from this embedder already, stored as
    ``index.vectors`` says.
    """
    with store.reading() as connection:
        current = sets.live(connection)
    if current is not None and (current.embedder_id, current.storage) == (embedder.id, settings.vectors):
        return 0
    return _new_set(store, embedder, progress, settings.vectors, resume=True)


def rebuild(
    store: Store, embedder: Embedder, progress: Progress = SILENT, settings: IndexSettings = IndexSettings()
) -> int:
    """How many chunks had to be embedded for an index made anew from the store: those without a sound vector.

    No source is read. Words first, then vectors; what was there answers until each is whole.
    """
    with store.writing() as tx:
        _words_anew(tx, settings.language, progress)
    return _new_set(store, embedder, progress, settings.vectors, resume=False)


def _words_anew(tx: Transaction, language: str, progress: Progress) -> None:
    """The full-text index and the glossary are made from the chunks that are there."""
    fulltext.create(tx.connection, language)
    for n, rows in enumerate(documents.chunk_batches(tx.connection), 1):
        texts, titles = [row.text for row in rows], [row.header for row in rows]
        fulltext.add(tx.connection, [row.key for row in rows], texts, titles)
        progress.step("words", n * len(rows))
    glossary.create(tx.connection)
    tx.bump()


def renew_words(store: Store, settings: IndexSettings = IndexSettings(), progress: Progress = SILENT) -> bool:
    """Whether the words had been indexed by an earlier program, as this one cannot read them: they are made anew then.

    Chunks and vectors stay; 10,000 chunks take about three seconds.
    """
    with store.reading() as connection:
        if read_meta(connection, fulltext.META_KEY) in (None, fulltext.TOKENIZER):
            return False
    with store.writing() as tx:
        if read_meta(tx.connection, fulltext.META_KEY) != fulltext.TOKENIZER:  # nobody was faster
            _words_anew(tx, settings.language, progress)
    return True


def _new_set(store: Store, embedder: Embedder, progress: Progress, storage: str, *, resume: bool) -> int:
    """How many chunks were embedded for a new set, which is live on return."""
    with store.writing() as tx:
        target: VectorSet | None = None
        for building in sets.found(tx.connection, "building"):
            same = (building.embedder_id, building.dim, building.storage) == (embedder.id, embedder.dim, storage)
            if resume and same:
                target = building
            else:
                sets.drop(tx, building)
        target = target or sets.make(tx, embedder, "building", storage)
    n_embedded = 0
    while True:
        n_embedded += _fill(store, target, embedder, progress)
        with store.writing() as tx:
            if not sets.missing(tx.connection, target, after=0):
                sets.go_live(tx, target)
                break
    sets.sweep(store)
    return n_embedded


def _fill(store: Store, target: VectorSet, embedder: Embedder, progress: Progress) -> int:
    """How many chunks were embedded; each batch is committed."""
    n_embedded = done = after = 0
    with store.reading() as connection:
        total = int(connection.execute(select(func.count()).select_from(chunk_table)).scalar_one())
    while True:
        with store.reading() as connection:  # a snapshot of its own for each batch: a long one would hold the log
            rows = sets.missing(connection, target, after=after)
        if not rows:
            return n_embedded
        vectors, n = sets.vectors_of(store, embedder, [row.indexed_text for row in rows], target.storage)
        with store.writing() as tx:
            lacking = sets.lacking(tx.connection, target, [row.key for row in rows])
            chosen = [at for at, row in enumerate(rows) if row.key in lacking]
            placed = [(rows[at].key, rows[at].access_id, rows[at].version_id) for at in chosen]
            sets.append(store, tx, target, vectors[chosen], placed)
        after = rows[-1].key
        n_embedded += n
        done += len(rows)
        progress.step("embed", done, total)
