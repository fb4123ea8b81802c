"""The tables of the truth, in SQLAlchemy Core; ``store.migrations`` makes them, a test compares.

Of what is particular to one engine there are only options that others ignore (``sqlite_where``). Tables of what is
derived from chunks stand in ``index``, beside what reads them.

Every row that a user's data reaches carries ``tenant`` and an ``access_id`` (tenant and labels, kept in ``access``),
so that what somebody may see is one small set of integers in the WHERE clause. Rows that must survive the disk carry
``checksum``: 8 bytes of BLAKE2b over their other columns, checked by ``wellread check``.

``chunks`` holds the chunks of live versions only: retiring a version deletes its chunks in the same transaction.
``generation`` counts committed changes of what can be found; a reader that remembers the generation it has seen
reads only what came after (new rows by ``chunks.generation``, gone ones by ``tombstones``).
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
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

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
)

access = Table(
    "access",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("labels", Text, nullable=False),  # JSON list, sorted
    UniqueConstraint("tenant", "labels"),
)

access_labels = Table(  # the labels of an access row, one a row: what a group opens is found without reading the others
    "access_labels",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("label", String, primary_key=True),
    Column("access_id", Integer, ForeignKey("access.id"), primary_key=True),
)

blobs = Table(
    "blobs",
    metadata,
    Column("digest", String, primary_key=True),  # SHA-256 of the content, hex
    Column("size_bytes", Integer, nullable=False),  # of the content
    Column("data", LargeBinary, nullable=False),  # zlib
)

sources = Table(
    "sources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("kind", String, nullable=False),  # folder, file, glob, url, text
    Column("location", Text, nullable=False),
    Column("settings", Text, nullable=False),  # JSON: labels, include, exclude, title
    Column("added_at", String, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    UniqueConstraint("tenant", "location"),
)

files = Table(  # one row per source item: what is known of it, and the state it is in
    "files",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("uri", Text, nullable=False),
    Column("source_id", Integer, ForeignKey("sources.id"), nullable=False),
    Column("state", String, nullable=False),  # live, duplicate, failed, skipped, removed
    Column("kind", String, nullable=False, default=""),  # SourceError.kind where failed or skipped
    Column("reason", Text, nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    Column("size_bytes", Integer, nullable=False, default=0),
    Column("mtime_ns", Integer, nullable=False, default=0),
    Column("digest", String, nullable=False, default=""),  # SHA-256 of the bytes as read
    Column("meta_digest", String, nullable=False, default=""),  # of sidecar and source settings
    Column("etag", String, nullable=False, default=""),
    Column("pipeline", String, nullable=False, default=""),  # hash of parse and chunk settings in force
    Column("document_id", String),  # for a duplicate: the document that stands for it
    Column("seen_at", String, nullable=False, default=""),
    Column("checksum", LargeBinary, nullable=False),
    UniqueConstraint("tenant", "uri"),
)
Index("files_document", files.c.document_id)
Index("files_source", files.c.source_id)

versions = Table(  # every version of every document; the live one has retired_at NULL
    "versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("document_id", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("tenant", String, nullable=False),
    Column("access_id", Integer, ForeignKey("access.id"), nullable=False),
    Column("uri", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("media_type", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("text_digest", String, ForeignKey("blobs.digest"), nullable=False),
    Column("metadata", Text, nullable=False),  # JSON object of strings
    Column("blocks", LargeBinary, nullable=False),  # zlib of the JSON of store.layout: blocks, units, tables
    Column("size_bytes", Integer, nullable=False),
    Column("modified_at", String),  # ISO 8601, UTC
    Column("ingested_at", String, nullable=False),
    Column("valid_from", String),
    Column("valid_until", String),
    Column("superseded_by", Text),
    Column("retired_at", String),
    Column("near_duplicate_of", String),  # document id
    Column("minhash", LargeBinary, nullable=False, default=b""),
    Column("n_chunks", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    UniqueConstraint("document_id", "version"),
)
Index("versions_live", versions.c.retired_at, versions.c.uri)
Index("versions_text", versions.c.text_digest)
Index("versions_near", versions.c.near_duplicate_of)

version_metadata = Table(  # the metadata of live versions, one key a row: what filters look in
    "version_metadata",
    metadata,
    Column("version_id", Integer, ForeignKey("versions.id"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
)
Index("version_metadata_value", version_metadata.c.key, version_metadata.c.value)

chunks = Table(
    "chunks",
    metadata,
    Column("rowid_", Integer, primary_key=True, key="key"),  # given by Transaction.allocate: never used twice
    Column("id", String, nullable=False, unique=True),
    Column("document_id", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("version_id", Integer, ForeignKey("versions.id"), nullable=False),
    Column("access_id", Integer, ForeignKey("access.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("page", Integer),
    Column("kind", String, nullable=False),
    Column("header", Text, nullable=False),
    Column("heading_path", Text, nullable=False),  # JSON list
    Column("text", Text, nullable=False),
    Column("n_tokens", Integer, nullable=False),
    Column("parent_id", String),
    Column("content_hash", LargeBinary, nullable=False),  # 16 bytes of SHA-256 of the indexed text
    Column("generation", Integer, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
)
Index("chunks_version", chunks.c.version_id)
Index("chunks_content", chunks.c.content_hash)
Index("chunks_generation", chunks.c.generation)


tombstones = Table(
    "tombstones",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("chunk_key", Integer, nullable=False),
)
Index("tombstones_generation", tombstones.c.generation)

artifacts = Table(  # lineage: what was made from what (a document version, a data set, an adapter, an answer)
    "artifacts",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("settings", Text, nullable=False),  # JSON
    Column("code_version", String, nullable=False),
    Column("created_at", String, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("user", String, nullable=False, server_default=""),  # who made it
    Column("access", Text, nullable=False, server_default="[]"),  # JSON list: access ids of all that it was made of
)

lineage = Table(
    "lineage",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("artifact_id", String, primary_key=True),
    Column("input_kind", String, primary_key=True),  # artifact, document, chunk, question
    Column("input_id", String, primary_key=True),
    Column("input_version", Integer, primary_key=True, default=0),
    ForeignKeyConstraint(["artifact_id", "tenant"], ["artifacts.id", "artifacts.tenant"]),
)
Index("lineage_input", lineage.c.input_kind, lineage.c.input_id)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("kind", String, nullable=False),  # add, sync, reembed, backup …
    Column("state", String, nullable=False),  # running, done, failed, interrupted
    Column("settings", Text, nullable=False),  # JSON
    Column("progress", Text, nullable=False),  # JSON
    Column("pid", Integer, nullable=False),
    Column("started_at", String, nullable=False),
    Column("ended_at", String),
    Column("error", Text, nullable=False, default=""),
    Column("checksum", LargeBinary, nullable=False),
    Column("user", String, nullable=False, server_default=""),
    Column("groups", Text, nullable=False, server_default="[]"),  # JSON list: of who started it
)

questions = Table(  # the log: what was asked, by whom, what came of it
    "questions",
    metadata,
    Column("trace_id", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("groups", Text, nullable=False),  # JSON list
    Column("conversation", String),
    Column("asked_at", String, nullable=False),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),  # JSON of Answer
    Column("refused", Integer, nullable=False),
    Column("route", String, nullable=False),
    Column("ms", Float, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("settings_hash", String, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("user", String, nullable=False, server_default=""),
)
Index("questions_asked", questions.c.tenant, questions.c.asked_at)
Index("questions_groups", questions.c.tenant, questions.c.groups)

question_documents = Table(  # whose text an answer may hold: what is blanked when the document is deleted
    "question_documents",
    metadata,
    Column("document_id", String, primary_key=True),  # or the uri, where that is what the answer cites
    Column("trace_id", String, ForeignKey("questions.trace_id"), primary_key=True),
)
Index("question_documents_trace", question_documents.c.trace_id)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("trace_id", String, ForeignKey("questions.trace_id"), nullable=False),
    Column("given_at", String, nullable=False),
    Column("rating", Integer, nullable=False),  # -1, 0, 1
    Column("comment", Text, nullable=False),
    Column("correction", Text, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("user", String, nullable=False, server_default=""),
)
Index("feedback_trace", feedback.c.trace_id)

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
    Column("user", String, nullable=False, server_default=""),
    Column("groups", Text, nullable=False, server_default="[]"),  # JSON list: of who measured
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
    Column("user", String, nullable=False, server_default=""),  # who asked first
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
