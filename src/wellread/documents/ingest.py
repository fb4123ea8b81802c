"""The verb of this room: sources and what is known of them come in, changes go out; nothing is written.

List everything by its folder entry. Set apart what has not changed. Tell what moved by its hash. What is gone goes
first, then everything new or changed is parsed and chunked in child processes and handed on in order.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wellread import digests
from wellread.documents import plugged
from wellread.documents.changes import Change, Duplicate, Failed, Gone, ItemState, Ready, Unchanged
from wellread.documents.chunk.chunk import Passage, chunk, chunks_of
from wellread.documents.dedupe import NearDuplicates, content_key, minhash
from wellread.documents.parse import ParseReply, ParserPool, Request
from wellread.documents.settings import ChunkSettings, IngestSettings, ParseSettings
from wellread.documents.sources.describe import Origin, Sidecar, document, document_id, fallback_title, read_sidecar
from wellread.documents.sources.listing import Source
from wellread.documents.sources.look import (
    ParseTask,
    SourceChanges,
    gone_from,
    look,
    moved_within,
    outer_of,
    restore_duplicates,
)
from wellread.documents.sources.parts import Parts
from wellread.errors import PluginError, SourceError
from wellread.models.api import Embedder
from wellread.progress import SILENT, Progress
from wellread.types import Document, Parsed, Span

if TYPE_CHECKING:
    from wellread.store.files import KnownFile

PARSERS_VERSION = "3"  # raised when a parser or chunker gives other results: everything is parsed again
SKIPPED_KINDS = frozenset({"unknown-type", "extra"})


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
        sources: all of the tenant, of which those with ``listed_for`` are looked at; items of others are left alone.
        settings: how to look and what counts as a duplicate.
        parse: limits of the child processes.
        chunking: how texts are cut.
        known: by uri, the rows of all sources of the tenant.
        embedder: counts tokens; where it names its ``tokenizer_file``, the child processes count.
        progress: is told how many items are parsed.
        minhashes: of the documents in the base, by document id, for finding near duplicates.
    A source that cannot be listed gives one Failed; nothing of it is taken for deleted.
    Raises: UsageError for a parser or chunker of another package that is not there.
    """
    chunking = chunking.resolved(embedder.max_tokens)
    pipeline = pipeline_of(parse, chunking, embedder)
    with tempfile.TemporaryDirectory(prefix="wellread-") as scratch:
        plan = look(sources, known, settings, pipeline, Path(scratch))
        gone = gone_from(sources, known, plan)
        moved = moved_within(plan, known, gone)
        restore_duplicates(plan, known, sources)
        yield from moved
        yield from (Gone(uri, known[uri].document_id) for uri in gone)
        yield from plan.changes
        if plan.n_unchanged:
            yield Unchanged(plan.n_unchanged)
        progress.step("parse", 0, len(plan.tasks))
        if plan.tasks:
            making = _Making(known, plan, gone, settings, chunking, embedder, dict(minhashes or {}))
            with ParserPool(parse, chunking, _tokenizer_file(embedder)) as pool:
                yield from _read(plan.tasks, making, pool, Parts(known), progress)


def _read(
    tasks: list[ParseTask], making: _Making, pool: ParserPool, parts: Parts, progress: Progress
) -> Iterator[Change]:
    """The tasks in order, then what lies inside of what they gave, then what is not there any more."""
    read = {task.item.uri for task in tasks}
    done, n_all = 0, len(tasks)
    while tasks:
        following: list[ParseTask] = []
        requests = (_request(task) for task in tasks)
        for task, reply in zip(tasks, pool.run(requests), strict=True):
            yield making.change(task, reply)
            if reply.kind:
                yield from parts.fail(task, reply.kind)
            else:
                inner, failed = parts.of(task, reply.fields)
                following += inner
                yield from failed
            done += 1
            progress.step("parse", done, n_all + len(following), task.item.uri)
        n_all += len(following)
        tasks = following
    yield from parts.gone(read)


def pipeline_of(parse: ParseSettings, chunking: ChunkSettings, embedder: Embedder) -> str:
    """Hash of everything that decides what a file's text and chunks are. Raises: UsageError for an unknown plugin."""
    file = _tokenizer_file(embedder)
    tokens = digests.of_file(file) if file else embedder.id
    cut = asdict(chunking.resolved(embedder.max_tokens))
    del cut["preset"]  # its numbers stand there
    if cut["context"] == "none":  # so that bases from before it was a setting need not be read again
        del cut["context"]
    decides = [PARSERS_VERSION, cut, parse.max_bytes, parse.max_text_bytes, tokens]
    decides += plugged.versions(parse, chunking)
    return digests.of_json(decides)[:32]


def _tokenizer_file(embedder: Embedder) -> str:
    return str(getattr(embedder, "tokenizer_file", "") or "")


def _request(task: ParseTask) -> Request:
    try:
        title = read_sidecar(task.sidecar, task.item.uri).title
    except SourceError:  # listed with its reason when the reply comes
        title = ""
    uri = task.item.uri
    if task.part:
        return Request(task.path, uri, "", fallback_title(task.part[-1]), task.suffix, 0, outer_of(uri), task.part)
    return Request(task.path, uri, title, fallback_title(uri), task.suffix)


def _owners(known: Mapping[str, KnownFile]) -> dict[str, str]:
    """The uri of the one item that each document belongs to: a live one before one that failed since."""
    owners: dict[str, str] = {}
    for row in sorted(known.values(), key=lambda row: row.state != "live"):
        if row.document_id and row.state != "duplicate":
            owners.setdefault(row.document_id, row.uri)
    return owners


class _Making:
    """Turns replies into changes; remembers what this run has seen, for finding duplicates."""

    def __init__(
        self,
        known: Mapping[str, KnownFile],
        plan: SourceChanges,
        gone: Sequence[str],
        settings: IngestSettings,
        chunking: ChunkSettings,
        embedder: Embedder,
        minhashes: Mapping[str, bytes],
    ) -> None:
        self._known, self._chunking, self._embedder = known, chunking, embedder
        tasked = {task.item.uri for task in plan.tasks}
        away = set(gone) | {uri for uri in known if outer_of(uri) in tasked} | tasked
        rows = [row for uri, row in known.items() if uri not in away and row.state == "live" and row.document_id]
        self._standing = {(row.digest, row.meta_digest, row.pipeline): str(row.document_id) for row in rows}
        self._owners = _owners(known)
        self._texts: dict[str, str] = {}
        replaced = {known[uri].document_id for uri in away if uri in known}
        replaced |= {known[uri].document_id for uri in gone}
        alive = {key: value for key, value in minhashes.items() if key not in replaced}
        self._near = NearDuplicates(alive, settings.near_duplicate_at)

    def change(self, task: ParseTask, reply: ParseReply) -> Change:
        """What became of one item."""
        item = replace(task.item, digest=reply.fields.get("digest", "") or task.item.digest)
        if reply.kind:  # of a file that has answered nothing is passed over: its old text would answer on unnoticed
            before = self._known.get(item.uri)
            answers = before is not None and before.document_id is not None
            return Failed(item, reply.kind, reply.reason, reply.kind in SKIPPED_KINDS and not answers)
        item = replace(item, size_bytes=reply.fields["size_bytes"])
        row = self._known.get(item.uri)
        try:
            sidecar = read_sidecar(task.sidecar, item.uri)
            return self._document(task, item, row, reply, sidecar)
        except SourceError as error:
            return Failed(item, error.kind, str(error), False)
        except PluginError as error:
            return Failed(item, "plugin", f"{item.uri}: {error}", False)

    def _document(
        self, task: ParseTask, item: ItemState, row: KnownFile | None, reply: ParseReply, sidecar: Sidecar
    ) -> Change:
        held = row.document_id if row is not None else None
        own = held if held is not None and self._owners.get(held) == item.uri else None
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

    def _new_id(self, source: Source, item: ItemState) -> str:
        plain = document_id(source.tenant, item.uri)
        if self._owners.get(plain, item.uri) == item.uri:
            return plain
        return document_id(source.tenant, f"{item.uri}\0{item.digest}")  # the id moved on with a renamed file

    def _passages(self, made: Document, reply: ParseReply) -> list[Passage]:
        rows = reply.fields.get("passages")
        if rows is not None:
            return [Passage(Span(*s), tuple(path), page, kind, n, header) for s, path, page, kind, n, header in rows]
        parsed = Parsed(made.text, made.blocks, made.media_type, made.title, made.metadata, made.units, made.tables)
        return chunk(parsed, self._chunking, self._embedder.count_tokens, self._embedder.embed)
