from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread import config
from wellread.documents.changes import Gone
from wellread.errors import ModelUnavailable, UsageError
from wellread.index import check as index_check
from wellread.index.graph import build
from wellread.index.graph import check as graph_check
from wellread.index.graph import rows as graph
from wellread.index.graph.build import GraphModels, GraphUpdate
from wellread.index.graph.export import graphml
from wellread.index.graph.open import Graph, graph_of
from wellread.index.graph.schema import graph_entities, graph_mentions, graph_passages
from wellread.index.graph.settings import GraphSettings
from wellread.index.open import IndexReader
from wellread.models import select as select_model
from wellread.models.api import Message, Reply, Sampling
from wellread.models.settings import ChatSettings
from wellread.store import check
from wellread.store.engine.api import Store
from wellread.store.schema import chunks as chunk_table
from wellread.types import Principal, Usage

SETTINGS = GraphSettings(mode="both", most=1.0, same=1.0)
BUILT = "The Gannet Bay was built at Thornsund Yard in 2009."
BERTH = "At Linkspan North lies Gannet Bay when the wind is west."
YARD = "Thornsund Yard belongs to Pelly Daughters since the spring."
CREW = "The purser Odile Marchetti sails on the Gannet Bay."
CREWS = Principal(groups=frozenset({"crew"}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as store:
        yield store


def put(store: Store, *changes: object) -> None:
    filled(store, WordEmbedder(), *changes)  # type: ignore[arg-type]


def updated(store: Store, how: GraphSettings = SETTINGS, whole: bool = False, **other: object) -> GraphUpdate:
    return build.update(store, GraphModels(WordEmbedder(), WordEmbedder(), **other), how, whole=whole)  # type: ignore[arg-type]


def seen(store: Store, who: Principal = EVERYONE, how: GraphSettings = SETTINGS) -> Graph:
    with IndexReader(store).snapshot(who=who) as snapshot:
        return graph_of(snapshot, how)


def known(store: Store, who: Principal = EVERYONE, how: GraphSettings = SETTINGS) -> set[str]:
    return {node.name for node in seen(store, who, how).nodes}


def node(graph: Graph, name: str) -> int:
    return next(n for n, node in enumerate(graph.nodes) if node.name == name)


def rows(store: Store) -> dict[str, dict[int, tuple[object, ...]]]:
    """Every row of the graph by table and id."""
    found: dict[str, dict[int, tuple[object, ...]]] = {}
    with store.reading() as connection:
        for name in ("graph_passages", "graph_entities", "graph_edges", "graph_communities"):
            every = connection.exec_driver_sql(f"SELECT * FROM {name}").all()
            found[name] = {row.id: tuple(row) for row in every}
        mentions = connection.execute(select(graph_mentions)).all()
        found["graph_mentions"] = {hash(tuple(row)): tuple(row) for row in mentions}
    return found


def sound(store: Store) -> None:
    """Every mention and every relation stands where it says; nothing refers to what is gone; no community is stale."""
    assert check.check(store) == []
    with store.reading() as connection:
        assert list(graph_check.check(connection)) == []
        held = (
            select(graph_entities.c.name, graph_entities.c.key, chunk_table.c.text, graph_mentions.c.start,
                   graph_mentions.c.end, chunk_table.c.access_id, graph_entities.c.access_id.label("of"))
            .join(graph_mentions, graph_mentions.c.entity_id == graph_entities.c.id)
            .join(graph_passages, graph_passages.c.id == graph_mentions.c.passage_id)
            .join(chunk_table, chunk_table.c.key == graph_passages.c.chunk_key)
        )  # fmt: skip
        found = connection.execute(held).all()
        assert len(found) == len(connection.execute(select(graph_mentions)).all())
        for row in found:
            assert row.access_id == row.of
            assert build.names.key_of(row.text[row.start : row.end]) == row.key
        assert not graph.communities(connection, allowed=None, dirty=True)
        assert not graph.entities(connection, allowed=None, fresh=True)
        chunks = {row.key for row in connection.execute(select(chunk_table.c.key))}
        assert chunks == {row.chunk_key for row in connection.execute(select(graph_passages.c.chunk_key))}


def test_names_and_relations_keep_the_place_that_they_come_from(store: Store) -> None:
    put(store, ready("/docs/history.md", "Notes.", BUILT), ready("/docs/berths.md", BERTH))
    done = updated(store)
    assert (done.passages, done.entities, done.relations, done.read) == (3, 3, 2, 3)
    sound(store)
    bay = seen(store).nodes[node(seen(store), "Gannet Bay")]
    assert bay.passages == 2
    with store.reading() as connection:
        said = graph.statements(connection, bay.entity_ids, who=EVERYONE)
        places = graph.places(connection, bay.entity_ids, who=EVERYONE)
    assert [(one.source.uri, one.label, one.quote) for one in said] == [
        ("/docs/berths.md", "lies", BERTH), ("/docs/history.md", "was built at", BUILT),
    ]  # fmt: skip
    text = f"Notes.\n\n{BUILT}"
    assert said[1].source.version == 1 and text[said[1].source.start : said[1].source.end] == BUILT
    assert [text[p.start : p.end] for p in places if p.uri == "/docs/history.md"] == ["Gannet Bay"]


def test_a_changed_document_touches_only_its_own_rows(store: Store) -> None:
    others = [ready(f"/docs/{n}", f"In town {n} Rita Roe{n} meets Otto Ost{n} at Cafe Blau{n}.") for n in range(30)]
    put(store, *others, ready("/docs/a.md", BUILT, YARD, BERTH))
    updated(store)
    before = rows(store)
    put(store, ready("/docs/a.md", BUILT, YARD, "At Linkspan South lies Gannet Bay today.", replaces=True))
    done = updated(store)
    after = rows(store)
    assert (done.read, done.named, done.summed) == (1, 1, 1)
    sound(store)
    assert {"Linkspan South"} == known(store) - {row[3] for row in before["graph_entities"].values()}
    assert "Linkspan North" not in known(store)
    changed = {
        name: sum(before[name].get(id) != after[name].get(id) for id in before[name].keys() | after[name].keys())
        for name in before
    }
    # two passages follow their chunks by key, one goes and one comes; a name, its edge and its two mentions each way
    assert changed == {
        "graph_passages": 4, "graph_entities": 2, "graph_edges": 2, "graph_communities": 1, "graph_mentions": 4,
    }  # fmt: skip
    assert updated(store).read == 0 and rows(store) == after


def test_the_graph_after_changes_holds_the_names_of_one_built_anew(store: Store) -> None:
    put(store, ready("/docs/a.md", BUILT, YARD), ready("/docs/b.md", BERTH), ready("/docs/c.md", CREW))
    updated(store)
    put(store, ready("/docs/a.md", BERTH, YARD, replaces=True), Gone("/docs/c.md", None))
    updated(store)
    grown, edges = known(store), seen(store).edges[:, 2].sum()
    updated(store, whole=True)
    assert grown == known(store) and edges == seen(store).edges[:, 2].sum()
    sound(store)


def test_a_deleted_document_leaves_no_name_no_relation_and_no_summary(store: Store) -> None:
    put(store, ready("/docs/a.md", BUILT, BERTH, YARD), ready("/docs/c.md", CREW))
    updated(store, replace(SETTINGS, size=2))
    with store.reading() as connection:
        assert any("Odile Marchetti" in c.summary for c in graph.communities(connection, allowed=None))
    put(store, Gone("/docs/c.md", None))
    with store.reading() as connection:  # before any update
        assert not any("Odile" in c.summary for c in graph.communities(connection, allowed=None))
    assert "Odile Marchetti" not in known(store)
    store.checkpoint()
    data = b"".join(path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    assert b"odile marchetti" not in data.lower()
    updated(store)
    sound(store)


def test_names_of_documents_that_may_not_be_seen_are_in_no_walk_and_no_summary(store: Store) -> None:
    put(store, ready("/docs/a.md", BUILT, BERTH), ready("/docs/pay.md", CREW, labels=["crew"]))
    updated(store, replace(SETTINGS, size=2))
    open_to_all, with_crew = seen(store), seen(store, CREWS)
    assert known(store) == {"Gannet Bay", "Thornsund Yard", "Linkspan North"}
    assert known(store, CREWS) == {*known(store), "Odile Marchetti"}
    assert open_to_all.nodes[node(open_to_all, "Gannet Bay")].passages == 2
    assert with_crew.nodes[node(with_crew, "Gannet Bay")].passages == 3  # one name over both kinds of documents
    assert len(open_to_all.chunks) == 2 and len(open_to_all.mentions) == 4
    assert not any("Odile" in c.summary for c in open_to_all.communities)
    assert any("Odile" in c.summary for c in with_crew.communities)
    with store.reading() as connection:
        ids = with_crew.nodes[node(with_crew, "Gannet Bay")].entity_ids
        assert "Odile" not in str(graph.statements(connection, ids, who=EVERYONE))
        assert "Odile" in str(graph.statements(connection, ids, who=CREWS))


def test_a_new_label_takes_the_names_away_from_those_without_it(store: Store) -> None:
    put(store, ready("/docs/a.md", BUILT), ready("/docs/c.md", CREW))
    updated(store)
    put(store, ready("/docs/c.md", CREW, labels=["crew"], replaces=True))
    assert "Odile Marchetti" not in known(store) | known(store, CREWS)  # until it is read again
    updated(store)
    assert "Odile Marchetti" in known(store, CREWS) - known(store)
    sound(store)


def test_an_abbreviation_and_its_long_form_are_one_name_unless_it_has_several(store: Store) -> None:
    explained = "The safety management system (SMS) is old. The master plan board (MPB) and Mole Pier Bakery (MPB) met."
    put(store, ready("/docs/a.md", explained), ready("/docs/b.md", "In May SMS was checked by Otto Ost, MPB too."))
    updated(store)
    found = seen(store)
    assert found.by_key["sms"] == found.by_key["safety management system"]
    assert found.nodes[found.by_key["sms"]].passages == 2
    assert found.by_key["mpb"] != found.by_key["mole pier bakery"]


def test_names_that_mean_the_same_are_one_and_numbers_apart(store: Store) -> None:
    one = "In spring the Federal Reserve Board met Otto Ost."
    other = "In autumn the Board Federal Reserve met Rita Roe on Line 2 and on Line 3."
    put(store, ready("/docs/a.md", one), ready("/docs/b.md", other))
    assert updated(store, replace(SETTINGS, same=0.95)).merged == 1
    found = seen(store, how=replace(SETTINGS, same=0.95))
    assert found.by_key["federal reserve board"] == found.by_key["board federal reserve"]
    assert found.by_key["line 2"] != found.by_key["line 3"]
    put(store, Gone("/docs/b.md", None))
    assert updated(store, replace(SETTINGS, same=0.95)).merged == 0
    sound(store)


def test_groups_hold_names_that_hang_together_and_new_names_join_them(store: Store) -> None:
    ferry = [
        f"{a} meets {b} often."
        for a, b in (("Anna Aal", "Bert Bok"), ("Bert Bok", "Cora Cod"), ("Anna Aal", "Cora Cod"))
    ]
    farm = [
        text.replace("Anna Aal", "Dora Dun").replace("Bert Bok", "Emil Elk").replace("Cora Cod", "Fred Fox")
        for text in ferry
    ]
    put(
        store,
        ready("/docs/a.md", *[f"On board {t}" for t in ferry]),
        ready("/docs/b.md", *[f"At home {t}" for t in farm]),
    )
    updated(store)
    found = seen(store)
    group = {n.name: n.communities for n in found.nodes}
    assert group["Anna Aal"] == group["Bert Bok"] == group["Cora Cod"] != group["Dora Dun"] == group["Fred Fox"]
    assert sum(bool(c.summary) for c in found.communities) == 2
    put(store, ready("/docs/c.md", "On board Gerd Gans meets Anna Aal."))
    assert updated(store).regrouped == 1
    assert {n.name: n.communities for n in seen(store).nodes} == {**group, "Gerd Gans": group["Anna Aal"]}
    sound(store)


SENTENCES = (BUILT, BERTH, YARD, CREW, "Nothing is named here at all.", "Rita Roe met Otto Ost on Line 2.")
CHANGES = st.tuples(st.integers(0, 3), st.lists(st.sampled_from(SENTENCES), max_size=3, unique=True), st.booleans())


@given(st.lists(CHANGES, min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_whatever_comes_and_goes_the_graph_is_the_one_that_would_be_built_anew(
    changes: list[tuple[int, list[str], bool]],
) -> None:
    with TemporaryDirectory() as folder, Store.open(folder) as store:
        there: set[int] = set()
        for number, texts, hidden in changes:
            uri, labels = f"/docs/{number}.md", ["crew"] if hidden else []
            if texts:
                put(store, ready(uri, *texts, labels=labels, replaces=number in there))
                there.add(number)
            elif number in there:
                put(store, Gone(uri, None))
                there.discard(number)
            updated(store)
            sound(store)
        assert updated(store).read == updated(store).summed == 0
        grown = [facts(store, who) for who in (EVERYONE, CREWS)]
        updated(store, whole=True)
        assert grown == [facts(store, who) for who in (EVERYONE, CREWS)]
        sound(store)


def facts(store: Store, who: Principal) -> tuple[object, ...]:
    """What somebody sees of the graph, groups apart: names with their passages, and how often which are related."""
    found = seen(store, who)
    names = [node.keys[0] for node in found.nodes]
    related = sorted((*sorted((names[i], names[j])), n) for i, j, n in found.edges.tolist())
    return sorted((node.keys[0], node.passages) for node in found.nodes), related


# walking


def test_a_walk_is_personalised_pagerank(store: Store) -> None:
    networkx = pytest.importorskip("networkx", reason="held against networkx where it is installed")
    put(
        store,
        ready("/docs/a.md", BUILT, BERTH, YARD),
        ready("/docs/c.md", CREW, "Pelly Daughters met Odile Marchetti."),
    )
    updated(store)
    found = replace(seen(store), settings=replace(SETTINGS, least=1))
    begins, ends, chances = found._walk
    theirs = networkx.DiGraph()
    theirs.add_nodes_from(range(len(found.nodes) + len(found.chunks)))
    for one, other, chance in zip(begins.tolist(), ends.tolist(), chances.tolist(), strict=True):
        weight = theirs.get_edge_data(one, other, {"weight": 0.0})["weight"]
        theirs.add_edge(one, other, weight=weight + chance)
    bay = node(found, "Gannet Bay")
    names, passages = found.walked({bay: 1.0}, {}, 0.2)
    wanted = networkx.pagerank(theirs, alpha=0.5, personalization={bay: 1.0}, tol=1e-12)
    ours = np.concatenate([names, passages])
    ours[bay] += 0.5  # what lies at the beginning is left out
    assert ours == pytest.approx([wanted[n] for n in range(len(ours))], abs=1e-5)


def test_one_step_adds_what_other_passages_of_the_beginning_say_by_hand(store: Store) -> None:
    put(store, ready("/docs/a.md", BUILT, BERTH, YARD))  # they name bay and yard, north and bay, yard and pelly
    updated(store)
    found = replace(seen(store), settings=replace(SETTINGS, least=1))
    bay, yard = node(found, "Gannet Bay"), node(found, "Thornsund Yard")
    tells = np.log1p(3 / np.array([node.passages for node in found.nodes]))
    names, passages = found.shared({}, {0: 3.0}, 0.2)
    assert passages == pytest.approx([0.0, tells[bay], tells[yard]]) and names[[bay, yard]] == pytest.approx(tells[bay])
    _, passages = found.shared({}, {0: 3.0, 1: 1.0}, 0.2)  # 3/4 and 1/4: each leads to the other by bay
    assert passages == pytest.approx([0.25 * tells[bay], 0.75 * tells[bay], 0.75 * tells[yard]])
    _, passages = found.shared({yard: 9.0}, {1: 1.0}, 0.2)  # a fifth begins at the name of the question
    assert passages == pytest.approx([0.8 * tells[bay] + 0.2 * tells[yard], 0.0, 0.2 * tells[yard]])
    assert found.shared({}, {}, 0.2)[1].tolist() == [0.0, 0.0, 0.0]


def test_names_that_stand_in_one_passage_or_in_too_many_lead_nowhere(store: Store) -> None:
    texts = [f"The Gannet Bay meets Otto {'EO'[n % 2]}st and Rita {chr(65 + n)}oe." for n in range(20)]
    put(store, ready("/docs/a.md", *texts))
    updated(store)
    found = replace(seen(store), settings=replace(SETTINGS, most=0.6))
    telling = {found.nodes[n].name: bool(t > 0) for n, t in enumerate(found.telling)}
    assert telling["Gannet Bay"] is False and telling["Rita Doe"] is False and telling["Otto Ost"] is True
    start = found.place_of[int(found.chunks[0])]
    _, passages = found.walked({}, {start: 1.0}, 0.2)
    assert [bool(p > 0) for p in passages] == [n % 2 == 0 for n in range(20)]
    assert found.named_in("Does Rita Doe know otto OST?").keys() == {
        node(found, "Rita Doe"),
        node(found, "Otto Ost"),
    }


def test_a_graph_that_was_altered_on_disk_is_found_out(store: Store) -> None:
    put(store, ready("/docs/a.md", BUILT, BERTH))
    updated(store)
    assert index_check.check(store) == []
    for change in (
        "UPDATE graph_edges SET label = 'was sold to' WHERE label = 'was built at'",
        'UPDATE graph_mentions SET "end" = "end" + 1 WHERE start > 5',
        "UPDATE graph_entities SET key = 'gannet boy' WHERE key = 'gannet bay'",
        "UPDATE graph_passages SET chunk_key = 77 WHERE id = 1",
    ):
        with pytest.raises(RuntimeError, match="undone"), store.writing() as tx:
            assert tx.connection.exec_driver_sql(change).rowcount > 0
            assert list(graph_check.check(tx.connection))
            raise RuntimeError("undone")
    assert index_check.check(store) == []
    with store.writing() as tx:  # what a model said cannot be said again; its names are looked for
        tx.connection.exec_driver_sql("UPDATE graph_passages SET extractor = 'chat:1:x'")
        assert list(graph_check.check(tx.connection)) == []
        tx.connection.exec_driver_sql("UPDATE graph_entities SET key = 'gannet boy' WHERE key = 'gannet bay'")
        assert len(list(graph_check.check(tx.connection))) == 2


# a chat model


class Lists:
    """A chat model that lists two statements of any passage, of which one names something that is not there."""

    name, context_tokens, remote = "test:lists", 2000, None

    def __init__(self, fails_after: int = 10**6) -> None:
        self.asked: list[str] = []
        self.fails_after = fails_after

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        if len(self.asked) >= self.fails_after:
            raise ModelUnavailable("the model does not answer; start it")
        self.asked.append(messages[-1].content)
        return Reply("Gannet Bay | was made by | Thornsund Yard\nGannet Bay | sails to | Shanghai", Usage(calls=1))


CHAT = replace(SETTINGS, extractor="chat")


def test_a_model_gives_relations_and_what_it_invents_is_dropped(store: Store) -> None:
    chat = Lists()
    put(store, ready("/docs/a.md", BUILT, BERTH))
    done = updated(store, CHAT, chat=lambda: chat, chat_name="test:lists")
    assert (done.read, done.calls, done.dropped, done.relations) == (2, 2, 3, 1)
    assert "Shanghai" not in known(store) and "Linkspan North" in known(store)  # names by rules stay
    assert updated(store, CHAT, chat=lambda: chat, chat_name="test:lists").calls == 0
    put(store, ready("/docs/a.md", BUILT, BERTH, YARD, replaces=True))
    assert updated(store, CHAT, chat=lambda: chat, chat_name="test:lists").calls == 1
    assert BUILT in chat.asked[0] and YARD in chat.asked[-1]
    assert updated(store, CHAT, chat=lambda: chat, chat_name="test:other").read == 3  # another model reads again
    sound(store)


def test_reading_that_was_cut_off_goes_on_where_it_was(store: Store) -> None:
    put(store, ready("/docs/a.md", BUILT, BERTH, YARD))
    with pytest.raises(ModelUnavailable):
        updated(store, CHAT, chat=lambda: Lists(fails_after=2), chat_name="test:lists")
    assert len(seen(store).chunks) == 2
    assert updated(store, CHAT, chat=lambda: Lists(), chat_name="test:lists").read == 1
    sound(store)


def test_a_model_that_is_asked_for_and_not_set_is_said(store: Store) -> None:
    put(store, ready("/docs/a.md", BUILT))
    with pytest.raises(UsageError, match=r"chat\.model is empty"):
        updated(store, CHAT)


def test_a_model_writes_summaries_of_groups_where_it_is_asked_to(store: Store) -> None:
    put(store, ready("/docs/a.md", BUILT, BERTH, YARD))
    chat = Lists()
    done = updated(store, replace(SETTINGS, summaries="chat", size=2), chat=lambda: chat)
    assert done.summed == done.calls == 2 and done.usage.calls == 2
    with store.reading() as connection:
        made = graph.communities(connection, allowed=None)
    assert [c.made_by for c in made] == ["test:lists"] * 2 and "Shanghai" in made[0].summary
    assert any(BERTH in asked for asked in chat.asked) and any(YARD in asked for asked in chat.asked)


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_model_gives_only_relations_between_names_that_stand_in_the_passage(store: Store) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: pip install 'wellread[llama]'")
    name = "llama:smollm2-135m"
    put(store, ready("/docs/a.md", BUILT))
    done = updated(
        store, CHAT, chat=lambda: select_model.chat(ChatSettings(name), config.models_folder()), chat_name=name
    )
    assert done.read == done.calls == 1
    sound(store)
    found = seen(store)
    ids = [id for node in found.nodes for id in node.entity_ids]
    with store.reading() as connection:
        said = graph.statements(connection, ids, who=EVERYONE)
    names = {id: node.keys[0] for node in found.nodes for id in node.entity_ids}
    for one in said:
        words = f" {build.names.key_of(one.quote.rstrip('.'))} "
        assert f" {names[one.one_id]} " in words and f" {names[one.other_id]} " in words


# export


def test_graphml_holds_every_name_and_the_places_of_every_relation(store: Store, tmp_path: Path) -> None:
    put(store, ready("/docs/a <&\x01>.md", BUILT, BERTH), ready("/docs/c.md", CREW, labels=["crew"]))
    updated(store)
    with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
        text = "\n".join(graphml(graph_of(snapshot, SETTINGS), snapshot))
    space = "{http://graphml.graphdrawing.org/xmlns}"
    root = ElementTree.fromstring(text)
    assert len(root.findall(f".//{space}node")) == 3 and len(root.findall(f".//{space}edge")) == 2
    assert "Odile" not in text
    networkx = pytest.importorskip("networkx", reason="read back with networkx where it is installed")
    read = networkx.parse_graphml(text)
    assert {data["name"] for _, data in read.nodes(data=True)} == known(store)
    one = next(data for _, _, data in read.edges(data=True) if data["label"] == "was built at")
    assert '"start": 0' in one["sources"] and f'"end": {len(BUILT)}' in one["sources"] and one["weight"] == 1
