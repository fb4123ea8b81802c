from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread.index.open import IndexReader
from wellread.index.tree import grow, view
from wellread.index.tree import rows as tree
from wellread.index.tree.settings import TreeSettings
from wellread.index.tree.view import Branches
from wellread.retrieve.parts import Query, SearchParts, SearchResult, SearchSettings
from wellread.retrieve.retrievers import tree as tree_search
from wellread.retrieve.search import search
from wellread.retrieve.settings import RetrieveSettings
from wellread.store.engine.api import Store
from wellread.types import Compare, Principal

HR = Principal(groups=frozenset({"hr"}))
HOW = TreeSettings(mode="collapsed", cluster_size=4, sentences=3, entries=2)
TUG = (
    "The tug Ottilie was built of oak at the yard of Strand.",
    "The tug Ottilie towed barges of coal from Strand to the yard.",
    "The tug Ottilie of Strand never came home to the yard.",
)
DISTRACTING = "Cone 9 warns everybody when a storm is near."
EMBEDDER = WordEmbedder(dim=512)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[IndexReader]:
    with Store.open(tmp_path) as store:
        filled(
            store,
            EMBEDDER,
            ready("/docs/tug.md", *TUG, title="", metadata={"kind": "ship"}),
            ready("/docs/post.md", DISTRACTING, *(f"Cone {n} warns everybody when fog is near." for n in range(3))),
            ready("/docs/pay.md", *(f"The wage of grade {n} is {n} crowns." for n in range(5)), labels=["hr"]),
            *(ready(f"/docs/{n}.md", f"The menu of day {n} is soup with {n} beans and bread.") for n in range(12)),
        )
        yield IndexReader(store)


def grown(reader: IndexReader, how: TreeSettings = HOW) -> None:
    grow.update(reader.store, grow.TreeModels(EMBEDDER, EMBEDDER), how)


def asked(reader: IndexReader, question: str, how: TreeSettings = HOW, **other: object) -> SearchResult:
    who = other.pop("who", EVERYONE)
    parts = SearchParts(reader, EMBEDDER, retrievers=tree_search.retriever(how))
    settings = SearchSettings(RetrieveSettings(mode="dense", fusion="rrf"))
    return search(question, parts, settings, who=who, **other)  # type: ignore[arg-type]


def told(result: SearchResult) -> str:
    """What the search stage says of the tree."""
    stage = next(stage for stage in result.stages if stage.name == "search")
    return str(stage.detail.get("summaries", "")) + str(stage.detail.get("tree", ""))


# what is entered, by hand


def bare() -> Branches:
    """Two tops at 0 and 3, each over two nodes with one passage; vectors point along the axis of their number."""
    vectors = np.array([[0.9, 0.1], [1, 0], [0.8, 0.2], [0.1, 0.9], [0, 1], [0.2, 0.8]], np.float32)
    return Branches(
        "test", np.arange(10, 16), np.array([2, 1, 1, 2, 1, 1]), np.array([-1, 0, 0, -1, 3, 3]), vectors,
        np.ones(6, np.bool_), np.array([0, 0, 1, 2, 2, 3]), np.array([2, 1, 2, 4, 3, 4]),
        np.array([101, 102, 103, 104]), np.array([1, 1, 2, 3]),
    )  # fmt: skip


def test_the_nearest_summaries_of_all_levels_are_entered_at_once() -> None:
    branches = bare()
    near = branches.vectors @ np.array([1, 0], np.float32)
    every = np.ones(6, np.bool_)
    assert [n for n, _ in tree_search.collapsed(branches, near, every, 3)] == [1, 0, 2]
    assert [n for n, _ in tree_search.collapsed(branches, near, np.arange(6) > 2, 3)] == [5, 3, 4]
    assert tree_search.collapsed(branches, near, every, 1)[0][1] == pytest.approx(1.0)


def test_a_traversal_follows_the_nearest_branch_of_each_level_down_to_the_lowest() -> None:
    branches = bare()
    near = branches.vectors @ np.array([0, 1], np.float32)
    every = np.ones(6, np.bool_)
    assert [n for n, _ in tree_search.traversed(branches, near, every, 1)] == [4]
    assert [n for n, _ in tree_search.traversed(branches, near, every, 2)] == [4, 5]
    assert [n for n, _ in tree_search.traversed(branches, near, np.arange(6) < 3, 1)] == [2]


def test_a_summary_that_is_being_made_is_passed_through_and_never_chosen() -> None:
    said = np.array([True, True, True, False, False, True])
    branches = replace(bare(), said=said)
    near = branches.vectors @ np.array([1, 0], np.float32)
    every = np.ones(6, np.bool_)
    assert {n for n, _ in tree_search.collapsed(branches, near, every, 6)} == {0, 1, 2, 5}
    reached = {n for n, _ in tree_search.traversed(branches, near, every, 1)}
    assert {1, 4} <= reached


def test_passages_are_counted_and_listed_within_the_versions_that_are_asked_for() -> None:
    branches = bare()
    assert branches.held(None).tolist() == [2, 1, 1, 2, 1, 1]
    assert branches.held([1, 3]).tolist() == [2, 1, 1, 1, 0, 1]
    assert branches.below(0, None).tolist() == [101, 102] and branches.below(3, [3]).tolist() == [104]


def test_the_passages_below_a_node_are_those_of_its_branches(reader: IndexReader) -> None:
    grown(reader)
    with reader.snapshot(who=HR) as snapshot:
        branches = view.branches(snapshot)
        assert branches is not None
        assert view.branches(snapshot) is branches
        below = {n.id: n.parent_id for n in tree.nodes(snapshot.connection)}
        expected: dict[int, set[int]] = {id: set() for id in below}
        for key, id in tree.leaves(snapshot.connection):
            at: int | None = id
            while at is not None:
                expected[at].add(key)
                at = below[at]
        assert {int(id): set(branches.below(n, None).tolist()) for n, id in enumerate(branches.ids)} == expected
        assert max(branches.levels) >= 2


# searching


def test_a_passage_under_the_right_summary_passes_one_that_is_nearer_by_itself(reader: IndexReader) -> None:
    grown(reader, replace(HOW, levels=1))
    question = "oak built barges towed coal storm"
    with reader.snapshot(who=EVERYONE) as snapshot:
        vector = EMBEDDER.embed([question], "query")[0]
        near = snapshot.search_dense(vector, EMBEDDER.id, k=50)
        texts = {key: chunk.text for key, (chunk, _) in snapshot.chunks([key for key, _ in near]).items()}
        found = tree_search.search(Query(question, vector, EMBEDDER.id, None, 50), snapshot, replace(HOW, entries=1))
    alone = [texts[key] for key, _ in near]
    assert alone.index(DISTRACTING) < alone.index(TUG[2])
    assert {texts[key] for key in found} >= set(TUG) and DISTRACTING not in {texts[key] for key in found}
    hits = [hit.chunk.text for hit in asked(reader, question, replace(HOW, entries=1, weight=1.0), k=50).hits]
    assert hits.index(TUG[2]) < hits.index(DISTRACTING)
    assert "Ottilie" in told(asked(reader, question)) and "level 1" in told(asked(reader, question))


@pytest.mark.parametrize("mode", ["collapsed", "traverse"])
def test_no_eye_is_led_through_a_summary_of_what_it_may_not_see(reader: IndexReader, mode: str) -> None:
    how = replace(HOW, mode=mode, entries=50, beam=50)  # type: ignore[arg-type]
    grown(reader, how)
    mine = asked(reader, "the wage of grade 3 in crowns", how, k=50)
    assert "wage" not in told(mine) and all("wage" not in hit.chunk.text for hit in mine.hits)
    theirs = asked(reader, "the wage of grade 3 in crowns", how, who=HR, k=50)
    assert "wage" in told(theirs) and theirs.hits[0].scores["tree"] > 0
    assert asked(reader, "wage", how, who=Principal("other")).hits == ()


@pytest.mark.parametrize("mode", ["collapsed", "traverse"])
def test_a_filter_holds_in_the_tree_too(reader: IndexReader, mode: str) -> None:
    how = replace(HOW, mode=mode)  # type: ignore[arg-type]
    grown(reader, how)
    hits = asked(reader, "soup with beans", how, where=Compare("meta.kind", "=", "ship"), k=50).hits
    assert {hit.document.uri for hit in hits} == {"/docs/tug.md"} and any("tree" in hit.scores for hit in hits)


def test_without_a_tree_or_with_one_of_another_embedder_search_goes_on_and_says_so(reader: IndexReader) -> None:
    assert asked(reader, "the tug").hits and "wellread index tree" in told(asked(reader, "the tug"))
    assert tree_search.retriever(replace(HOW, mode="off")) == ()
    grown(reader)
    with reader.store.writing() as tx:
        tree.set_shape(tx, {**tree.shape(tx.connection), "embedder": "test:other"})
        tx.bump()
    assert "another embedder" in told(asked(reader, "the tug"))


def test_words_alone_are_searched_without_the_tree(reader: IndexReader) -> None:
    grown(reader)
    parts = SearchParts(reader, EMBEDDER, retrievers=tree_search.retriever(HOW))
    result = search("tug", parts, SearchSettings(RetrieveSettings(mode="bm25")), who=EVERYONE)
    assert result.hits and "summaries" not in next(s for s in result.stages if s.name == "search").detail


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"cluster_size": 3}, {"levels": 0}, {"weight": 1.5}, {"beam": 0}, {"entries": 0}, {"sentences": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TreeSettings(**wrong)  # type: ignore[arg-type]
