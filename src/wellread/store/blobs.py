"""Texts by the hash of their content: equal texts are kept once, and what comes back is what was put in."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from hashlib import sha256

from sqlalchemy import Connection, exists, select

from wellread.errors import StoreError
from wellread.store.engine.words import insert_missing
from wellread.store.schema import blobs, versions

LEVEL = 1  # of zlib: 3 x the speed of level 6 for a tenth more bytes


def put(connection: Connection, text: str) -> str:
    """The digest that ``get`` takes: SHA-256 of the text in UTF-8, hex."""
    content = text.encode()
    digest = sha256(content).hexdigest()
    row = {"digest": digest, "size_bytes": len(content), "data": zlib.compress(content, LEVEL)}
    insert_missing(connection, blobs, [row])
    return digest


def get(connection: Connection, digest: str) -> str:
    """The text, checked against its digest. Raises StoreError if it is missing or was altered on disk."""
    data = connection.execute(select(blobs.c.data).where(blobs.c.digest == digest)).scalar()
    if data is None:
        raise StoreError(f"text {digest[:12]} is missing from the store; see what else: wellread check")
    return unpack(digest, data)


def unpack(digest: str, data: bytes) -> str:
    """The text of a row of ``blobs``. Raises StoreError if it does not fit its digest."""
    try:
        content = zlib.decompress(data)
    except zlib.error as error:
        raise StoreError(_altered(digest)) from error
    if sha256(content).hexdigest() != digest:
        raise StoreError(_altered(digest))
    return content.decode()


def drop_unused(connection: Connection, candidates: Iterable[str] | None = None) -> int:
    """How many texts were deleted because no version of any document refers to them; only ``candidates`` if given."""
    used = exists().where(versions.c.text_digest == blobs.c.digest)
    if candidates is None:
        return connection.execute(blobs.delete().where(~used)).rowcount
    return sum(
        connection.execute(blobs.delete().where(blobs.c.digest == digest, ~used)).rowcount for digest in candidates
    )


def _altered(digest: str) -> str:
    return f"text {digest[:12]} was altered on disk; restore a backup: wellread restore, or add its file again"
