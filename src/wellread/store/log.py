"""The question log: what was asked, by whom, and what came of it; read by those who could have asked the same."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, select

from wellread.store import access, checksums
from wellread.store.engine.api import Transaction
from wellread.store.engine.words import insert_missing, one_of
from wellread.store.schema import chunks, feedback, question_documents, questions, versions
from wellread.types import Answer, Citation, Principal, Span, Stage, Usage, Verdict

DELETED = "document deleted"  # the route and text of an answer whose document was deleted since
_BATCH = 500


@dataclass(frozen=True, slots=True)
class LoggedQuestion:
    """A row of the log."""

    answer: Answer
    tenant: str
    groups: frozenset[str]
    conversation: str | None
    asked_at: datetime
    generation: int
    settings_hash: str
    user: str = ""


def put(
    tx: Transaction,
    answer: Answer,
    *,
    who: Principal,
    settings_hash: str = "",
    conversation: str | None = None,
    generation: int | None = None,
    documents: Collection[str] = (),
) -> None:
    """The answer stands in the log under its trace id, asked by ``who`` at the time of the transaction.

    ``documents`` are ids of documents whose text was read for it and may stand in it uncited: when one of them, or one
    that is cited, is deleted, the answer is blanked; where one of them was deleted while the answer was made, it comes
    in blanked. ``generation`` is the one that was read, the present one if None.
    """
    if _deleted(tx.connection, documents):
        answer, documents = _blanked(answer), ()
    row: dict[str, object] = {
        "trace_id": answer.trace_id,
        "tenant": who.tenant,
        "groups": _groups(who.groups),
        "conversation": conversation,
        "asked_at": tx.now,
        "question": answer.question,
        "answer": to_json(answer),
        "refused": int(answer.refused),
        "route": answer.route,
        "ms": float(answer.timings_ms.get("total", sum(answer.timings_ms.values()))),
        "generation": tx.generation - 1 if generation is None else generation,
        "settings_hash": settings_hash,
        "user": who.user,
    }
    row["checksum"] = checksums.of_row(questions, row)
    tx.connection.execute(questions.insert(), row)
    cited = _documents_of(tx.connection, answer) | set(documents)
    if cited:
        rows = [{"document_id": document, "trace_id": answer.trace_id} for document in sorted(cited)]
        insert_missing(tx.connection, question_documents, rows)


def _deleted(connection: Connection, documents: Collection[str]) -> bool:
    """Whether one of the documents has no version any more."""
    wanted = sorted(set(documents))
    found: set[str] = set()
    for start in range(0, len(wanted), _BATCH):
        part = wanted[start : start + _BATCH]
        statement = select(versions.c.document_id).distinct().where(versions.c.document_id.in_(part))
        found.update(connection.execute(statement).scalars())
    return len(found) < len(wanted)


def _documents_of(connection: Connection, answer: Answer) -> set[str]:
    """What the answer cites by its own words, and the ids of the documents that its live chunks belong to."""
    citations = (*answer.citations, *answer.nearest)
    ids = [citation.chunk_id for citation in citations]
    found = {citation.document for citation in citations}
    for start in range(0, len(ids), _BATCH):
        statement = select(chunks.c.document_id).where(chunks.c.id.in_(ids[start : start + _BATCH]))
        found.update(connection.execute(statement).scalars())
    return found


def recent(connection: Connection, *, who: Principal, limit: int = 20, user: str | None = None) -> list[LoggedQuestion]:
    """The newest questions that ``who`` may see, newest first; those that ``user`` asked alone where one is given."""
    statement = select(questions).where(visible(connection, who=who))
    if user is not None:
        statement = statement.where(questions.c.user == user)
    newest = statement.order_by(questions.c.asked_at.desc(), questions.c.trace_id).limit(limit)
    return [_asked(row) for row in connection.execute(newest)]


def get(connection: Connection, trace_id: str, *, who: Principal) -> LoggedQuestion | None:
    """One question of the log, None if there is none of that id that ``who`` may see."""
    statement = select(questions).where(questions.c.trace_id == trace_id, visible(connection, who=who))
    row = connection.execute(statement).one_or_none()
    return None if row is None else _asked(row)


def turns(connection: Connection, name: str, *, who: Principal, limit: int = 50) -> list[LoggedQuestion]:
    """The last turns of a conversation that ``who`` may see, oldest first."""
    statement = select(questions).where(questions.c.conversation == name, visible(connection, who=who))
    newest = statement.order_by(questions.c.asked_at.desc(), questions.c.trace_id).limit(limit)
    return [_asked(row) for row in connection.execute(newest)][::-1]


def listing(
    connection: Connection, *, who: Principal, limit: int, trace_id: str | None, conversation: str | None
) -> list[LoggedQuestion]:
    """The question of that id, else the turns of that conversation, else the newest; as far as ``who`` may see them."""
    if trace_id is not None:
        found = get(connection, trace_id, who=who)
        return [found] if found else []
    if conversation is not None:
        return turns(connection, conversation, who=who, limit=limit)
    return recent(connection, who=who, limit=limit)


def visible(connection: Connection, *, who: Principal) -> ColumnElement[bool]:
    """Asked in the tenant of ``who`` by somebody with no group that ``who`` lacks: the answer holds nothing hidden.

    Nor is one seen that stands on a document which was closed to ``who`` since.
    """
    sets = connection.execute(select(questions.c.groups).distinct().where(questions.c.tenant == who.tenant)).scalars()
    allowed = [text for text in sets if frozenset(json.loads(text)) <= who.groups]
    asked_alike = and_(questions.c.tenant == who.tenant, questions.c.groups.in_(allowed))
    hidden = access.of_tenant(connection, tenant=who.tenant) - access.readable(connection, who=who)
    if not hidden:
        return asked_alike
    closed = and_(versions.c.retired_at.is_(None), one_of(versions.c.access_id, hidden))
    names = (select(versions.c.document_id).where(closed), select(versions.c.uri).where(closed))
    stands_on = [select(question_documents.c.trace_id).where(question_documents.c.document_id.in_(n)) for n in names]
    return and_(asked_alike, *(questions.c.trace_id.not_in(traces) for traces in stands_on))


def blank(tx: Transaction, documents: Collection[str]) -> int:
    """How many answers were blanked because they may hold text of ``documents`` (ids, or uris as cited).

    The question, its time and its cost stay; text, citations, verdicts, stages and what users wrote about it go.
    """
    wanted = sorted(documents)
    trace_ids: set[str] = set()
    for start in range(0, len(wanted), _BATCH):
        named = question_documents.c.document_id.in_(wanted[start : start + _BATCH])
        trace_ids.update(tx.connection.execute(select(question_documents.c.trace_id).where(named)).scalars())
    for trace_id in sorted(trace_ids):
        _blank_one(tx, trace_id)
    return len(trace_ids)


def _blank_one(tx: Transaction, trace_id: str) -> None:
    row = tx.connection.execute(select(questions).where(questions.c.trace_id == trace_id)).mappings().one()
    answer = _blanked(from_json(row["answer"]))
    changed: dict[str, Any] = {**row, "answer": to_json(answer), "route": DELETED}
    changed["checksum"] = checksums.of_row(questions, changed)
    tx.connection.execute(questions.update().where(questions.c.trace_id == trace_id), changed)
    tx.connection.execute(question_documents.delete().where(question_documents.c.trace_id == trace_id))
    said = tx.connection.execute(select(feedback).where(feedback.c.trace_id == trace_id)).mappings().all()
    for opinion in said:
        blanked: dict[str, Any] = {**opinion, "comment": "", "correction": ""}
        blanked["checksum"] = checksums.of_row(feedback, blanked)
        tx.connection.execute(feedback.update().where(feedback.c.id == opinion["id"]), blanked)


def _blanked(answer: Answer) -> Answer:
    return dataclasses.replace(answer, text=DELETED, citations=(), verdicts=(), nearest=(), stages=(), route=DELETED)


def to_json(answer: Answer) -> str:
    """The answer as a JSON object with the names of its fields."""
    return json.dumps(dataclasses.asdict(answer), ensure_ascii=False, default=_plain)


def from_json(text: str) -> Answer:
    """The answer that ``to_json`` wrote; values in the details of stages may have become texts."""
    data: dict[str, Any] = json.loads(text)
    return Answer(
        **{
            **data,
            "citations": tuple(citation(row) for row in data["citations"]),
            "nearest": tuple(citation(row) for row in data["nearest"]),
            "verdicts": tuple(Verdict(**{**row, "also": tuple(row.get("also", ()))}) for row in data["verdicts"]),
            "usage": Usage(**data["usage"]),
            "left_machine": tuple(data["left_machine"]),
            "stages": tuple(Stage(**row) for row in data["stages"]),
        }
    )


def citation(row: Mapping[str, Any]) -> Citation:
    """The citation that ``dataclasses.asdict`` and JSON made ``row`` of."""
    return Citation(**{**row, "span": Span(*row["span"]), "heading_path": tuple(row["heading_path"])})


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _groups(groups: frozenset[str]) -> str:
    return json.dumps(sorted(groups), ensure_ascii=False)


def _asked(row: Row[Any]) -> LoggedQuestion:
    return LoggedQuestion(
        answer=from_json(row.answer),
        tenant=row.tenant,
        groups=frozenset(json.loads(row.groups)),
        conversation=row.conversation,
        asked_at=datetime.fromisoformat(row.asked_at),
        generation=row.generation,
        settings_hash=row.settings_hash,
        user=row.user,
    )
