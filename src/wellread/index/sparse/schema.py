"""The table of learned sparse vectors, made for the first model that is named: a row per chunk."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table

metadata = MetaData()

sparse_vectors = Table(
    "sparse_vectors",
    metadata,
    Column("chunk_key", Integer, primary_key=True),
    Column("content_hash", LargeBinary, nullable=False),  # of the chunk, which a new version may hold unchanged
    Column("terms", LargeBinary, nullable=False),  # (n,) uint32, little-endian: places in the vocabulary
    Column("weights", LargeBinary, nullable=False),  # (n,) float16
    Column("crc", Integer, nullable=False),  # CRC-32 of both
)
