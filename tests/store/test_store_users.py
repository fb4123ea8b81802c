"""A base of schema 5, made by the statements that made it then, becomes one whose rows know their user."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path

from store_samples import EVERYONE, put

from wellread.store import check, checksums, lineage, outcomes
from wellread.store.engine.api import FILE_NAME, Store
from wellread.types import Principal

_OLD = import_module("wellread.store.migrations.0006_users")._OLD
HR = Principal(groups=frozenset({"hr"}))
ARTIFACTS = """
DROP TABLE lineage; DROP TABLE artifacts;
CREATE TABLE artifacts (
    id VARCHAR NOT NULL, tenant VARCHAR NOT NULL, kind VARCHAR NOT NULL, settings TEXT NOT NULL,
    code_version VARCHAR NOT NULL, created_at VARCHAR NOT NULL, checksum BLOB NOT NULL, PRIMARY KEY (id));
CREATE TABLE lineage (
    artifact_id VARCHAR NOT NULL, input_kind VARCHAR NOT NULL, input_id VARCHAR NOT NULL,
    input_version INTEGER NOT NULL, PRIMARY KEY (artifact_id, input_kind, input_id, input_version),
    FOREIGN KEY(artifact_id) REFERENCES artifacts (id));
CREATE INDEX lineage_input ON lineage (input_kind, input_id)
"""
ROWS = {
    "jobs": (1, "default", "sync", "done", '{"sources": ["/hr"]}', "{}", 1, "2026-01-01", None, ""),
    "questions": ("t1", "default", "[]", None, "2026-01-01", "What?", "{}", 0, "quote", 1.5, 1, "0"),
    "feedback": (1, "default", "t1", "2026-01-01", 1, "good", ""),
    "runs": (1, "default", "eval", "done", 1, "2026-01-01", None, "0", 1, "{}", "{}"),
    "outcomes": (1, "default", '["hr"]', "k", "d", "2026-01-01", "", b"x"),
}


def old_base(folder: Path) -> None:
    """Two documents, one of them labelled; a row in every table; a data set of each, and of one that is gone."""
    with Store.open(folder) as store:
        shown, _ = put(store, "/x/open.txt")
        hidden, _ = put(store, "/x/pay.txt", labels=("hr",))
    with closing(sqlite3.connect(folder / FILE_NAME)) as database:
        for table, columns in _OLD.items():
            for column in ("user", "groups") if table in ("jobs", "runs") else ("user",):
                database.execute(f'ALTER TABLE {table} DROP COLUMN "{column}"')
            names = ", ".join(f'"{name}"' for name in (*columns, "checksum"))
            values = (*ROWS[table], checksums.of_values(ROWS[table]))
            database.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", values)
        joined = (1, "w", "q", 1, "{}")
        database.execute("INSERT INTO run_outcomes VALUES (?, ?, ?, ?, ?, ?)", (*joined, checksums.of_values(joined)))
        database.executescript(ARTIFACTS)
        for name, document in (("open", shown.id), ("pay", hidden.id), ("gone", "nobody-knows")):
            row = (name, "default", "dataset", "{}", "0", "2026-01-01")
            database.execute("INSERT INTO artifacts VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, checksums.of_values(row)))
            database.execute("INSERT INTO lineage VALUES (?, 'document', ?, 1)", (name, document))
        database.execute("UPDATE meta SET value = '5' WHERE key = 'schema_version'")
        database.commit()


def test_an_old_base_opens_whole_and_what_was_made_in_it_belongs_to_whoever_may_read_it(tmp_path: Path) -> None:
    old_base(tmp_path)
    with Store.open(tmp_path) as store:
        assert check.check(store) == []
        with store.reading() as connection:
            for who, mine in ((HR, ["open", "pay", "gone"]), (EVERYONE, ["open"]), (Principal("other"), [])):
                assert [n for n in ("open", "pay", "gone") if lineage.may_read(connection, n, who=who)] == mine
            assert outcomes.listing(connection, who=EVERYONE) == []
            [run] = outcomes.listing(connection, who=HR)
            assert (run.groups, run.user) == (HR.groups, "")
            jobs = connection.exec_driver_sql('SELECT "user", groups FROM jobs').one()
            assert (jobs[0], json.loads(jobs[1])) == ("", ["hr"])


def test_a_row_that_was_altered_before_is_still_found_afterwards(tmp_path: Path) -> None:
    old_base(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.execute("UPDATE feedback SET comment = 'bad'")
        database.commit()
    with Store.open(tmp_path) as store:
        assert [fault.where for fault in check.check(store)] == ["feedback 1"]


def test_the_tables_are_those_of_a_fresh_base(tmp_path: Path) -> None:
    old_base(tmp_path / "old")
    Store.open(tmp_path / "old").close()
    Store.open(tmp_path / "new").close()
    assert columns(tmp_path / "old") == columns(tmp_path / "new")


def columns(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f'PRAGMA table_info("{name}")').fetchall() for name in sorted(tables)}
