"""What users said about answers: a thumb, a comment, a correction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from wellread.errors import UsageError
from wellread.store import checksums, log
from wellread.store.engine.api import Transaction
from wellread.store.schema import feedback, questions
from wellread.types import Principal

RATINGS = (-1, 0, 1)


@dataclass(frozen=True, slots=True)
class Feedback:
    """One opinion on one answer; ``rating`` is -1, 0 or 1, ``correction`` the answer that would have been right."""

    trace_id: str
    given_at: datetime
    rating: int
    comment: str
    correction: str
    user: str = ""


def put(
    tx: Transaction, trace_id: str, *, who: Principal, rating: int = 0, comment: str = "", correction: str = ""
) -> int:
    """The id of the opinion. Raises UsageError if ``who`` can see no such answer, or for another rating."""
    if rating not in RATINGS:
        raise UsageError(f"rating {rating}: no such rating; use -1, 0 or 1")
    if log.get(tx.connection, trace_id, who=who) is None:
        raise UsageError(f"{trace_id}: no such answer in the log; wellread log lists them")
    row: dict[str, object] = {
        "id": tx.allocate("feedback_id"),
        "tenant": who.tenant,
        "trace_id": trace_id,
        "given_at": tx.now,
        "rating": rating,
        "comment": comment,
        "correction": correction,
        "user": who.user,
    }
    row["checksum"] = checksums.of_row(feedback, row)
    tx.connection.execute(feedback.insert(), row)
    return int(str(row["id"]))


def listing(connection: Connection, *, who: Principal, trace_id: str | None = None, limit: int = 100) -> list[Feedback]:
    """The newest opinions on answers that ``who`` may see, newest first; on one answer if ``trace_id`` is given."""
    names = ("trace_id", "given_at", "rating", "comment", "correction", "user")
    statement = (
        select(*(feedback.c[name] for name in names))
        .join(questions, questions.c.trace_id == feedback.c.trace_id)
        .where(log.visible(connection, who=who), feedback.c.tenant == who.tenant)
    )
    if trace_id is not None:
        statement = statement.where(feedback.c.trace_id == trace_id)
    rows = connection.execute(statement.order_by(feedback.c.id.desc()).limit(limit))
    return [Feedback(row.trace_id, datetime.fromisoformat(row.given_at), *row[2:]) for row in rows]
