"""Every registered structure keeps the promises of ``index.structure``, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready
from tests.index.test_sparse import Meanings

from wellread.index import check, structures
from wellread.index.graph import rows as graph_rows
from wellread.index.open import IndexReader, Snapshot
from wellread.index.sparse import sparse
from wellread.index.structure import Making, Structure
from wellread.index.tree import rows as tree_rows
from wellread.index.words.schema import glossary
from wellread.knowledge_base import SECTIONS
from wellread.store import documents
from wellread.store.engine.api import Store
from wellread.sync.remove import remove

A = ("Ann Abel leads the Harbour Office (HO) in Tallinn.", "At the harbour Ann Abel pays Otto Ost twelve crowns.")
B = ("Otto Ost leads the Tax Office (TO) in Riga.", "Otto Ost asked Ann Abel about the fee of the ferry.")
EVERY = pytest.mark.parametrize("structure", structures.STRUCTURES, ids=lambda one: one.name)

# the keys of the chunks that each finds, asked for the harbour; what has no question of its own gives all that it holds
FINDS: dict[str, Callable[[Snapshot], set[int]]] = {
    "full text": lambda s: {key for key, _ in s.search_text("harbour", k=9)},
    "glossary": lambda s: set(s.connection.execute(select(glossary.c.chunk_key)).scalars()),
    "vectors": lambda s: {key for key, _ in s.search_dense(WordEmbedder().embed(["harbour"])[0], "test:words", k=9)},
    "sparse vectors": lambda s: {key for key, _ in sparse.search(s, Meanings().one("harbour"), versions=None, k=9)},
    "tree of summaries": lambda s: {key for key, _ in tree_rows.leaves(s.connection)},
    "graph of names": lambda s: {key for key, _, _ in graph_rows.mentions(s.connection, allowed=None)},
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def making(store: Store) -> Making:
    """What makes every structure, all of them switched on."""
    sections: dict[str, Any] = {name: section() for name, section in SECTIONS.items()}
    sections["tree"] = replace(sections["tree"], mode="collapsed", cluster_size=4)
    sections["graph"] = replace(sections["graph"], mode="local")
    return Making(store, sections, WordEmbedder, WordEmbedder, sparse=Meanings)


def found(store: Store, structure: Structure) -> set[int]:
    with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
        return FINDS[structure.name](snapshot)


def size(store: Store, structure: Structure) -> int:
    with store.reading() as connection:
        return structure.size(connection)


def keys(store: Store, uri: str) -> set[int]:
    with store.reading() as connection:
        ids = [one.id for one in documents.listing(connection, who=EVERYONE) if one.uri == uri]
        return {row.key for one in ids for row in documents.chunk_rows(connection, one)}


def test_no_structure_is_left_out_here() -> None:
    assert set(FINDS) == {structure.name for structure in structures.STRUCTURES}


@EVERY
def test_what_was_added_is_found_and_what_was_removed_is_gone(store: Store, structure: Structure) -> None:
    filled(store, WordEmbedder(), ready("/docs/a.md", *A), ready("/docs/b.md", *B))
    structures.renew(making(store))
    a, b = keys(store, "/docs/a.md"), keys(store, "/docs/b.md")
    assert found(store, structure) & a and size(store, structure) >= 2 and list(structure.check(store)) == []
    before = size(store, structure)
    assert remove(store, "/docs/a.md", who=EVERYONE) == 1
    structures.renew(making(store))
    assert not found(store, structure) & a and found(store, structure) <= b
    assert 0 < size(store, structure) < before and check.check(store) == []


@EVERY
def test_a_chunk_that_stays_as_it_was_is_held_under_its_new_key(store: Store, structure: Structure) -> None:
    filled(store, WordEmbedder(), ready("/docs/a.md", *A))
    structures.renew(making(store))
    old, before = keys(store, "/docs/a.md"), size(store, structure)
    filled(store, WordEmbedder(), ready("/docs/a.md", *A, B[0], replaces=True))
    assert not found(store, structure) & old and list(structure.check(store)) == []
    assert size(store, structure) >= before, "nothing is lost before it is renewed"
    structures.renew(making(store))
    assert found(store, structure) <= keys(store, "/docs/a.md") and check.check(store) == []


@EVERY
def test_a_document_that_comes_twice_in_a_batch_is_held_once(store: Store, structure: Structure) -> None:
    again = ready("/docs/a.md", A[1], B[0], replaces=True)
    filled(store, WordEmbedder(), ready("/docs/a.md", *A), again)
    structures.renew(making(store))
    assert found(store, structure) <= keys(store, "/docs/a.md") and check.check(store) == []


@EVERY
def test_what_is_dropped_holds_nothing_until_it_is_made_again(store: Store, structure: Structure) -> None:
    filled(store, WordEmbedder(), ready("/docs/a.md", *A), ready("/docs/b.md", *B))
    structures.renew(making(store))
    before = size(store, structure)
    with store.writing() as tx:
        structure.drop(tx)
    assert size(store, structure) == 0
    structure.renew(making(store), again=True)
    assert size(store, structure) == before and check.check(store) == []
