"""Changes of documents become what can be found: text, words and vectors of a batch in one transaction.

What a batch needs embedded is embedded first, outside the transaction; the vectors are then appended and flushed, and
the commit that counts them also holds the version, its chunks, their words and the state of the source items. Killed at
any instant, the base is as after the last commit, and the next run does what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from wellread.documents.changes import Change, Ready, Unchanged
from wellread.index import structures
from wellread.index.build import compact
from wellread.index.settings import IndexSettings
from wellread.index.structure import Brought, Making
from wellread.index.vectors import sets
from wellread.index.vectors.sets import refuse_other
from wellread.models.api import Embedder
from wellread.progress import SILENT, Progress
from wellread.store import files
from wellread.store.documents import content_hash
from wellread.store.engine.api import Store, Transaction
from wellread.sync.arrivals import Arrivals
from wellread.sync.record import Tally, put, record, taken_out
from wellread.types import SyncReport

BATCH_CHUNKS = 1_000  # committed at once, so much is lost at most when killed
BATCH_ITEMS = 2_000
BATCH_S = 5.0  # after which a batch is committed however small it is


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
    seconds = time.monotonic() - started
    return SyncReport(
        **tally.counts, failures=tuple(tally.failures), restricted=dict(tally.restricted), seconds=seconds
    )


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
        vectors, n_embedded = sets.vectors_of(store, embedder, texts, storage)
        by_hash = {content_hash(text): vector for text, vector in zip(texts, vectors, strict=True)}
        with store.writing() as tx:
            into = sets.live_for(tx, embedder, storage) if texts else None
            if into is None or into.storage == storage:  # else another process has changed how vectors are kept
                brought = Brought(store, settings.language, embedder, by_hash, storage)
                done = _written(tx, batch, tenant, Arrivals(brought))
    tally.merge(done)
    tally.add("embedded", n_embedded)


def _written(tx: Transaction, batch: Sequence[Change], tenant: str, arrivals: Arrivals) -> Tally:
    """What the batch did, to the truth and to everything that is derived from it."""
    done = Tally()
    source_ids = {source.id for source in files.every_source(tx.connection, tenant)}
    for change in batch:
        if taken_out(tx, change, tenant, source_ids):
            continue
        if isinstance(change, Ready):
            put(tx, change, tenant, done, arrivals)
        else:
            record(tx, change, tenant, done, arrivals)
    arrivals.settle(tx)
    return done


def in_step(making: Making, report: SyncReport) -> SyncReport:
    """The report, once what takes a model has followed too: sparse vectors, summaries, names, as the settings say."""
    done = structures.renew(making)
    return replace(report, summaries=report.summaries + done.summaries, seconds=report.seconds + done.seconds)
