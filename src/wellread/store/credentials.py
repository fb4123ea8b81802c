"""Keys, sessions and sign-in links: who may call over the network as whom; only digests of them are kept.

A key reads ``wr_<id>_<secret>_<crc>``; the checksum tells a mistyped one without a look into the store. Keys are found
by id and compared in constant time. What is stored cannot be turned back into a key.
"""

from __future__ import annotations

import hmac
import json
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, get_args

from sqlalchemy import Column, Connection, LargeBinary, Row, String, Table, Text, select

from wellread.errors import UsageError
from wellread.store.schema import metadata
from wellread.types import Principal

if TYPE_CHECKING:
    from wellread.store.engine.api import Transaction

Kind = Literal["key", "session", "link"]
ACTIONS = ("ask", "search", "read", "rate", "write", "train", "operate")
READER = ("ask", "search", "read", "rate")
SECRET_LETTERS = 43  # of 62 signs: 256 bits
_SIGNS = string.ascii_letters + string.digits


credentials = Table(  # keys, sessions and sign-in links; ``digest`` is the SHA-256 of the secret
    "credentials",
    metadata,
    Column("id", String, primary_key=True),
    *(Column(name, String, nullable=False) for name in ("tenant", "kind", "name", "user")),
    *(Column(name, Text, nullable=False) for name in ("groups", "actions")),  # JSON lists
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", String, nullable=False),
    *(Column(name, String) for name in ("expires_at", "revoked_at")),
)


@dataclass(frozen=True, slots=True)
class Credential:
    """Something that lets its holder act as ``who``; the secret itself is not in it."""

    id: str
    kind: Kind
    name: str
    who: Principal
    actions: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def issue(
    tx: Transaction,
    kind: Kind,
    name: str,
    *,
    who: Principal,
    actions: Collection[str] = READER,
    lasts: timedelta | None = None,
) -> str:
    """The new secret, which nobody can look up later. Raises: UsageError for an action that there is not."""
    unknown = sorted(set(actions) - set(ACTIONS))
    if unknown:
        raise UsageError(f"action {', '.join(unknown)}: no such action; there are {', '.join(ACTIONS)}")
    number = secrets.token_hex(6)
    body = f"wr_{number}_{''.join(secrets.choice(_SIGNS) for _ in range(SECRET_LETTERS))}"
    token = f"{body}_{zlib.crc32(body.encode()):08x}"
    now = datetime.fromisoformat(tx.now)
    row = {
        "id": number,
        "tenant": who.tenant,
        "kind": kind,
        "name": name,
        "user": who.user,
        "groups": json.dumps(sorted(who.groups)),
        "actions": json.dumps(sorted(actions)),
        "digest": sha256(token.encode()).digest(),
        "created_at": tx.now,
        "expires_at": (now + lasts).isoformat() if lasts is not None else None,
        "revoked_at": None,
    }
    tx.connection.execute(credentials.insert(), row)
    return token


def find(connection: Connection, token: str, kind: Kind, *, now: datetime) -> Credential | None:
    """Whom a secret lets act, or None: mistyped, unknown, of another kind, expired or revoked."""
    body, _, check = token.rpartition("_")
    parts = body.split("_")
    if len(parts) != 3 or parts[0] != "wr" or check != f"{zlib.crc32(body.encode()):08x}":
        return None
    row = connection.execute(select(credentials).where(credentials.c.id == parts[1])).first()
    digest = row.digest if row is not None else bytes(32)
    if not hmac.compare_digest(digest, sha256(token.encode()).digest()) or row is None:
        return None
    found = _credential(row)
    ended = found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now)
    return None if ended or found.kind != kind else found


def session_name(of: str) -> str:
    """What the sessions are called that begin with the key or link of this name."""
    return f"session of {of}"


def revoke(tx: Transaction, number: str, *, who: Principal) -> bool:
    """Whether there was such a credential of this tenant; from the commit on it lets nobody in, nor do its sessions."""
    known = {one.id: one for kind in get_args(Kind) for one in listing(tx.connection, who=who, kind=kind)}
    if number not in known:
        return False
    begun = (credentials.c.kind == "session", credentials.c.name == session_name(known[number].name))
    same = (credentials.c.tenant == who.tenant, credentials.c.revoked_at.is_(None))
    if known[number].kind == "key":
        tx.connection.execute(credentials.update().where(*begun, *same).values(revoked_at=tx.now))
    mine = (credentials.c.id == number, credentials.c.tenant == who.tenant, credentials.c.revoked_at.is_(None))
    done = tx.connection.execute(credentials.update().where(*mine).values(revoked_at=tx.now))
    return bool(done.rowcount)


def listing(connection: Connection, *, who: Principal, kind: Kind = "key") -> list[Credential]:
    """Those of this tenant, newest first, revoked ones too; to a named user those alone that open nothing hidden."""
    mine = (credentials.c.tenant == who.tenant, credentials.c.kind == kind)
    rows = connection.execute(select(credentials).where(*mine).order_by(credentials.c.created_at.desc()))
    found = [_credential(row) for row in rows]
    return [one for one in found if not who.user or one.who.groups <= who.groups]


def _credential(row: Row[tuple[object, ...]]) -> Credential:
    return Credential(
        row.id,
        row.kind,
        row.name,
        Principal(row.tenant, frozenset(json.loads(row.groups)), user=row.user),
        frozenset(json.loads(row.actions)),
        datetime.fromisoformat(row.created_at),
        datetime.fromisoformat(row.expires_at) if row.expires_at else None,
        datetime.fromisoformat(row.revoked_at) if row.revoked_at else None,
    )
