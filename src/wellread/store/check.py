"""Whether what is on disk is what was written: every page, every row, every text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select

from wellread.errors import StoreError
from wellread.store import blobs, checksums, files
from wellread.store.engine.api import Store, read_meta
from wellread.store.engine.words import DRIVER_ERRORS, broken_references, integrity
from wellread.store.schema import (
    access,
    access_labels,
    artifacts,
    chunks,
    feedback,
    jobs,
    outcomes,
    questions,
    run_outcomes,
    runs,
    sources,
    tombstones,
    version_metadata,
    versions,
)
from wellread.store.schema import blobs as blob_rows
from wellread.store.schema import files as file_rows
from wellread.store.uploads import uploads

RESTORE = "restore a backup: wellread restore"
ADD_AGAIN = "remove and add its file again, or restore a backup: wellread restore"
CURES = {"versions": ADD_AGAIN, "chunks": ADD_AGAIN, "files": ADD_AGAIN}  # of altered rows

# damage shows as almost anything: a column that is gone, a number that is a text, bytes that are no UTF-8
_DAMAGE: tuple[type[Exception], ...] = (*DRIVER_ERRORS, StoreError, ValueError, KeyError, TypeError, OverflowError)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something on disk that is not as it was written: where, what is wrong, and what to do."""

    where: str
    what: str
    cure: str


def check(store: Store) -> list[Fault]:
    """Every fault of the store's file; [] where it is as it was written.

    Reads everything: pages, references, the checksum of every row, the digest of every text, and that every chunk
    stands in its document's text letter for letter. A part that cannot be read is a fault, the others are checked.
    """
    faults: list[Fault] = []
    try:
        with store.reading() as connection:
            for part in (_pages, _references, _rows, _access, _metadata, _texts, _counters):
                faults += _guarded(connection, part.__name__.strip("_"), part)
    except StoreError as error:
        faults.append(Fault(str(store.path), str(error), RESTORE))
    return faults


def _guarded(connection: Connection, name: str, part: Callable[[Connection], Iterator[Fault]]) -> list[Fault]:
    found: list[Fault] = []
    try:
        for fault in part(connection):
            found.append(fault)  # what was found before a part broke off counts
    except _DAMAGE as error:
        found.append(Fault(name, f"cannot be read: {type(error).__name__}: {error}", RESTORE))
    return found


def _pages(connection: Connection) -> Iterator[Fault]:
    for what in integrity(connection):
        yield Fault("store.db", what, RESTORE)


def _references(connection: Connection) -> Iterator[Fault]:
    for table, row, parent in broken_references(connection):
        yield Fault(f"{table} {row}", f"refers to a row of {parent} that is not there", RESTORE)


def _rows(connection: Connection) -> Iterator[Fault]:
    for table in (
        sources,
        versions,
        chunks,
        artifacts,
        jobs,
        questions,
        feedback,
        runs,
        outcomes,
        run_outcomes,
        uploads,
    ):
        columns = [table.c[key] for key in checksums.checked_columns(table)]
        yield from altered(connection, table, columns)
    columns = [file_rows.c[name] for name in files.CHECKED]
    yield from altered(connection, file_rows, columns)


def altered(connection: Connection, table: Table, columns: list[Any], cure: str = "") -> Iterator[Fault]:
    """Every row whose checksum does not fit its ``columns``; ``cure`` where it is not the table's usual one."""
    key = next(iter(table.primary_key.columns))
    for row in connection.execute(select(key.label("row_key"), table.c.checksum.label("row_checksum"), *columns)):
        try:
            fits = checksums.of_values(row[2:]) == row.row_checksum
        except (TypeError, UnicodeEncodeError):
            fits = False
        if not fits:
            what = "its checksum does not fit: the row was altered on disk"
            yield Fault(f"{table.name} {row.row_key}", what, cure or CURES.get(table.name, RESTORE))


def _access(connection: Connection) -> Iterator[Fault]:
    """The labels one a row are those of the lists, which their unique index holds a second time."""
    expected = set()
    for row in connection.execute(select(access)):
        expected |= {(row.tenant, label, row.id) for label in json.loads(row.labels)}
    found = {tuple(row) for row in connection.execute(select(access_labels))}
    for tenant, label, access_id in sorted(expected ^ found, key=str):
        yield Fault(f"access {access_id}", f"its labels disagree about {label!r} of tenant {tenant!r}", RESTORE)


def _metadata(connection: Connection) -> Iterator[Fault]:
    """What filters look in is the metadata of the live versions."""
    expected = set()
    for row in connection.execute(select(versions.c.id, versions.c.metadata).where(versions.c.retired_at.is_(None))):
        expected |= {(row.id, key, value) for key, value in json.loads(row.metadata).items()}
    found = {tuple(row) for row in connection.execute(select(version_metadata))}
    for version_id, key, _ in sorted(expected ^ found, key=str):
        yield Fault(f"versions {version_id}", f"its metadata disagrees about {key!r}", ADD_AGAIN)


def _texts(connection: Connection) -> Iterator[Fault]:
    """Every text fits its digest; every live version has its chunks, each one a part of the text, at its place."""
    digests = connection.execute(select(blob_rows.c.digest)).scalars().all()
    for digest in digests:
        try:
            text = blobs.get(connection, digest)
        except (StoreError, UnicodeDecodeError) as error:
            yield Fault(f"blobs {digest[:12]}", str(error), ADD_AGAIN)
            continue
        size = connection.execute(select(blob_rows.c.size_bytes).where(blob_rows.c.digest == digest)).scalar()
        if size != len(text.encode()):
            yield Fault(f"blobs {digest[:12]}", "its size does not fit its text", ADD_AGAIN)
        live = select(versions).where(versions.c.text_digest == digest, versions.c.retired_at.is_(None))
        for version in connection.execute(live):
            yield from _passages(connection, version, text)
    missing = select(versions.c.uri).where(versions.c.text_digest.not_in(select(blob_rows.c.digest)))
    for uri in connection.execute(missing).scalars():
        yield Fault(f"document {uri}", "its text is gone", ADD_AGAIN)


def _passages(connection: Connection, version: Row[Any], text: str) -> Iterator[Fault]:
    where = f"document {version.uri}"
    statement = select(chunks).where(chunks.c.version_id == version.id).order_by(chunks.c.ordinal)
    rows = connection.execute(statement).all()
    if len(rows) != version.n_chunks:
        yield Fault(where, f"has {len(rows)} chunks instead of {version.n_chunks}", ADD_AGAIN)
    for row in rows:
        if text[row.start : row.end] != row.text:
            yield Fault(where, f"chunk {row.ordinal} is not what stands at {row.start} to {row.end}", ADD_AGAIN)
        if (row.document_id, row.version, row.access_id) != (version.document_id, version.version, version.access_id):
            yield Fault(where, f"chunk {row.ordinal} belongs to another version or other readers", ADD_AGAIN)


def _counters(connection: Connection) -> Iterator[Fault]:
    """No number is ahead of the counter that gives it, and no chunk is live that is recorded as gone."""
    generation = int(read_meta(connection, "generation") or 0)
    for table in (versions, chunks, tombstones):
        newest = connection.execute(select(func.max(table.c.generation))).scalar() or 0
        if newest > generation:
            yield Fault(f"meta generation {generation}", f"is behind {table.name} ({newest})", RESTORE)
    for name, column in (("next_chunk_key", chunks.c.key), ("next_version_id", versions.c.id)):
        if (connection.execute(select(func.max(column))).scalar() or 0) >= int(read_meta(connection, name) or 1):
            yield Fault(f"meta {name}", "is behind the rows that it numbers", RESTORE)
    dead = select(chunks.c.key).where(chunks.c.key.in_(select(tombstones.c.chunk_key)))
    for key in connection.execute(dead).scalars():
        yield Fault(f"chunks {key}", "is live and recorded as gone", ADD_AGAIN)
    retired = (
        select(chunks.c.key)
        .join(versions, versions.c.id == chunks.c.version_id)
        .where(versions.c.retired_at.is_not(None))
    )
    for key in connection.execute(retired).scalars():
        yield Fault(f"chunks {key}", "belongs to a version that is retired", ADD_AGAIN)
