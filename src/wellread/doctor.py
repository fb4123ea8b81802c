"""What ``wellread doctor`` looks at: models, store, index, space, versions and the sandbox, each with its cure."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from wellread import config
from wellread.documents import parse as parsing
from wellread.documents import plugged as plugged_files
from wellread.errors import WellreadError
from wellread.index import check as index_check
from wellread.index import structures
from wellread.index.vectors import sets
from wellread.models.api import Chat, Embedder
from wellread.models.opened import OpenModels
from wellread.models.settings import EmbedSettings
from wellread.retrieve.retrievers import plugged
from wellread.store import check as store_check
from wellread.store.engine import words
from wellread.store.engine.api import Store

LOW_SPACE = 1 << 30  # bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of ``doctor``: what was looked at, whether it is well, and the cure where it is not."""

    what: str
    ok: bool
    detail: str
    cure: str = ""


def examine(folder: Path, settings: config.Settings, store: Store, models: OpenModels) -> list[Finding]:
    """Every finding; nothing is changed, and nothing leaves the machine."""
    return [
        _versions(),
        _space(folder),
        *_models(settings, models),
        *_plugins(settings, store),
        *_store(store),
        *_index(settings, store, models),
        _sandbox(),
    ]


def _versions() -> Finding:
    detail = f"wellread {config.VERSION}, Python {platform.python_version()}, SQLite {words.version()}"
    return Finding("versions", True, detail)


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free in {folder}"
    return Finding("disk space", free > LOW_SPACE, detail, "make room: a base grows to about twice its documents' text")


def _models(settings: config.Settings, models: OpenModels) -> Iterator[Finding]:
    embed, rerank, chat = settings["embed"], settings["rerank"], settings["chat"]
    scorer = settings["answer"].scorer
    named = replace(embed, model=scorer, dim=0) if scorer and scorer != embed.model else embed
    parts: list[tuple[str, str, Callable[[], object]]] = [
        ("embedding model", embed.model, lambda: _embeds(models.embedder(embed))),
        ("sentence model", named.model, lambda: _embeds(models.embedder(named, where="answer.scorer"))),
    ]
    if rerank.model:
        parts.append(("reranking model", rerank.model, lambda: models.reranker(rerank, embed, scorer)))
    if chat.model:
        parts.append(("chat model", chat.model, lambda: _counts(models.chat(chat))))
    for what, name, try_it in parts:
        try:
            try_it()
            yield Finding(what, True, name)
        except WellreadError as error:
            yield Finding(what, False, str(error), f"wellread models pull {name.partition(':')[2]}, or choose another")


def _plugins(settings: config.Settings, store: Store) -> Iterator[Finding]:
    """Parts of other packages, each opened; models, which are looked at above, left out."""
    parse, chunk, rewrite, retrieve = (settings[name] for name in ("parse", "chunk", "rewrite", "retrieve"))
    parsers = plugged_files.Parsers(parse)
    parts: list[tuple[str, str, Callable[[], object]]] = [
        (f'parse.parsers."{suffix}"', name, lambda suffix=suffix: parsers.for_name("", suffix))  # type: ignore[misc]  # a loop's own value
        for suffix, name in parse.parsers.items()
    ]
    if chunk.plugged:
        parts.append(("chunk.strategy", chunk.strategy, lambda: plugged_files.chunker(chunk)))
    if rewrite.rewriters:
        parts.append(("rewrite.rewriters", ", ".join(rewrite.rewriters), lambda: plugged.rewriters(rewrite)))
    if retrieve.indexes:
        parts.append(
            ("retrieve.indexes", ", ".join(retrieve.indexes), lambda: plugged.retrievers(retrieve, store.folder))
        )
    for what, name, try_it in parts:
        try:
            try_it()
            yield Finding(what, True, name)
        except WellreadError as error:
            yield Finding(
                what, False, str(error), "install the package, or name another part; see docs/how-to/plugins.md"
            )


def _embeds(embedder: Embedder) -> None:
    if not _is_service(embedder):
        embedder.embed(["a"])


def _is_service(embedder: Embedder) -> bool:
    """Whether using it, or even asking for its dimensions, sends something: looking must not, not on this machine."""
    return embedder.remote is not None or hasattr(embedder, "base_url")


def _counts(chat: Chat | None) -> None:
    if chat is not None:
        chat.count_tokens("a")


def _store(store: Store) -> Iterator[Finding]:
    faults = store_check.check(store)
    yield Finding("store", not faults, "; ".join(map(str, faults[:3])) or "every row is as it was written",
                  "wellread restore BACKUP FOLDER, or add the named documents again")  # fmt: skip


def _index(settings: config.Settings, store: Store, models: OpenModels) -> Iterator[Finding]:
    faults = index_check.check(store)
    with store.reading() as connection:
        live = sets.live(connection)
        sizes = [(one.name, one.size(connection)) for one in structures.STRUCTURES]
    whole = f"words and vectors are whole; chunks in {', '.join(f'{name} {n:,}' for name, n in sizes if n) or 'none'}"
    yield Finding("index", not faults, "; ".join(map(str, faults[:3])) or whole, "wellread index rebuild")
    if live is None:
        return
    try:
        wanted = _id(settings["embed"], models, live.dim)
    except WellreadError:
        return  # reported above
    if live.embedder_id != wanted:
        yield Finding("vectors", False, f"made by {live.embedder_id}, the settings name {wanted}",
                      "wellread index reembed")  # fmt: skip
    elif live.storage != settings["index"].vectors:
        detail = f"stored as {live.storage}, the settings say {settings['index'].vectors}; they answer all the same"
        yield Finding("vectors", False, detail, "wellread index reembed")


def _id(settings: EmbedSettings, models: OpenModels, dim: int) -> str:
    """The id of the embedder; a service is taken at the dimensions of the index, since only asking it would tell."""
    opened = models.embedder(settings)
    if _is_service(opened) and not settings.dim:
        opened = models.embedder(replace(settings, dim=dim))
    return opened.id


def _sandbox() -> Finding:
    walls = parsing.sandbox_state()
    missing = [name for name, stands in walls.items() if not stands]
    detail = f"no wall around: {', '.join(missing)}" if missing else f"walls around {', '.join(walls)}"
    return Finding(
        "sandbox of the parsers", not missing, detail, "allow user namespaces, or add only files that you trust"
    )
