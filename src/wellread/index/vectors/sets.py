"""Sets of vectors: which is live, how rows get into one, and how one takes the place of another."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from wellread import paths
from wellread.errors import ModelError, StoreError
from wellread.index.vectors.file import ROW, VectorFile, crcs, stored
from wellread.index.vectors.schema import slots, vector_sets
from wellread.index.words import fulltext
from wellread.models.api import Embedder
from wellread.progress import Progress
from wellread.store.documents import ChunkRow, content_hash
from wellread.store.engine.api import Store, Transaction
from wellread.store.engine.words import one_of
from wellread.store.schema import chunks, tombstones

FOLDER = paths.VECTORS
EMBED_BATCH = 1_000  # texts given to the embedder at once

Rows = NDArray[Any]  # (n, width) vectors as a set stores them
_COLUMNS = ("id", "embedder_id", "dim", "folder", "state", "n_slots", "storage")  # in the order of VectorSet


@dataclass(frozen=True, slots=True)
class VectorSet:
    """A row of ``vector_sets``."""

    id: int
    embedder_id: str
    dim: int
    folder: str
    state: str
    n_slots: int
    storage: str = "float16"


def found(connection: Connection, state: str) -> list[VectorSet]:
    """The sets in a state: live (at most one), building."""
    statement = select(*(vector_sets.c[name] for name in _COLUMNS)).where(vector_sets.c.state == state)
    return [VectorSet(*row) for row in connection.execute(statement.order_by(vector_sets.c.id))]


def live(connection: Connection) -> VectorSet | None:
    """The set that answers."""
    return next(iter(found(connection, "live")), None)


def files_of(store: Store, which: VectorSet) -> VectorFile:
    """The files of a set."""
    return VectorFile(store.folder / FOLDER / which.folder, which.dim, which.storage)


def make(tx: Transaction, embedder: Embedder, state: str, storage: str) -> VectorSet:
    """A new, empty set for the embedder's vectors, in a folder that nothing has had before."""
    return _made(tx, embedder.id, embedder.dim, state, storage)


def _made(tx: Transaction, embedder_id: str, dim: int, state: str, storage: str) -> VectorSet:
    made = VectorSet(tx.allocate("vector_set_id"), embedder_id, dim, secrets.token_hex(8), state, 0, storage)
    values = {name: getattr(made, name) for name in _COLUMNS}
    tx.connection.execute(insert(vector_sets).values(**values, created_at=tx.now))
    return made


def live_for(tx: Transaction, embedder: Embedder, storage: str) -> VectorSet:
    """The live set, made with ``storage`` if there is none. Raises StoreError if it is of another embedder."""
    current = live(tx.connection)
    if current is not None and current.embedder_id != embedder.id:
        if tx.connection.execute(select(slots.c.slot).where(slots.c.set_id == current.id).limit(1)).first() is not None:
            refuse_other(current.embedder_id, embedder.id)
        tx.connection.execute(delete(vector_sets).where(vector_sets.c.id == current.id))
        current = None
    return current if current is not None else make(tx, embedder, "live", storage)


def append(store: Store, tx: Transaction, into: VectorSet, vectors: Rows, rows: Sequence[tuple[int, int, int]]) -> None:
    """The vectors are in the set when the transaction commits; nothing counts them otherwise.

    A row is (chunk key, access id, version id) of the vector at its place. Raises: StoreError if the set is gone.
    """
    if not rows:
        return
    n_slots = _n_slots(tx, into)
    sums = files_of(store, into).append(n_slots, vectors, np.array(rows, dtype=ROW))
    values = [
        {"set_id": into.id, "chunk_key": row[0], "slot": slot, "crc": crc}
        for slot, (row, crc) in enumerate(zip(rows, sums, strict=True), n_slots)
    ]
    tx.connection.execute(insert(slots), values)
    tx.connection.execute(update(vector_sets).where(vector_sets.c.id == into.id).values(n_slots=n_slots + len(rows)))


def _n_slots(tx: Transaction, which: VectorSet) -> int:
    """Rows of the set as it is now. Raises: StoreError if another process has dropped it."""
    n_slots = tx.connection.execute(select(vector_sets.c.n_slots).where(vector_sets.c.id == which.id)).scalar()
    if n_slots is None:
        raise StoreError(
            "the vectors that were being made: another rebuild or reembed took over and dropped them; "
            "wait for it, then run this again if it is still needed"
        )
    return int(n_slots)


def embedded(embedder: Embedder, texts: Sequence[str], storage: str = "float16") -> Rows:
    """(len(texts), width) vectors as they are stored. Raises ModelError if the model gives anything else."""
    parts = [stored(np.zeros((0, embedder.dim), np.float32), storage)]
    for start in range(0, len(texts), EMBED_BATCH):
        batch = texts[start : start + EMBED_BATCH]
        vectors = np.asarray(embedder.embed(batch, "passage"))
        if vectors.shape != (len(batch), embedder.dim):
            raise ModelError(
                f"{embedder.id}: gave vectors of shape {vectors.shape} for {len(batch)} texts, dim {embedder.dim}; "
                "check embed.model and its files"
            )
        if not np.isfinite(vectors).all():
            raise ModelError(f"{embedder.id}: gave vectors with numbers that are not finite; check the model's files")
        parts.append(stored(vectors.astype(np.float32), storage))
    return np.concatenate(parts)


def known(store: Store, connection: Connection, within: VectorSet, hashes: Sequence[bytes]) -> dict[bytes, Rows]:
    """The vectors that a set has for texts, as it stores them, by content hash; damaged ones are missing."""
    at: dict[bytes, tuple[int, int]] = {}
    wanted = list(dict.fromkeys(hashes))
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        statement = (
            select(chunks.c.content_hash, slots.c.slot, slots.c.crc)
            .join(slots, slots.c.chunk_key == chunks.c.key)
            .where(slots.c.set_id == within.id, chunks.c.content_hash.in_(part))
        )
        at.update((row.content_hash, (row.slot, row.crc)) for row in connection.execute(statement))
    if not at:
        return {}
    try:
        vectors = files_of(store, within).read(np.array([slot for slot, _ in at.values()], np.int64))
    except StoreError:  # the file is gone or cut: what it held is embedded again
        return {}
    sums = crcs(vectors)
    return {
        digest: vector
        for (digest, (_, crc)), vector, found_crc in zip(at.items(), vectors, sums, strict=True)
        if crc == found_crc
    }


def vectors_of(store: Store, embedder: Embedder, texts: Sequence[str], storage: str) -> tuple[Rows, int]:
    """(len(texts), width) vectors as ``storage`` keeps them, and how many texts were embedded.

    Those are the ones that the live set does not know, each once; halves become bytes or signs, not the other way.
    """
    hashes = [content_hash(text) for text in texts]
    have: dict[bytes, Rows] = {}
    with store.reading() as connection:
        current = live(connection)
        if current is not None and current.embedder_id == embedder.id and current.storage in ("float16", storage):
            have = known(store, connection, current, hashes)
    if have and current is not None and current.storage != storage:
        have = dict(zip(have, stored(np.stack(list(have.values())), storage), strict=True))
    new = {digest: text for digest, text in zip(hashes, texts, strict=True) if digest not in have}
    have.update(zip(new, embedded(embedder, list(new.values()), storage), strict=True))
    if not texts:
        return embedded(embedder, [], storage), 0
    return np.stack([have[digest] for digest in hashes]), len(new)


def missing(connection: Connection, which: VectorSet, *, after: int) -> list[ChunkRow]:
    """The first ``EMBED_BATCH`` live chunks with keys above ``after`` that have no vector in the set, by key."""
    columns = [chunks.c[name] for name in ChunkRow._fields]
    statement = select(*columns).where(chunks.c.key > after, _without(which)).order_by(chunks.c.key).limit(EMBED_BATCH)
    return [ChunkRow(*row) for row in connection.execute(statement)]


def lacking(connection: Connection, which: VectorSet, keys: Sequence[int]) -> set[int]:
    """Those of the keys whose chunks are live and have no vector in the set."""
    mine = one_of(chunks.c.key, keys)
    return set(connection.execute(select(chunks.c.key).where(mine, _without(which))).scalars())


def _without(which: VectorSet) -> ColumnElement[bool]:
    return ~select(slots.c.slot).where(slots.c.set_id == which.id, slots.c.chunk_key == chunks.c.key).exists()


def go_live(tx: Transaction, which: VectorSet) -> None:
    """The set answers from the commit on; those it replaces are gone, their folders with the next ``sweep``.

    Raises: StoreError if the set is gone.
    """
    _n_slots(tx, which)
    for other in (*found(tx.connection, "live"), *found(tx.connection, "building")):
        if other.id != which.id:
            drop(tx, other)
    tx.connection.execute(update(vector_sets).where(vector_sets.c.id == which.id).values(state="live"))
    tx.bump()


def folders(connection: Connection) -> list[tuple[str, bool]]:
    """The folder of every set, from the store's own, and whether there must be one: for a copy of the base."""
    return [
        (f"{FOLDER}/{one.folder}", one.n_slots > 0)
        for state in ("live", "building")
        for one in found(connection, state)
    ]


def drop(tx: Transaction, which: VectorSet) -> None:
    """The set is not known any more; its folder is removed after the commit (``sweep``)."""
    tx.connection.execute(delete(slots).where(slots.c.set_id == which.id))
    tx.connection.execute(delete(vector_sets).where(vector_sets.c.id == which.id))


def sweep(store: Store) -> int:
    """How many folders that belong to no set were removed: left by a replaced set, or by a writer that died."""
    base = store.folder / FOLDER
    if not base.is_dir():
        return 0
    with store.writing() as tx:  # nobody else is making a folder meanwhile
        wanted = set(tx.connection.execute(select(vector_sets.c.folder)).scalars())
        left: list[Path] = [path for path in base.iterdir() if path.is_dir() and path.name not in wanted]
        for path in left:
            shutil.rmtree(path, ignore_errors=True)
    return len(left)


def dead(connection: Connection, which: VectorSet) -> int:
    """Slots of the set whose chunks are gone."""
    used = connection.execute(select(func.count()).select_from(slots).where(slots.c.set_id == which.id)).scalar_one()
    return which.n_slots - int(used)


def compacted(store: Store, tx: Transaction, old: VectorSet) -> VectorSet:
    """A new live set with the live rows of the old one, in their order; the old one ends in the same transaction."""
    tx.connection.execute(update(vector_sets).where(vector_sets.c.id == old.id).values(state="retired"))
    made = _made(tx, old.embedder_id, old.dim, "live", old.storage)
    statement = (
        select(slots.c.slot, chunks.c.key, chunks.c.access_id, chunks.c.version_id)
        .join(chunks, chunks.c.key == slots.c.chunk_key)
        .where(slots.c.set_id == old.id)
        .order_by(slots.c.slot)
    )
    rows = tx.connection.execute(statement).all()
    files = files_of(store, old)
    for start in range(0, len(rows), 50_000):
        part = rows[start : start + 50_000]
        vectors = files.read(np.array([row[0] for row in part], np.int64))
        append(store, tx, made, vectors, [(row[1], row[2], row[3]) for row in part])
    drop(tx, old)
    if not found(tx.connection, "building"):  # whose dead rows are known by their tombstones
        tx.connection.execute(delete(tombstones))
    fulltext.optimize(tx.connection)
    tx.bump()
    return made


def made_live(store: Store, embedder: Embedder, progress: Progress, storage: str, *, resume: bool) -> int:
    """How many chunks were embedded for a new set, which is live on return."""
    with store.writing() as tx:
        target: VectorSet | None = None
        for building in found(tx.connection, "building"):
            same = (building.embedder_id, building.dim, building.storage) == (embedder.id, embedder.dim, storage)
            if resume and same:
                target = building
            else:
                drop(tx, building)
        target = target or make(tx, embedder, "building", storage)
    n_embedded = 0
    while True:
        n_embedded += fill(store, target, embedder, progress)
        with store.writing() as tx:
            if not missing(tx.connection, target, after=0):
                go_live(tx, target)
                break
    sweep(store)
    return n_embedded


def fill(store: Store, target: VectorSet, embedder: Embedder, progress: Progress) -> int:
    """How many chunks were embedded; each batch is committed."""
    n_embedded = done = after = 0
    with store.reading() as connection:
        total = int(connection.execute(select(func.count()).select_from(chunks)).scalar_one())
    while True:
        with store.reading() as connection:  # a snapshot of its own for each batch: a long one would hold the log
            rows = missing(connection, target, after=after)
        if not rows:
            return n_embedded
        vectors, n = vectors_of(store, embedder, [row.indexed_text for row in rows], target.storage)
        with store.writing() as tx:
            wanted = lacking(tx.connection, target, [row.key for row in rows])
            chosen = [at for at, row in enumerate(rows) if row.key in wanted]
            placed = [(rows[at].key, rows[at].access_id, rows[at].version_id) for at in chosen]
            append(store, tx, target, vectors[chosen], placed)
        after = rows[-1].key
        n_embedded += n
        done += len(rows)
        progress.step("embed", done, total)


def refuse_other(found: str, wanted: str) -> None:
    """Nothing if the ids are the same. Raises StoreError that names both and the cure."""
    if found != wanted:
        raise StoreError(
            f"the index holds vectors of {found}, embed.model is now {wanted}: they cannot be compared; "
            "run: wellread index reembed (the old index answers with the old setting until it is done), "
            "or wellread index rebuild"
        )
