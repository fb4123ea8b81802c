"""The open index: it keeps itself in step with the store, and looks as one principal may see it at one moment.

``IndexReader.snapshot`` gives a ``Snapshot``: one snapshot of the store with the vectors that belong to it. What
``who`` may see, and what is live, are part of every search in it, before anything is ranked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from wellread.errors import StoreError
from wellread.index.vectors.file import Mask, VectorView
from wellread.index.vectors.schema import vector_sets
from wellread.index.vectors.sets import FOLDER, refuse_other
from wellread.index.words import fulltext, glossary
from wellread.once import OncePerKey, Recent
from wellread.store import access, documents
from wellread.store.engine.api import Store, read_meta
from wellread.store.engine.words import as_list, listed, one_of
from wellread.store.schema import access as access_table
from wellread.store.schema import chunks, tombstones, versions
from wellread.types import Chunk, Document, Filter, Principal

MOST_COUNTED = 50_000  # terms whose frequency is remembered per generation
MOST_MASKS = 16  # sets of access ids whose slots are remembered
MOST_REMEMBERED = 64  # things made of one generation: some once, some for every set of access ids
MOST_PRINCIPALS = 1_024  # whose access ids are remembered per generation
GENERATIONS = 2  # that are kept open: a reader in an older snapshot does without the newest

_KEYS = listed("keys")
HOMES = (  # of every search: built once
    select(chunks.c.key, chunks.c.version_id, versions.c.n_chunks)
    .select_from(_KEYS)
    .join(chunks, chunks.c.key == _KEYS.c.value)
    .join(versions, versions.c.id == chunks.c.version_id)
)

Found = list[tuple[int, float]]  # (chunk key, score), best first


@dataclass(frozen=True, slots=True)
class DocumentNames:
    """What a live version can be called by in a question."""

    version_id: int
    access_id: int
    title: str
    uri: str
    metadata: dict[str, str]
    valid_from: date | None


@dataclass(frozen=True, slots=True)
class View:
    """The vectors as one generation sees them; ``dead`` slots are those of chunks that are gone."""

    generation: int
    set_id: int
    embedder_id: str
    vectors: VectorView
    dead: Mask  # (n,)
    masks: Recent = field(default_factory=lambda: Recent(MOST_MASKS))

    def mask(self, allowed: frozenset[int] | None) -> Mask | None:
        """(n,) live slots of the access ids; None where that is every slot."""
        held: tuple[Mask | None] | None = self.masks.get(allowed)
        if held is None:
            mask = ~self.dead
            if allowed is not None:
                mask &= np.isin(self.vectors.rows["access"], list(allowed))
            held = (None if mask.all() else mask,)
            self.masks[allowed] = held
        return held[0]


@dataclass(frozen=True, slots=True)
class _Generation:
    """One generation of the base with what was made of it; it never changes for another one."""

    number: int
    view: View | None
    counts: dict[str, int] = field(default_factory=dict)  # of terms
    principals: Recent = field(default_factory=lambda: Recent(MOST_PRINCIPALS))  # their access ids
    memo: Recent = field(default_factory=lambda: Recent(MOST_REMEMBERED))


class IndexReader:
    """The searchable side of an open base, in step with its store; it needs no closing.

    Threads may share it: those that meet a new generation at once load it once, those in an older snapshot keep
    theirs, and nobody waits for a load that he does not need.
    """

    def __init__(self, store: Store, language: str | None = None) -> None:
        self.store = store
        self.language = language  # index.language; words are not searched where the index was made with another
        self._generations = OncePerKey()
        self._newest: _Generation | None = None
        self._lock = threading.Lock()  # held for a comparison, never while something is read

    @contextmanager
    def snapshot(self, *, who: Principal) -> Iterator[Snapshot]:
        """The base as ``who`` sees it now; it stays so until the with block ends, whatever is committed meanwhile.

        Raises: StoreError if the files do not fit the store.
        """
        with self.store.reading() as connection:
            number = int(read_meta(connection, "generation") or 0)
            known = self._newest
            if known is None or known.number != number:
                known = self._generations.get(number, lambda: self._loaded(connection, number))
            found: tuple[frozenset[int] | None] | None = known.principals.get(who)
            if found is None:
                found = known.principals[who] = (_allowed(connection, who),)
            yield Snapshot(self, connection, number, known.view, known.counts, known.memo, found[0], who)

    def check_embedder(self, embedder_id: str) -> None:
        """Raise a StoreError that names both if the vectors are another embedder's."""
        with self.store.reading() as connection:
            row = connection.execute(select(vector_sets).where(vector_sets.c.state == "live")).one_or_none()
        if row is not None:
            refuse_other(row.embedder_id, embedder_id)

    def _loaded(self, connection: Connection, number: int) -> _Generation:
        """The generation, made of the newest one where that is older; it is the newest one then."""
        before = self._newest
        made = _Generation(number, self._refreshed(connection, number, before.view if before is not None else None))
        with self._lock:
            if self._newest is None or self._newest.number < number:
                self._newest = made
        for old in sorted(self._generations.keys())[: -GENERATIONS + 1]:  # this one is not among them yet
            self._generations.forget(old)
        return made

    def _refreshed(self, connection: Connection, generation: int, before: View | None) -> View | None:
        row = connection.execute(select(vector_sets).where(vector_sets.c.state == "live")).one_or_none()
        if row is None or not row.n_slots:  # a set without slots has no files yet
            return None
        if before is not None and before.set_id == row.id and before.generation < generation:
            vectors = before.vectors if row.n_slots == before.vectors.n else before.vectors.grown(row.n_slots)
            dead = np.zeros(row.n_slots, np.bool_)
            dead[: before.vectors.n] = before.dead
            since = before.generation
        else:
            folder = self.store.folder / FOLDER / row.folder
            vectors = VectorView(folder, row.dim, row.n_slots, storage=row.storage)
            dead, since = np.zeros(row.n_slots, np.bool_), -1
        gone = select(tombstones.c.chunk_key).where(tombstones.c.generation > since)
        keys = np.fromiter(connection.execute(gone).scalars(), np.int64)
        if len(keys) and len(dead):
            dead |= np.isin(vectors.rows["key"], keys)
        return View(generation, row.id, row.embedder_id, vectors, dead)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the base as one principal may see it; made by ``IndexReader.snapshot``."""

    reader: IndexReader
    connection: Connection
    generation: int
    view: View | None
    counts: dict[str, int]  # of terms, for as long as the generation lasts
    memo: Recent  # what is made of one generation; an older one has its own
    allowed: frozenset[int] | None  # access ids; None: nothing is hidden
    who: Principal

    def check_embedder(self, embedder_id: str) -> None:
        """Raise a StoreError that names both if the vectors are another embedder's."""
        if self.view is not None:
            refuse_other(self.view.embedder_id, embedder_id)

    def search_dense(
        self, vector: NDArray[np.float32], embedder_id: str, *, versions: Sequence[int] | None = None, k: int
    ) -> Found:
        """The ``k`` chunks with the highest cosine to a (dim,) vector, within ``versions`` (ids; None: all).

        Raises: StoreError if the vectors are from another embedder, or have another dimension.
        """
        if self.view is None or (versions is not None and not len(versions)):
            return []
        refuse_other(self.view.embedder_id, embedder_id)
        vectors = self.view.vectors
        if vector.shape != (vectors.dim,):
            raise StoreError(
                f"the index holds vectors of {vectors.dim} numbers, {embedder_id} gave {vector.shape[-1]}: "
                "its weights have changed; run: wellread index rebuild"
            )
        mask = self.view.mask(self.allowed)
        if versions is not None:
            inside = np.isin(vectors.rows["version"], np.asarray(versions, np.int64))
            mask = inside if mask is None else mask & inside
        slots, scores = vectors.scan(np.asarray(vector, np.float32), mask, k)
        return list(zip(vectors.rows["key"][slots].tolist(), scores.tolist(), strict=True))

    def cosines(self, vector: NDArray[np.float32], keys: Sequence[int]) -> dict[int, float]:
        """The cosine of each of a few live chunks that ``who`` may see; a key without a vector is missing."""
        if self.view is None or not keys:
            return {}
        vectors = self.view.vectors
        wanted = np.isin(vectors.rows["key"], np.asarray(keys, np.int64))
        mask = self.view.mask(self.allowed)
        slots = np.flatnonzero(wanted if mask is None else wanted & mask)
        scores = vectors.scores(np.asarray(vector, np.float32), slots)
        return dict(zip(vectors.rows["key"][slots].tolist(), scores.tolist(), strict=True))

    def middles(self, versions: Sequence[int] | None = None) -> dict[int, NDArray[np.float32]]:
        """(dim,) of length 1: the mean vector of the chunks of each live version that may be seen, by its id."""
        if self.view is None:
            return {}
        vectors, mask = self.view.vectors, self.view.mask(self.allowed)
        slots = np.arange(vectors.n) if mask is None else np.flatnonzero(mask)
        if versions is not None:
            slots = slots[np.isin(vectors.rows["version"][slots], np.asarray(versions, np.int64))]
        if not len(slots):
            return {}
        slots = slots[np.argsort(vectors.rows["version"][slots], kind="stable")]
        ids, starts = np.unique(vectors.rows["version"][slots], return_index=True)
        found: dict[int, NDArray[np.float32]] = {}
        for version, part in zip(ids.tolist(), np.split(slots, starts[1:]), strict=True):
            middle = vectors.halves[part].mean(axis=0)
            found[version] = middle / max(float(np.linalg.norm(middle)), 1e-12)
        return found

    def plan_text(self, question: str) -> tuple[str, list[str]]:
        """The full-text expression for a question, and the terms that are in it; see ``fulltext.plan``.

        A term that only documents hold that are not to be seen is like one that none holds.
        """
        if not fulltext.exists(self.connection, self.reader.language):
            return "", []
        return fulltext.plan(self.standing(fulltext.query(question, self.languages)), self.count)

    def standing(self, terms: Sequence[str]) -> list[str]:
        """Those of the terms of full-text search that a chunk holds which may be seen; looked up once a generation."""
        if self.allowed is None:
            return [term for term in terms if self.count(term)]
        known: dict[str, bool] = self.memo.setdefault(("standing", self.allowed), {})
        held = {term: known.get(term) for term in terms}
        new = [term for term, stands in held.items() if stands is None]
        if new:
            found = fulltext.standing(self.connection, new, self.allowed)
            held |= {term: term in found for term in new}
            if len(known) >= MOST_COUNTED:
                known.clear()
            known.update({term: term in found for term in new})
        return [term for term in terms if held[term]]

    @property
    def languages(self) -> list[str]:
        """Languages other than English that passages are in, of all documents."""
        found = self.memo.get("languages")
        if found is None:
            found = self.memo["languages"] = fulltext.present(self.connection)
        return list(found)

    def term(self, word: str) -> str:
        """What full-text search calls a word in small letters; see ``fulltext.term``."""
        return fulltext.term(word, self.languages)

    def search_text(self, question: str, *, versions: Sequence[int] | None = None, k: int) -> Found:
        """The ``k`` chunks with the highest BM25 for the question, within ``versions`` (ids; None: all)."""
        return self.search_planned(self.plan_text(question)[0], versions=versions, k=k)

    def search_planned(
        self, expression: str, *, versions: Sequence[int] | None = None, k: int, title_weight: float = 1.0
    ) -> Found:
        """As ``search_text``, for an expression of ``plan_text``; see ``fulltext.search`` for the weight."""
        return fulltext.search(
            self.connection, expression, allowed=self.allowed, versions=versions, k=k, title_weight=title_weight
        )

    def chunks(self, keys: Sequence[int]) -> dict[int, tuple[Chunk, Document]]:
        """The chunks with their documents (without text); what is not to be seen is missing."""
        return documents.chunks_by_key(self.connection, keys, who=self.who)

    def document(self, document_id: str) -> Document | None:
        """The live document with its text and blocks; None if it is not to be seen."""
        return documents.get(self.connection, document_id, who=self.who)

    def version(self, version_id: int) -> Document | None:
        """The live document of a version id with its text and blocks; None if it is not to be seen."""
        return documents.get_version(self.connection, version_id, who=self.who)

    def matching(self, where: Filter) -> list[int]:
        """The ids of the versions that ``where`` matches. Raises UsageError for an unknown field."""
        return documents.matching(self.connection, where, who=self.who)

    def of_versions(self, keys: Sequence[int], inside: frozenset[int]) -> set[int]:
        """Those of the chunk keys that belong to one of the versions."""
        columns = chunks.c
        statement = select(columns.key).where(one_of(columns.key, keys), one_of(columns.version_id, inside))
        return set(self.connection.execute(statement).scalars())

    def homes(self, keys: Sequence[int]) -> dict[int, tuple[int, int]]:
        """The version id of each chunk key, and how many chunks that version has."""
        found = self.connection.execute(HOMES, {"keys": as_list(keys)})
        return {key: (version_id, n) for key, version_id, n in found}

    def glossary(self, phrases: Sequence[str], by: str) -> list[glossary.Known]:
        """Abbreviations and other names whose ``by`` (short or long) is one of the phrases; see ``glossary.folded``."""
        if not glossary.exists(self.connection):
            return []
        return glossary.look_up(self.connection, phrases, by, allowed=self.allowed)

    def words(self) -> list[tuple[str, int]]:
        """Every stem in the index with its number of chunks, of all documents: not all of them may be seen."""
        known = self.memo.get("words")
        if known is None:
            known = glossary.words(self.connection) if glossary.exists(self.connection) else []
            self.memo["words"] = known
        return list(known)

    def names(self) -> tuple[DocumentNames, ...]:
        """What the documents are called; those that are not to be seen are in it too: compare ``access_id``."""
        known: tuple[DocumentNames, ...] | None = self.memo.get("names")
        if known is None:
            known = self.memo["names"] = _read_names(self.connection)
        return known

    def count(self, term: str) -> int:
        """In how many chunks a term of full-text search occurs, of all documents; counted once a generation."""
        found = self.counts.get(term)
        if found is None:
            if len(self.counts) >= MOST_COUNTED:
                self.counts.clear()
            found = self.counts[term] = fulltext.count_matches(self.connection, term)
        return found


def _allowed(connection: Connection, who: Principal) -> frozenset[int] | None:
    readable = access.readable(connection, who=who)
    n_all = connection.execute(select(func.count()).select_from(access_table)).scalar_one()
    return None if len(readable) == n_all else readable


def _read_names(connection: Connection) -> tuple[DocumentNames, ...]:
    columns = versions.c
    statement = select(
        columns.id, columns.access_id, columns.title, columns.uri, columns.metadata, columns.valid_from
    ).where(columns.retired_at.is_(None))
    return tuple(
        DocumentNames(
            row.id,
            row.access_id,
            row.title,
            row.uri,
            json.loads(row.metadata) if row.metadata != "{}" else {},
            date.fromisoformat(row.valid_from) if row.valid_from else None,
        )
        for row in connection.execute(statement)
    )
