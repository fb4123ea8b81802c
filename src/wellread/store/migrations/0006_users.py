"""Schema 6: rows know their user, and what was made knows whose documents it came from.

Of what is older nobody can tell the user: it stays empty. Where a document is gone whose labels nobody can tell any
more, what was made from it belongs to those who may read everything of the tenant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, inspect

from wellread.store import checksums

# table → its columns as schema 5 knew them, checksum apart, in the order that the checksum covers them
_OLD: Mapping[str, Sequence[str]] = {
    "jobs": ("id", "tenant", "kind", "state", "settings", "progress", "pid", "started_at", "ended_at", "error"),
    "questions": (
        "trace_id", "tenant", "groups", "conversation", "asked_at", "question", "answer", "refused", "route", "ms",
        "generation", "settings_hash",
    ),
    "feedback": ("id", "tenant", "trace_id", "given_at", "rating", "comment", "correction"),
    "runs": (
        "id", "tenant", "kind", "state", "pid", "started_at", "ended_at", "questions_hash", "n_questions", "settings",
        "summary",
    ),
    "outcomes": ("id", "tenant", "groups", "key", "depends", "asked_at", "error", "answer"),
}  # fmt: skip
_WITH_GROUPS = ("jobs", "runs")
_ARTIFACTS = ("id", "tenant", "kind", "settings", "code_version", "created_at")

_LINEAGE = """
ALTER TABLE lineage RENAME TO lineage_5;
ALTER TABLE artifacts RENAME TO artifacts_5;
DROP INDEX lineage_input;
CREATE TABLE artifacts (
    id VARCHAR NOT NULL, tenant VARCHAR NOT NULL, kind VARCHAR NOT NULL, settings TEXT NOT NULL,
    code_version VARCHAR NOT NULL, created_at VARCHAR NOT NULL, checksum BLOB NOT NULL,
    "user" VARCHAR DEFAULT '' NOT NULL, access TEXT DEFAULT '[]' NOT NULL, PRIMARY KEY (id, tenant));
CREATE TABLE lineage (
    tenant VARCHAR NOT NULL, artifact_id VARCHAR NOT NULL, input_kind VARCHAR NOT NULL, input_id VARCHAR NOT NULL,
    input_version INTEGER NOT NULL, PRIMARY KEY (tenant, artifact_id, input_kind, input_id, input_version),
    FOREIGN KEY(artifact_id, tenant) REFERENCES artifacts (id, tenant));
CREATE INDEX lineage_input ON lineage (input_kind, input_id);
INSERT INTO artifacts (id, tenant, kind, settings, code_version, created_at, checksum)
    SELECT id, tenant, kind, settings, code_version, created_at, checksum FROM artifacts_5;
INSERT INTO lineage SELECT a.tenant, l.artifact_id, l.input_kind, l.input_id, l.input_version
    FROM lineage_5 l JOIN artifacts_5 a ON a.id = l.artifact_id;
DROP TABLE lineage_5;
DROP TABLE artifacts_5
"""


def up(connection: Connection) -> None:
    """5 → 6: a user on every row of what somebody did; lineage by tenant, with the access of what it came from."""
    for table, old in _OLD.items():
        _add(connection, table, "user", "VARCHAR DEFAULT '' NOT NULL")
        if table in _WITH_GROUPS:
            _add(connection, table, "groups", "TEXT DEFAULT '[]' NOT NULL")
        _fill(connection, table, old, ("user", "groups") if table in _WITH_GROUPS else ("user",))
    if "access" not in _columns(connection, "artifacts"):
        for statement in _LINEAGE.split(";"):
            connection.exec_driver_sql(statement)
        _fill(connection, "artifacts", _ARTIFACTS, ("user", "access"))


def _columns(connection: Connection, table: str) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns(table)}


def _add(connection: Connection, table: str, column: str, kind: str) -> None:
    if column not in _columns(connection, table):
        connection.exec_driver_sql(f'ALTER TABLE {table} ADD COLUMN "{column}" {kind}')


def _fill(connection: Connection, table: str, old: Sequence[str], new: Sequence[str]) -> None:
    """The new columns of every row and a checksum that covers them; a row that was altered on disk stays detectable."""
    names = ", ".join(f'"{name}"' for name in (*old, "checksum"))
    rows = connection.exec_driver_sql(f"SELECT rowid AS at, {names} FROM {table}").mappings().all()  # noqa: S608  # names of ours
    for row in rows:
        values: dict[str, object] = {"user": ""}
        if "groups" in new:
            values["groups"] = _groups(connection, table, row["id"], row["tenant"])
        if "access" in new:
            values["access"] = _access(connection, row["id"], row["tenant"])
        before = [row[name] for name in old]
        whole = checksums.of_values(before) == row["checksum"]
        checksum = checksums.of_values([*before, *(values[name] for name in new)]) if whole else row["checksum"]
        changes = ", ".join(f'"{name}" = ?' for name in (*new, "checksum"))
        given = (*(values[name] for name in new), checksum, row["at"])
        connection.exec_driver_sql(f"UPDATE {table} SET {changes} WHERE rowid = ?", given)  # noqa: S608  # names of ours


def _groups(connection: Connection, table: str, id: int, tenant: str) -> str:
    """Of a measurement the groups that were asked with; of other work all labels that the tenant has."""
    if table == "runs":
        asked = connection.exec_driver_sql(
            "SELECT DISTINCT o.groups FROM outcomes o JOIN run_outcomes r ON r.outcome_id = o.id WHERE r.run_id = ?",
            (id,),
        ).scalars()
        return _list({group for text in asked for group in json.loads(text)})
    return _list(connection.exec_driver_sql("SELECT label FROM access_labels WHERE tenant = ?", (tenant,)).scalars())


def _access(connection: Connection, artifact: str, tenant: str) -> str:
    documents = connection.exec_driver_sql(
        "SELECT DISTINCT input_id FROM lineage WHERE tenant = ? AND artifact_id = ? AND input_kind = 'document'",
        (tenant, artifact),
    ).scalars()
    found: set[int] = set()
    for document in documents.all():
        known = connection.exec_driver_sql(
            "SELECT DISTINCT access_id FROM versions WHERE document_id = ?", (document,)
        ).scalars()
        ids = set(known.all())
        if not ids:
            ids = set(connection.exec_driver_sql("SELECT id FROM access WHERE tenant = ?", (tenant,)).scalars())
        found |= ids
    return json.dumps(sorted(found))


def _list(values: Iterable[str]) -> str:
    return json.dumps(sorted(set(values)), ensure_ascii=False)
