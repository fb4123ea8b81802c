from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread.documents.changes import Gone
from wellread.index.graph import build
from wellread.index.graph.build import GraphModels
from wellread.index.graph.settings import GraphSettings
from wellread.index.open import IndexReader
from wellread.retrieve.parts import SearchParts, SearchResult, SearchSettings, to_log
from wellread.retrieve.retrievers import graph as graph_search
from wellread.retrieve.search import search
from wellread.retrieve.settings import RetrieveSettings, RewriteSettings
from wellread.store.engine.api import Store
from wellread.types import Compare, Principal

# the question names the linkspan; the yard is said of the ship, which the question does not name
BERTH = "At the older linkspan in the north lies Gannet Bay."
YARD = "All steel parts for Gannet Bay came from Thornsund."
SECRET = "In secret Odile Marchetti sold Gannet Bay to Otto Ost."
QUESTION = "older linkspan north"
SETTINGS = GraphSettings(mode="local", most=1.0, same=1.0)
CREW = Principal(groups=frozenset({"crew"}))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[IndexReader]:
    with Store.open(tmp_path) as store:
        noise = [ready(f"/docs/{n}.md", f"timetable of route {n} hangs by hall {n}") for n in range(60)]
        secret = ready("/docs/secret.md", SECRET, labels=["crew"])
        filled(store, WordEmbedder(), ready("/docs/berth.md", BERTH), ready("/docs/yard.md", YARD), secret, *noise)
        built(store)
        yield IndexReader(store)


def built(store: Store) -> None:
    build.update(store, GraphModels(WordEmbedder(), WordEmbedder()), replace(SETTINGS, size=2))


def found(
    reader: IndexReader, settings: GraphSettings = SETTINGS, question: str = QUESTION, **other: object
) -> SearchResult:
    who = other.pop("who", EVERYONE)
    parts = SearchParts(reader, WordEmbedder(), retrievers=graph_search.retrievers(settings))
    sections = SearchSettings(retrieve=RetrieveSettings(candidates=20), rewrite=RewriteSettings(spelling=False))
    return search(question, parts, sections, who=who, k=40, **other)  # type: ignore[arg-type]


def places(result: SearchResult) -> dict[str, int]:
    return {hit.document.uri: n for n, hit in enumerate(result.hits)}


def told(result: SearchResult) -> dict[str, object]:
    return dict(next(stage.detail for stage in result.stages if stage.name == "search"))


def test_the_second_hop_is_found_by_the_name_that_both_passages_share(reader: IndexReader) -> None:
    without, local = found(reader, replace(SETTINGS, mode="off")), found(reader)
    assert places(without)["/docs/berth.md"] == places(local)["/docs/berth.md"] == 0
    assert places(without).get("/docs/yard.md", 99) > 2
    assert places(local)["/docs/yard.md"] == 1
    hit = local.hits[1]
    assert hit.scores["names"] > 0 and hit.chunk.text == YARD


def test_a_search_says_which_names_it_found_and_by_way_of_which_it_went(reader: IndexReader) -> None:
    detail = told(found(reader))
    assert detail["by way of"] == (("Gannet Bay", "2 passages"),)
    assert detail["names of the question"] == ()
    detail = told(found(reader, question="who knows gannet bay or thornsund?"))
    assert detail["names of the question"] == (
        ("Gannet Bay", "2 passages"), ("Thornsund", "1 passage, leads nowhere"),
    )  # fmt: skip


def test_groups_lead_to_passages_and_are_named(reader: IndexReader) -> None:
    result = found(reader, replace(SETTINGS, mode="global"), question="what steel parts came from Thornsund")
    detail = told(result)
    entered = detail["groups entered"]
    assert isinstance(entered, tuple) and entered[0][0] == "Gannet Bay, Thornsund" and entered[0][2] == "2 passages"
    assert {hit.document.uri for hit in result.hits if "groups" in hit.scores} == {"/docs/berth.md", "/docs/yard.md"}
    assert all(hit.document.uri not in str(entered) for hit in result.hits)


@pytest.mark.parametrize("mode", ["local", "global", "both"])
def test_nothing_that_may_not_be_seen_is_found_walked_or_told(reader: IndexReader, mode: str) -> None:
    settings = replace(SETTINGS, mode=mode)  # type: ignore[arg-type]
    question = f"{QUESTION}, Otto Ost or Odile Marchetti"
    blind = found(reader, settings, question)
    assert "Odile" not in str(blind) and "Otto" not in str(blind) and "3 passages" not in str(told(blind))
    crew = found(reader, settings, question, who=CREW)
    assert "Odile Marchetti" in str(told(crew)) and "/docs/secret.md" in places(crew)


def test_what_a_filter_leaves_out_is_not_found_by_name_either(reader: IndexReader) -> None:
    only = found(reader, where=Compare("uri", "=", "/docs/berth.md"))
    assert places(only) == {"/docs/berth.md": 0}


def test_groups_are_chosen_among_those_with_a_passage_that_the_filter_leaves(reader: IndexReader) -> None:
    one = replace(SETTINGS, mode="global", communities=1)
    question = "timetable of Route Street and Hall Street by Thornsund"
    noise = [ready(f"/docs/street{n}.md", f"Timetable of Route Street by Hall Street, part {n}.") for n in range(3)]
    filled(reader.store, WordEmbedder(), *noise)
    built(reader.store)
    everywhere = told(found(reader, one, question))["groups entered"]
    assert "Route Street" in str(everywhere)
    within = found(reader, one, question, where=Compare("uri", "=", "/docs/yard.md"))
    assert told(within)["groups entered"] == (("Gannet Bay, Thornsund", pytest.approx(0.3, abs=0.3), "1 passage"),)
    assert [hit.document.uri for hit in within.hits if "groups" in hit.scores] == ["/docs/yard.md"]
    nowhere = told(found(reader, one, question, where=Compare("uri", "=", "/docs/7.md")))
    assert nowhere["groups entered"] == () and "graph" not in nowhere


def test_a_name_that_is_gone_leads_nowhere_at_once(reader: IndexReader) -> None:
    filled(reader.store, WordEmbedder(), Gone("/docs/yard.md", None))
    assert "Thornsund" not in str(found(reader)) and "by way of" in told(found(reader))
    assert told(found(reader))["by way of"] == ()


def test_a_base_without_a_graph_says_how_to_get_one(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        filled(store, WordEmbedder(), ready("/docs/berth.md", BERTH))
        result = found(IndexReader(store))
        assert "wellread graph build" in str(told(result)["graph"]) and len(result.hits) == 1


def test_names_that_a_search_tells_do_not_get_into_the_log(reader: IndexReader) -> None:
    result = found(reader, replace(SETTINGS, mode="both"), question="what came from Thornsund")
    assert "Gannet Bay" in str(told(result)) and "Thornsund" in str(told(result))
    logged = to_log(result.stages)
    assert "Gannet Bay" not in str(logged) and "Thornsund" not in str(logged)
    assert [stage.name for stage in logged] == [stage.name for stage in result.stages]


def test_summaries_of_another_embedder_are_not_compared_and_said(reader: IndexReader) -> None:
    other = GraphModels(WordEmbedder(id="test:other"), WordEmbedder())
    build.update(reader.store, other, replace(SETTINGS, size=2))
    result = found(reader, replace(SETTINGS, mode="global"), question="what steel parts came from Thornsund")
    assert "another embedder" in str(told(result)["graph"]) and told(result)["groups"] == 0
    built(reader.store)
    assert "graph" not in told(found(reader, replace(SETTINGS, mode="global"), question="steel parts from Thornsund"))


def test_settings_that_cannot_be_are_refused_with_their_name() -> None:
    for name, value in (("passages", 0), ("weight", 1.5), ("damping", 1.0), ("npmi", 2.0), ("resolution", 0.0)):
        with pytest.raises(ValueError, match=f"{name}: "):
            replace(SETTINGS, **{name: value})
