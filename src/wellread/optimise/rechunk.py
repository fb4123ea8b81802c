"""A scratch copy of a base with other chunks or another embedder, made from its store; the base is only read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from wellread import config, digests, paths
from wellread.documents.changes import Change, ItemState, Ready
from wellread.documents.chunk.chunk import chunk, chunks_of
from wellread.knowledge_base import DATA_FOLDER, SECTIONS, KnowledgeBase
from wellread.models.api import Chat, Embedder
from wellread.optimise.recall import FromStores
from wellread.progress import SILENT, Progress
from wellread.store import documents, files
from wellread.store.engine.api import Store
from wellread.sync import context
from wellread.sync.sync import apply
from wellread.types import Document, Parsed, Principal

_DONE = "complete"  # the file that says that a copy is whole
_GENERATION = "generation"  # the file that says which state of the base a copy is of
_OF_COPY = ("chunk", "embed")  # sections that need a copy


def needs_copy(key: str) -> bool:
    """Whether a setting changes chunks or vectors."""
    return key.partition(".")[0] in _OF_COPY


def folder_of(base: KnowledgeBase) -> Path:
    """Where scratch copies and trials lie; it may be deleted at any time."""
    return base.folder / DATA_FOLDER / paths.COPIES


def copied(
    base: KnowledgeBase,
    overrides: Sequence[str],
    embedder: Embedder,
    others: Sequence[Store],
    progress: Progress = SILENT,
    *,
    who: Principal,
) -> KnowledgeBase:
    """The documents that ``who`` may see, cut and embedded by ``overrides``; made once and found again afterwards.

    Args:
        base: is read, never written.
        overrides: settings of ``[chunk]`` and ``[embed]`` as ``section.key=value``.
        embedder: the one that the overrides name.
        others: stores whose vectors are used where a text is the same.
        progress: told of every document.
        who: must hold every group that will ask.
    Raises: StoreError, ModelError.
    """
    settings = config.changed(base.settings, SECTIONS, overrides)
    name = {"generation": base.store.generation(), "who": [who.tenant, sorted(who.groups)], "embedder": embedder.id}
    name |= {"chunk": asdict(settings["chunk"])}
    key = digests.of_json(name)[:16]
    folder = folder_of(base) / key
    _drop_outdated(base)
    fresh = not (folder / _DONE).is_file()
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)  # left by a run that was killed
        folder.mkdir(parents=True)
        (folder / _GENERATION).write_text(str(base.store.generation()), "ascii")
    store = Store.open(folder / DATA_FOLDER)
    made = KnowledgeBase.over(folder, settings, store, base.models.held(), who=who).configured([], logs=False)
    if fresh:
        with made.store.writing() as tx:
            source = files.add_source(tx, "folder", str(base.folder), {}, tenant=who.tenant)
        cached = FromStores(embedder, [base.store, *others])
        raw = _documents(base, made, embedder, source, progress)
        changes = context.added(raw, settings["chunk"], embedder.count_tokens, lambda: cast(Chat, base.chat))
        apply(made.store, changes, cached, tenant=who.tenant, settings=settings["index"])
        (folder / _DONE).touch()
    return made


def _drop_outdated(base: KnowledgeBase) -> None:
    """Copies of earlier states of the base are gone: they hold what was removed since, and nothing asks them again."""
    now = str(base.store.generation())
    for folder in folder_of(base).iterdir() if folder_of(base).is_dir() else ():
        told = folder / _GENERATION
        if folder.is_dir() and (not told.is_file() or told.read_text("ascii") != now):
            shutil.rmtree(folder, ignore_errors=True)


def _documents(
    base: KnowledgeBase, made: KnowledgeBase, embedder: Embedder, source: int, progress: Progress
) -> Iterator[Change]:
    listed = base.as_user(made.who).documents()
    for n, each in enumerate(listed):
        with base.store.reading() as connection:
            document = documents.get(connection, each.id, who=made.who)
        if document is not None:
            yield _ready(document, made, embedder, source)
        progress.step("copy", n + 1, len(listed))


def _ready(document: Document, made: KnowledgeBase, embedder: Embedder, source: int) -> Ready:
    structure = (document.units, document.tables)
    parsed = Parsed(document.text, document.blocks, document.media_type, document.title, document.metadata, *structure)
    passages = chunk(
        parsed, made.settings["chunk"].resolved(embedder.max_tokens), embedder.count_tokens, embedder.embed
    )
    item = ItemState(uri=document.uri, source_id=source, size_bytes=document.size_bytes, digest=document.digest)
    return Ready(item, document, chunks_of(passages, document.text, document.id, document.digest), None, b"")


def removed(base: KnowledgeBase) -> None:
    """Scratch copies and trials are gone."""
    shutil.rmtree(folder_of(base), ignore_errors=True)
