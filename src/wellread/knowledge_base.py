"""The one place where settings become open things: a folder on disk in, an object that adds, searches and answers out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wellread import config
from wellread.answer import ask as answering
from wellread.answer.followup import Turn
from wellread.answer.settings import AnswerSettings
from wellread.documents import ingest, sources
from wellread.documents.chunk import ChunkSettings
from wellread.documents.ingest import IngestSettings
from wellread.documents.parse import ParseSettings
from wellread.errors import StoreError, UsageError
from wellread.index import build
from wellread.index.open import IndexReader
from wellread.models import select
from wellread.models.api import Chat, Embedder
from wellread.models.select import ChatSettings, EmbedSettings
from wellread.progress import SILENT, Progress
from wellread.retrieve import search as searching
from wellread.retrieve.search import RetrieveSettings, SearchResult
from wellread.store import backup, check, files, jobs, log
from wellread.store.engine import Store
from wellread.types import Answer, Failure, Filter, Hit, Principal, SyncReport

SECTIONS: Mapping[str, type] = {
    "documents": IngestSettings,
    "parse": ParseSettings,
    "chunk": ChunkSettings,
    "embed": EmbedSettings,
    "retrieve": RetrieveSettings,
    "chat": ChatSettings,
    "answer": AnswerSettings,
}
DATA_FOLDER = ".wellread"


@dataclass(frozen=True, slots=True)
class Status:
    """What a base holds, counted: documents by state, chunks, bytes, the embedder, when it was last in step."""

    documents: int
    chunks: int
    near_duplicates: int
    states: Mapping[str, int]
    embedder: str
    generation: int
    size_bytes: int
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of ``doctor``: what was looked at, whether it is well, and the cure where it is not."""

    what: str
    ok: bool
    detail: str
    cure: str = ""


class KnowledgeBase:
    """An open base. ``who`` is whose eyes every read uses; ``seen_by`` gives the same base to other eyes.

    Opening costs milliseconds: models are loaded when they are first needed.
    """

    def __init__(self, folder: Path, settings: config.Settings, store: Store, *, who: Principal) -> None:
        self.folder = folder
        self.settings = settings
        self.store = store
        self.who = who

    @classmethod
    def create(cls, path: Path | str, *, who: Principal = Principal()) -> KnowledgeBase:
        """A new, empty base in ``path``: a commented ``wellread.toml`` and the data folder.

        Raises: UsageError where there is one already; StoreError where the folder cannot be written.
        """
        folder = Path(path).expanduser().resolve()
        if (folder / config.FILE_NAME).exists():
            raise UsageError(f"{folder / config.FILE_NAME}: is there already; use the base as it is, or choose another folder")
        try:
            (folder / DATA_FOLDER).mkdir(parents=True, exist_ok=True)
            (folder / config.FILE_NAME).write_text(config.commented(SECTIONS), "utf-8")
        except OSError as error:
            raise StoreError(f"{folder}: cannot be written: {error.strerror}") from error
        return cls.open(folder, who=who)

    @classmethod
    def open(
        cls,
        path: Path | str | None = None,
        *,
        who: Principal = Principal(),
        overrides: Sequence[str] = (),
        read_only: bool = False,
    ) -> KnowledgeBase:
        """The base in ``path``; without one, ``WELLREAD_BASE`` or the nearest folder upwards with a ``wellread.toml``.

        Raises: UsageError where there is none; ConfigError; StoreError.
        """
        given = path if path is not None else config.environment("WELLREAD_BASE")
        if given is not None:
            folder = Path(given).expanduser().resolve()
            if not (folder / config.FILE_NAME).is_file():
                raise UsageError(f"{folder}: no {config.FILE_NAME} here; run: wellread init {given}")
        else:
            found = config.find(Path.cwd())
            if found is None:
                raise UsageError(
                    f"no {config.FILE_NAME} in this folder or above it; run: wellread init FOLDER, or pass --base FOLDER"
                )
            folder = found.parent
        settings = config.load(folder / config.FILE_NAME, SECTIONS, overrides=overrides)
        return cls(folder, settings, Store.open(folder / DATA_FOLDER, read_only=read_only), who=who)

    def seen_by(self, who: Principal) -> KnowledgeBase:
        """The same open base through other eyes; closing one closes both."""
        other = KnowledgeBase(self.folder, self.settings, self.store, who=who)
        other.__dict__.update({k: v for k, v in self.__dict__.items() if k in ("embedder", "reader", "scorer", "chat")})
        return other

    def close(self) -> None:
        """Closes the store; the object cannot be used afterwards."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # open parts

    @cached_property
    def embedder(self) -> Embedder:
        """The model of ``embed.model``."""
        return select.embedder(self.settings["embed"], api_key=self._key("embed"), models=config.models_folder())

    @cached_property
    def reader(self) -> IndexReader:
        """The searchable side of the base; it keeps itself in step with the store."""
        return IndexReader(self.store)

    @cached_property
    def scorer(self) -> Embedder:
        """The model of ``answer.scorer`` that compares sentences."""
        name = self.settings["answer"].scorer
        if not name or name == self.settings["embed"].model:
            return self.embedder
        return select.embedder(replace(self.settings["embed"], model=name), models=config.models_folder())

    @cached_property
    def chat(self) -> Chat | None:
        """The model of ``chat.model``; None where it is empty."""
        if not self.settings["chat"].model:
            return None
        return select.chat(self.settings["chat"], api_key=self._key("chat"), models=config.models_folder())

    def _key(self, section: str) -> str | None:
        name = self.settings[section].api_key_env
        return config.environment(name) if name else None

    # documents

    def add(
        self,
        *what: str,
        text: str | None = None,
        labels: Sequence[str] = (),
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        retry_failed: bool = False,
        allow_private: bool = False,
        progress: Progress = SILENT,
    ) -> SyncReport:
        """Adds folders, files, globs, URLs, or a ``text`` named by ``what``, and brings them in; again is harmless.

        Raises: UsageError, SourceError for what is not there at all; single files that fail are in the report.
        """
        options = sources.Options(tuple(labels), tuple(include), tuple(exclude), allow_private)
        wanted = [sources.describe(item, options, tenant=self.who.tenant, text=text) for item in what]
        with self.store.writing() as tx:
            known = [files.add_source(tx, source) for source in wanted]
        return self._bring_in(known, "add", retry_failed, progress)

    def sync(self, *, retry_failed: bool = False, progress: Progress = SILENT) -> SyncReport:
        """Brings every source in step: what is new, changed, moved or deleted since; the rest costs a stat.

        Raises: SourceError where a whole source cannot be listed (nothing of it is taken for deleted).
        """
        with self.store.reading() as connection:
            known = files.list_sources(connection, tenant=self.who.tenant)
        return self._bring_in(known, "sync", retry_failed, progress)

    def watch(self, interval_s: float) -> Iterator[SyncReport]:
        """Syncs every ``interval_s`` seconds for ever; yields only what changed something."""
        while True:
            report = self.sync()
            if report.new or report.changed or report.moved or report.deleted or report.failed:
                yield report
            time.sleep(interval_s)

    def _bring_in(
        self, wanted: Sequence[sources.Source], kind: str, retry_failed: bool, progress: Progress
    ) -> SyncReport:
        with self.store.reading() as connection:
            known = files.known(connection, tenant=self.who.tenant)
        settings = replace(self.settings["documents"], retry_failed=retry_failed)
        changes = ingest.ingest(
            wanted, known, settings, self.settings["parse"], self.settings["chunk"], self.embedder, progress
        )
        with jobs.running(self.store, kind, {"sources": [s.location for s in wanted]}, tenant=self.who.tenant):
            return build.apply(self.store, changes, self.embedder, progress)

    def remove(self, what: str) -> int:
        """Documents removed: those of a source, a single one, or all that a glob matches; their text is purged.

        Raises: UsageError where nothing matches.
        """
        removed = build.remove(self.store, what, tenant=self.who.tenant)
        if removed is None:
            raise UsageError(f"{what}: no such source or document; `wellread status --documents` lists them")
        return removed

    # questions

    def search(self, question: str, *, k: int | None = None, where: Filter | None = None) -> SearchResult:
        """The best passages for a question, with what each stage did. Raises: StoreError, ModelError."""
        return searching.search(
            question, self.reader, self.embedder, self.settings["retrieve"], who=self.who, where=where, k=k
        )

    def ask(self, question: str, *, history: Sequence[Turn] = (), where: Filter | None = None) -> Answer:
        """A cited, checked answer, or a refusal with the nearest passages; it goes into the log.

        Raises: StoreError, ModelError, ModelUnavailable.
        """
        for piece in self.stream(question, history=history, where=where):
            if isinstance(piece, Answer):
                return piece
        raise AssertionError("stream ends with an Answer")

    def stream(
        self, question: str, *, history: Sequence[Turn] = (), where: Filter | None = None
    ) -> Iterator[str | Answer]:
        """Sentences as each is borne out, then the Answer; see ``ask``."""
        settings: AnswerSettings = self.settings["answer"]
        writes = settings.style != "quote" and self.settings["chat"].model
        parts = answering.Parts(
            search=lambda asked: self.search(asked, k=settings.passages, where=where),
            scorer=self.scorer,
            chat=self._open_chat if writes else None,
            search_remote=self.embedder.remote,
        )
        for piece in answering.stream(question, parts, settings, history):
            if isinstance(piece, Answer) and not self.store.read_only:
                log.put(self.store, piece, who=self.who, settings_hash=self.settings_hash)
            yield piece

    def _open_chat(self) -> Chat:
        chat = self.chat
        assert chat is not None  # asked for only where chat.model is set
        return chat

    @cached_property
    def settings_hash(self) -> str:
        """16 hex digits that change when a setting does."""
        values = json.dumps(self.settings.values, default=str, sort_keys=True)
        return hashlib.sha256(values.encode()).hexdigest()[:16]
