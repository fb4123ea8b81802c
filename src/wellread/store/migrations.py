"""From the schema a base has to the schema this program knows; a base from a newer program is left alone.

A fresh base gets the tables of ``schema.py`` at once and the newest number. ``STEPS[n]`` is the function that brings a
base from number n to n + 1; a step is never edited once released, and leads to what ``schema.py`` says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Connection

from wellread.errors import StoreError
from wellread.store import credentials as _credentials  # noqa: F401  # a fresh base has its table too
from wellread.store.schema import metadata
from wellread.store.step_users import add_users

Step = Callable[[Connection], None]

SCHEMA_VERSION = 7
APPLICATION_ID = 0x77656C72  # "welr", in the header of the SQLite file

_MEASUREMENTS = """
CREATE TABLE runs (
    id INTEGER NOT NULL, tenant VARCHAR NOT NULL, kind VARCHAR NOT NULL, state VARCHAR NOT NULL, pid INTEGER NOT NULL,
    started_at VARCHAR NOT NULL, ended_at VARCHAR, questions_hash VARCHAR NOT NULL, n_questions INTEGER NOT NULL,
    settings TEXT NOT NULL, summary TEXT NOT NULL, checksum BLOB NOT NULL, PRIMARY KEY (id));
CREATE INDEX runs_tenant ON runs (tenant, id);
CREATE TABLE outcomes (
    id INTEGER NOT NULL, tenant VARCHAR NOT NULL, groups TEXT NOT NULL, "key" VARCHAR NOT NULL,
    depends VARCHAR NOT NULL, asked_at VARCHAR NOT NULL, error TEXT NOT NULL, answer BLOB NOT NULL,
    checksum BLOB NOT NULL, PRIMARY KEY (id), UNIQUE (tenant, "key", depends));
CREATE TABLE run_outcomes (
    run_id INTEGER NOT NULL, way VARCHAR NOT NULL, question_id VARCHAR NOT NULL, outcome_id INTEGER NOT NULL,
    metrics TEXT NOT NULL, checksum BLOB NOT NULL, PRIMARY KEY (run_id, way, question_id),
    FOREIGN KEY(run_id) REFERENCES runs (id), FOREIGN KEY(outcome_id) REFERENCES outcomes (id));
CREATE INDEX run_outcomes_outcome ON run_outcomes (outcome_id);
CREATE TABLE outcome_documents (
    document_id VARCHAR NOT NULL, outcome_id INTEGER NOT NULL, PRIMARY KEY (document_id, outcome_id),
    FOREIGN KEY(outcome_id) REFERENCES outcomes (id));
CREATE INDEX outcome_documents_outcome ON outcome_documents (outcome_id)
"""

_TREE = """
CREATE TABLE tree_nodes (
    id INTEGER NOT NULL, access_id INTEGER NOT NULL, level INTEGER NOT NULL, parent_id INTEGER,
    dirty INTEGER NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL, middle BLOB NOT NULL, made_by VARCHAR NOT NULL,
    inputs BLOB NOT NULL, checksum BLOB NOT NULL, PRIMARY KEY (id), FOREIGN KEY(access_id) REFERENCES access (id));
CREATE INDEX tree_nodes_level ON tree_nodes (access_id, level);
CREATE INDEX tree_nodes_parent ON tree_nodes (parent_id);
CREATE INDEX tree_nodes_dirty ON tree_nodes (level) WHERE dirty = 1;
CREATE TABLE tree_leaves (
    chunk_key INTEGER NOT NULL, node_id INTEGER NOT NULL, content_hash BLOB NOT NULL, PRIMARY KEY (chunk_key),
    FOREIGN KEY(node_id) REFERENCES tree_nodes (id));
CREATE INDEX tree_leaves_node ON tree_leaves (node_id)
"""

_GRAPH = """
CREATE TABLE graph_passages (
    id INTEGER NOT NULL, chunk_key INTEGER NOT NULL, access_id INTEGER NOT NULL, content_hash BLOB NOT NULL,
    extractor VARCHAR NOT NULL, dropped INTEGER NOT NULL, PRIMARY KEY (id), UNIQUE (chunk_key),
    FOREIGN KEY(access_id) REFERENCES access (id));
CREATE TABLE graph_communities (
    id INTEGER NOT NULL, access_id INTEGER NOT NULL, dirty INTEGER NOT NULL, summary TEXT NOT NULL,
    made_by VARCHAR NOT NULL, embedder_id VARCHAR NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY(access_id) REFERENCES access (id));
CREATE INDEX graph_communities_access ON graph_communities (access_id);
CREATE TABLE graph_entities (
    id INTEGER NOT NULL, access_id INTEGER NOT NULL, "key" TEXT NOT NULL, name TEXT NOT NULL, kind VARCHAR NOT NULL,
    community_id INTEGER, fresh INTEGER NOT NULL, PRIMARY KEY (id), UNIQUE (access_id, "key"),
    FOREIGN KEY(access_id) REFERENCES access (id), FOREIGN KEY(community_id) REFERENCES graph_communities (id));
CREATE INDEX graph_entities_community ON graph_entities (community_id);
CREATE INDEX graph_entities_fresh ON graph_entities (access_id) WHERE fresh = 1;
CREATE TABLE graph_mentions (
    passage_id INTEGER NOT NULL, entity_id INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    PRIMARY KEY (passage_id, entity_id, start), FOREIGN KEY(passage_id) REFERENCES graph_passages (id),
    FOREIGN KEY(entity_id) REFERENCES graph_entities (id)) WITHOUT ROWID;
CREATE INDEX graph_mentions_entity ON graph_mentions (entity_id);
CREATE TABLE graph_edges (
    id INTEGER NOT NULL, passage_id INTEGER NOT NULL, one_id INTEGER NOT NULL, other_id INTEGER NOT NULL,
    label TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY(passage_id) REFERENCES graph_passages (id), FOREIGN KEY(one_id) REFERENCES graph_entities (id),
    FOREIGN KEY(other_id) REFERENCES graph_entities (id));
CREATE INDEX graph_edges_passage ON graph_edges (passage_id);
CREATE INDEX graph_edges_one ON graph_edges (one_id);
CREATE INDEX graph_edges_other ON graph_edges (other_id);
CREATE TABLE graph_same (
    one_id INTEGER NOT NULL, other_id INTEGER NOT NULL, score FLOAT NOT NULL, PRIMARY KEY (one_id, other_id),
    FOREIGN KEY(one_id) REFERENCES graph_entities (id),
    FOREIGN KEY(other_id) REFERENCES graph_entities (id)) WITHOUT ROWID;
CREATE INDEX graph_same_other ON graph_same (other_id)
"""


def _add_measurements(connection: Connection) -> None:
    """1 → 2: runs of evaluate, and what was answered in them."""
    for statement in _MEASUREMENTS.split(";"):
        connection.exec_driver_sql(statement)


def _add_tree(connection: Connection) -> None:
    """2 → 3: the tree of summaries."""
    for statement in _TREE.split(";"):
        connection.exec_driver_sql(statement)


def _add_storage(connection: Connection) -> None:
    """3 → 4: what a set of vectors stores."""
    columns = {row.name for row in connection.exec_driver_sql("PRAGMA table_info(vector_sets)")}
    if "storage" not in columns:
        connection.exec_driver_sql("ALTER TABLE vector_sets ADD COLUMN storage VARCHAR DEFAULT 'float16' NOT NULL")


def _add_graph(connection: Connection) -> None:
    """4 → 5: the graph of names."""
    for statement in _GRAPH.split(";"):
        connection.exec_driver_sql(statement)


def _add_credentials(connection: Connection) -> None:
    """Keys, sessions and sign-in links of the server."""
    connection.exec_driver_sql(
        "CREATE TABLE credentials (id VARCHAR NOT NULL PRIMARY KEY, tenant VARCHAR NOT NULL, kind VARCHAR NOT NULL, "
        'name VARCHAR NOT NULL, "user" VARCHAR NOT NULL, groups TEXT NOT NULL, actions TEXT NOT NULL, '
        "digest BLOB NOT NULL, created_at VARCHAR NOT NULL, expires_at VARCHAR, revoked_at VARCHAR)"
    )


STEPS: Mapping[int, Step] = {
    1: _add_measurements,
    2: _add_tree,
    3: _add_storage,
    4: _add_graph,
    5: add_users,
    6: _add_credentials,
}


def found_version(connection: Connection, path: Path, newest: int = SCHEMA_VERSION) -> int:
    """The schema number of the file; 0 for an empty one.

    Raises: StoreError if the file is another program's, damaged, or from a newer wellread.
    """
    n_tables = int(connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one())
    if n_tables == 0:
        return 0
    application = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
    if application != APPLICATION_ID:
        raise StoreError(f"{path}: is a database of another program; name a folder made by wellread init")
    value = connection.exec_driver_sql("SELECT value FROM meta WHERE key = 'schema_version'").scalar()
    if not isinstance(value, str) or not value.isdecimal():
        raise StoreError(f"{path}: its schema number is gone; restore a backup: wellread restore")
    if int(value) > newest:
        raise StoreError(
            f"{path}: was written by a newer wellread (schema {value}, this one knows {newest}); "
            "upgrade: pip install -U wellread"
        )
    return int(value)


def migrate(
    connection: Connection, path: Path, newest: int = SCHEMA_VERSION, steps: Mapping[int, Step] = STEPS
) -> tuple[int, ...]:
    """The numbers that were passed on the way to ``newest``, () where there was nothing to do.

    Runs in the caller's transaction: all steps or none are committed.
    """
    found = found_version(connection, path, newest)
    if found == newest:
        return ()
    if found == 0:
        metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('generation', '0')")
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('schema_version', ?)", (str(newest),))
        return (newest,)
    for number in range(found, newest):
        steps[number](connection)
    connection.exec_driver_sql("UPDATE meta SET value = ? WHERE key = 'schema_version'", (str(newest),))
    return tuple(range(found + 1, newest + 1))


def keep_copy(path: Path, version: int) -> Path:
    """The file that holds the base as it was before a migration from ``version``, beside the store."""
    target = path.with_name(f"{path.name}.before-schema-{version + 1}")
    source = sqlite3.connect(path)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()
    return target
