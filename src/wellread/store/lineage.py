"""What was made from what: artifacts (a data set, an adapter, a report) and the documents and chunks they came from.

An artifact belongs to a tenant, and there to whoever may read all that it was made of: the documents as they were
labelled then and as they are labelled now, the questions of the log, and every artifact on the way.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from wellread.store import access, checksums, log
from wellread.store.engine.api import Transaction
from wellread.store.engine.words import insert_missing, upsert
from wellread.store.schema import artifacts, lineage, questions, versions
from wellread.types import Principal

ARTIFACT, DOCUMENT, QUESTION = "artifact", "document", "question"
_BATCH = 500


class Input(NamedTuple):
    """One end of an arrow: an artifact, a document (with its version), a chunk or a question of the log, by id."""

    kind: str  # artifact, document, chunk, question
    id: str
    version: int = 0


def record(
    tx: Transaction,
    artifact_id: str,
    kind: str,
    inputs: Sequence[Input],
    settings: Mapping[str, object],
    *,
    who: Principal,
    code_version: str = "",
) -> None:
    """The artifact is known in the tenant of ``who`` with its inputs; the same id in another tenant is another one.

    Recording it again adds inputs and replaces the rest.
    """
    labelled = _recorded(tx.connection, artifact_id, who.tenant) or set()
    labelled |= _access_ids(tx.connection, [one.id for one in inputs if one.kind == DOCUMENT], who.tenant)
    row: dict[str, object] = {
        "id": artifact_id,
        "tenant": who.tenant,
        "kind": kind,
        "settings": json.dumps(dict(settings), ensure_ascii=False, sort_keys=True, default=str),
        "code_version": code_version,
        "created_at": tx.now,
        "user": who.user,
        "access": json.dumps(sorted(labelled)),
    }
    row["checksum"] = checksums.of_row(artifacts, row)
    upsert(tx.connection, artifacts, [row])
    if inputs:
        arrows = [
            {
                "tenant": who.tenant,
                "artifact_id": artifact_id,
                "input_kind": one.kind,
                "input_id": one.id,
                "input_version": one.version,
            }
            for one in inputs
        ]
        insert_missing(tx.connection, lineage, arrows)


def known(connection: Connection, artifact_id: str, *, who: Principal) -> bool:
    """Whether the tenant of ``who`` has recorded the artifact; it may be one that ``who`` may not read."""
    return _recorded(connection, artifact_id, who.tenant) is not None


def may_read(connection: Connection, artifact_id: str, *, who: Principal) -> bool:
    """Whether ``who`` may read all that the artifact was made of; False where the tenant has none of that id."""
    if not known(connection, artifact_id, who=who):
        return False
    mine = access.readable(connection, who=who)
    made_of = _upstream(connection, artifact_id, who.tenant)
    for name in [artifact_id, *(one.id for one in made_of if one.kind == ARTIFACT)]:
        if not (_recorded(connection, name, who.tenant) or set()) <= mine:
            return False
    documents = [one.id for one in made_of if one.kind == DOCUMENT]
    if not _access_ids(connection, documents, who.tenant, live=True) <= mine:
        return False
    return _asked_like(connection, [one.id for one in made_of if one.kind == QUESTION], who)


def all_visible(connection: Connection, documents: Collection[str], *, who: Principal) -> bool:
    """Whether each of the documents is live and ``who`` may see it."""
    wanted = set(documents)
    seen: set[str] = set()
    for part in _parts(wanted):
        live = select(versions.c.document_id).where(versions.c.retired_at.is_(None))
        statement = live.where(versions.c.document_id.in_(part), access.visible(connection, versions, who=who))
        seen.update(connection.execute(statement).scalars())
    return seen == wanted


def upstream(connection: Connection, artifact_id: str, *, who: Principal) -> list[Input]:
    """Everything the artifact was made from, directly or through other artifacts of the tenant, nearest first.

    Nothing where ``who`` may not read all of it.
    """
    return _upstream(connection, artifact_id, who.tenant) if may_read(connection, artifact_id, who=who) else []


def downstream(connection: Connection, input_id: str, *, who: Principal) -> list[tuple[str, str]]:
    """Id and kind of every artifact that ``who`` may read, made from a document, chunk or artifact, nearest first."""
    found: dict[str, str] = {}
    waiting = [input_id]
    while waiting:
        current = waiting.pop(0)
        statement = (
            select(artifacts.c.id, artifacts.c.kind)
            .distinct()
            .join(lineage, (lineage.c.artifact_id == artifacts.c.id) & (lineage.c.tenant == artifacts.c.tenant))
            .where(lineage.c.input_id == current, artifacts.c.tenant == who.tenant)
            .order_by(artifacts.c.created_at, artifacts.c.id)
        )
        for row in connection.execute(statement):
            if row.id not in found:
                found[row.id] = row.kind
                waiting.append(row.id)
    return [(id, kind) for id, kind in found.items() if may_read(connection, id, who=who)]


def _recorded(connection: Connection, artifact_id: str, tenant: str) -> set[int] | None:
    """Access ids of the documents that it was made of, as they were then; None where the tenant has none of that id."""
    statement = select(artifacts.c.access).where(artifacts.c.id == artifact_id, artifacts.c.tenant == tenant)
    text = connection.execute(statement).scalar()
    return None if text is None else set(json.loads(text))


def _upstream(connection: Connection, artifact_id: str, tenant: str) -> list[Input]:
    found: dict[Input, None] = {}
    waiting = [artifact_id]
    while waiting:
        statement = select(lineage.c.input_kind, lineage.c.input_id, lineage.c.input_version).where(
            lineage.c.artifact_id == waiting.pop(0), lineage.c.tenant == tenant
        )
        for row in connection.execute(statement.order_by(*statement.selected_columns)):
            one = Input(*row)
            if one not in found:
                found[one] = None
                if one.kind == ARTIFACT:
                    waiting.append(one.id)
    return list(found)


def _access_ids(connection: Connection, documents: Iterable[str], tenant: str, *, live: bool = False) -> set[int]:
    """The access ids of the documents' versions; with ``live`` of those alone that are in force now."""
    found: set[int] = set()
    for part in _parts(documents):
        statement = select(versions.c.access_id).distinct()
        statement = statement.where(versions.c.document_id.in_(part), versions.c.tenant == tenant)
        if live:
            statement = statement.where(versions.c.retired_at.is_(None))
        found.update(connection.execute(statement).scalars())
    return found


def _asked_like(connection: Connection, trace_ids: Sequence[str], who: Principal) -> bool:
    """Whether ``who`` may see each of those questions in the log."""
    seen: set[str] = set()
    for part in _parts(trace_ids):
        statement = select(questions.c.trace_id).where(questions.c.trace_id.in_(part), log.visible(connection, who=who))
        seen.update(connection.execute(statement).scalars())
    return seen == set(trace_ids)


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(set(values))
    for start in range(0, len(ordered), _BATCH):
        yield ordered[start : start + _BATCH]
