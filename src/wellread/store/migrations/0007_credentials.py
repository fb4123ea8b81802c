"""Schema 7: keys, sessions and sign-in links of the server; of the secrets only digests."""

from __future__ import annotations

from sqlalchemy import Column, Connection, LargeBinary, MetaData, String, Table, Text

credentials = Table(
    "credentials",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("kind", String, nullable=False),  # key, session, link
    Column("name", String, nullable=False),
    Column("user", String, nullable=False),
    Column("groups", Text, nullable=False),  # JSON list
    Column("actions", Text, nullable=False),  # JSON list
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the secret
    Column("created_at", String, nullable=False),
    Column("expires_at", String),
    Column("revoked_at", String),
)


def up(connection: Connection) -> None:
    """The table is there."""
    credentials.create(connection, checkfirst=True)
