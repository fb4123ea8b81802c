from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.index.bases import WordEmbedder, filled, ready

from wellread.documents.changes import Gone
from wellread.errors import ModelUnavailable
from wellread.index import check as index_check
from wellread.index.tree import cluster, grow, summarise
from wellread.index.tree import rows as tree
from wellread.index.tree.grow import TreeModels, TreeUpdate
from wellread.index.tree.rows import TreeNode
from wellread.index.tree.settings import TreeSettings
from wellread.models.api import Message, Reply, Sampling
from wellread.store import check
from wellread.store.engine.api import Store
from wellread.store.migrations import steps as migrations
from wellread.store.schema import chunks as chunk_table
from wellread.types import Usage

SMALL = TreeSettings(cluster_size=4, levels=3, sentences=2)
TOPICS = ("ferry timetable harbour", "salary overtime payroll", "engine diesel piston", "soup kitchen menu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as store:
        yield store


def passage(topic: int, n: int) -> str:
    """A passage of two sentences about a topic, no two alike."""
    words = TOPICS[topic]
    return f"The {words} of number {n} is kept here. Ask about {words} at desk {n} in room {n * 7} today."


def document(n: int, topic: int, labels: Sequence[str] = (), **other: bool) -> object:
    return ready(f"/docs/{n}", passage(topic, n), labels=labels, **other)


def models(**other: object) -> TreeModels:
    return TreeModels(WordEmbedder(dim=32), WordEmbedder(dim=32), **other)  # type: ignore[arg-type]


def grown(store: Store, how: TreeSettings = SMALL, **other: object) -> TreeUpdate:
    return grow.update(store, models(**other), how)


def put(store: Store, *changes: object) -> None:
    filled(store, WordEmbedder(dim=32), *changes)  # type: ignore[arg-type]


def nodes(store: Store) -> dict[int, TreeNode]:
    with store.reading() as connection:
        return {node.id: node for node in tree.nodes(connection)}


def sound(store: Store, how: TreeSettings = SMALL) -> None:
    """Every passage hangs in one place among its own readers, no node is empty or too full, every summary is made."""
    with store.reading() as connection:
        hung = dict(tree.leaves(connection))
        every = {row.key: row.access_id for row in connection.execute(chunk_table.select())}
        known = {node.id: node for node in tree.nodes(connection)}
        assert hung.keys() == every.keys()
        assert all(known[node_id].access_id == every[key] for key, node_id in hung.items())
        n_below = [len(held) for held in tree.children(connection, known).values()]
        n_below += [list(hung.values()).count(id) for id, node in known.items() if node.level == 1]
        assert len(n_below) == len(known)
        assert all(1 <= n <= how.cluster_size for n in n_below)
        assert all(node.text and node.vector and not node.dirty for node in known.values())
        assert_summaries_follow(connection, known)
    assert check.check(store) == [] and index_check.check(store) == []


def assert_summaries_follow(connection: Connection, known: dict[int, TreeNode]) -> None:
    """Every sentence of a summary stands below it."""
    for id, node in known.items():
        below = (
            " ".join(p.text for p in tree.passages(connection, [id])[id])
            if node.level == 1
            else " ".join(child.text for child in tree.children(connection, [id])[id])
        )
        assert all(sentence in below for sentence in node.text.split("\n\n"))


# clusters


def test_two_bundles_of_vectors_become_two_groups() -> None:
    vectors = np.array([[1, 0], [0.99, 0.1], [0, 1], [0.1, 0.99]], np.float32)
    assert [group.tolist() for group in cluster.divided(vectors, 2)] == [[0, 1], [2, 3]]
    assert [len(group) for group in cluster.divided(np.ones((9, 2), np.float32), 4)] == [4, 2, 3]
    with pytest.raises(ValueError, match="at least 1"):
        cluster.divided(vectors, 0)


@given(st.integers(0, 60), st.integers(1, 13), st.integers(0, 5))
def test_groups_hold_every_vector_once_and_none_is_too_large(n: int, most: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((n, 5)).astype(np.float32)
    groups = cluster.divided(vectors, most)
    assert sorted(i for group in groups for i in group.tolist()) == list(range(n))
    assert all(1 <= len(group) <= most for group in groups)
    if n > most:
        assert min(len(group) for group in groups) >= max(1, most // 4)


# summaries


def test_the_most_central_sentence_comes_first_and_its_double_does_not_come_second() -> None:
    # the middle of the four is (0.68, 0.51) scaled: rows 0 and 1 lie nearest, row 3 is new beside row 0
    vectors = np.array([[0.8, 0.6], [0.8, 0.6], [1.0, 0.0], [0.1, 0.995]], np.float32)
    assert summarise.telling(vectors, 1) == [0]
    # beside row 0: row 1 gets 0.7 - 0.3, row 2 gets 0.7 * 0.78 - 0.3 * 0.8 = 0.30, row 3 0.7 * 0.70 - 0.3 * 0.68 = 0.29
    assert summarise.telling(vectors, 2) == [0, 1]
    assert len(summarise.telling(vectors, 9)) == 4


def test_a_summary_is_made_of_whole_sentences_in_their_order_without_headings() -> None:
    text = "# Dogs\n\nDogs travel on a lead. Dogs pay for the ferry. Cats stay in a box on board. Yes.\n"
    made = summarise.extract([text], WordEmbedder(), 2)
    assert len(made.split("\n\n")) == 2 and all(part in text for part in made.split("\n\n"))
    assert "#" not in made and "Yes." not in made
    assert summarise.extract(["no end"], WordEmbedder(), 2) == "no end"


# growing


def test_a_tree_puts_what_lies_close_under_one_summary_and_says_what_stands_there(store: Store) -> None:
    put(store, *(document(n, n % 4) for n in range(32)))
    done = grown(store)
    assert done.passages == 32 and done.made == done.nodes == len(nodes(store)) and len(done.levels) >= 2
    sound(store)
    lowest = [node for node in nodes(store).values() if node.level == 1]
    with store.reading() as connection:
        held = tree.passages(connection, [node.id for node in lowest])
    mixed = sum(len({next(t for t in TOPICS if t in p.text) for p in held[node.id]}) > 1 for node in lowest)
    assert mixed <= 1
    assert grown(store).made == 0


def test_one_changed_passage_touches_its_path_and_nothing_else(store: Store) -> None:
    put(store, *(document(n, n % 4) for n in range(60)))
    grown(store)
    before = nodes(store)
    with store.reading() as connection:
        key = next(row.key for row in connection.execute(chunk_table.select()) if "number 17 " in row.text)
        at = dict(tree.leaves(connection))[key]
    path = {at}
    while (parent := before[at].parent_id) is not None:
        path.add(at := parent)
    put(store, ready("/docs/17", passage(1, 17).replace("today", "at noon"), replaces=True))
    done = grown(store)
    after = nodes(store)
    assert 1 <= done.made <= len(path) + 2 < len(before) / 3  # at most another place on the lowest level and above it
    assert len({id for id in before if before[id] != after.get(id)} - path) <= 2
    sound(store)


def test_one_changed_document_of_a_thousand_costs_a_handful_of_summaries(store: Store) -> None:
    how = TreeSettings()
    put(store, *(document(n, n % 4) for n in range(1_000)))
    full = grown(store, how)
    before = nodes(store)
    assert full.passages == 1_000 and full.made == full.nodes == len(before) > 100
    put(store, ready("/docs/417", passage(1, 417).replace("today", "at noon"), replaces=True))
    done = grown(store, how)
    after = nodes(store)
    touched = {id for id in before.keys() | after.keys() if before.get(id) != after.get(id)}
    assert 1 <= len(touched) <= 8 and 1 <= done.made <= 8  # two paths of three levels, and a group cut in two
    assert grown(store, how).made == 0


def test_passages_that_a_new_version_keeps_keep_their_place_and_their_summary(store: Store) -> None:
    put(store, *(ready(f"/docs/{n}", *(passage(t, 10 * n + t) for t in range(4))) for n in range(6)))
    grown(store)
    before = nodes(store)
    kept = [passage(t, 30 + t) for t in range(3)]
    put(store, ready("/docs/3", *kept, passage(3, 33), replaces=True))
    assert nodes(store) == before
    assert grown(store).made == 0
    put(store, ready("/docs/3", *kept, replaces=True))
    blank = [node for node in nodes(store).values() if not node.text]
    assert blank and len({node.level for node in blank}) == len(blank)  # one path
    assert 1 <= grown(store).made <= len(blank) + 1
    sound(store)


def test_a_deleted_passage_is_in_no_summary_from_the_same_moment_on(store: Store) -> None:
    put(store, *(document(n, n % 2) for n in range(12)))
    put(store, ready("/docs/odd", *(f"The zeppelin carries {n} quartz lamps. Ottilie has lamp {n}." for n in range(5))))
    grown(store)
    assert any("zeppelin" in node.text or "Ottilie" in node.text for node in nodes(store).values())
    put(store, Gone("/docs/odd", ready("/docs/odd", "").document.id))
    assert not any("zeppelin" in node.text or "Ottilie" in node.text for node in nodes(store).values())
    store.checkpoint()
    data = b"".join(path.read_bytes() for path in store.folder.glob("store.db*"))
    assert b"The zeppelin" not in data and b"Ottilie has" not in data
    grown(store)
    sound(store)


def test_readers_with_other_labels_have_trees_of_their_own(store: Store) -> None:
    put(store, *(document(n, 0, labels=["hr"] if n % 2 else []) for n in range(20)))
    grown(store)
    sound(store)
    by_access: dict[int, str] = {}
    for node in nodes(store).values():
        by_access[node.access_id] = by_access.get(node.access_id, "") + node.text
    assert len(by_access) == 2
    numbers = [{n for n in range(20) if f"number {n} " in text} for text in by_access.values()]
    assert all(len({n % 2 for n in held}) == 1 for held in numbers)
    put(store, document(0, 0, labels=["hr"], replaces=True))  # nobody else may read it from now on
    assert len([node for node in nodes(store).values() if not node.text]) >= 1
    grown(store)
    sound(store)


def test_many_new_passages_build_anew_and_few_find_their_place(store: Store) -> None:
    put(store, *(document(n, n % 4) for n in range(8)))
    first = grown(store)
    put(store, *(document(n, n % 4) for n in range(100, 102)))
    done = grown(store)
    assert done.added == 2 and done.made < first.nodes + 2
    put(store, *(document(n, n % 4) for n in range(200, 240)))
    assert grown(store).added == 40
    sound(store)


def test_all_gone_leaves_no_node(store: Store) -> None:
    put(store, *(document(n, n % 4) for n in range(20)))
    grown(store)
    put(store, *(Gone(f"/docs/{n}", document(n, 0).document.id) for n in range(20)))  # type: ignore[attr-defined]
    assert grown(store).nodes == 0 and nodes(store) == {}
    put(store, document(1, 1))
    assert grown(store).nodes == 1
    sound(store)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_whatever_comes_and_goes_the_tree_is_sound_and_then_nothing_is_left_to_do(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    with Store.open(tmp_path_factory.mktemp("tree")) as store:
        there: set[int] = set()
        for _ in range(5):
            changes: list[object] = []
            for n in chance.sample(range(30), chance.choice((1, 3, 14))):
                labels = ["hr"] if chance.random() < 0.3 else []
                if n in there and chance.random() < 0.5:
                    changes.append(Gone(f"/docs/{n}", document(n, 0).document.id))  # type: ignore[attr-defined]
                    there.discard(n)
                else:
                    body = [passage(chance.randrange(4), chance.randrange(99)) for _ in range(chance.randint(1, 3))]
                    changes.append(ready(f"/docs/{n}", *body, labels=labels, replaces=n in there))
                    there.add(n)
            put(store, *changes)
            if chance.random() < 0.8:
                grown(store)
        grown(store)
        sound(store)
        assert grown(store).made == 0


# stopped, changed settings, a chat model

KILLED = """
import os, sys
from pathlib import Path
from tests.index import test_tree as tests
from wellread.index.tree import grow
from wellread.index.tree import rows as tree
from wellread.store.engine.api import Store
grow.BATCH, real, calls = 2, grow._batch, []
def batch(*arguments):
    real(*arguments)
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), 9)
grow._batch = batch
tests.grown(Store.open(Path(sys.argv[1])))
"""


def test_killed_in_between_the_next_run_makes_only_what_is_missing(store: Store) -> None:
    put(store, *(document(n, n % 4) for n in range(40)))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.run([sys.executable, "-c", KILLED, str(store.folder)], env=env, check=False)
    assert child.returncode == -signal.SIGKILL
    kept = {id: node for id, node in nodes(store).items() if node.text}
    assert len(kept) == 6
    done = grown(store)
    assert done.made == done.nodes - 6
    now = nodes(store)
    assert {id: node.text for id, node in kept.items()} == {id: now[id].text for id in kept}
    sound(store)


def test_other_settings_are_taken_over_when_the_whole_tree_is_asked_for(store: Store) -> None:
    put(store, *(document(n, n % 4) for n in range(30)))
    first = grown(store)
    assert grow.update(store, models(), SMALL, whole=True).kept == first.nodes
    longer = TreeSettings(cluster_size=4, levels=3, sentences=3)
    assert grow.update(store, models(), longer).made == 0
    assert grow.update(store, models(), longer, whole=True).made == first.nodes
    wider = TreeSettings(cluster_size=12, levels=3, sentences=3)
    assert grow.update(store, models(), wider, whole=True).nodes < first.nodes
    sound(store, wider)
    assert grow.drop(store) > 0 and nodes(store) == {}
    assert grow.update(store, models(), wider).nodes > 0


def test_another_embedder_keeps_the_summaries_and_gets_vectors_of_its_own(store: Store) -> None:
    from wellread.index import build

    put(store, *(document(n, n % 4) for n in range(30)))
    grown(store)
    before = nodes(store)
    other = WordEmbedder("test:other", dim=24)
    build.reembed(store, other)
    done = grow.update(store, TreeModels(other, other), SMALL)
    after = nodes(store)
    assert done.made == 0 and done.kept == len(before)
    assert {id: node.text for id, node in before.items()} == {id: node.text for id, node in after.items()}
    assert {len(node.vector) for node in after.values()} == {48} == {len(node.middle) for node in after.values()}


class Writes:
    """A chat model that says how many passages it was shown, and stops answering after some calls."""

    name, context_tokens, remote = "test:writer", 300, "example.org"

    def __init__(self, answers: int = 10_000) -> None:
        self.left, self.prompts = answers, list[str]()

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        if not self.left:
            raise ModelUnavailable("example.org did not answer")
        self.left -= 1
        self.prompts.append(messages[0].content)
        return Reply(f"A summary  of\n{len(self.prompts)} kinds.", Usage(100, 10, 1))

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        yield self.reply(messages, sampling)


WRITTEN = TreeSettings(cluster_size=4, levels=3, summaries="chat")


def test_a_chat_model_writes_each_summary_once_and_its_calls_are_counted(store: Store) -> None:
    put(store, *(document(n, n % 4) for n in range(20)))
    chat = Writes()
    done = grown(store, WRITTEN, chat=lambda: chat)
    assert done.calls == done.written == done.made == done.nodes == len(chat.prompts)
    assert done.usage.prompt_tokens == 100 * done.calls and done.left_machine == ("example.org",) and not done.reason
    assert all(node.made_by == "test:writer" and "  " not in node.text for node in nodes(store).values())
    assert "number" in chat.prompts[0] and "A summary of" in chat.prompts[-1]
    assert grown(store, WRITTEN, chat=lambda: chat).calls == 0
    put(store, document(3, 3, replaces=True))
    assert grown(store, WRITTEN, chat=lambda: chat).calls == 0  # letter for letter the same
    put(store, ready("/docs/3", "The soup of the day is made of peas. It is served at noon.", replaces=True))
    assert 1 <= grown(store, WRITTEN, chat=lambda: chat).calls <= 2 * len(done.levels)


def test_where_the_chat_model_fails_sentences_are_taken_and_the_whole_tree_asks_it_again(store: Store) -> None:
    put(store, *(document(n, n % 4) for n in range(20)))
    done = grown(store, WRITTEN, chat=lambda: Writes(2))
    assert done.written == 2 and "did not answer" in done.reason
    assert {node.made_by for node in nodes(store).values()} == {"test:writer", "extract"}
    assert grown(store, WRITTEN).calls == 0
    again = grow.update(store, models(chat=Writes), WRITTEN, whole=True)
    assert {node.made_by for node in nodes(store).values()} == {"test:writer"} and again.written >= done.nodes - 2
    put(store, ready("/docs/3", "The soup of the day is made of peas.", replaces=True))
    done = grown(store, WRITTEN)
    assert done.reason == "chat.model is empty" and done.instead >= 1


def test_a_long_cluster_is_cut_to_what_the_chat_model_can_read() -> None:
    cut = summarise.fitted(["word " * 900, "short text"], Writes())
    assert 30 <= len(cut.split()) <= 60 and cut.endswith("[2] short text")


# the store


def test_check_finds_a_summary_over_a_passage_that_is_gone(store: Store) -> None:
    put(store, *(document(n, 0) for n in range(6)))
    grown(store)
    assert index_check.check(store) == []
    with store.writing() as tx:
        tree.hang(tx, [(999, next(iter(nodes(store))), b"x" * 16)])
    faults = index_check.check(store)
    assert ["gone" in fault.what and "index tree" in fault.cure for fault in faults] == [True]
    with store.writing() as tx:
        tx.connection.exec_driver_sql("UPDATE tree_nodes SET text = 'altered'")
        tx.connection.exec_driver_sql("UPDATE tree_nodes SET parent_id = 777")
    assert {"its checksum" in f.what or "hangs under no" in f.what for f in index_check.check(store)[:2]} == {True}


def test_a_base_of_the_schema_before_gets_the_tables_that_a_new_one_has(tmp_path: Path) -> None:
    def tables(connection: Connection) -> set[tuple[str, ...]]:
        names = [row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name LIKE 'tree%'")]
        columns = {(n, *map(str, c)) for n in names for c in connection.exec_driver_sql(f"PRAGMA table_info({n})")}
        return columns | {(name,) for name in names}

    with Store.open(tmp_path / "new") as store, store.writing() as tx:
        wanted = tables(tx.connection)
        for name in ("tree_leaves", "tree_nodes"):
            tx.connection.exec_driver_sql(f"DROP TABLE {name}")
        migrations.STEPS[3](tx.connection)
        assert tables(tx.connection) == wanted and len(wanted) > 15
