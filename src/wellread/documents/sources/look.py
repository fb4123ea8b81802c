"""What is there against what is known: which items have to be read, which moved, which are gone; nothing is parsed."""

# Paths are bytes from the file system, opened once.
# ruff: noqa: PTH114

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from wellread import digests
from wellread.documents import optional
from wellread.documents.changes import Change, Failed, ItemState, Moved, Touched
from wellread.documents.kinds import TYPES
from wellread.documents.settings import IngestSettings
from wellread.documents.sources.fetch import fetch
from wellread.documents.sources.listing import Source, SourceFile, listing, meta_digest, uri_of
from wellread.documents.sources.owners import claims, owner
from wellread.errors import SourceError

if TYPE_CHECKING:
    from wellread.store.files import KnownFile

INSIDE = "!/"  # between a container and what is in it
DISTANT = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "davfs"})
RACY_NS = 2_000_000_000  # a file changed this short before it was read may have changed again in the same tick


@dataclass(frozen=True, slots=True)
class ParseTask:
    """One item to parse: a file, or what lies in it under the names ``part``, one inside the other."""

    item: ItemState
    path: str
    source: Source
    sidecar: bytes = b""
    suffix: str = ""
    part: tuple[str, ...] = ()


@dataclass(slots=True)
class SourceChanges:
    """What a look at the sources gave."""

    tasks: list[ParseTask] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    n_unchanged: int = 0
    found: dict[str, SourceFile] = field(default_factory=dict)  # files that belong to the sources, by uri
    keep: set[str] = field(default_factory=set)  # uris that are there, or cannot be told to be gone
    every_byte: bool = False  # whatever size and time say
    distant: frozenset[int] = frozenset()  # file systems whose times are not believed


def look(
    sources: Sequence[Source], known: Mapping[str, KnownFile], settings: IngestSettings, pipeline: str, scratch: Path
) -> SourceChanges:
    """Which items are as known, and which have to be read; only sources with ``listed_for`` are looked at.

    A file belongs to the closest of all sources that take it. One whose source is not looked at is left alone, unless
    it was known as that of a source that is.
    """
    plan = SourceChanges(every_byte=settings.full, distant=distant_devices())
    mine = listed_ids(sources)
    listed = listing([source for source in sources if source.id in mine])
    claimed = claims(sources)
    troubled = (
        {outer_of(uri) for uri, row in known.items() if row.state == "failed"} if settings.retry_failed else set()
    )
    alone = len(sources) == 1  # then there is nobody to ask
    for found in listed.found.values():
        source = found.source if alone else owner(claimed, found.uri, found.real)
        if source is not None and source is not found.source:
            found = replace(found, source=source)
        row = known.get(found.uri)
        plan.keep.add(found.uri)
        if row is not None and row.state == "removed":
            if found.source.listed_for != "add" or row.source_id == found.source.id:
                continue
            row = None  # add names it, alone or with a closer source than the one that it was removed from
        if found.source.id in mine or (row is not None and row.source_id in mine):
            plan.found[found.uri] = found
            _look_at(found, row, found.uri in troubled, pipeline, plan)
    for source, path, reason in listed.failed:
        _look_past(source, path, reason, known, plan)
    for number, source in enumerate(sources):
        if source.id in mine and source.kind == "url":
            _look_at_page(source, known.get(source.location), settings, pipeline, plan, scratch / f"page{number}")
        elif source.id in mine and source.kind == "text":
            _look_at_text(source, known.get(source.location), pipeline, plan, scratch / f"text{number}")
    return plan


def listed_ids(sources: Sequence[Source]) -> set[int]:
    """The ids of the sources that are looked at."""
    return {source.id for source in sources if source.listed_for}


def _look_past(source: Source, path: str, reason: str, known: Mapping[str, KnownFile], plan: SourceChanges) -> None:
    """What cannot be listed or looked at has failed; nothing that is known of it is gone."""
    where, whole = uri_of(path), path == source.location
    prefix = "" if whole else where.rstrip("/") + "/"
    below = {uri for uri, row in known.items() if row.source_id == source.id and uri.startswith(prefix)}
    plan.keep |= {where, *below}
    row = known.get(where)
    others = row is not None and (row.source_id != source.id or row.state == "removed")  # is told there, or not at all
    circle = os.path.islink(path) and row is None and not below  # never was a file
    if whole or not (others or circle):
        plan.changes.append(Failed(ItemState(where, source.id), "unreadable", reason, False))


def _look_at(found: SourceFile, row: KnownFile | None, retry: bool, pipeline: str, plan: SourceChanges) -> None:
    item = _item(found, pipeline)
    task = ParseTask(item, found.path, found.source, found.sidecar)
    if not found.regular:
        if row is None or row.source_id != item.source_id or row.state not in ("skipped", "failed"):
            gives_none = row is None or row.document_id is None
            plan.changes.append(Failed(item, "unknown-type", f"{found.uri}: not a regular file", gives_none))
        else:
            plan.n_unchanged += 1
        return
    again = row is not None and retry
    if row is None or again or (row.meta_digest, row.pipeline) != (item.meta_digest, item.pipeline):
        plan.tasks.append(task)
        return
    same = row.size_bytes == found.size_bytes and row.mtime_ns == found.mtime_ns
    told = same and not plan.every_byte and found.device not in plan.distant and _tells(row, found)
    if told and row.source_id == item.source_id:
        plan.n_unchanged += 1
    elif told or (row.digest and row.size_bytes == found.size_bytes and _digest(found.path) == row.digest):
        plan.changes.append(Touched(replace(item, digest=row.digest)))
    else:
        plan.tasks.append(task)


def _item(found: SourceFile, pipeline: str) -> ItemState:
    made = pipeline + optional.mark(found.uri)
    return ItemState(found.uri, found.source.id, found.size_bytes, found.mtime_ns, "", found.meta_digest, "", made)


def _tells(row: KnownFile, found: SourceFile) -> bool:
    """Whether the same size and time say that a file has not changed: nothing touched it since it was last read.

    Its own time can be set back (by a restore, rsync, an archive), the time of its folder entry cannot; and what was
    written in the second in which it was read may have been written after that.
    """
    if not row.seen_at:
        return True
    seen_ns = int(datetime.fromisoformat(row.seen_at).timestamp() * 1e9)
    return max(found.mtime_ns, found.ctime_ns) <= seen_ns - RACY_NS


def distant_devices(mounts: str = "/proc/self/mountinfo") -> frozenset[int]:
    """File systems of other machines, whose clocks and caches say nothing; none where the system does not list them."""
    try:
        lines = Path(mounts).read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    found = set()
    for line in lines:
        before, _, after = line.partition(" - ")
        kind = after.split(" ", 1)[0]
        if kind in DISTANT or kind.startswith("fuse."):
            major, _, minor = before.split(" ")[2].partition(":")
            found.add(os.makedev(int(major), int(minor)))
    return frozenset(found)


def _digest(path: str) -> str:
    """SHA-256 of a file, "" for one that cannot be read."""
    try:
        return digests.of_file(path)
    except OSError:
        return ""


def _look_at_page(
    source: Source, row: KnownFile | None, settings: IngestSettings, pipeline: str, plan: SourceChanges, path: Path
) -> None:
    plan.keep.add(source.location)
    item = ItemState(source.location, source.id, meta_digest=meta_digest(source, b""), pipeline=pipeline)
    private = settings.allow_private or source.options.allow_private
    same = row is not None and row.meta_digest == item.meta_digest and row.pipeline == pipeline
    fresh = same and row is not None and row.state in ("live", "duplicate")
    try:
        page = fetch(source.location, replace(settings, allow_private=private), row.etag if fresh and row else "")
    except SourceError as error:
        plan.changes.append(Failed(item, error.kind, str(error), False))
        return
    if page.data is None or (fresh and row is not None and row.digest == page.digest):
        plan.n_unchanged += 1
        return
    path.write_bytes(page.data)
    suffix = PurePosixPath(source.location.split("?", 1)[0]).suffix.lower()
    suffix = page.suffix if page.suffix in TYPES else suffix
    item = replace(item, etag=page.etag, size_bytes=len(page.data), digest=page.digest)
    plan.tasks.append(ParseTask(item, str(path), source, b"", suffix or ".unknown"))


def _look_at_text(source: Source, row: KnownFile | None, pipeline: str, plan: SourceChanges, path: Path) -> None:
    plan.keep.add(source.location)
    if source.text is None:  # a stream is read once; its document stays until it is removed
        plan.n_unchanged += row is not None
        return
    data = source.text.encode("utf-8", "replace")
    digest = hashlib.sha256(data).hexdigest()
    item = ItemState(source.location, source.id, len(data), 0, digest, meta_digest(source, b""), "", pipeline)
    if row is not None and (row.digest, row.meta_digest, row.pipeline) == (digest, item.meta_digest, pipeline):
        plan.n_unchanged += 1
        return
    path.write_bytes(data)
    suffix = PurePosixPath(source.location).suffix.lower()
    plan.tasks.append(ParseTask(item, str(path), source, b"", suffix if suffix in TYPES else ".txt"))


def outer_of(uri: str) -> str:
    """The file that holds a part: «mail.eml» of «mail.eml!/plan.zip!/a.md»; the uri itself for what is no part."""
    return uri.partition(INSIDE)[0]


def gone_from(sources: Sequence[Source], known: Mapping[str, KnownFile], plan: SourceChanges) -> list[str]:
    """Known uris of the sources that were looked at that are not there any more."""
    ids = listed_ids(sources)
    return [
        uri
        for uri, row in known.items()
        if row.source_id in ids and plan.keep.isdisjoint((uri, outer_of(uri))) and row.state != "removed"  # stays so
    ]


def moved_within(plan: SourceChanges, known: Mapping[str, KnownFile], gone: list[str]) -> list[Moved]:
    """Items that are new and hold the bytes of one that is gone; both leave ``plan`` and ``gone``."""
    by_size: dict[int, list[str]] = {}
    containers = {outer_of(uri) for uri in known if INSIDE in uri}  # are read again, so that their parts are found
    containers |= {uri for uri in known if INSIDE in uri}
    for uri in gone:
        row = known[uri]
        if row.state == "live" and row.size_bytes and row.document_id and uri not in containers:
            by_size.setdefault(row.size_bytes, []).append(uri)
    moved: list[Moved] = []
    left: list[ParseTask] = []
    for task in plan.tasks:
        item = task.item
        digest = _digest(task.path) if item.uri not in known and item.size_bytes in by_size else ""
        candidates = by_size.get(item.size_bytes, ()) if digest else ()
        old = next((uri for uri in candidates if _same(known[uri], item, digest)), None)
        document = known[old].document_id if old is not None else None
        if old is None or document is None:
            left.append(task)
            continue
        by_size[item.size_bytes].remove(old)
        gone.remove(old)
        moved.append(Moved(replace(item, digest=digest), old, document))
    plan.tasks = left
    return moved


def _same(row: KnownFile, item: ItemState, digest: str) -> bool:
    alike = (row.digest, row.meta_digest, row.pipeline) == (digest, item.meta_digest, item.pipeline)
    return alike and PurePosixPath(row.uri).suffix == PurePosixPath(item.uri).suffix


def restore_duplicates(plan: SourceChanges, known: Mapping[str, KnownFile], sources: Sequence[Source]) -> None:
    """Duplicates of a document that is read again are read too, whichever source they are of: it may not stand for them
    any more.
    """
    tasked = {task.item.uri for task in plan.tasks}
    again = {row.document_id for uri, row in known.items() if outer_of(uri) in tasked} - {None} if tasked else set()
    for uri, row in known.items() if again else ():
        if row.state == "duplicate" and row.document_id in again and uri not in tasked:
            outer = outer_of(uri)
            found = plan.found.get(outer) or _elsewhere(outer, sources)
            if found is not None and outer not in tasked:
                tasked.add(outer)
                item = replace(_item(found, ""), pipeline=known.get(outer, row).pipeline)
                plan.tasks.append(ParseTask(item, found.path, found.source, found.sidecar))
                plan.n_unchanged -= outer in plan.found


def _elsewhere(uri: str, sources: Sequence[Source]) -> SourceFile | None:
    """A file that this run does not look at otherwise; None where it is not there."""
    found = listing([Source("file", uri)]).found.get(uri)
    source = owner(claims(sources), uri, found.real) if found is not None else None
    return replace(found, source=source) if found is not None and source is not None else None
