"""The verb of this room: sources and what is known of them come in, changes go out; nothing is written.

List everything by its folder entry. Set apart what has not changed. Tell what moved by its hash. What is gone goes
first, then everything new or changed is parsed and chunked in child processes and handed on in order.
"""

# Paths are bytes from the file system, opened once.
# ruff: noqa: PTH113, PTH123

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from wellread.documents.chunk import Passage, chunk, chunks_of
from wellread.documents.dedupe import NearDuplicates, content_key, minhash
from wellread.documents.describe import Origin, Sidecar, document, document_id, fallback_title, read_sidecar
from wellread.documents.fetch import fetch
from wellread.documents.media import TYPES
from wellread.documents.parse import ParserPool, Reply, Request
from wellread.documents.settings import ChunkSettings, IngestSettings, ParseSettings
from wellread.documents.sources import Found, Source, listing, meta_digest
from wellread.errors import SourceError
from wellread.models.api import Embedder
from wellread.progress import SILENT, Progress
from wellread.types import Chunk, Document, Parsed, Span

if TYPE_CHECKING:
    from wellread.store.files import KnownFile

PARSERS_VERSION = "1"  # raised when a parser or chunker gives other results: everything is parsed again
RACY_NS = 2_000_000_000  # a file changed this short before it was read may have changed again in the same tick
SKIPPED_KINDS = frozenset({"unknown-type"})


@dataclass(frozen=True, slots=True)
class Item:
    """What is recorded of a source item, so that the next run can tell whether it has changed."""

    uri: str
    source_id: int
    size_bytes: int = 0
    mtime_ns: int = 0
    digest: str = ""
    meta_digest: str = ""
    etag: str = ""
    pipeline: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """A new document, or a new version of the one that it replaces."""

    item: Item
    document: Document
    chunks: tuple[Chunk, ...]
    replaces: str | None
    minhash: bytes
    near_duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """The same bytes under another name; the document keeps its id."""

    item: Item
    old_uri: str
    document_id: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Says what another document says; that one stands for it."""

    item: Item
    document_id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Gave no document; ``skipped`` where the type is not read, so that nothing is wrong with the file."""

    item: Item
    kind: str
    reason: str
    skipped: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """Was known and is not there any more."""

    uri: str
    document_id: str | None


@dataclass(frozen=True, slots=True)
class Touched:
    """Has another time and the same bytes."""

    item: Item


@dataclass(frozen=True, slots=True)
class Unchanged:
    """``n`` items that cost a look at their folder entry or less."""

    n: int


Change = Ready | Moved | Duplicate | Failed | Gone | Touched | Unchanged


@dataclass(frozen=True, slots=True)
class _Task:
    """One item to parse."""

    item: Item
    path: str
    source: Source
    sidecar: bytes = b""
    suffix: str = ""


@dataclass(slots=True)
class _Plan:
    """What a look at the sources gave."""

    tasks: list[_Task] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    n_unchanged: int = 0
    keep: set[str] = field(default_factory=set)  # uris that are there, or cannot be told to be gone


def ingest(
    sources: Sequence[Source],
    known: Mapping[str, KnownFile],
    settings: IngestSettings,
    parse: ParseSettings,
    chunking: ChunkSettings,
    embedder: Embedder,
    progress: Progress = SILENT,
    *,
    minhashes: Mapping[str, bytes] | None = None,
) -> Iterator[Change]:
    """Everything that differs from what is ``known``, gone and moved items first, then documents in order of listing.

    Args:
        sources: to look at; items of other sources are left alone.
        settings: how to look and what counts as a duplicate.
        parse: limits of the child processes.
        chunking: how texts are cut.
        known: by uri, the rows of all sources of the tenant.
        embedder: counts tokens; where it names its ``tokenizer_file``, the child processes count.
        progress: is told how many items are parsed.
        minhashes: of the documents in the base, by document id, for finding near duplicates.
    A source that cannot be listed gives one Failed; nothing of it is taken for deleted.
    """
    pipeline = pipeline_of(parse, chunking, embedder)
    with tempfile.TemporaryDirectory(prefix="wellread-") as scratch:
        plan = _look(sources, known, settings, pipeline, Path(scratch))
        gone = _gone(sources, known, plan)
        moved = _moved(plan, known, gone)
        _restore_duplicates(plan, known, sources)
        yield from moved
        yield from (Gone(uri, known[uri].document_id) for uri in gone)
        yield from plan.changes
        if plan.n_unchanged:
            yield Unchanged(plan.n_unchanged)
        progress.step("parse", 0, len(plan.tasks))
        if plan.tasks:
            making = _Making(known, plan, gone, settings, chunking, embedder, dict(minhashes or {}))
            with ParserPool(parse, chunking, _tokenizer_file(embedder)) as pool:
                requests = (_request(task) for task in plan.tasks)
                for n, (task, reply) in enumerate(zip(plan.tasks, pool.run(requests), strict=True), start=1):
                    yield making.change(task, reply)
                    progress.step("parse", n, len(plan.tasks), task.item.uri)


def pipeline_of(parse: ParseSettings, chunking: ChunkSettings, embedder: Embedder) -> str:
    """Hash of everything that decides what a file's text and chunks are."""
    file = _tokenizer_file(embedder)
    tokens = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else embedder.id
    decides = [PARSERS_VERSION, asdict(chunking), parse.max_bytes, parse.max_text_bytes, tokens]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:32]


def _tokenizer_file(embedder: Embedder) -> str:
    return str(getattr(embedder, "tokenizer_file", "") or "")


def _request(task: _Task) -> Request:
    try:
        title = read_sidecar(task.sidecar, task.item.uri).title
    except SourceError:  # listed with its reason when the reply comes
        title = ""
    return Request(task.path, task.item.uri, title, fallback_title(task.item.uri), task.suffix)


def _look(
    sources: Sequence[Source], known: Mapping[str, KnownFile], settings: IngestSettings, pipeline: str, scratch: Path
) -> _Plan:
    """Which items are as known, and which have to be read."""
    plan = _Plan()
    local = [source for source in sources if source.kind in ("folder", "glob", "file")]
    listed = listing(local)
    for found in listed.found.values():
        plan.keep.add(found.uri)
        _look_at(found, known.get(found.uri), settings.retry_failed, pipeline, plan)
    for source, where, reason in listed.failed:
        plan.changes.append(Failed(Item(where, source.id), "unreadable", reason, False))
        prefix = where.rstrip("/") + "/"
        plan.keep.add(where)
        plan.keep.update(uri for uri, row in known.items() if row.source_id == source.id and uri.startswith(prefix))
        if where == source.location:
            plan.keep.update(uri for uri, row in known.items() if row.source_id == source.id)
    for number, source in enumerate(sources):
        if source.kind == "url":
            _look_at_page(source, known.get(source.location), settings, pipeline, plan, scratch / f"page{number}")
        elif source.kind == "text":
            _look_at_text(source, known.get(source.location), pipeline, plan, scratch / f"text{number}")
    return plan


def _look_at(found: Found, row: KnownFile | None, retry: bool, pipeline: str, plan: _Plan) -> None:
    item = Item(found.uri, found.source.id, found.size_bytes, found.mtime_ns, "", found.meta_digest, "", pipeline)
    task = _Task(item, found.path, found.source, found.sidecar)
    if not found.regular:
        if row is None or row.state != "skipped":
            plan.changes.append(Failed(item, "unknown-type", f"{found.uri}: not a regular file", True))
        else:
            plan.n_unchanged += 1
        return
    again = row is not None and retry and row.state == "failed"
    if row is None or again or (row.meta_digest, row.pipeline) != (item.meta_digest, pipeline):
        plan.tasks.append(task)
        return
    same = row.size_bytes == found.size_bytes and row.mtime_ns == found.mtime_ns
    if same and (not row.digest or not _racy(row)):
        plan.n_unchanged += 1
        return
    if row.digest and row.size_bytes == found.size_bytes and _digest(found.path) == row.digest:
        if same:
            plan.n_unchanged += 1
        else:
            plan.changes.append(Touched(replace(item, digest=row.digest)))
        return
    plan.tasks.append(task)


def _racy(row: KnownFile) -> bool:
    if not row.seen_at:
        return False
    seen_ns = int(datetime.fromisoformat(row.seen_at).timestamp() * 1e9)
    return row.mtime_ns > seen_ns - RACY_NS


def _digest(path: str) -> str:
    """SHA-256 of a file, "" for one that cannot be read."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _look_at_page(
    source: Source, row: KnownFile | None, settings: IngestSettings, pipeline: str, plan: _Plan, path: Path
) -> None:
    plan.keep.add(source.location)
    item = Item(source.location, source.id, meta_digest=meta_digest(source, b""), pipeline=pipeline)
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
    plan.tasks.append(_Task(item, str(path), source, b"", suffix or ".unknown"))


def _look_at_text(source: Source, row: KnownFile | None, pipeline: str, plan: _Plan, path: Path) -> None:
    plan.keep.add(source.location)
    if source.text is None:  # a stream is read once; its document stays until it is removed
        plan.n_unchanged += row is not None
        return
    data = source.text.encode("utf-8", "replace")
    digest = hashlib.sha256(data).hexdigest()
    item = Item(source.location, source.id, len(data), 0, digest, meta_digest(source, b""), "", pipeline)
    if row is not None and (row.digest, row.meta_digest, row.pipeline) == (digest, item.meta_digest, pipeline):
        plan.n_unchanged += 1
        return
    path.write_bytes(data)
    suffix = PurePosixPath(source.location).suffix.lower()
    plan.tasks.append(_Task(item, str(path), source, b"", suffix if suffix in TYPES else ".txt"))


def _gone(sources: Sequence[Source], known: Mapping[str, KnownFile], plan: _Plan) -> list[str]:
    ids = {source.id for source in sources}
    return [uri for uri, row in known.items() if row.source_id in ids and uri not in plan.keep]


def _moved(plan: _Plan, known: Mapping[str, KnownFile], gone: list[str]) -> list[Moved]:
    """Items that are new and hold the bytes of one that is gone; both leave ``plan`` and ``gone``."""
    by_size: dict[int, list[str]] = {}
    for uri in gone:
        row = known[uri]
        if row.state == "live" and row.size_bytes and row.document_id:
            by_size.setdefault(row.size_bytes, []).append(uri)
    moved: list[Moved] = []
    left: list[_Task] = []
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


def _same(row: KnownFile, item: Item, digest: str) -> bool:
    alike = (row.digest, row.meta_digest, row.pipeline) == (digest, item.meta_digest, item.pipeline)
    return alike and PurePosixPath(row.uri).suffix == PurePosixPath(item.uri).suffix


def _restore_duplicates(plan: _Plan, known: Mapping[str, KnownFile], sources: Sequence[Source]) -> None:
    """Duplicates of a document that is read again are read too: it may not stand for them any more."""
    again = {known[task.item.uri].document_id for task in plan.tasks if task.item.uri in known} - {None}
    if not again:
        return
    tasked = {task.item.uri for task in plan.tasks}
    by_id = {source.id: source for source in sources}
    for uri, row in known.items():
        if row.state == "duplicate" and row.document_id in again and uri not in tasked and uri in plan.keep:
            source = by_id.get(row.source_id)
            if source is not None and source.kind in ("folder", "glob", "file") and os.path.isfile(uri):
                beside = Path(uri + ".meta.toml")
                item = Item(uri, row.source_id, row.size_bytes, row.mtime_ns, "", row.meta_digest, "", row.pipeline)
                plan.tasks.append(_Task(item, uri, source, beside.read_bytes() if beside.is_file() else b""))
                plan.n_unchanged -= 1


class _Making:
    """Turns replies into changes; remembers what this run has seen, for finding duplicates."""

    def __init__(
        self,
        known: Mapping[str, KnownFile],
        plan: _Plan,
        gone: Sequence[str],
        settings: IngestSettings,
        chunking: ChunkSettings,
        embedder: Embedder,
        minhashes: Mapping[str, bytes],
    ) -> None:
        self._known, self._chunking, self._embedder = known, chunking, embedder
        away = set(gone) | {task.item.uri for task in plan.tasks}
        rows = [row for uri, row in known.items() if uri not in away and row.state == "live" and row.document_id]
        self._standing = {(row.digest, row.meta_digest, row.pipeline): str(row.document_id) for row in rows}
        self._used = {row.document_id: uri for uri, row in known.items() if row.state != "duplicate"}
        self._texts: dict[str, str] = {}
        replaced = {known[task.item.uri].document_id for task in plan.tasks if task.item.uri in known}
        replaced |= {known[uri].document_id for uri in gone}
        alive = {key: value for key, value in minhashes.items() if key not in replaced}
        self._near = NearDuplicates(alive, settings.near_duplicate_at)

    def change(self, task: _Task, reply: Reply) -> Change:
        """What became of one item."""
        item = replace(task.item, digest=reply.fields.get("digest", "") or task.item.digest)
        if reply.kind:
            return Failed(item, reply.kind, reply.reason, reply.kind in SKIPPED_KINDS)
        item = replace(item, size_bytes=reply.fields["size_bytes"])
        row = self._known.get(item.uri)
        try:
            sidecar = read_sidecar(task.sidecar, item.uri)
            return self._document(task, item, row, reply, sidecar)
        except SourceError as error:
            return Failed(item, error.kind, str(error), False)

    def _document(self, task: _Task, item: Item, row: KnownFile | None, reply: Reply, sidecar: Sidecar) -> Change:
        own = row.document_id if row is not None and row.state != "duplicate" else None
        origin = Origin(own or self._new_id(task.source, item), item.uri, task.source, item.mtime_ns)
        made = document(origin, reply.fields, sidecar)
        standing = self._standing.get((item.digest, item.meta_digest, item.pipeline)) if item.digest else None
        key = content_key(made)
        standing = standing or self._texts.get(key)
        if standing is not None and standing != made.id:
            return Duplicate(item, standing)
        self._texts[key] = made.id
        hashes = minhash(made.text)
        near = self._near.nearest(made.id, hashes)
        if near is None:
            self._near.add(made.id, hashes)
        passages = self._passages(made, reply)
        return Ready(item, made, chunks_of(passages, made.text, made.id, made.digest), own, hashes, near)

    def _new_id(self, source: Source, item: Item) -> str:
        plain = document_id(source.tenant, item.uri)
        if self._used.get(plain, item.uri) == item.uri:
            return plain
        return document_id(source.tenant, f"{item.uri}\0{item.digest}")  # the id moved on with a renamed file

    def _passages(self, made: Document, reply: Reply) -> list[Passage]:
        rows = reply.fields.get("passages")
        if rows is not None:
            return [Passage(Span(*s), tuple(path), page, kind, n, header) for s, path, page, kind, n, header in rows]
        parsed = Parsed(made.text, made.blocks, made.media_type, made.title, made.metadata)
        return chunk(parsed, self._chunking, self._embedder.count_tokens, self._embedder.embed)
