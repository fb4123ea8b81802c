"""Sources and documents taken out by name: what a source, an item or a glob names is purged from truth and index."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path

from wellread.documents.sources.listing import from_row, uri_of
from wellread.documents.sources.owners import claims, owner
from wellread.index.build import compact
from wellread.index.structure import Brought
from wellread.store import files
from wellread.store.engine.api import Store
from wellread.store.files import KnownFile
from wellread.sync.arrivals import Arrivals
from wellread.sync.record import forget_item
from wellread.types import Principal


def remove(store: Store, what: str, *, who: Principal) -> int | None:
    """How many documents a source, an item or a glob named, which are purged now; None if ``who`` sees none such.

    What ``who`` may not see stays as it is, with the source that it comes from.

    An item that a folder or glob still takes stays known as removed, without anything of it, so that it does not come
    back; a file, page or text that was added by its name goes with its source.
    """
    names = {what, str(Path(what).expanduser().absolute()), str(Path(what).expanduser().resolve())}
    tenant = who.tenant
    with store.writing() as tx:
        every = [from_row(row) for row in files.every_source(tx.connection, tenant)]
        whole: Mapping[str, KnownFile] = files.known(tx.connection, tenant)
        known = files.visible_items(tx.connection, whole, who=who)
        holds_hidden = {item.source_id for uri, item in whole.items() if uri not in known}
        seen = {row.id for row in files.list_sources(tx.connection, who=who)}
        named = {source.id for source in every if source.location in names and source.id in seen}
        gone = named - holds_hidden
        chosen = {uri for uri, item in known.items() if item.source_id in named or uri in names}
        if not gone and not chosen:
            chosen = {uri for uri in known if any(fnmatch.fnmatchcase(uri, name) for name in names)}
        chosen = {uri for uri in chosen if known[uri].state != "removed" or known[uri].source_id in gone}
        if not gone and not chosen:
            return None
        wide = ("folder", "glob")
        single = {source.id for source in every if source.kind not in wide and uri_of(source.location) in chosen}
        gone |= single - holds_hidden
        items = [item for uri, item in known.items() if uri in chosen or item.source_id in gone]
        counted = sum(item.document_id is not None and item.state != "duplicate" for item in items)
        arrivals = Arrivals(Brought(store))
        left = claims(source for source in every if source.id not in gone and source.kind in wide)
        for item in sorted(items, key=lambda item: item.state != "duplicate"):  # first duplicates: no heirs there
            forget_item(tx, item.uri, tenant, arrivals)
            keeper = owner(left, item.uri)
            if keeper is not None and (item.mtime_ns or item.document_id or item.state == "removed"):
                row = KnownFile(item.uri, keeper.id, "removed", seen_at=tx.now)
                files.put_known(tx, [row], tenant=tenant)
        for source_id in gone:
            files.remove_source(tx, source_id)
    compact(store, force=False)
    return counted
