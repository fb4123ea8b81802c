"""The index made again from the store, another embedder's vectors, space given back; no source file is read."""

from __future__ import annotations

from wellread.index.settings import IndexSettings
from wellread.index.structure import Making
from wellread.index.vectors import sets
from wellread.index.vectors import structure as vectors
from wellread.index.words import glossary_structure as glossary
from wellread.index.words import structure as words
from wellread.models.api import Embedder
from wellread.progress import SILENT, Progress
from wellread.store.engine.api import Store

DEAD_SHARE, DEAD_LEAST = 0.3, 1_000  # slots of deleted chunks from which a set is written again


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
    return sets.made_live(store, embedder, progress, settings.vectors, resume=True)


def rebuild(
    store: Store, embedder: Embedder, progress: Progress = SILENT, settings: IndexSettings = IndexSettings()
) -> int:
    """How many chunks had to be embedded for an index rebuilt from the store: those without a sound vector.

    No source is read. Words first, then vectors; what was there answers until each is whole.
    """
    making = Making(store, {"index": settings}, lambda: embedder, lambda: embedder, progress=progress)
    for structure in (words, glossary):
        structure.renew(making, again=True)
    return vectors.renew(making, again=True).chunks


def renew_words(store: Store, settings: IndexSettings = IndexSettings(), progress: Progress = SILENT) -> bool:
    """Whether the words had been indexed by an earlier program, as this one cannot read them: they are made again then.

    Chunks and vectors stay.
    """
    return words.index_again(store, settings.language, progress, whatever=False) > 0
