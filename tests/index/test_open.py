"""A reader that many share, over a base that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready, source

from wellread.index import build, check
from wellread.index.open import MOST_REMEMBERED, IndexReader, Snapshot, View
from wellread.index.words import fulltext
from wellread.retrieve.parts import SearchParts, SearchSettings
from wellread.retrieve.search import search
from wellread.store.engine.api import Store
from wellread.sync.remove import remove
from wellread.types import Principal


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as store:
        yield store


def texts(reader: IndexReader, question: str) -> list[str]:
    found = search(question, SearchParts(reader, WordEmbedder()), SearchSettings(), who=EVERYONE)
    return [hit.chunk.text for hit in found.hits]


@pytest.mark.parametrize("emptied", [False, True])
def test_a_base_that_was_rebuilt_or_compacted_while_empty_is_searched_and_filled(store: Store, emptied: bool) -> None:
    embedder, reader = WordEmbedder(), IndexReader(store)
    if emptied:
        filled(store, embedder, ready("/docs/a.md", "dogs pay"))
        assert texts(reader, "dogs") == ["dogs pay"]
        remove(store, "/docs/a.md", who=EVERYONE)
        build.compact(store)
    else:
        source(store)
        build.rebuild(store, embedder)
    assert texts(reader, "dogs") == texts(IndexReader(store), "dogs") == []
    filled(store, embedder, ready("/docs/b.md", "dogs swim"))
    assert texts(reader, "dogs") == texts(IndexReader(store), "dogs") == ["dogs swim"]
    assert check.check(store) == []


def test_a_look_from_before_a_change_leaves_the_names_of_later_looks_as_they_are(store: Store) -> None:
    embedder, reader = WordEmbedder(), IndexReader(store)
    filled(store, embedder, ready("/docs/a.md", "dogs pay"))

    def names(snapshot: Snapshot) -> list[str]:
        return [named.uri for named in snapshot.names()]

    with reader.snapshot(who=EVERYONE) as before:
        filled(store, embedder, ready("/docs/b.md", "cats sleep"))
        with reader.snapshot(who=EVERYONE) as after:
            assert names(before) == ["/docs/a.md"]
            assert names(after) == ["/docs/a.md", "/docs/b.md"]
            assert names(before) == ["/docs/a.md"]
    with reader.snapshot(who=EVERYONE) as later:
        assert names(later) == ["/docs/a.md", "/docs/b.md"]


class Forgetful(dict):  # type: ignore[type-arg]  # it stands in for the dict of any view
    """As if another thread cleared it after every line that stores something."""

    def __setitem__(self, key: object, value: object) -> None:
        super().__setitem__(key, value)
        self.clear()


def test_what_may_be_seen_is_told_also_where_another_thread_forgets_it_at_once(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/docs/a.md", "pay of all"), ready("/docs/b.md", "pay of hr", labels=["hr"]))
    with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
        assert snapshot.view is not None and snapshot.allowed is not None
        view = View(1, 1, "test:words", snapshot.view.vectors, snapshot.view.dead, Forgetful())
        mask = view.mask(snapshot.allowed)
        assert mask is not None and mask.tolist() == [True, False] and view.mask(None) is None


def test_a_rare_word_of_a_hidden_document_does_not_push_out_a_frequent_one(store: Store) -> None:
    many = [f"ferry {n % 7}" for n in range(fulltext.MATCH_BUDGET + 50)]
    filled(store, WordEmbedder(), ready("/docs/a.md", *many), ready("/docs/b.md", "zanzibar", labels=["hr"]))
    with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
        found = [snapshot.search_text(question, k=5) for question in ("ferry zanzibar", "ferry nowhere")]
    assert found[0] == found[1] and len(found[0]) == 5


def test_which_words_stand_in_what_may_be_seen_follows_every_change(store: Store) -> None:
    reader, hr = IndexReader(store), Principal(groups=frozenset({"hr"}))

    def standing(who: Principal) -> list[str]:
        with reader.snapshot(who=who) as snapshot:
            terms = [snapshot.term(word) for word in ("cats", "dogs", "zanzibar", "nowhere", "cats")]
            assert snapshot.standing(terms) == snapshot.standing(terms)
            return snapshot.standing(terms)

    filled(store, WordEmbedder(), ready("/docs/a.md", "dogs pay"), ready("/docs/b.md", "zanzibar", labels=["hr"]))
    assert (standing(EVERYONE), standing(hr)) == (['"dogs"'], ['"dogs"', '"zanzibar"'])
    filled(store, WordEmbedder(), ready("/docs/c.md", "cats sleep"), ready("/docs/a.md", "mice pay", replaces=True))
    assert (standing(EVERYONE), standing(hr)) == (['"cats"', '"cats"'], ['"cats"', '"zanzibar"', '"cats"'])


class Overlooked(Store):
    """A store in whose next reading somebody else does ``meanwhile``, after its snapshot was taken."""

    meanwhile: Callable[[], object] | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with super().reading() as connection:
            if self.meanwhile is not None:
                first, self.meanwhile = self.meanwhile, None
                first()
            yield connection


def test_a_reader_in_an_older_snapshot_does_not_replace_the_newer_one(tmp_path: Path) -> None:
    with Overlooked.open(tmp_path) as store:
        assert isinstance(store, Overlooked)
        embedder, reader = WordEmbedder(), IndexReader(store)
        filled(store, embedder, ready("/docs/a.md", "dogs pay"))
        newer: list[View | None] = []

        def overtake() -> None:
            filled(store, embedder, ready("/docs/b.md", "cats sleep"))
            with reader.snapshot(who=EVERYONE) as snapshot:
                newer.append(snapshot.view)

        with reader.snapshot(who=EVERYONE) as first:
            older = first.view
        store.meanwhile = overtake
        with reader.snapshot(who=EVERYONE) as late:
            assert late.view is older  # known already, and not loaded a second time
            assert [named.uri for named in late.names()] == ["/docs/a.md"]
        with reader.snapshot(who=EVERYONE) as now:
            assert now.view is newer[0]  # still there
            assert [named.uri for named in now.names()] == ["/docs/a.md", "/docs/b.md"]


def test_what_is_remembered_for_sets_of_groups_is_bounded(store: Store) -> None:
    reader = IndexReader(store)
    filled(store, WordEmbedder(), *(ready(f"/docs/{n}.md", f"ship number{n}", labels=[f"g{n}"]) for n in range(100)))
    for n in range(100):
        who = Principal(groups=frozenset({f"g{n}"}))
        found = search(f"number{n}", SearchParts(reader, WordEmbedder()), SearchSettings(), who=who)
        assert [hit.document.uri for hit in found.hits] == [f"/docs/{n}.md"]
    with reader.snapshot(who=EVERYONE) as snapshot:
        assert 10 < len(snapshot.memo) <= MOST_REMEMBERED
