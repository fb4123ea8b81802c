"""Sources and documents taken out by name: what a source, an item or a glob names is purged from truth and index."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path

from wellread.documents.sources.listing import from_row, uri_of
from wellread.documents.sources.owners import claims, owner
from wellread.index.build import compact
from wellread.index.words import fulltext
from wellread.store import files
from wellread.store.engine.api import Store
from wellread.store.files import KnownFile
from wellread.sync.record import forget_item


def remove(store: Store, what: str, *, tenant: str) -> int | None:
    """How many documents a source, an item or a glob named, which are purged now; None if it names nothing.

    An item that a folder or glob still takes stays known as removed, without anything of it, so that it does not come
    back; a file, page or text that was added by its name goes with its source.
    """
    names = {what, str(Path(what).expanduser().absolute()), str(Path(what).expanduser().resolve())}
    with store.writing() as tx:
        every = [from_row(row) for row in files.every_source(tx.connection, tenant)]
        known: Mapping[str, KnownFile] = files.known(tx.connection, tenant)
        gone = {source.id for source in every if source.location in names}
        chosen = {uri for uri, item in known.items() if item.source_id in gone or uri in names}
        if not gone and not chosen:
            chosen = {uri for uri in known if any(fnmatch.fnmatchcase(uri, name) for name in names)}
        chosen = {uri for uri in chosen if known[uri].state != "removed" or known[uri].source_id in gone}
        if not gone and not chosen:
            return None
        wide = ("folder", "glob")
        gone |= {source.id for source in every if source.kind not in wide and uri_of(source.location) in chosen}
        items = [item for uri, item in known.items() if uri in chosen or item.source_id in gone]
        counted = sum(item.document_id is not None and item.state != "duplicate" for item in items)
        if items and not fulltext.exists(tx.connection):
            fulltext.create(tx.connection)
        left = claims(source for source in every if source.id not in gone and source.kind in wide)
        for item in sorted(items, key=lambda item: item.state != "duplicate"):  # first duplicates: no heirs there
            forget_item(tx, item.uri, tenant)
            keeper = owner(left, item.uri)
            if keeper is not None and (item.mtime_ns or item.document_id or item.state == "removed"):
                row = KnownFile(item.uri, keeper.id, "removed", seen_at=tx.now)
                files.put_known(tx, [row], tenant=tenant)
        for source_id in gone:
            files.remove_source(tx, source_id)
    compact(store, force=False)
    return counted
