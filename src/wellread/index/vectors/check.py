"""Whether the files of a set of vectors are what the store says, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sqlalchemy import Connection, select

from wellread.index.vectors import sets
from wellread.index.vectors.file import CODES, ROW, ROWS, STORED, crcs, encode, mapped, mapped_vectors, words
from wellread.index.vectors.schema import slots
from wellread.store.engine.api import Store
from wellread.store.schema import chunks

BATCH = 20_000


def vectors(store: Store, connection: Connection, which: sets.VectorSet) -> Iterator[str]:
    """Every fault of a set, in words."""
    statement = (
        select(slots.c.slot, slots.c.crc, chunks.c.key, chunks.c.access_id, chunks.c.version_id)
        .join(chunks, chunks.c.key == slots.c.chunk_key)
        .where(slots.c.set_id == which.id)
        .order_by(slots.c.slot)
    )
    told = connection.execute(statement).all()
    if which.state == "live":
        n_missing = len(sets.missing(connection, which, after=0))
        if n_missing:
            yield f"{n_missing} chunks or more have no vector"
    if not told:
        return
    folder = store.folder / sets.FOLDER / which.folder
    file = STORED[which.storage]
    held = mapped_vectors(folder, which.dim, which.n_slots, which.storage)
    codes = mapped(folder / CODES, np.dtype("u1"), which.n_slots, 8 * words(which.dim))
    rows = mapped(folder / ROWS, ROW, which.n_slots)
    for start in range(0, len(told), BATCH):
        part = told[start : start + BATCH]
        at = np.array([row.slot for row in part], np.int64)
        if at.max() >= which.n_slots:
            yield f"slot {at.max()} is beyond the {which.n_slots} that count"
            return
        vectors = np.asarray(held[at])
        bad = [row.key for row, crc in zip(part, crcs(vectors), strict=True) if row.crc != crc]
        if bad:
            yield f"{file}: {len(bad)} vectors are not as they were written, the first of chunk {bad[0]}"
        if which.storage != "binary" and not np.array_equal(codes[at], encode(vectors)):
            yield f"{CODES}: does not fit the vectors"
        if not np.array_equal(rows[at], np.array([tuple(row[2:]) for row in part], dtype=ROW)):
            yield f"{ROWS}: does not fit the store"
