"""A reader that many share, over a base that changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready, source

from wellread.index import build, check
from wellread.index.open import IndexReader
from wellread.retrieve.search import Parts, Sections, search
from wellread.store.engine import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as store:
        yield store


def texts(reader: IndexReader, question: str) -> list[str]:
    found = search(question, Parts(reader, WordEmbedder()), Sections(), who=EVERYONE)
    return [hit.chunk.text for hit in found.hits]


@pytest.mark.parametrize("emptied", [False, True])
def test_a_base_that_was_rebuilt_or_compacted_while_empty_is_searched_and_filled(store: Store, emptied: bool) -> None:
    embedder, reader = WordEmbedder(), IndexReader(store)
    if emptied:
        filled(store, embedder, ready("/docs/a.md", "dogs pay"))
        assert texts(reader, "dogs") == ["dogs pay"]
        build.remove(store, "/docs/a.md", tenant="default")
        build.compact(store)
    else:
        source(store)
        build.rebuild(store, embedder)
    assert texts(reader, "dogs") == texts(IndexReader(store), "dogs") == []
    filled(store, embedder, ready("/docs/b.md", "dogs swim"))
    assert texts(reader, "dogs") == texts(IndexReader(store), "dogs") == ["dogs swim"]
    assert check.check(store) == []
