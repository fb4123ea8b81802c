"""The graph of names while another process changes the documents under it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.index.bases import Overtaken, WordEmbedder, filled, ready

from wellread.documents.changes import Gone
from wellread.index.graph import build, communities
from wellread.index.graph import check as graph_check
from wellread.index.graph import rows as graph
from wellread.index.graph.build import GraphModels, GraphUpdate
from wellread.index.graph.schema import graph_entities
from wellread.index.graph.settings import GraphSettings
from wellread.store import check
from wellread.store.engine.api import Store

SETTINGS = GraphSettings(mode="both", most=1.0, same=1.0, size=2)
BUILT = "The Gannet Bay was built at Thornsund Yard in 2009."
BERTH = "At Linkspan North lies Gannet Bay when the wind is west."
CREW = "The purser Odile Marchetti sails on the Gannet Bay."


OTHERS = [ready(f"/docs/{n}", f"In town {n} Rita Roe{n} meets Otto Ost{n} at Cafe Blau{n}.") for n in range(9)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """What the other process has open."""
    with Store.open(tmp_path) as store:
        yield store


def updated(store: Store, first: Callable[[], object], after: int, how: GraphSettings = SETTINGS) -> GraphUpdate:
    """The graph comes into step; somebody else does ``first`` before the write that comes after so many."""
    with Overtaken.open(store.folder) as mine:
        mine.first, mine.after = first, after
        done = build.update(mine, GraphModels(WordEmbedder(), WordEmbedder()), how)
        assert mine.first is None
    return done


def said(store: Store) -> str:
    """All summaries of groups."""
    with store.reading() as connection:
        return "\n".join(community.summary for community in graph.communities(connection, allowed=None))


def sound(store: Store) -> None:
    assert check.check(store) == []
    with store.reading() as connection:
        assert list(graph_check.check(connection)) == []
        used = set(connection.execute(select(graph_entities.c.community_id).distinct()).scalars()) - {None}
        assert {community.id for community in graph.communities(connection, allowed=None)} == used


def test_a_summary_of_a_passage_that_was_deleted_meanwhile_is_not_written(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/docs/a.md", BUILT, BERTH), ready("/docs/c.md", CREW), *OTHERS)
    # three writes: what was read, where the names belong, and what the groups say
    updated(store, lambda: filled(store, WordEmbedder(), Gone("/docs/c.md", None)), after=2)
    assert "Odile" not in said(store)
    with store.reading() as connection:
        assert graph.communities(connection, allowed=None, dirty=True)
    build.update(store, GraphModels(WordEmbedder(), WordEmbedder()), SETTINGS)
    assert "Gannet Bay" in said(store) and "Odile" not in said(store)
    sound(store)


def test_a_group_whose_names_are_all_gone_is_gone_with_them(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/docs/a.md", BUILT, BERTH), *OTHERS)
    build.update(store, GraphModels(WordEmbedder(), WordEmbedder()), SETTINGS)
    assert "Gannet Bay" in said(store)
    filled(store, WordEmbedder(), Gone("/docs/a.md", None))
    assert "Gannet Bay" not in said(store) and "Rita Roe1" in said(store)
    sound(store)


def test_names_that_go_while_they_are_compared_are_taken_for_nothing(store: Store) -> None:
    near = ready("/docs/c.md", "The Gannet Bay Ferry passes Thornsund Yard North at noon.")
    filled(store, WordEmbedder(), ready("/docs/a.md", BUILT, BERTH), near, *OTHERS)
    how = replace(SETTINGS, same=0.5)
    updated(store, lambda: filled(store, WordEmbedder(), Gone("/docs/c.md", None)), after=1, how=how)
    sound(store)


def test_names_whose_group_goes_while_they_are_placed_find_another(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/docs/a.md", BUILT), *OTHERS)
    models = GraphModels(WordEmbedder(), WordEmbedder())
    build.update(store, models, SETTINGS)
    filled(store, WordEmbedder(), ready("/docs/b.md", BERTH))

    def scattered() -> None:
        with store.writing() as tx:
            communities.place(tx, dict.fromkeys(tx.connection.execute(select(graph_entities.c.id)).scalars()))

    updated(store, scattered, after=1)
    assert "Linkspan North" in said(store)
    sound(store)
