"""The tables of vectors: which sets of files there are, and where in them the vector of a chunk lies."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table

from wellread.store.schema import chunks

metadata = MetaData()

vector_sets = Table(  # one file of vectors per embedder; at most one is live
    "vector_sets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("embedder_id", String, nullable=False),
    Column("dim", Integer, nullable=False),
    Column("folder", String, nullable=False),  # below the base's vectors/
    Column("state", String, nullable=False),  # building, live, retired
    Column("n_slots", Integer, nullable=False),  # committed rows of the files, tombstones included
    Column("created_at", String, nullable=False),
    Column("storage", String, nullable=False, server_default="float16"),  # float16, int8, binary
)

slots = Table(  # where a chunk's vector lies in the file of a set
    "slots",
    metadata,
    Column("chunk_key", Integer, ForeignKey(chunks.c.key), primary_key=True),
    Column("set_id", Integer, ForeignKey("vector_sets.id"), primary_key=True),
    Column("slot", Integer, nullable=False),
    Column("crc", Integer, nullable=False),  # CRC-32 of the vector's bytes in the file
    sqlite_with_rowid=False,
)
