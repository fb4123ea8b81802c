"""One change of documents in the tables of the truth, and in every structure, within the transaction of its batch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from wellread.documents.changes import Change, Duplicate, Failed, Gone, Moved, Ready, Touched, Unchanged
from wellread.store import documents, files
from wellread.store.engine.api import Transaction
from wellread.store.files import KnownFile
from wellread.sync.arrivals import Arrivals
from wellread.types import Failure


@dataclass(slots=True)
class Tally:
    """Counts for the report, while they grow."""

    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    restricted: dict[str, int] = field(default_factory=dict)

    def merge(self, other: Tally) -> None:
        """All that ``other`` counted is counted here too."""
        for name, n in other.counts.items():
            self.add(name, n)
        self.failures += other.failures
        for groups, n in other.restricted.items():
            self.restricted[groups] = self.restricted.get(groups, 0) + n

    def add(self, name: str, n: int = 1) -> None:
        """``n`` more of what the report calls ``name``."""
        self.counts[name] = self.counts.get(name, 0) + n


def put(tx: Transaction, change: Ready, tenant: str, tally: Tally, arrivals: Arrivals) -> None:
    """The document is in the store; its chunks wait among the arrivals."""
    document = change.document
    if change.replaces is not None and change.replaces != document.id:
        _retire(tx, change.replaces, arrivals)
    gone = documents.chunk_rows(tx.connection, document.id) if documents.newest(tx.connection, document.id) else []
    planned = documents.plan(tx, document, change.chunks)
    arrivals.take(tx, gone, planned.chunks)
    documents.put_version(tx, document, change.chunks, change.minhash, change.near_duplicate_of, planned)
    files.put(tx, change.item, "live", tenant=tenant, document_id=document.id)
    tally.add("new" if change.replaces is None else "changed")
    tally.add("chunks", len(planned.chunks))
    if document.labels:
        groups = ", ".join(sorted(document.labels))
        tally.restricted[groups] = tally.restricted.get(groups, 0) + 1


def record(tx: Transaction, change: Change, tenant: str, tally: Tally, arrivals: Arrivals) -> None:
    """Everything but a document that is new or changed."""
    match change:
        case Moved(item=item, old_uri=old_uri, document_id=document_id):
            files.drop(tx, old_uri, tenant=tenant)
            files.put(tx, item, "live", tenant=tenant, document_id=document_id)
            documents.rename(tx, document_id, uri=item.uri)
            tally.add("moved")
        case Duplicate(item=item, document_id=document_id):
            before = files.get(tx.connection, tenant, item.uri)
            files.put(tx, item, "duplicate", tenant=tenant, document_id=document_id)
            if before is not None:
                _let_go(tx, before, tenant, arrivals)
            tally.add("duplicates")
        case Failed(item=item, kind=kind, reason=reason, skipped=skipped):
            before = files.get(tx.connection, tenant, item.uri)
            state: files.State = "skipped" if skipped else "failed"
            # its last good version keeps answering; that of a duplicate is another item's
            stays = before.document_id if before is not None and before.state != "duplicate" else None
            files.put(tx, item, state, tenant=tenant, document_id=stays, kind=kind, reason=reason)
            attempts = 1 + (before.attempts if before is not None and before.state == "failed" else 0)
            tally.add("skipped" if skipped else "failed")
            if not skipped:
                tally.failures.append(Failure(item.uri, kind, reason, attempts, item.size_bytes))
        case Gone(uri=uri):
            if forget_item(tx, uri, tenant, arrivals):
                tally.add("deleted")
        case Touched(item=item):
            before = files.get(tx.connection, tenant, item.uri)
            if before is not None:
                seen = replace(
                    before,
                    source_id=item.source_id,
                    size_bytes=item.size_bytes,
                    mtime_ns=item.mtime_ns,
                    digest=item.digest,
                    etag=item.etag,
                    meta_digest=item.meta_digest,
                    pipeline=item.pipeline,
                    seen_at=tx.now,
                )
                files.put_known(tx, [seen], tenant=tenant)
            tally.add("unchanged")
        case _:
            raise TypeError(f"not a change: {type(change).__name__}")


def taken_out(tx: Transaction, change: Change, tenant: str, source_ids: Collection[int]) -> bool:
    """Whether somebody has taken out what the change stands on since it was found: the item, its source (those that are
    left have ``source_ids``), or the document that it moves or repeats.
    """
    if isinstance(change, Gone | Unchanged):
        return False
    known = files.get(tx.connection, tenant, change.item.uri)
    if known is not None and known.state == "removed" and known.source_id == change.item.source_id:
        return True
    if isinstance(change, Moved | Duplicate) and not documents.newest(tx.connection, change.document_id):
        return True
    return change.item.source_id not in source_ids


def forget_item(tx: Transaction, uri: str, tenant: str, arrivals: Arrivals) -> bool:
    """Whether the item was known; its document is purged unless another item has the same content."""
    before = files.get(tx.connection, tenant, uri)
    if before is None:
        return False
    files.drop(tx, uri, tenant=tenant)
    _let_go(tx, before, tenant, arrivals)
    return True


def _let_go(tx: Transaction, item: KnownFile, tenant: str, arrivals: Arrivals) -> None:
    """The document of an item that was live is purged, or belongs to a duplicate of it from now on."""
    if item.document_id is None or item.state == "duplicate":
        return
    uri = files.sharing(tx.connection, item, tenant)
    heir = files.get(tx.connection, tenant, uri) if uri is not None else None
    if heir is None:
        _retire(tx, item.document_id, arrivals)
    elif heir.state == "duplicate":
        files.put_known(tx, [replace(heir, state="live")], tenant=tenant)
        documents.rename(tx, item.document_id, uri=heir.uri)


def _retire(tx: Transaction, document_id: str, arrivals: Arrivals) -> None:
    arrivals.take(tx, documents.chunk_rows(tx.connection, document_id))
    documents.retire(tx, document_id, purge=True)
