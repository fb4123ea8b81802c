"""Changes of documents become what can be found: text, words and vectors of a batch in one transaction.

What a batch needs embedded is embedded first, outside the transaction; the vectors are then appended and flushed, and
the commit that counts them also holds the version, its chunks, their words and the state of the source items. Killed at
any instant, the base is as after the last commit, and the next run does what is missing.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from sqlalchemy import bindparam, func, select

from wellread.documents.changes import Change, Duplicate, Failed, Gone, Moved, Ready, Touched, Unchanged
from wellread.index import fulltext, glossary, sets, sparse
from wellread.index.open import refuse_other
from wellread.index.sets import Rows, VectorSet
from wellread.index.settings import IndexSettings
from wellread.index.vectors import stored
from wellread.models.api import Embedder
from wellread.progress import SILENT, Progress
from wellread.store import documents, files, graph, tree
from wellread.store.documents import ChunkRow, content_hash
from wellread.store.engine import Store, Transaction, read_meta
from wellread.store.files import KnownFile
from wellread.store.schema import chunks as chunk_table
from wellread.store.schema import files as file_table
from wellread.store.schema import sources as source_table
from wellread.types import Failure, SyncReport

BATCH_CHUNKS = 1_000  # committed at once, so much is lost at most when killed
BATCH_ITEMS = 2_000
BATCH_S = 5.0  # after which a batch is committed however small it is
_PLACED = select(chunk_table.c.access_id, chunk_table.c.version_id).where(chunk_table.c.key == bindparam("key"))
DEAD_SHARE, DEAD_LEAST = 0.3, 1_000  # slots of deleted chunks from which a set is written anew


@dataclass(slots=True)
class _Tally:
    """Counts for the report, while they grow."""

    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, name: str, n: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + n


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
    tally = _Tally()
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


def _batches(changes: Iterator[Change], tally: _Tally) -> Iterator[list[Change]]:
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
    store: Store, batch: Sequence[Change], embedder: Embedder, tally: _Tally, tenant: str, settings: IndexSettings
) -> None:
    texts = [c.indexed_text for change in batch if isinstance(change, Ready) for c in change.chunks]
    done: _Tally | None = None
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
) -> _Tally:
    """What the batch did; ``found`` are the set and the vectors, as it stores them, of the batch's chunks in order."""
    done, (into, vectors) = _Tally(), found
    if not fulltext.exists(tx.connection, settings.language):
        fulltext.create(tx.connection, settings.language)
    if not glossary.exists(tx.connection):
        glossary.create(tx.connection)
    rows: list[tuple[int, int, int]] = []
    kept: list[int] = []  # positions in ``vectors``: a document that comes twice in a batch counts once
    position = 0
    for change in batch:
        if isinstance(change, Ready):
            placed = _put(tx, change, tenant, done)
            rows += placed
            kept += range(position, position + len(placed))
            position += len(placed)
        else:
            _record(tx, change, tenant, done)
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


def _put(tx: Transaction, change: Ready, tenant: str, tally: _Tally) -> list[tuple[int, int, int]]:
    """(key, access id, version id) of the document's new chunks, which can be found by their words from here on."""
    document = change.document
    if change.replaces is not None and change.replaces != document.id:
        _retire(tx, change.replaces, purge=True)
    gone = _forget_words(tx, document.id) if documents.newest(tx.connection, document.id) else []
    keys = documents.put_version(
        tx, document, change.chunks, change.minhash, getattr(change, "near_duplicate_of", None)
    )
    tree.follow(tx, gone, keys)
    graph.follow(tx, gone, keys)
    held = sparse.taken(tx.connection, [row.key for row in gone])
    texts, titles = [chunk.text for chunk in change.chunks], [chunk.header for chunk in change.chunks]
    fulltext.add(tx.connection, keys, texts, titles)
    indexed = [chunk.indexed_text for chunk in change.chunks]
    glossary.add(tx.connection, keys, indexed)
    sparse.hand_on(tx.connection, held, keys, indexed)
    files.put(tx, change.item, "live", tenant=tenant, document_id=document.id)
    tally.add("new" if change.replaces is None else "changed")
    tally.add("chunks", len(keys))
    if not keys:
        return []
    row = tx.connection.execute(_PLACED, {"key": keys[0]}).one()
    return [(key, row.access_id, row.version_id) for key in keys]


def _record(tx: Transaction, change: Change, tenant: str, tally: _Tally) -> None:
    """Everything but a document that is new or changed."""
    match change:
        case Moved(item=item, old_uri=old_uri, document_id=document_id):
            files.drop(tx, old_uri, tenant=tenant)
            files.put(tx, item, "live", tenant=tenant, document_id=document_id)
            documents.rename(tx, document_id, uri=item.uri)
            tally.add("moved")
        case Duplicate(item=item, document_id=document_id):
            before = files.get(tx.connection, tenant, item.uri)
            files.put(tx, item, "duplicate", tenant=tenant, document_id=document_id)
            if before is not None:
                _let_go(tx, before, tenant)
            tally.add("duplicates")
        case Failed(item=item, kind=kind, reason=reason, skipped=skipped):
            before = files.get(tx.connection, tenant, item.uri)
            state: files.State = "skipped" if skipped else "failed"
            # its last good version keeps answering; that of a duplicate is another item's
            stays = before.document_id if before is not None and before.state != "duplicate" else None
            files.put(tx, item, state, tenant=tenant, document_id=stays, kind=kind, reason=reason)
            attempts = 1 + (before.attempts if before is not None and before.state == "failed" else 0)
            tally.add("skipped" if skipped else "failed")
            if not skipped:
                tally.failures.append(Failure(item.uri, kind, reason, attempts, item.size_bytes))
        case Gone(uri=uri):
            if _forget_item(tx, uri, tenant):
                tally.add("deleted")
        case Touched(item=item):
            before = files.get(tx.connection, tenant, item.uri)
            if before is not None:
                seen = replace(
                    before,
                    source_id=item.source_id,
                    size_bytes=item.size_bytes,
                    mtime_ns=item.mtime_ns,
                    digest=item.digest,
                    etag=item.etag,
                    meta_digest=item.meta_digest,
                    pipeline=item.pipeline,
                    seen_at=tx.now,
                )
                files.put_known(tx, [seen], tenant=tenant)
            tally.add("unchanged")
        case _:
            raise TypeError(f"not a change: {type(change).__name__}")


def _forget_item(tx: Transaction, uri: str, tenant: str) -> bool:
    """Whether the item was known; its document is purged unless another item has the same content."""
    before = files.get(tx.connection, tenant, uri)
    if before is None:
        return False
    files.drop(tx, uri, tenant=tenant)
    _let_go(tx, before, tenant)
    return True


def _let_go(tx: Transaction, item: KnownFile, tenant: str) -> None:
    """The document of an item that was live is purged, or belongs to a duplicate of it from now on."""
    if item.document_id is None or item.state == "duplicate":
        return
    others = (
        select(file_table.c.uri)
        .where(file_table.c.tenant == tenant, file_table.c.document_id == item.document_id)
        .where(file_table.c.uri != item.uri, file_table.c.state.in_(("live", "duplicate")))
        .order_by(file_table.c.state.desc(), file_table.c.uri)
    )
    uri = tx.connection.execute(others).scalars().first()
    heir = files.get(tx.connection, tenant, uri) if uri is not None else None
    if heir is None:
        _retire(tx, item.document_id, purge=True)
    elif heir.state == "duplicate":
        files.put_known(tx, [replace(heir, state="live")], tenant=tenant)
        documents.rename(tx, item.document_id, uri=heir.uri)


def _forget_words(tx: Transaction, document_id: str) -> list[ChunkRow]:
    """The live chunks of a document, whose words are not found any more."""
    rows = documents.chunk_rows(tx.connection, document_id)
    fulltext.remove(tx.connection, [row.key for row in rows], [row.text for row in rows], [row.header for row in rows])
    if glossary.exists(tx.connection):
        glossary.remove(tx.connection, [row.key for row in rows])
    return rows


def _retire(tx: Transaction, document_id: str, *, purge: bool) -> None:
    gone = _forget_words(tx, document_id)
    sparse.remove(tx.connection, [row.key for row in gone])
    documents.retire(tx, document_id, purge=purge)
    tree.follow(tx, gone)
    graph.follow(tx, gone)


def remove(store: Store, what: str, *, tenant: str) -> int | None:
    """How many documents a source, an item or a glob named, which are purged now; None if it names nothing."""
    names = {what, str(Path(what).expanduser().absolute()), str(Path(what).expanduser().resolve())}
    with store.writing() as tx:
        statement = select(source_table.c.id).where(
            source_table.c.tenant == tenant, source_table.c.location.in_(sorted(names))
        )
        source_ids = set(tx.connection.execute(statement).scalars())
        known: Mapping[str, KnownFile] = files.known(tx.connection, tenant)
        chosen = [item for uri, item in known.items() if item.source_id in source_ids or uri in names]
        if not source_ids and not chosen:
            chosen = [item for uri, item in known.items() if any(fnmatch.fnmatchcase(uri, name) for name in names)]
        if not source_ids and not chosen:
            return None
        counted = sum(item.document_id is not None and item.state != "duplicate" for item in chosen)
        if chosen and not fulltext.exists(tx.connection):
            fulltext.create(tx.connection)
        for item in sorted(chosen, key=lambda item: item.state != "duplicate"):  # first duplicates: no heirs there
            _forget_item(tx, item.uri, tenant)
        for source_id in source_ids:
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
