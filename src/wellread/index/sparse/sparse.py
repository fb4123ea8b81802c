"""Learned sparse vectors: which words of a vocabulary a passage is about, with weights, looked up by inverted lists.

A row per chunk in the store's own file, gone with the chunk in the same transaction; a chunk that a new version holds
unchanged keeps its row. The inverted lists are made of the rows in memory, once for each state of the base.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, select

from wellread.errors import StoreError
from wellread.index.open import Snapshot
from wellread.index.sparse.schema import sparse_vectors
from wellread.models.api import SparseEncoder, SparseVector
from wellread.progress import SILENT, Progress
from wellread.store import access
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Store, read_meta, write_meta
from wellread.store.engine.words import insert_rows, one_of, upsert
from wellread.store.schema import chunks

MODEL_KEY = "sparse_model"
BATCH = 64  # chunks encoded and committed at once
REEMBED = "run: wellread index reembed"

_MISSING = (
    select(*(chunks.c[name] for name in ChunkRow._fields))
    .where(chunks.c.key.not_in(select(sparse_vectors.c.chunk_key)))
    .order_by(chunks.c.key)
)
_READ = (
    select(
        sparse_vectors.c.chunk_key,
        chunks.c.access_id,
        chunks.c.version_id,
        sparse_vectors.c.terms,
        sparse_vectors.c.weights,
    )
    .join(chunks, chunks.c.key == sparse_vectors.c.chunk_key)
    .order_by(sparse_vectors.c.chunk_key)
)


def model_of(connection: Connection) -> str | None:
    """The id of the encoder that the rows are from; None where there are none."""
    return read_meta(connection, MODEL_KEY) or None


def check_model(connection: Connection, encoder_id: str) -> None:
    """Nothing, where the rows are from that encoder. Raises StoreError that names both and the cure."""
    found = model_of(connection)
    if found != encoder_id:
        held = f"holds sparse vectors of {found}" if found else "holds no sparse vectors yet"
        raise StoreError(f"the index {held}, sparse.model is now {encoder_id}; {REEMBED}")


def create(connection: Connection, encoder_id: str) -> None:
    """An empty table for the encoder's vectors, in place of the one that is there."""
    drop(connection)
    sparse_vectors.create(connection)
    write_meta(connection, MODEL_KEY, encoder_id)


def drop(connection: Connection) -> None:
    """No chunk has a sparse vector any more."""
    sparse_vectors.drop(connection, checkfirst=True)
    write_meta(connection, MODEL_KEY, "")


def taken(connection: Connection, keys: Sequence[int]) -> dict[bytes, tuple[bytes, bytes, int]]:
    """The rows of those chunks, by content hash, for the chunks that take their place; they are removed here."""
    if not keys or model_of(connection) is None:
        return {}
    columns = [sparse_vectors.c[name] for name in ("content_hash", "terms", "weights", "crc")]
    rows = connection.execute(select(*columns).where(one_of(sparse_vectors.c.chunk_key, keys)))
    found = {row.content_hash: (row.terms, row.weights, row.crc) for row in rows}
    remove(connection, keys)
    return found


def hand_on(connection: Connection, held: Mapping[bytes, tuple[bytes, bytes, int]], heirs: Sequence[ChunkRow]) -> None:
    """The new chunks whose text was there before have the row that ``taken`` gave for it."""
    rows = [(heir.key, heir.content_hash, *held[heir.content_hash]) for heir in heirs if heir.content_hash in held]
    insert_rows(connection, sparse_vectors, rows)


def remove(connection: Connection, keys: Sequence[int]) -> None:
    """The chunks have no sparse vectors any more; nothing happens where the base has none."""
    if keys and model_of(connection) is not None:
        connection.execute(delete(sparse_vectors).where(one_of(sparse_vectors.c.chunk_key, keys)))


def fill(store: Store, encoder: SparseEncoder, progress: Progress = SILENT, *, again: bool = False) -> int:
    """How many chunks were encoded: those without a row; each batch is committed, so that a stopped run resumes.

    Args:
        store: is written.
        encoder: must be the one that the rows are from, unless ``again``.
        progress: told of every batch.
        again: rows of another encoder are dropped first.
    Raises: StoreError where the rows are from another encoder; ModelError.
    """
    with store.writing() as tx:
        found = model_of(tx.connection)
        if found is None or (again and found != encoder.id):
            create(tx.connection, encoder.id)
            tx.bump()
        else:
            check_model(tx.connection, encoder.id)
    with store.reading() as connection:
        total = _count_missing(connection)
    done = after = 0
    while True:
        with store.reading() as connection:
            batch = connection.execute(_MISSING.where(chunks.c.key > after).limit(BATCH))
            rows = [ChunkRow(*row) for row in batch]
        if not rows:
            return done
        made = encoder.encode([row.indexed_text for row in rows])
        with store.writing() as tx:
            _put(tx.connection, rows, made)
            tx.bump()
        after = rows[-1].key
        done += len(rows)
        progress.step("sparse", done, total)


def _count_missing(connection: Connection) -> int:
    every, held = (
        connection.execute(select(func.count()).select_from(t)).scalar_one() for t in (chunks, sparse_vectors)
    )
    return int(every) - int(held)


def _put(connection: Connection, rows: Sequence[ChunkRow], made: Sequence[SparseVector]) -> None:
    """Rows of the chunks that are still there."""
    live = select(chunks.c.key).where(one_of(chunks.c.key, [row.key for row in rows]))
    there = set(connection.execute(live).scalars())
    values = []
    for row, (terms, weights) in zip(rows, made, strict=True):
        packed = terms.astype("<u4").tobytes(), weights.astype("<f2").tobytes()
        values.append((row.key, row.content_hash, *packed, crc(*packed)))
    names = sparse_vectors.columns.keys()
    upsert(connection, sparse_vectors, [dict(zip(names, row, strict=True)) for row in values if row[0] in there])


def crc(terms: bytes, weights: bytes) -> int:
    """CRC-32 of a row's vector."""
    return zlib.crc32(weights, zlib.crc32(terms))


@dataclass(frozen=True, slots=True)
class Lists:
    """Inverted lists: those of term t are ``starts[t]:starts[t + 1]`` of ``places`` (rows of keys) and ``weights``."""

    keys: NDArray[np.int64]  # (n,)
    access: NDArray[np.int64]  # (n,)
    versions: NDArray[np.int64]  # (n,)
    starts: NDArray[np.int64]  # (terms + 1,)
    places: NDArray[np.int32]  # (postings,)
    weights: NDArray[np.float16]  # (postings,)

    def scores(self, vector: SparseVector) -> NDArray[np.float32]:
        """(n,) dot product of each chunk with a question's vector."""
        found = np.zeros(len(self.keys), np.float32)
        for term, weight in zip(*vector, strict=True):
            if term + 1 < len(self.starts):
                part = slice(self.starts[term], self.starts[term + 1])
                found[self.places[part]] += weight * self.weights[part].astype(np.float32)
        return found


def search(
    snapshot: Snapshot, vector: SparseVector, *, versions: Sequence[int] | None, k: int
) -> list[tuple[int, float]]:
    """The ``k`` visible chunks with the highest dot product above 0, within ``versions`` (None: all)."""
    held = _held(snapshot)
    scores = held.scores(vector)
    if snapshot.allowed is not None:
        scores[~np.isin(held.access, list(snapshot.allowed))] = 0
    if versions is not None:
        scores[~np.isin(held.versions, np.asarray(versions, np.int64))] = 0
    places = np.flatnonzero(scores > 0)
    order = places[np.lexsort((held.keys[places], -scores[places]))[:k]]
    return [(int(held.keys[place]), float(scores[place])) for place in order]


def covered(snapshot: Snapshot) -> tuple[int, int]:
    """Chunks with a sparse vector, and chunks, of all that ``snapshot`` may see; counted once a generation."""
    found: tuple[int, int] | None = snapshot.memo.get(("covered", snapshot.allowed))
    if found is None:
        held = _held(snapshot).access
        n_held = len(held) if snapshot.allowed is None else np.count_nonzero(np.isin(held, list(snapshot.allowed)))
        every = access.within(select(func.count()).select_from(chunks), chunks.c.access_id, snapshot.allowed)
        found = snapshot.memo["covered", snapshot.allowed] = (
            int(n_held),
            int(snapshot.connection.execute(every).scalar_one()),
        )
    return found


def _held(snapshot: Snapshot) -> Lists:
    held: Lists | None = snapshot.memo.get("sparse")
    if held is None:
        held = snapshot.memo["sparse"] = _lists(snapshot.connection)
    return held


def _lists(connection: Connection) -> Lists:
    rows = connection.execute(_READ).all()
    terms = np.frombuffer(b"".join(row.terms for row in rows), "<u4").astype(np.int64)
    weights = np.frombuffer(b"".join(row.weights for row in rows), "<f2")
    lengths = np.array([len(row.terms) // 4 for row in rows], np.int64)
    order = np.argsort(terms, kind="stable")
    n_terms = int(terms.max(initial=-1)) + 1
    starts = np.concatenate([[0], np.cumsum(np.bincount(terms, minlength=n_terms))]).astype(np.int64)
    places = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)[order]
    key, access, version = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    return Lists(key, access, version, starts, places, weights[order])
