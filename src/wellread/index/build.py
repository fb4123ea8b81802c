"""Changes of documents become what can be found: text, words and vectors of a batch in one transaction.

What a batch needs embedded is embedded first, outside the transaction; the vectors are then appended and flushed, and
the commit that counts them also holds the version, its chunks, their words and the state of the source items. Killed at
any instant, the base is as after the last commit, and the next run does what is missing.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from wellread.documents.changes import Change, Ready, Unchanged
from wellread.documents.sources.listing import from_row, uri_of
from wellread.documents.sources.owners import claims, owner
from wellread.index.open import refuse_other
from wellread.index.record import Tally, forget_item, put, record, taken_out
from wellread.index.settings import IndexSettings
from wellread.index.vectors import sets
from wellread.index.vectors.file import stored
from wellread.index.vectors.sets import Rows, VectorSet
from wellread.index.words import fulltext, glossary
from wellread.models.api import Embedder
from wellread.progress import SILENT, Progress
from wellread.store import documents, files
from wellread.store.documents import content_hash
from wellread.store.engine import Store, Transaction, read_meta
from wellread.store.files import KnownFile
from wellread.store.schema import chunks as chunk_table
from wellread.types import SyncReport

BATCH_CHUNKS = 1_000  # committed at once, so much is lost at most when killed
BATCH_ITEMS = 2_000
BATCH_S = 5.0  # after which a batch is committed however small it is
DEAD_SHARE, DEAD_LEAST = 0.3, 1_000  # slots of deleted chunks from which a set is written anew


def apply(
    store: Store,
    changes: Iterator[Change],
    embedder: Embedder,
    progress: Progress = SILENT,
    *,
    tenant: str,
    settings: IndexSettings = IndexSettings(),
) -> SyncReport:
    """What was done, when every change is in the base; each batch is visible, whole, as soon as it is committed.

    Raises: StoreError if the index holds vectors of another embedder, the disk is full, or somebody else writes for too
    long; ModelError. What was committed before stays.
    """
    started = time.monotonic()
    tally = Tally()
    with store.reading() as connection:
        current = sets.live(connection)
        used = current is not None and current.n_slots > sets.dead(connection, current)
    if current is not None and used and current.embedder_id != embedder.id:
        refuse_other(current.embedder_id, embedder.id)
    for batch in _batches(changes, tally):
        _commit(store, batch, embedder, tally, tenant, settings)
        progress.step("index", tally.counts.get("chunks", 0), None, "chunks")
    compact(store, force=False)
    return SyncReport(**tally.counts, failures=tuple(tally.failures), seconds=time.monotonic() - started)


def _batches(changes: Iterator[Change], tally: Tally) -> Iterator[list[Change]]:
    batch: list[Change] = []
    n_chunks, since = 0, time.monotonic()
    for change in changes:
        if isinstance(change, Unchanged):
            tally.add("unchanged", change.n)
            continue
        batch.append(change)
        n_chunks += len(change.chunks) if isinstance(change, Ready) else 0
        if n_chunks >= BATCH_CHUNKS or len(batch) >= BATCH_ITEMS or time.monotonic() - since >= BATCH_S:
            yield batch
            batch, n_chunks, since = [], 0, time.monotonic()
    if batch:
        yield batch


def _commit(
    store: Store, batch: Sequence[Change], embedder: Embedder, tally: Tally, tenant: str, settings: IndexSettings
) -> None:
    texts = [c.indexed_text for change in batch if isinstance(change, Ready) for c in change.chunks]
    done: Tally | None = None
    while done is None:
        with store.reading() as connection:
            current = sets.live(connection)
        used = current is not None and current.embedder_id == embedder.id
        storage = current.storage if used and current is not None else settings.vectors
        vectors, n_embedded = _vectors(store, embedder, texts, storage)
        with store.writing() as tx:
            into = sets.live_for(tx, embedder, storage) if texts else None
            if into is None or into.storage == storage:  # else another process has changed how vectors are kept
                done = _written(store, tx, batch, tenant, settings, (into, vectors))
    for name, n in done.counts.items():
        tally.add(name, n)
    tally.add("embedded", n_embedded)
    tally.failures += done.failures


def _written(
    store: Store,
    tx: Transaction,
    batch: Sequence[Change],
    tenant: str,
    settings: IndexSettings,
    found: tuple[VectorSet | None, Rows],
) -> Tally:
    """What the batch did; ``found`` are the set and the vectors, as it stores them, of the batch's chunks in order."""
    done, (into, vectors) = Tally(), found
    if not fulltext.exists(tx.connection, settings.language):
        fulltext.create(tx.connection, settings.language)
    if not glossary.exists(tx.connection):
        glossary.create(tx.connection)
    rows: list[tuple[int, int, int]] = []
    kept: list[int] = []  # positions in ``vectors``: a document that comes twice in a batch counts once
    position = 0
    source_ids = {source.id for source in files.every_source(tx.connection, tenant)}
    for change in batch:
        n_chunks = len(change.chunks) if isinstance(change, Ready) else 0
        if taken_out(tx, change, tenant, source_ids):
            pass
        elif isinstance(change, Ready):
            rows += put(tx, change, tenant, done)
            kept += range(position, position + n_chunks)
        else:
            record(tx, change, tenant, done)
        position += n_chunks
    if into is not None:
        lacking = sets.lacking(tx.connection, into, [row[0] for row in rows])
        pairs = [(at, row) for at, row in zip(kept, rows, strict=True) if row[0] in lacking]
        sets.append(store, tx, into, vectors[[at for at, _ in pairs]], [row for _, row in pairs])
    return done


def _vectors(store: Store, embedder: Embedder, texts: Sequence[str], storage: str) -> tuple[Rows, int]:
    """(len(texts), width) vectors as ``storage`` keeps them, and how many texts were embedded.

    Those are the ones that the live set does not know, each once; halves become bytes or signs, not the other way.
    """
    hashes = [content_hash(text) for text in texts]
    have: dict[bytes, Rows] = {}
    with store.reading() as connection:
        current = sets.live(connection)
        if current is not None and current.embedder_id == embedder.id and current.storage in ("float16", storage):
            have = sets.known(store, connection, current, hashes)
    if have and current is not None and current.storage != storage:
        have = dict(zip(have, stored(np.stack(list(have.values())), storage), strict=True))
    new = {digest: text for digest, text in zip(hashes, texts, strict=True) if digest not in have}
    have.update(zip(new, sets.embedded(embedder, list(new.values()), storage), strict=True))
    if not texts:
        return sets.embedded(embedder, [], storage), 0
    return np.stack([have[digest] for digest in hashes]), len(new)


def remove(store: Store, what: str, *, tenant: str) -> int | None:
    """How many documents a source, an item or a glob named, which are purged now; None if it names nothing.

    An item that a folder or glob still takes stays known as removed, without anything of it, so that it does not come
    back; a file, page or text that was added by its name goes with its source.
    """
    names = {what, str(Path(what).expanduser().absolute()), str(Path(what).expanduser().resolve())}
    with store.writing() as tx:
        every = [from_row(row) for row in files.every_source(tx.connection, tenant)]
        known: Mapping[str, KnownFile] = files.known(tx.connection, tenant)
        gone = {source.id for source in every if source.location in names}
        chosen = {uri for uri, item in known.items() if item.source_id in gone or uri in names}
        if not gone and not chosen:
            chosen = {uri for uri in known if any(fnmatch.fnmatchcase(uri, name) for name in names)}
        chosen = {uri for uri in chosen if known[uri].state != "removed" or known[uri].source_id in gone}
        if not gone and not chosen:
            return None
        wide = ("folder", "glob")
        gone |= {source.id for source in every if source.kind not in wide and uri_of(source.location) in chosen}
        items = [item for uri, item in known.items() if uri in chosen or item.source_id in gone]
        counted = sum(item.document_id is not None and item.state != "duplicate" for item in items)
        if items and not fulltext.exists(tx.connection):
            fulltext.create(tx.connection)
        left = claims(source for source in every if source.id not in gone and source.kind in wide)
        for item in sorted(items, key=lambda item: item.state != "duplicate"):  # first duplicates: no heirs there
            forget_item(tx, item.uri, tenant)
            keeper = owner(left, item.uri)
            if keeper is not None and (item.mtime_ns or item.document_id or item.state == "removed"):
                row = KnownFile(item.uri, keeper.id, "removed", seen_at=tx.now)
                files.put_known(tx, [row], tenant=tenant)
        for source_id in gone:
            files.remove_source(tx, source_id)
    compact(store, force=False)
    return counted


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
        vectors, n = _vectors(store, embedder, [row.indexed_text for row in rows], target.storage)
        with store.writing() as tx:
            lacking = sets.lacking(tx.connection, target, [row.key for row in rows])
            chosen = [at for at, row in enumerate(rows) if row.key in lacking]
            placed = [(rows[at].key, rows[at].access_id, rows[at].version_id) for at in chosen]
            sets.append(store, tx, target, vectors[chosen], placed)
        after = rows[-1].key
        n_embedded += n
        done += len(rows)
        progress.step("embed", done, total)
