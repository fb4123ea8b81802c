"""The one place where settings become open things: a folder on disk in, an object that adds and answers out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, Self

from wellread import config, doctor, maintenance, sections
from wellread.answer import ask as answering
from wellread.answer import claims, record
from wellread.answer.reader import profile as reader_profile
from wellread.answer.settings import AnswerSettings
from wellread.doctor import Finding
from wellread.documents import ingest
from wellread.documents.sources import listing as sources
from wellread.errors import UsageError
from wellread.index import build
from wellread.index.graph import build as graph_build
from wellread.index.open import IndexReader
from wellread.index.sparse import sparse
from wellread.index.structure import Making
from wellread.index.tree import grow
from wellread.index.tree.grow import TreeUpdate
from wellread.models.api import Chat, Embedder, Reranker
from wellread.models.opened import Key, OpenModels, scorer_key
from wellread.progress import SILENT, Progress
from wellread.retrieve import search as searching
from wellread.retrieve.context import SearchContext
from wellread.retrieve.outline import with_structure
from wellread.retrieve.parts import SearchParts, SearchResult, SearchSettings
from wellread.retrieve.retrievers import graph as graph_search
from wellread.retrieve.retrievers import sparse as sparse_search
from wellread.retrieve.retrievers import tree as tree_search
from wellread.retrieve.similar.similar import By, FileReading, SimilarDocument, alike
from wellread.retrieve.understand.followup import History
from wellread.retrieve.versions import previous
from wellread.store import documents, files, jobs, log, scratch
from wellread.store.check import Fault
from wellread.store.engine.api import Store
from wellread.sync import context, remove, sync
from wellread.types import Answer, Document, Failure, Filter, Principal, Status, SyncReport

SECTIONS, SECTIONS_ABOVE, SEARCHES = sections.BASE, sections.ABOVE, sections.SEARCHES
DATA_FOLDER = maintenance.DATA_FOLDER


@dataclass(frozen=True, slots=True, eq=False)
class KnowledgeBase:
    """An open base, seen by the principal ``who``; models are loaded when they are first needed.

    Threads may share it and every base that is made of it: nothing of it changes once it is open, all of them use one
    store, the same models and the same index, each opened once. ``as_user``, ``configured`` and ``with_models`` give
    another base that shares what it can; closing one closes all of them. With ``logs`` False nothing that is asked goes
    into the log.
    """

    folder: Path
    settings: config.Settings
    store: Store
    models: OpenModels
    context: SearchContext
    who: Principal
    logs: bool = True
    conversation: str | None = None

    @classmethod
    def create(
        cls, path: Path | str, *, who: Principal = Principal(), sections: config.Sections = SECTIONS
    ) -> KnowledgeBase:
        """A new, empty base in ``path`` with these ``sections`` of settings; see ``maintenance.create``."""
        return cls.open(maintenance.create(path, sections), who=who)

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
        folder = maintenance.find(path)
        settings = config.load(folder / config.FILE_NAME, SECTIONS, overrides=overrides, elsewhere=SECTIONS_ABOVE)
        store = Store.open(folder / DATA_FOLDER, read_only=read_only)
        if not read_only:
            build.renew_words(store, settings["index"])
        return cls.over(folder, settings, store, OpenModels(), who=who)

    @classmethod
    def over(
        cls, folder: Path, settings: config.Settings, store: Store, models: OpenModels, *, who: Principal
    ) -> KnowledgeBase:
        """The base in ``folder`` over a store and models that are open; its ``close`` closes both for this user."""
        return cls(folder, settings, store, models, SearchContext(store), who)

    def as_user(self, who: Principal) -> KnowledgeBase:
        """The same open base as ``who`` may see it; closing one closes both."""
        return replace(self, who=who)

    def configured(self, overrides: Sequence[str], *, logs: bool | None = None, origin: str = "--set") -> KnowledgeBase:
        """The same open base with ``section.key=value`` on top of its settings; closing one closes both.

        Whatever the same settings open is shared. ``logs`` says whether what is asked goes into the log (None: as it
        did). Raises: ConfigError with every fault, each after ``origin``.
        """
        settings = config.changed(self.settings, SECTIONS, overrides, origin=origin)
        return replace(self, settings=settings, logs=self.logs if logs is None else logs)

    def in_conversation(self, name: str | None) -> KnowledgeBase:
        """The same open base; what is asked of it stands in the log as part of that conversation."""
        return replace(self, conversation=name)

    def with_models(
        self,
        *,
        embedder: Embedder | None = None,
        scorer: Embedder | None = None,
        reranker: Reranker | None = None,
        chat: Chat | None = None,
    ) -> KnowledgeBase:
        """The same open base with these models in place of those that its settings name; None leaves one as it is.

        They belong to whoever passes them, who closes them. What is ``configured`` of it has them as well, as far as it
        names the same models.
        """
        embed = self.settings["embed"]
        given: dict[Key, object | None] = {
            ("embedder", embed): embedder,
            scorer_key(embed, self.settings["answer"].scorer): scorer,
            ("reranker", self.settings["rerank"]): reranker,
            ("chat", self.settings["chat"]): chat,
        }
        models = self.models.lending({key: model for key, model in given.items() if model is not None})
        return replace(self, models=models)

    def close(self) -> None:
        """Closes the store and frees the models; neither this nor any base made of it can be used afterwards."""
        self.models.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # documents

    def add(
        self,
        *what: str,
        text: str | None = None,
        labels: Sequence[str] | None = None,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        retry_failed: bool = False,
        allow_private: bool | None = None,
        progress: Progress = SILENT,
    ) -> SyncReport:
        """Adds folders, files, globs, URLs, or a ``text`` named by ``what``, and brings them in; again is harmless.

        Of a source that is known, what is None stays as it was. Raises: Refused for a known source whose labels hide it
        from ``who``, unless just these are given again; UsageError, SourceError for what is not there at all; single
        files that fail are in the report.
        """
        wanted = [sources.describe(item, sources.Options(), tenant=self.who.tenant, text=text) for item in what]
        lists = {"labels": labels, "include": include, "exclude": exclude}
        given: dict[str, object] = {name: list(value) for name, value in lists.items() if value is not None}
        given |= {} if allow_private is None else {"allow_private": allow_private}
        with self.store.writing() as tx:
            for source in wanted:
                files.refuse_hidden(tx.connection, source.location, labels, who=self.who)
            ids = [files.add_source(tx, each.kind, each.location, given, tenant=each.tenant) for each in wanted]
        return self._bring_in(dict.fromkeys(ids, text), "add", progress, retry_failed=retry_failed)

    def sync(self, *, retry_failed: bool = False, full: bool = False, progress: Progress = SILENT) -> SyncReport:
        """Brings every source in step: what is new, changed, moved or deleted since; the rest costs a stat.

        ``full`` compares every byte. Raises: SourceError where a source cannot be listed: nothing of it is gone.
        """
        with self.store.reading() as connection:
            ids = [row.id for row in files.list_sources(connection, who=self.who)]
        return self._bring_in(dict.fromkeys(ids), "sync", progress, retry_failed=retry_failed, full=full)

    def watch(self, interval_s: float) -> Iterator[SyncReport]:
        """Syncs every ``interval_s`` seconds for ever; yields only what changed something."""
        while True:
            report = self.sync()
            if report.new or report.changed or report.moved or report.deleted or report.failed:
                yield report
            time.sleep(interval_s)

    def _bring_in(
        self, wanted: Mapping[int, str | None], kind: Literal["add", "sync"], progress: Progress, **how: bool
    ) -> SyncReport:
        """What came of the sources with those ids (to texts that are new), beside all others that take files."""
        with self.store.reading() as connection:
            rows = files.every_source(connection, self.who.tenant)
            known = files.known(connection, self.who.tenant)
            minhashes = documents.minhashes(connection, self.who.tenant)
        every = [
            replace(sources.from_row(row), text=wanted.get(row.id), listed_for=kind if row.id in wanted else "")
            for row in rows
        ]
        settings, parse, chunk = (self.settings[name] for name in ("documents", "parse", "chunk"))
        settings = replace(settings, **how)
        changes = ingest.ingest(every, known, settings, parse, chunk, self.embedder, progress, minhashes=minhashes)
        changes = context.added(changes, chunk, self.embedder.count_tokens, self._open_chat)
        asked = {"sources": [row.location for row in rows if row.id in wanted]}
        with jobs.running(self.store, kind, asked, who=self.who):
            report = sync.apply(
                self.store, changes, self.embedder, progress, tenant=self.who.tenant, settings=self.settings["index"]
            )
            if report.deleted:
                scratch.purge(self.folder / DATA_FOLDER)
            return sync.in_step(self._making(progress), report)

    def _making(self, progress: Progress = SILENT) -> Making:
        """What structures are made with."""
        chat = self._open_chat if self.settings["chat"].model else None
        wanted, sections = self.settings["sparse"], self.settings.values
        sparse = (lambda: self.models.sparse(wanted)) if wanted.model else None
        return Making(self.store, sections, lambda: self.embedder, lambda: self.cheap, chat, sparse, progress)

    def graph_update(self, progress: Progress = SILENT, *, whole: bool = False) -> graph_build.GraphUpdate:
        """The graph of names, in step with the documents; only what is missing is made, with ``whole`` all of it."""
        return graph_build.update(self._whole, self._graph_models, self.settings["graph"], progress, whole=whole)

    @property
    def _graph_models(self) -> graph_build.GraphModels:
        chat = self.settings["chat"].model
        return graph_build.GraphModels(self.embedder, self.cheap, self._open_chat if chat else None, chat)

    def remove(self, what: str) -> int:
        """Documents removed: those of a source, a single one, or all that a glob matches; their text is purged.

        What ``who`` may not see stays. Raises: UsageError where nothing matches that ``who`` may see.
        """
        removed = remove.remove(self.store, what, who=self.who)
        if removed is None:
            raise UsageError(f"{what}: no such source or document; `wellread status --documents` lists them")
        scratch.purge(self.folder / DATA_FOLDER)
        sync.in_step(self._making(), SyncReport())
        return removed

    # questions

    def search(self, question: str, *, k: int | None = None, where: Filter | None = None) -> SearchResult:
        """The best passages for a question, with what each stage did. Raises: StoreError, ModelError."""
        reranker, chats, trained = self.reranker, self.settings["chat"].model, self.settings["route"].mode == "trained"
        learned = self.settings["sparse"]
        parts = SearchParts(
            self.reader,
            self.embedder,
            reranker=(lambda: reranker) if reranker else None,
            cheap=lambda: self.cheap,
            chat=self._open_chat if chats else None,
            classify=self.context.classify(lambda: self.cheap) if trained else None,
            retrievers=(
                *self.context.retrievers(self.settings["retrieve"]),
                *((sparse_search.retriever(lambda: self.models.sparse(learned), learned),) if learned.model else ()),
                *tree_search.retriever(self.settings["tree"]),
                *graph_search.retrievers(self.settings["graph"]),
            ),
            rewriters=self.context.rewriters(self.settings["rewrite"]),
        )
        sections = SearchSettings(*(self.settings[name] for name in SEARCHES))
        return searching.search(question, parts, sections, who=self.who, where=where, k=k)

    def similar(self, what: str, *, k: int = 10, by: By = "both") -> list[SimilarDocument]:
        """Documents most like one of the base or a file, in topic and tone; see ``retrieve.similar.alike``."""
        reading = FileReading(self.embedder, self.settings["parse"], self.settings["chunk"])
        return alike(what, self.reader, reading, who=self.who, k=k, by=by)

    def verify(self, claim: str, *, where: Filter | None = None) -> claims.ClaimVerdict:
        """Whether the documents support or contradict a claim, and by what. Raises: StoreError, ModelError."""
        found = with_structure(self.search(claim, where=where), self.reader, who=self.who)
        return claims.judge(claim, found.hits, self.scorer)

    def ask(
        self, question: str, *, history: History = (), where: Filter | None = None, found: SearchResult | None = None
    ) -> Answer:
        """A cited, checked answer, or a refusal with the nearest passages; it goes into the log.

        ``found``, of a search for just this question, spares one. Raises: StoreError, ModelError, ModelUnavailable.
        """
        return next(
            p for p in self.stream(question, history=history, where=where, found=found) if isinstance(p, Answer)
        )

    def stream(
        self, question: str, *, history: History = (), where: Filter | None = None, found: SearchResult | None = None
    ) -> Iterator[str | Answer]:
        """Sentences as each is supported, then the Answer; see ``ask``.

        Closed before its end, it stops the model; the log has it as abandoned, with what it cost.
        """
        settings: AnswerSettings = self.settings["answer"]
        profile = reader_profile(self.settings["chat"], settings, config.models_folder())
        read: list[SearchResult] = []

        def search(asked: str) -> SearchResult:
            read.append(found if found and not read else self.search(asked, k=profile.hits, where=where))
            return with_structure(read[-1], self.reader, who=self.who)

        chat = self._open_chat if self.settings["chat"].model else None
        opened = (search, self.scorer, chat, self.settings["rewrite"], chat, profile)
        older = partial(previous, reader=self.reader, who=self.who)
        parts = answering.AnswerParts(*opened, before=older, abandoned=lambda answer: self._logged(answer, read))
        with closing(answering.stream(question, parts, settings, history)) as pieces:
            for piece in pieces:
                yield self._logged(piece, read) if isinstance(piece, Answer) else piece

    def _logged(self, answer: Answer, read: Sequence[SearchResult]) -> Answer:
        if self.store.read_only or not self.logs:
            return answer
        return record.logged(answer, read, self.store, record.AskedBy(self.who, self.settings_hash, self.conversation))

    @property
    def settings_hash(self) -> str:
        """16 hex digits that change when a setting does."""
        return config.digest(self.settings)

    # what is open, opened with its first use

    @property
    def reader(self) -> IndexReader:
        """The searchable side of the base; it keeps itself in step with the store."""
        return self.context.reader(self.settings["index"])

    @property
    def embedder(self) -> Embedder:
        """The model of ``embed.model``."""
        return self.models.embedder(self.settings["embed"])

    @property
    def scorer(self) -> Embedder:
        """The model of ``answer.scorer`` that compares sentences."""
        return self.models.scorer(self.settings["embed"], self.settings["answer"].scorer)

    @property
    def cheap(self) -> Embedder:
        """An embedder that is cheap: the base's own where it is static, else the packaged table."""
        return self.models.cheap(self.settings["embed"])

    @property
    def reranker(self) -> Reranker | None:
        """The model of ``rerank.model``, shared with ``scorer`` where it is the same; None where it is empty."""
        return self.models.reranker(self.settings["rerank"], self.settings["embed"], self.settings["answer"].scorer)

    @property
    def chat(self) -> Chat | None:
        """The model of ``chat.model``; None where it is empty."""
        return self.models.chat(self.settings["chat"])

    def _open_chat(self) -> Chat:
        chat = self.chat
        if chat is None:
            raise UsageError("chat.model is empty; name a model, or set answer.style to quote")
        return chat

    # what is there

    def status(self) -> Status:
        """What the base holds, as ``who`` may see it."""
        return maintenance.status(self.store, self.settings, who=self.who)

    def failures(self, *, skipped: bool = False) -> list[Failure]:
        """Source items that gave no document, and why; with ``skipped`` also those of unknown types."""
        with self.store.reading() as connection:
            return files.failures(connection, who=self.who, skipped=skipped)

    def documents(self, limit: int | None = None, offset: int = 0) -> list[Document]:
        """Live documents in order of their uri, without their texts."""
        with self.store.reading() as connection:
            return documents.listing(connection, who=self.who, limit=limit, offset=offset)

    def log(
        self, limit: int = 20, trace_id: str | None = None, conversation: str | None = None
    ) -> list[log.LoggedQuestion]:
        """Questions that were asked, newest first; that of ``trace_id`` alone, or a ``conversation``, oldest first."""
        with self.store.reading() as connection:
            return log.listing(connection, who=self.who, limit=limit, trace_id=trace_id, conversation=conversation)

    # upkeep

    @property
    def _whole(self) -> Store:
        return maintenance.whole(self.store, who=self.who)

    def check(self) -> list[Fault]:
        """Everything that is damaged: rows, texts, spans, words, vectors. Reads all of it."""
        return maintenance.check(self._whole)

    def doctor(self) -> list[Finding]:
        """Models, store, index, space and versions looked at, each with the cure where it is not well."""
        return doctor.examine(self.folder, self.settings, self._whole, self.models)

    def backup(self, target: Path | str) -> Path:
        """A copy of the base in ``target`` (a folder, or a .tar file), made while others read and write."""
        return maintenance.backup(self._whole, self.folder, target)

    @staticmethod
    def restore(copy: Path | str, folder: Path | str) -> Path:
        """The base of a backup, laid into an empty folder; see ``maintenance.restore``."""
        return maintenance.restore(copy, folder)

    def index_rebuild(self, progress: Progress = SILENT) -> int:
        """The index rebuilt from the store; chunks that had to be embedded again."""
        return build.rebuild(self._whole, self.embedder, progress, self.settings["index"])

    def index_tree(self, progress: Progress = SILENT) -> TreeUpdate:
        """The tree of summaries as the settings say, in step with the documents; only what is missing is made."""
        return grow.update(self._whole, self._tree_models, self.settings["tree"], progress, whole=True)

    def sparse_fill(self, progress: Progress = SILENT, *, again: bool = False) -> int:
        """Chunks that the model of ``sparse.model`` encoded, those that it had not; 0 where none is set.

        Raises: StoreError where the vectors are another model's, unless ``again`` drops them first.
        """
        store, settings = self._whole, self.settings["sparse"]
        return sparse.fill(store, self.models.sparse(settings), progress, again=again) if settings.model else 0

    def index_tree_drop(self) -> int:
        """Summaries that there were; they are gone."""
        return grow.drop(self._whole)

    @property
    def _tree_models(self) -> grow.TreeModels:
        return grow.TreeModels(self.embedder, self.cheap, self._open_chat if self.settings["chat"].model else None)

    def index_compact(self) -> int:
        """Slots of deleted chunks given back."""
        return build.compact(self._whole)

    def reembed(self, progress: Progress = SILENT) -> int:
        """Chunks embedded for the model of ``embed.model``; the vectors that are there answer until it is done."""
        return build.reembed(self._whole, self.embedder, progress, self.settings["index"])
