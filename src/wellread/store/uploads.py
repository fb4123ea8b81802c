"""Files that were sent to the server: rows here, bytes in a folder of the base; seen by whoever holds their groups."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, Row, String, Table, Text, func, select

from wellread.store import checksums
from wellread.store.engine.api import Transaction
from wellread.store.schema import metadata
from wellread.types import Principal

uploads = Table(
    "uploads",
    metadata,
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


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent: what it is called, how large it is, what for, by whom."""

    id: str
    name: str
    purpose: str
    size_bytes: int
    digest: str
    created_at: datetime
    user: str
    groups: frozenset[str]


def put(tx: Transaction, number: str, name: str, purpose: str, size_bytes: int, digest: str, *, who: Principal) -> None:
    """The row of a file whose bytes lie in the base already."""
    row: dict[str, object] = {
        "id": number,
        "tenant": who.tenant,
        "name": name,
        "purpose": purpose,
        "size_bytes": size_bytes,
        "digest": digest,
        "created_at": tx.now,
        "user": who.user,
        "groups": json.dumps(sorted(who.groups), ensure_ascii=False),
    }
    row["checksum"] = checksums.of_row(uploads, row)
    tx.connection.execute(uploads.insert(), row)


def get(connection: Connection, number: str, *, who: Principal) -> Upload | None:
    """The file of that id, None where there is none that ``who`` may see."""
    row = connection.execute(
        select(uploads).where(uploads.c.id == number, uploads.c.tenant == who.tenant)
    ).one_or_none()
    found = _upload(row) if row is not None else None
    return found if found is not None and found.groups <= who.groups else None


def listing(connection: Connection, *, who: Principal) -> list[Upload]:
    """The files that ``who`` may see, the newest first."""
    rows = connection.execute(
        select(uploads).where(uploads.c.tenant == who.tenant).order_by(uploads.c.created_at.desc(), uploads.c.id)
    )
    return [one for one in map(_upload, rows) if one.groups <= who.groups]


def remove(tx: Transaction, number: str, *, who: Principal) -> bool:
    """Whether there was such a file that ``who`` may see; its row is gone."""
    if get(tx.connection, number, who=who) is None:
        return False
    tx.connection.execute(uploads.delete().where(uploads.c.id == number))
    return True


def total_bytes(connection: Connection, *, who: Principal) -> int:
    """Bytes of all files of the tenant of ``who``, also of those that ``who`` may not see: what a quota counts."""
    counted = select(func.coalesce(func.sum(uploads.c.size_bytes), 0)).where(uploads.c.tenant == who.tenant)
    return int(connection.execute(counted).scalar_one())


def _upload(row: Row[Any]) -> Upload:
    return Upload(
        row.id,
        row.name,
        row.purpose,
        row.size_bytes,
        row.digest,
        datetime.fromisoformat(row.created_at),
        row.user,
        frozenset(json.loads(row.groups)),
    )
