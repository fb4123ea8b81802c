"""Schema 8: files that were sent to the server, and who sent them."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, String, Table, Text

uploads = Table(
    "uploads",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("name", Text, nullable=False),
    Column("purpose", String, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("digest", String, nullable=False),  # SHA-256 of the bytes
    Column("created_at", String, nullable=False),
    Column("user", String, nullable=False),
    Column("groups", Text, nullable=False),  # JSON list: of who sent it
    Column("checksum", LargeBinary, nullable=False),
)


def up(connection: Connection) -> None:
    """The table is there."""
    uploads.create(connection, checkfirst=True)
