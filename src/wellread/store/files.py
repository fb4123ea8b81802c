"""Sources and what is known of each of their items: the state that ``sync`` compares with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Literal, Protocol

from sqlalchemy import Connection, Select, func, select

from wellread.errors import Refused
from wellread.store import access, checksums
from wellread.store.engine.api import Transaction
from wellread.store.engine.words import upsert
from wellread.store.schema import files, sources
from wellread.types import Failure, Principal

State = Literal["live", "duplicate", "failed", "skipped", "removed"]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A row of ``files``: one source item, as it was when it was last read."""

    uri: str
    source_id: int
    state: State
    kind: str = ""
    reason: str = ""
    attempts: int = 0
    size_bytes: int = 0
    mtime_ns: int = 0
    digest: str = ""
    meta_digest: str = ""
    etag: str = ""
    pipeline: str = ""
    document_id: str | None = None
    seen_at: str = ""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A folder, file, glob, URL or text that was added; ``settings`` hold labels, include, exclude, title."""

    id: int
    tenant: str
    kind: str
    location: str
    settings: Mapping[str, object]
    added_at: str


class SourceItem(Protocol):
    """What ``put`` records of an item; ``documents.changes.Item`` is one."""

    @property
    def uri(self) -> str:
        """As in ``KnownFile``."""
        ...

    @property
    def source_id(self) -> int:
        """As in ``KnownFile``."""
        ...

    @property
    def size_bytes(self) -> int:
        """As in ``KnownFile``."""
        ...

    @property
    def mtime_ns(self) -> int:
        """As in ``KnownFile``."""
        ...

    @property
    def digest(self) -> str:
        """As in ``KnownFile``."""
        ...

    @property
    def meta_digest(self) -> str:
        """As in ``KnownFile``."""
        ...

    @property
    def etag(self) -> str:
        """As in ``KnownFile``."""
        ...

    @property
    def pipeline(self) -> str:
        """As in ``KnownFile``."""
        ...


_KNOWN = tuple(field.name for field in fields(KnownFile))
CHECKED = ("tenant", *_KNOWN)  # what the checksum of a row covers: all but the row's number


def known(connection: Connection, tenant: str) -> dict[str, KnownFile]:
    """Everything that is known of a tenant's source items, by uri."""
    statement = select(*(files.c[name] for name in _KNOWN)).where(files.c.tenant == tenant)
    return {row.uri: KnownFile(*row) for row in connection.execute(statement)}


def get(connection: Connection, tenant: str, uri: str) -> KnownFile | None:
    """What is known of one source item."""
    statement = select(*(files.c[name] for name in _KNOWN)).where(files.c.tenant == tenant, files.c.uri == uri)
    row = connection.execute(statement).one_or_none()
    return None if row is None else KnownFile(*row)


def sharing(connection: Connection, item: KnownFile, tenant: str) -> str | None:
    """The uri of another item with the document of this one, live before duplicate; None where there is none."""
    statement = (
        select(files.c.uri)
        .where(files.c.tenant == tenant, files.c.document_id == item.document_id)
        .where(files.c.uri != item.uri, files.c.state.in_(("live", "duplicate")))
        .order_by(files.c.state.desc(), files.c.uri)
    )
    return connection.execute(statement).scalars().first()


def put(
    tx: Transaction,
    item: SourceItem,
    state: State,
    *,
    tenant: str,
    document_id: str | None = None,
    kind: str = "",
    reason: str = "",
) -> None:
    """The item is known in ``state``; a failed one counts one attempt more than before."""
    attempts = 0
    if state == "failed":
        before = select(files.c.attempts).where(files.c.tenant == tenant, files.c.uri == item.uri)
        attempts = int(tx.connection.execute(before).scalar() or 0) + 1
    file = KnownFile(
        uri=item.uri,
        source_id=item.source_id,
        state=state,
        kind=kind,
        reason=reason,
        attempts=attempts,
        size_bytes=item.size_bytes,
        mtime_ns=item.mtime_ns,
        digest=item.digest,
        meta_digest=item.meta_digest,
        etag=item.etag,
        pipeline=item.pipeline,
        document_id=document_id,
        seen_at=tx.now,
    )
    put_known(tx, [file], tenant=tenant)


def put_known(tx: Transaction, rows: Iterable[KnownFile], *, tenant: str) -> None:
    """The items are known exactly as given, ``attempts`` and ``seen_at`` included."""
    values = []
    for file in rows:
        row = {"tenant": tenant, **asdict(file)}
        row["checksum"] = _checksum(row)
        values.append(row)
    upsert(tx.connection, files, values, ("tenant", "uri"))


def _checksum(row: Mapping[str, object]) -> bytes:
    return checksums.of_values([row[name] for name in CHECKED])


def drop(tx: Transaction, uri: str, *, tenant: str) -> bool:
    """Whether the item was known; it is not any more."""
    return tx.connection.execute(files.delete().where(files.c.tenant == tenant, files.c.uri == uri)).rowcount > 0


def failures(connection: Connection, *, who: Principal, skipped: bool = False) -> list[Failure]:
    """The items that gave no document, by uri, from sources that ``who`` may see; the skipped ones too if asked for."""
    states = ("failed", "skipped") if skipped else ("failed",)
    statement = _of_visible_sources(connection, who).where(files.c.state.in_(states)).order_by(files.c.uri)
    return [
        Failure(row.uri, row.kind, row.reason, row.attempts, row.size_bytes, datetime.fromisoformat(row.seen_at))
        for row in connection.execute(statement)
    ]


def counts(connection: Connection, *, who: Principal) -> dict[str, int]:
    """How many items of sources that ``who`` may see are in each state; states without items are missing."""
    rows = _of_visible_sources(connection, who).subquery()
    statement = select(rows.c.state, func.count()).group_by(rows.c.state)
    return {row[0]: row[1] for row in connection.execute(statement)}


def visible_items(connection: Connection, items: Mapping[str, KnownFile], *, who: Principal) -> dict[str, KnownFile]:
    """Those of the tenant's ``items``, by uri, whose document ``who`` may see; without one, whose source."""
    documents = access.live_documents(connection, tenant=who.tenant)
    mine = access.readable(connection, who=who)
    seen = {source.id for source in list_sources(connection, who=who)}
    found = {}
    for uri, item in items.items():
        labelled = documents.get(item.document_id or "")
        if (item.source_id in seen) if labelled is None else (labelled in mine):
            found[uri] = item
    return found


def _of_visible_sources(connection: Connection, who: Principal) -> Select[tuple[object, ...]]:
    ids = [source.id for source in list_sources(connection, who=who)]
    return select(files).where(files.c.tenant == who.tenant, files.c.source_id.in_(ids))


def add_source(tx: Transaction, kind: str, location: str, settings: Mapping[str, object], *, tenant: str) -> int:
    """The id of the source; one that is known by its location keeps its id, and every setting that is not given."""
    where = (sources.c.tenant == tenant, sources.c.location == location)
    columns = (sources.c.id, sources.c.added_at, sources.c.settings)
    found = tx.connection.execute(select(*columns).where(*where)).one_or_none()
    before: dict[str, object] = {} if found is None else json.loads(found.settings)
    row: dict[str, object] = {
        "id": tx.allocate("source_id") if found is None else found.id,
        "tenant": tenant,
        "kind": kind,
        "location": location,
        "settings": json.dumps({**before, **settings}, ensure_ascii=False, sort_keys=True),
        "added_at": tx.now if found is None else found.added_at,
    }
    row["checksum"] = checksums.of_row(sources, row)
    if found is None:
        tx.connection.execute(sources.insert(), row)
    else:
        tx.connection.execute(sources.update().where(*where), row)
    return int(str(row["id"]))


def refuse_hidden(
    connection: Connection, location: str, labels: Sequence[str] | None = None, *, who: Principal
) -> None:
    """Raises: Refused where a source at ``location`` is hidden from ``who`` and given other ``labels`` than its own."""
    for row in every_source(connection, who.tenant):
        same = labels is not None and frozenset(labels) == labels_of(row)
        if row.location == location and not same and not who.may_read(row.tenant, labels_of(row)):
            raise Refused(f"{location}: is known, with labels of groups that you are not in; name one: --group NAME")


def every_source(connection: Connection, tenant: str) -> list[SourceRow]:
    """All sources of the tenant, in the order in which they were added; for keeping documents in step, not for show."""
    statement = select(sources).where(sources.c.tenant == tenant).order_by(sources.c.id)
    return [
        SourceRow(row.id, row.tenant, row.kind, row.location, json.loads(row.settings), row.added_at)
        for row in connection.execute(statement)
    ]


def list_sources(connection: Connection, *, who: Principal) -> list[SourceRow]:
    """The sources of the tenant whose labels ``who`` may see, in the order in which they were added."""
    return [row for row in every_source(connection, who.tenant) if who.may_read(row.tenant, labels_of(row))]


def labels_of(source: SourceRow) -> frozenset[str]:
    """The labels that the source gives to its documents."""
    labels = source.settings.get("labels", ())
    return frozenset(str(label) for label in labels) if isinstance(labels, list | tuple) else frozenset()


def remove_source(tx: Transaction, source_id: int) -> bool:
    """Whether the source was known; it is not any more.

    Raises: ValueError if some of its items are still known: retire their documents and ``drop`` them first.
    """
    left = tx.connection.execute(select(func.count()).select_from(files).where(files.c.source_id == source_id))
    if n_left := left.scalar_one():
        raise ValueError(f"source {source_id} still has {n_left} items")
    return tx.connection.execute(sources.delete().where(sources.c.id == source_id)).rowcount > 0
