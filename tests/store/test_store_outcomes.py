from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path

from store_samples import EVERYONE, bytes_on_disk, made, put

from wellread.store import check, documents
from wellread.store import outcomes as outcome_rows
from wellread.store.engine.api import FILE_NAME, Store, read_meta
from wellread.store.migrations import steps as migrations
from wellread.types import Principal

CREW = Principal(groups=frozenset({"crew"}))


def kept(store: Store, key: str = "k", depends: str = "d", **more: object) -> int:
    with store.writing() as tx:
        answer = {"text": "Two crowns.", "n": 1}
        return outcome_rows.put(tx, key, depends, answer, **{"who": EVERYONE, **more})  # type: ignore[arg-type] # by name


def a_run(store: Store) -> int:
    with store.writing() as tx:
        return outcome_rows.begin(tx, "eval", {"seed": 3}, who=EVERYONE, questions_hash="h", n_questions=2)


# outcomes


def test_an_outcome_is_found_by_its_key_and_by_what_was_read(store: Store) -> None:
    kept(store)
    with store.reading() as connection:
        found = outcome_rows.find(connection, ["k", "other"], who=EVERYONE)
    assert set(found) == {("k", "d")}
    assert found["k", "d"].answer == {"text": "Two crowns.", "n": 1}
    assert found["k", "d"].error == ""


def test_an_outcome_is_found_by_the_eyes_alone_that_it_was_asked_with(store: Store) -> None:
    kept(store, "k1", who=CREW)
    kept(store, "k2", who=Principal("other"))
    with store.reading() as connection:
        assert not outcome_rows.find(connection, ["k1", "k2"], who=EVERYONE)
        assert set(outcome_rows.find(connection, ["k1", "k2"], who=CREW)) == {("k1", "d")}


def test_asking_again_replaces_what_stood_there(store: Store) -> None:
    first = kept(store, error="the service did not answer", documents=["a"])
    assert kept(store, documents=["b"]) == first
    with store.reading() as connection:
        assert outcome_rows.find(connection, ["k"], who=EVERYONE)["k", "d"].error == ""
    with store.writing() as tx:
        assert outcome_rows.blank(tx, ["a"]) == 0
        assert outcome_rows.blank(tx, ["b"]) == 1


def test_a_run_keeps_the_outcome_that_was_asked_again_since(store: Store) -> None:
    document, _ = put(store, "/x/a.txt", "A dog pays two crowns.")
    first, run = kept(store, error="the service did not answer", documents=[document.id]), a_run(store)
    with store.writing() as tx:
        outcome_rows.join(tx, run, "retrieval", "q", first, {"right": 0.0})
    second = kept(store, documents=[document.id])
    assert second != first and kept(store, documents=[document.id]) == second  # no run has the second one yet
    with store.reading() as connection:
        [(_, _, outcome, _)] = outcome_rows.outcomes_of(connection, run, who=EVERYONE)
        assert (outcome.id, outcome.error) == (first, "the service did not answer")
        assert [one.id for one in outcome_rows.find(connection, ["k"], who=EVERYONE).values()] == [second]
    assert not check.check(store)
    with store.writing() as tx:
        assert outcome_rows.blank(tx, [document.id]) == 2
    with store.reading() as connection:
        [(_, _, outcome, _)] = outcome_rows.outcomes_of(connection, run, who=EVERYONE)
    assert (outcome.error, outcome.answer) == (outcome_rows.DELETED, {})


def test_the_same_question_over_other_passages_is_another_outcome(store: Store) -> None:
    assert kept(store, depends="before") != kept(store, depends="after")
    with store.reading() as connection:
        assert len(outcome_rows.find(connection, ["k"], who=EVERYONE)) == 2


def test_deleting_a_document_blanks_what_was_answered_over_it(store: Store) -> None:
    secret = "The harbour master is called Odile Tremaine"
    document, _ = put(store, "/x/a.txt", f"{secret}. Nothing else.")
    with store.writing() as tx:
        answer = {"text": secret, "citations": [{"quote": secret}]}
        id = outcome_rows.put(tx, "k", "d", answer, who=EVERYONE, documents=[document.id])
        run = outcome_rows.begin(tx, "eval", {}, who=EVERYONE, questions_hash="h", n_questions=1)
        outcome_rows.join(tx, run, "retrieval", "q1", id, {"right": 1.0})
    with store.writing() as tx:
        documents.retire(tx, document.id, purge=True)
    with store.reading() as connection:
        assert not outcome_rows.find(connection, ["k"], who=EVERYONE)
        [(way, question, outcome, metrics)] = outcome_rows.outcomes_of(connection, run, who=EVERYONE)
    assert (way, question, outcome.answer, metrics) == ("retrieval", "q1", {}, {"right": 1.0})
    assert outcome.error == outcome_rows.DELETED
    store.checkpoint()
    assert b"Odile" not in bytes_on_disk(store.folder)
    with sqlite3.connect(store.path) as database:
        packed = [row[0] for row in database.execute("SELECT answer FROM outcomes")]
    database.close()
    assert [zlib.decompress(answer) for answer in packed] == [b"{}"]


# runs


def test_a_run_is_listed_with_its_figures_once_it_is_done(store: Store) -> None:
    run = a_run(store)
    with store.reading() as connection:
        [before] = outcome_rows.listing(connection, who=EVERYONE)
    assert (before.state, before.summary, before.settings) == ("running", {}, {"seed": 3})
    with store.writing() as tx:
        outcome_rows.finish(tx, run, {"right": [0.5, 0.2, 0.8, 2]})
    with store.reading() as connection:
        after = outcome_rows.get(connection, run, who=EVERYONE)
        assert outcome_rows.get(connection, run, who=Principal("other")) is None
    assert after is not None and after.state == "done"
    assert after.summary == {"right": [0.5, 0.2, 0.8, 2]}
    assert after.ended_at is not None and after.ended_at >= after.started_at


def test_a_run_whose_process_is_gone_is_interrupted(store: Store) -> None:
    code = (
        "import sys; from wellread.store.engine.api import Store; from wellread.store import outcomes as outcome_rows; "
        "from wellread.types import Principal; store = Store.open(sys.argv[1])\n"
        "with store.writing() as tx:\n"
        "    outcome_rows.begin(tx, 'eval', {}, who=Principal(), questions_hash='h', n_questions=1)"
    )
    source = str(Path(__file__).parents[2] / "src")
    subprocess.run(
        [sys.executable, "-c", code, str(store.folder)], check=True, env={**os.environ, "PYTHONPATH": source}
    )
    with store.reading() as connection:
        assert [run.state for run in outcome_rows.listing(connection, who=EVERYONE)] == ["interrupted"]


def test_a_run_shows_only_what_its_reader_could_have_asked(store: Store) -> None:
    run = a_run(store)
    for n, who in enumerate((EVERYONE, CREW)):
        id = kept(store, f"k{n}", who=who)
        with store.writing() as tx:
            outcome_rows.join(tx, run, "retrieval", f"q{n}", id, {})
    with store.reading() as connection:
        assert [row[1] for row in outcome_rows.outcomes_of(connection, run, who=EVERYONE)] == ["q0"]
        assert [row[1] for row in outcome_rows.outcomes_of(connection, run, who=CREW)] == ["q0", "q1"]


def test_joining_again_replaces_the_metrics(store: Store) -> None:
    run, id = a_run(store), kept(store)
    for value in (0.0, 1.0):
        with store.writing() as tx:
            outcome_rows.join(tx, run, "retrieval", "q", id, {"right": value})
    with store.reading() as connection:
        assert [row[3] for row in outcome_rows.outcomes_of(connection, run, who=EVERYONE)] == [{"right": 1.0}]


def test_an_altered_figure_is_found_by_check(store: Store) -> None:
    run, id = a_run(store), kept(store)
    with store.writing() as tx:
        outcome_rows.join(tx, run, "retrieval", "q", id, {"right": 0.0})
    assert not check.check(store)
    with store.writing() as tx:
        tx.connection.exec_driver_sql("UPDATE run_outcomes SET metrics = '{\"right\": 1.0}'")
    assert [fault.where for fault in check.check(store)] == [f"run_outcomes {run}"]


# what a base holds


def test_facts_count_what_may_be_seen_and_what_has_changed(store: Store) -> None:
    put(store, "/x/a.txt", "One. Two.")
    put(store, "/x/a.txt", "One. Three.")  # a second version
    put(store, "/x/b.txt", "Four. Five. Six.")
    hidden, chunks = made("/x/c.txt", "Seven.", labels=("crew",))
    with store.writing() as tx:
        documents.put_version(tx, hidden, chunks, b"")
    with store.reading() as connection:
        assert outcome_rows.facts(connection, who=EVERYONE) == outcome_rows.Facts(2, 1, 5, 35)
        assert outcome_rows.facts(connection, who=CREW) == outcome_rows.Facts(3, 1, 6, 42)


# the step from the schema before


MEASUREMENTS = ("outcome_documents", "run_outcomes", "outcomes", "runs")
TREE = ("tree_leaves", "tree_nodes")
GRAPH = ("graph_same", "graph_edges", "graph_mentions", "graph_entities", "graph_communities", "graph_passages")
LATER = (*MEASUREMENTS, *TREE, *GRAPH)  # tables that the first schema has not, those that refer to others first


def test_a_base_of_the_first_schema_gets_the_tables_and_keeps_its_documents(tmp_path: Path) -> None:
    fresh, old = tmp_path / "fresh", tmp_path / "old"
    Store.open(fresh).close()
    with Store.open(old) as store:
        put(store, "/x/a.txt")
    with closing(sqlite3.connect(old / FILE_NAME)) as database:
        for table in LATER:
            database.execute(f"DROP TABLE {table}")
        database.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
        database.commit()
    with Store.open(old) as store:
        with store.reading() as connection:
            assert read_meta(connection, "schema_version") == str(migrations.SCHEMA_VERSION)
            assert documents.count(connection, who=EVERYONE) == 1
        kept(store)
    assert tables(old) == tables(fresh)


def tables(folder: Path) -> dict[str, object]:
    """Columns, foreign keys and indexes of every table that came later, however their text was written."""
    found: dict[str, object] = {}
    with closing(sqlite3.connect(folder / FILE_NAME)) as database:
        for table in LATER:
            found[table] = [
                database.execute(f"PRAGMA table_info({table})").fetchall(),
                database.execute(f"PRAGMA foreign_key_list({table})").fetchall(),
                sorted(
                    (name, unique, database.execute(f"PRAGMA index_info({name})").fetchall())
                    for _, name, unique, *_ in database.execute(f"PRAGMA index_list({table})")
                ),
            ]
    return found
