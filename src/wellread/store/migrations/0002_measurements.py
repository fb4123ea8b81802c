"""Schema 2: runs of ``evaluate``, and what was answered in them."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

runs = Table(  # measurements: several ways on the same questions
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("kind", String, nullable=False),  # eval, compare
    Column("state", String, nullable=False),  # running, done
    Column("pid", Integer, nullable=False),
    Column("started_at", String, nullable=False),
    Column("ended_at", String),
    Column("questions_hash", String, nullable=False),
    Column("n_questions", Integer, nullable=False),
    Column("settings", Text, nullable=False),  # JSON: ways with what differs, seed, environment
    Column("summary", Text, nullable=False),  # JSON: scores by way and metric; {} until the run is done
    Column("checksum", LargeBinary, nullable=False),
)
Index("runs_tenant", runs.c.tenant, runs.c.id)

outcomes = Table(  # what one configuration answered to one question over the same passages; asked once
    "outcomes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("groups", Text, nullable=False),  # JSON list: as which principal it was asked
    Column("key", String, nullable=False),  # SHA-256 of what the answer follows from, documents apart
    Column("depends", String, nullable=False),  # SHA-256 of the passages or documents that were read; empty: none
    Column("asked_at", String, nullable=False),
    Column("error", Text, nullable=False, default=""),
    Column("answer", LargeBinary, nullable=False),  # zlib of JSON: text, citations, usage, seconds
    Column("checksum", LargeBinary, nullable=False),
    UniqueConstraint("tenant", "key", "depends"),
)

run_outcomes = Table(
    "run_outcomes",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id"), primary_key=True),
    Column("way", String, primary_key=True),
    Column("question_id", String, primary_key=True),
    Column("outcome_id", Integer, ForeignKey("outcomes.id"), nullable=False),
    Column("metrics", Text, nullable=False),  # JSON
    Column("checksum", LargeBinary, nullable=False),
)
Index("run_outcomes_outcome", run_outcomes.c.outcome_id)

outcome_documents = Table(  # whose text an outcome may hold: what is blanked when the document is deleted
    "outcome_documents",
    metadata,
    Column("document_id", String, primary_key=True),
    Column("outcome_id", Integer, ForeignKey("outcomes.id"), primary_key=True),
)
Index("outcome_documents_outcome", outcome_documents.c.outcome_id)


def up(connection: Connection) -> None:
    """The tables are there."""
    metadata.create_all(connection)
