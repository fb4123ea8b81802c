"""Documents with their versions, and the chunks of the live ones: written whole, read as somebody may see them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, RowMapping, Select, and_, func, select, update

from wellread.store import access as access_rights
from wellread.store import blobs, checksums, layout, log
from wellread.store import outcomes as outcome_rows
from wellread.store.engine.api import Transaction, utc_text
from wellread.store.engine.words import insert_rows, one_of
from wellread.store.filters import to_sql
from wellread.store.schema import access, chunks, tombstones, version_metadata, versions
from wellread.types import Chunk, Document, Filter, Principal, Span

_BATCH = 1_000


class ChunkRow(NamedTuple):
    """What an index needs of a live chunk."""

    key: int
    header: str
    text: str
    access_id: int
    version_id: int
    content_hash: bytes

    @property
    def indexed_text(self) -> str:
        """As ``Chunk.indexed_text``."""
        return f"{self.header}\n{self.text}" if self.header else self.text


def content_hash(indexed_text: str) -> bytes:
    """16 bytes of SHA-256: equal for chunks that are embedded to the same vector."""
    return sha256(indexed_text.encode()).digest()[:16]


def newest(connection: Connection, document_id: str) -> int:
    """The number of the document's newest version, live or not; 0 where it has none."""
    statement = select(func.max(versions.c.version)).where(versions.c.document_id == document_id)
    return int(connection.execute(statement).scalar() or 0)


class PlannedVersion(NamedTuple):
    """A version that is about to come in: the number of its row, who may read it, and its chunks with their keys."""

    id: int
    access_id: int
    chunks: tuple[ChunkRow, ...]


def plan(tx: Transaction, document: Document, passages: Sequence[Chunk]) -> PlannedVersion:
    """The rows that ``put_version`` will write, before any of them is there: what an index hands on to them."""
    version_id = tx.allocate("version_id")
    access_id = access_rights.intern(tx, document.tenant, document.labels)
    first = tx.allocate("chunk_key", len(passages)) if passages else 0
    rows = [
        ChunkRow(key, chunk.header, chunk.text, access_id, version_id, content_hash(chunk.indexed_text))
        for key, chunk in enumerate(passages, first)
    ]
    return PlannedVersion(version_id, access_id, tuple(rows))


def put_version(
    tx: Transaction,
    document: Document,
    passages: Sequence[Chunk],
    minhash: bytes,
    near_duplicate_of: str | None = None,
    planned: PlannedVersion | None = None,
) -> list[int]:
    """The keys of the new chunks, in their order; the version that was live is retired in the same transaction.

    The version number is the document's next one; those in ``document`` and ``passages`` are ignored. What an index
    holds of the retired chunks must have been removed before. ``planned`` is what ``plan`` gave, if it was asked.
    """
    planned = planned or plan(tx, document, passages)
    version = newest(tx.connection, document.id) + 1
    if version > 1:
        retire(tx, document.id, purge=False)
    row = {
        "id": planned.id,
        "document_id": document.id,
        "version": version,
        "tenant": document.tenant,
        "access_id": planned.access_id,
        "uri": document.uri,
        "title": document.title,
        "media_type": document.media_type,
        "digest": document.digest,
        "text_digest": blobs.put(tx.connection, document.text),
        "metadata": json.dumps(dict(document.metadata), ensure_ascii=False, sort_keys=True),
        "blocks": zlib.compress(layout.to_json(layout.layout_of(document)), blobs.LEVEL),
        "size_bytes": document.size_bytes,
        "modified_at": utc_text(document.modified_at) if document.modified_at else None,
        "ingested_at": utc_text(document.ingested_at) if document.ingested_at else tx.now,
        "valid_from": document.valid_from.isoformat() if document.valid_from else None,
        "valid_until": document.valid_until.isoformat() if document.valid_until else None,
        "superseded_by": document.superseded_by,
        "retired_at": None,
        "near_duplicate_of": near_duplicate_of,
        "minhash": minhash,
        "n_chunks": len(passages),
        "generation": tx.bump(),
    }
    row["checksum"] = checksums.of_row(versions, row)
    tx.connection.execute(versions.insert(), row)
    if document.metadata:
        facts = [{"version_id": row["id"], "key": key, "value": value} for key, value in document.metadata.items()]
        tx.connection.execute(version_metadata.insert(), facts)
    return _put_chunks(tx, row, passages, planned.chunks)


def _put_chunks(
    tx: Transaction, version: Mapping[str, Any], passages: Sequence[Chunk], planned: Sequence[ChunkRow]
) -> list[int]:
    rows = []
    for place, chunk in zip(planned, passages, strict=True):
        row = (  # in the order of the table's columns: a test holds it
            place.key,
            chunk.id,
            version["document_id"],
            version["version"],
            version["id"],
            version["access_id"],
            chunk.ordinal,
            chunk.span.start,
            chunk.span.end,
            chunk.page,
            chunk.kind,
            chunk.header,
            json.dumps(chunk.heading_path, ensure_ascii=False) if chunk.heading_path else "[]",
            chunk.text,
            chunk.n_tokens,
            chunk.parent_id,
            place.content_hash,
            version["generation"],
        )
        rows.append((*row, checksums.of_values(row)))
    insert_rows(tx.connection, chunks, rows)
    return [place.key for place in planned]


def retire(tx: Transaction, document_id: str, *, purge: bool) -> list[int]:
    """The keys of the chunks that are gone, [] where the document was not live.

    The version stays readable by its number, unless ``purge``: then no row holds text of the document any more, its old
    versions, blobs and the logged answers that cite it included.
    """
    live = tx.connection.execute(
        select(versions).where(versions.c.document_id == document_id, versions.c.retired_at.is_(None))
    ).mappings()
    removed: list[int] = []
    for row in live.all():
        keys = _keys_of_version(tx.connection, row["id"])
        _remove_chunks(tx, keys)
        removed += keys
        tx.connection.execute(version_metadata.delete().where(version_metadata.c.version_id == row["id"]))
        if not purge:
            _change(tx, row, {"retired_at": tx.now})
        tx.bump()
    if purge:
        _purge(tx, document_id)
    return removed


def _keys_of_version(connection: Connection, version_id: int) -> list[int]:
    statement = select(chunks.c.key).where(chunks.c.version_id == version_id).order_by(chunks.c.key)
    return list(connection.execute(statement).scalars())


def _remove_chunks(tx: Transaction, keys: list[int]) -> None:
    if not keys:
        return
    tx.connection.execute(chunks.delete().where(one_of(chunks.c.key, keys)))
    tx.connection.execute(tombstones.insert(), [{"generation": tx.generation, "chunk_key": key} for key in keys])


def _change(tx: Transaction, row: RowMapping, values: Mapping[str, object]) -> None:
    """The row of ``versions`` holds ``values`` and a checksum that fits."""
    changed: dict[str, object] = {**row, **values}
    tx.connection.execute(
        update(versions)
        .where(versions.c.id == row["id"])
        .values(**values, checksum=checksums.of_row(versions, changed))
    )


def _purge(tx: Transaction, document_id: str) -> None:
    rows = tx.connection.execute(
        select(versions.c.text_digest, versions.c.uri).where(versions.c.document_id == document_id)
    ).all()
    if not rows:
        return
    tx.bump()
    near = select(versions).where(versions.c.near_duplicate_of == document_id)
    for row in tx.connection.execute(near).mappings().all():
        _change(tx, row, {"near_duplicate_of": None})
    log.blank(tx, {document_id, *(row.uri for row in rows)})
    outcome_rows.blank(tx, {document_id})
    tx.connection.execute(versions.delete().where(versions.c.document_id == document_id))
    blobs.drop_unused(tx.connection, {row.text_digest for row in rows})


def rename(tx: Transaction, document_id: str, *, uri: str, title: str | None = None) -> bool:
    """Whether the document was live: its live version now has the uri (and title) of where it was moved to."""
    live = select(versions).where(versions.c.document_id == document_id, versions.c.retired_at.is_(None))
    row = tx.connection.execute(live).mappings().one_or_none()
    if row is None:
        return False
    _change(tx, row, {"uri": uri} if title is None else {"uri": uri, "title": title})
    tx.bump()
    return True


def get(connection: Connection, document_id: str, *, who: Principal, version: int | None = None) -> Document | None:
    """The document with its text and blocks; the live version, or the one of that number; None if it is not to be seen.

    Raises: StoreError if its text was altered on disk.
    """
    which = versions.c.retired_at.is_(None) if version is None else versions.c.version == version
    row = connection.execute(
        _visible(connection, who).where(versions.c.document_id == document_id, which)
    ).one_or_none()
    if row is None:
        return None
    return _whole(connection, row)


def text(connection: Connection, document_id: str, version: int, *, who: Principal) -> str | None:
    """The text of a version alone, live or not; None where ``who`` may see no such version. Raises: StoreError."""
    this = (versions.c.document_id == document_id, versions.c.version == version)
    statement = select(versions.c.text_digest).where(*this, access_rights.visible(connection, versions, who=who))
    digest = connection.execute(statement).scalar()
    return blobs.get(connection, digest) if digest is not None else None


def by_uri(connection: Connection, uri: str, *, who: Principal) -> str | None:
    """The id of the live document at an address; None where ``who`` may see none there."""
    here = versions.c.uri == uri, *_live(None), access_rights.visible(connection, versions, who=who)
    found = connection.execute(select(versions.c.document_id).where(*here)).scalar()
    return str(found) if found is not None else None


def get_version(connection: Connection, version_id: int, *, who: Principal) -> Document | None:
    """As ``get``, by the id of a live version."""
    found = _visible(connection, who).where(versions.c.id == version_id, versions.c.retired_at.is_(None))
    row = connection.execute(found).one_or_none()
    return _whole(connection, row) if row else None


def listing(
    connection: Connection, *, who: Principal, where: Filter | None = None, limit: int | None = None, offset: int = 0
) -> list[Document]:
    """The live documents by uri, without text and blocks. Raises UsageError for a filter that cannot be understood."""
    statement = _visible(connection, who).where(*_live(where)).order_by(versions.c.uri, versions.c.id)
    rows = connection.execute(statement.limit(limit).offset(offset))
    return [_document(row) for row in rows]


def count(connection: Connection, *, who: Principal, where: Filter | None = None) -> int:
    """How many documents ``listing`` would give without a limit."""
    statement = (
        select(func.count())
        .select_from(versions)
        .where(*_live(where), access_rights.visible(connection, versions, who=who))
    )
    return int(connection.execute(statement).scalar_one())


def totals(connection: Connection, *, who: Principal) -> tuple[int, int]:
    """Chunks, and documents that nearly repeat another one, among what may be read."""
    n_chunks = select(func.count()).select_from(chunks).where(access_rights.visible(connection, chunks, who=who))
    seen = (access_rights.visible(connection, versions, who=who), versions.c.retired_at.is_(None))
    others = select(versions.c.document_id).where(*seen)  # that a hidden document is alike is nobody's business
    near = select(func.count()).select_from(versions).where(*seen, versions.c.near_duplicate_of.in_(others))
    return int(connection.execute(n_chunks).scalar_one()), int(connection.execute(near).scalar_one())


def matching(connection: Connection, where: Filter, *, who: Principal) -> list[int]:
    """The ids of the live versions that ``where`` matches and ``who`` may see, ascending.

    Raises: UsageError for an unknown field, with the one that was meant.
    """
    statement = select(versions.c.id).where(*_live(where), access_rights.visible(connection, versions, who=who))
    return list(connection.execute(statement.order_by(versions.c.id)).scalars())


def history(connection: Connection, document_id: str, *, who: Principal) -> list[tuple[Document, datetime | None]]:
    """All versions of a document that ``who`` may see, oldest first, without text; beside each, when it was retired."""
    statement = _visible(connection, who).where(versions.c.document_id == document_id).order_by(versions.c.version)
    return [(_document(row), _moment(row.retired_at)) for row in connection.execute(statement)]


def chunks_by_key(connection: Connection, keys: Sequence[int], *, who: Principal) -> dict[int, tuple[Chunk, Document]]:
    """The chunks among ``keys`` that are live and may be seen, with their documents (without text and blocks)."""
    if not keys:
        return {}
    return _joined(connection, one_of(chunks.c.key, {int(key) for key in keys}), who)


def neighbours(
    connection: Connection, document_id: str, *, who: Principal, first: int, last: int
) -> list[tuple[int, Chunk]]:
    """Key and chunk of the document's live chunks with ``first <= ordinal <= last``, in order."""
    condition = and_(
        versions.c.document_id == document_id,
        versions.c.retired_at.is_(None),
        chunks.c.ordinal.between(first, last),
    )
    found = [(key, chunk) for key, (chunk, _) in _joined(connection, condition, who).items()]
    return sorted(found, key=lambda pair: (pair[1].ordinal, pair[0]))


def chunk_rows(connection: Connection, document_id: str) -> list[ChunkRow]:
    """The live chunks of a document as an index needs them, by key; for keeping an index in step, not for answers."""
    version_ids = select(versions.c.id).where(versions.c.document_id == document_id, versions.c.retired_at.is_(None))
    return _chunk_rows(connection, chunks.c.version_id.in_(version_ids))


def chunk_batches(connection: Connection, *, after: int = 0, size: int = _BATCH) -> Iterator[list[ChunkRow]]:
    """All live chunks with keys above ``after``, by key, ``size`` at a time; for building an index, not for answers."""
    while rows := _chunk_rows(connection, chunks.c.key > after, size):
        yield rows
        after = rows[-1].key


def minhashes(connection: Connection, tenant: str) -> dict[str, bytes]:
    """The MinHash of every live document of a tenant that is no near duplicate itself, by document id."""
    statement = select(versions.c.document_id, versions.c.minhash).where(
        versions.c.tenant == tenant,
        versions.c.retired_at.is_(None),
        versions.c.near_duplicate_of.is_(None),
        versions.c.minhash != b"",
    )
    return {row.document_id: row.minhash for row in connection.execute(statement)}


def _chunk_rows(connection: Connection, condition: ColumnElement[bool], limit: int | None = None) -> list[ChunkRow]:
    columns = [chunks.c[name] for name in ChunkRow._fields]
    statement = select(*columns).where(condition).order_by(chunks.c.key).limit(limit)
    return [ChunkRow(*row) for row in connection.execute(statement)]


_DOCUMENT_COLUMNS: tuple[ColumnElement[Any], ...] = (
    *(c for c in versions.columns if c.key not in ("blocks", "minhash", "checksum")),
    select(access.c.labels).where(access.c.id == versions.c.access_id).scalar_subquery().label("labels"),
)
_PLACE = ("key", "id", "ordinal", "start", "end", "page", "parent_id")
_CHUNK_COLUMNS = (*_PLACE, "kind", "header", "heading_path", "text", "n_tokens")


def _visible(connection: Connection, who: Principal) -> Select[Any]:
    return select(*_DOCUMENT_COLUMNS, versions.c.blocks).where(access_rights.visible(connection, versions, who=who))


def _live(where: Filter | None) -> list[ColumnElement[bool]]:
    live: list[ColumnElement[bool]] = [versions.c.retired_at.is_(None)]
    return live if where is None else [*live, to_sql(where)]


def _joined(
    connection: Connection, condition: ColumnElement[bool], who: Principal
) -> dict[int, tuple[Chunk, Document]]:
    passage_columns = [chunks.c[name].label(f"chunk_{name}") for name in _CHUNK_COLUMNS]
    # chunks of retired versions do not exist, so what is live need not be asked: the plan starts from the keys
    statement = (
        select(*passage_columns, *_DOCUMENT_COLUMNS)
        .join(versions, versions.c.id == chunks.c.version_id)
        .where(condition, access_rights.visible(connection, chunks, who=who))
    )
    documents: dict[int, Document] = {}
    found: dict[int, tuple[Chunk, Document]] = {}
    for row in connection.execute(statement):
        document = documents.get(row.id)
        if document is None:
            document = documents[row.id] = _document(row)
        found[row.chunk_key] = (_chunk(row, document), document)
    return found


def _chunk(row: Row[Any], document: Document) -> Chunk:
    return Chunk(
        id=row.chunk_id,
        document_id=document.id,
        version=document.version,
        ordinal=row.chunk_ordinal,
        span=Span(row.chunk_start, row.chunk_end),
        text=row.chunk_text,
        header=row.chunk_header,
        heading_path=() if row.chunk_heading_path == "[]" else tuple(json.loads(row.chunk_heading_path)),
        page=row.chunk_page,
        kind=row.chunk_kind,
        n_tokens=row.chunk_n_tokens,
        parent_id=row.chunk_parent_id,
    )


def _whole(connection: Connection, row: Row[Any]) -> Document:
    text = blobs.get(connection, row.text_digest)
    return _document(row, text, layout.from_json(zlib.decompress(row.blocks), text))


def _document(row: Row[Any], text: str = "", structure: layout.Layout = layout.Layout()) -> Document:
    return Document(
        id=row.document_id,
        uri=row.uri,
        version=row.version,
        title=row.title,
        media_type=row.media_type,
        text=text,
        digest=row.digest,
        tenant=row.tenant,
        labels=frozenset(json.loads(row.labels)),
        metadata=json.loads(row.metadata),
        blocks=structure.blocks,
        units=structure.units,
        tables=structure.tables,
        images=structure.images,
        size_bytes=row.size_bytes,
        modified_at=_moment(row.modified_at),
        ingested_at=_moment(row.ingested_at),
        valid_from=date.fromisoformat(row.valid_from) if row.valid_from else None,
        valid_until=date.fromisoformat(row.valid_until) if row.valid_until else None,
        superseded_by=row.superseded_by,
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
