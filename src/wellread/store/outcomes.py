"""Measurements as rows: what a configuration answered to a question, and the runs that such answers make up.

An outcome is found again by ``key`` (configuration, question, groups asked with) and ``depends`` (a digest of the text
that was read for it). It is committed as soon as it is there, so that a run which is killed resumes where it was. When
a document is deleted, what was answered over it is blanked; the figures of the runs stay.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, select

from wellread.store import access, checksums
from wellread.store.engine.api import Transaction, now_text
from wellread.store.engine.words import upsert
from wellread.store.jobs import alive
from wellread.store.schema import chunks, outcome_documents, outcomes, run_outcomes, runs, versions
from wellread.types import Principal

DELETED = "document deleted"  # the error of an outcome whose document was deleted since
_BATCH = 500


@dataclass(frozen=True, slots=True)
class KeptOutcome:
    """An outcome as it is stored: ``answer`` is what the room above wrote, ``error`` says that the model failed."""

    id: int
    key: str
    depends: str
    asked_at: datetime
    error: str
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """One measurement; ``state`` is running, done or interrupted (its process is gone)."""

    id: int
    tenant: str
    kind: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    questions_hash: str
    n_questions: int
    settings: Mapping[str, Any]
    summary: Mapping[str, Any]
    user: str = ""
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a base holds that a recommendation needs: live documents, those that changed, chunks and their tokens."""

    documents: int
    changed: int
    chunks: int
    tokens: int


# outcomes


def find(connection: Connection, keys: Sequence[str], *, who: Principal) -> dict[tuple[str, str], KeptOutcome]:
    """What was answered under ``keys`` for exactly this principal, by (key, depends); blanked ones are not found."""
    found: dict[tuple[str, str], KeptOutcome] = {}
    wanted = list(dict.fromkeys(keys))
    for start in range(0, len(wanted), _BATCH):
        statement = select(outcomes).where(
            outcomes.c.tenant == who.tenant,
            outcomes.c.groups == _groups(who),
            outcomes.c.key.in_(wanted[start : start + _BATCH]),
        )
        for row in connection.execute(statement).mappings():
            found[row["key"], row["depends"]] = _kept(row)
    return found


def put(
    tx: Transaction,
    key: str,
    depends: str,
    answer: Mapping[str, Any],
    *,
    who: Principal,
    error: str = "",
    documents: Collection[str] = (),
) -> int:
    """The id of the outcome, in place of the one that stood under key and depends.

    The one before stays in the runs that it belongs to, and is not found again. ``documents`` are the ids of those
    whose text was read for it.
    """
    same = (outcomes.c.tenant == who.tenant, outcomes.c.key == key, outcomes.c.depends == depends)
    known = tx.connection.execute(select(outcomes.c.id).where(*same)).scalar()
    if known is not None and _is_in_a_run(tx, known):
        _change(tx, known, key=f"replaced {known}", depends="")
        known = None
    row: dict[str, object] = {
        "id": tx.allocate("outcome_id") if known is None else known,
        "tenant": who.tenant,
        "groups": _groups(who),
        "key": key,
        "depends": depends,
        "asked_at": tx.now,
        "error": error,
        "answer": _pack(answer),
        "user": who.user,
    }
    row["checksum"] = checksums.of_row(outcomes, row)
    if known is None:
        tx.connection.execute(outcomes.insert(), row)
    else:
        tx.connection.execute(outcomes.update().where(outcomes.c.id == known), row)
        tx.connection.execute(outcome_documents.delete().where(outcome_documents.c.outcome_id == known))
    if documents:
        rows = [{"document_id": document, "outcome_id": row["id"]} for document in sorted(set(documents))]
        tx.connection.execute(outcome_documents.insert(), rows)
    return int(str(row["id"]))


def _is_in_a_run(tx: Transaction, id: int) -> bool:
    statement = select(run_outcomes.c.run_id).where(run_outcomes.c.outcome_id == id).limit(1)
    return tx.connection.execute(statement).scalar() is not None


def _change(tx: Transaction, id: int, **values: object) -> None:
    """The outcome of this id has these values."""
    row = tx.connection.execute(select(outcomes).where(outcomes.c.id == id)).mappings().one()
    changed = {**row, **values}
    changed["checksum"] = checksums.of_row(outcomes, changed)
    tx.connection.execute(outcomes.update().where(outcomes.c.id == id), changed)


def blank(tx: Transaction, documents: Collection[str]) -> int:
    """How many outcomes were blanked because they may hold text of ``documents`` (ids); they are never found again."""
    wanted = sorted(documents)
    ids: set[int] = set()
    for start in range(0, len(wanted), _BATCH):
        named = outcome_documents.c.document_id.in_(wanted[start : start + _BATCH])
        ids.update(tx.connection.execute(select(outcome_documents.c.outcome_id).where(named)).scalars())
    for id in sorted(ids):
        _change(tx, id, key=f"deleted {id}", depends="", error=DELETED, answer=_pack({}))
        tx.connection.execute(outcome_documents.delete().where(outcome_documents.c.outcome_id == id))
    return len(ids)


# runs


def begin(
    tx: Transaction,
    kind: str,
    settings: Mapping[str, Any],
    *,
    who: Principal,
    questions_hash: str,
    n_questions: int,
) -> int:
    """The number of a run that begins now, in this process."""
    row: dict[str, object] = {
        "id": tx.allocate("run_id"),
        "tenant": who.tenant,
        "kind": kind,
        "state": "running",
        "pid": os.getpid(),
        "started_at": tx.now,
        "ended_at": None,
        "questions_hash": questions_hash,
        "n_questions": n_questions,
        "settings": _json(settings),
        "summary": "{}",
        "user": who.user,
        "groups": _groups(who),
    }
    row["checksum"] = checksums.of_row(runs, row)
    tx.connection.execute(runs.insert(), row)
    return int(str(row["id"]))


def join(
    tx: Transaction, run_id: int, way: str, question_id: str, outcome_id: int, metrics: Mapping[str, float]
) -> None:
    """The outcome is what ``way`` answered to the question in this run, judged by ``metrics``."""
    row: dict[str, object] = {
        "run_id": run_id,
        "way": way,
        "question_id": question_id,
        "outcome_id": outcome_id,
        "metrics": _json(metrics),
    }
    row["checksum"] = checksums.of_row(run_outcomes, row)
    upsert(tx.connection, run_outcomes, [row])


def finish(tx: Transaction, run_id: int, summary: Mapping[str, Any]) -> None:
    """The run is done, with its figures. Raises ValueError for an unknown run."""
    row = tx.connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one_or_none()
    if row is None:
        raise ValueError(f"there is no run {run_id}")
    changed: dict[str, Any] = {**row, "state": "done", "ended_at": now_text(), "summary": _json(summary)}
    changed["checksum"] = checksums.of_row(runs, changed)
    tx.connection.execute(runs.update().where(runs.c.id == run_id), changed)


def listing(connection: Connection, *, who: Principal, limit: int = 20) -> list[MeasuredRun]:
    """The newest runs that ``who`` may see, newest first."""
    statement = select(runs).where(_visible(connection, who)).order_by(runs.c.id.desc()).limit(limit)
    return [_run(row) for row in connection.execute(statement).mappings()]


def get(connection: Connection, run_id: int, *, who: Principal) -> MeasuredRun | None:
    """One run, None if there is none of that number that ``who`` may see."""
    statement = select(runs).where(_visible(connection, who), runs.c.id == run_id)
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else _run(row)


def _visible(connection: Connection, who: Principal) -> ColumnElement[bool]:
    """Measured in the tenant of ``who`` by somebody with no group that ``who`` lacks: nothing hidden is in it."""
    sets = connection.execute(select(runs.c.groups).distinct().where(runs.c.tenant == who.tenant)).scalars()
    allowed = [text for text in sets if frozenset(json.loads(text)) <= who.groups]
    return and_(runs.c.tenant == who.tenant, runs.c.groups.in_(allowed))


def outcomes_of(
    connection: Connection, run_id: int, *, who: Principal
) -> Iterator[tuple[str, str, KeptOutcome, Mapping[str, float]]]:
    """Way, question id, outcome and metrics of a run, as far as ``who`` holds every group that was asked with."""
    joined = run_outcomes.join(outcomes, outcomes.c.id == run_outcomes.c.outcome_id)
    columns = [run_outcomes.c.way, run_outcomes.c.question_id, run_outcomes.c.metrics, *outcomes.columns]
    statement = (
        select(*columns)
        .select_from(joined)
        .where(run_outcomes.c.run_id == run_id, outcomes.c.tenant == who.tenant)
        .order_by(run_outcomes.c.way, run_outcomes.c.question_id)
    )
    for row in connection.execute(statement).mappings():
        if frozenset(json.loads(row["groups"])) <= who.groups:
            yield row["way"], row["question_id"], _kept(row), json.loads(row["metrics"])


def facts(connection: Connection, *, who: Principal) -> Facts:
    """What the base holds, as far as ``who`` may see it; changed are documents with an older version or a successor."""
    seen = (access.visible(connection, versions, who=who), versions.c.retired_at.is_(None))
    live = select(func.count()).select_from(versions).where(*seen)
    changed = live.where((versions.c.version > 1) | versions.c.superseded_by.is_not(None))
    passages = select(func.count(), func.coalesce(func.sum(chunks.c.n_tokens), 0)).where(
        access.visible(connection, chunks, who=who)
    )
    n_chunks, n_tokens = connection.execute(passages).one()
    return Facts(
        int(connection.execute(live).scalar_one()),
        int(connection.execute(changed).scalar_one()),
        int(n_chunks),
        int(n_tokens),
    )


def _groups(who: Principal) -> str:
    return json.dumps(sorted(who.groups), ensure_ascii=False)


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), ensure_ascii=False, sort_keys=True, default=str)


def _pack(answer: Mapping[str, Any]) -> bytes:
    return zlib.compress(_json(answer).encode("utf-8", "replace"), 6)


def _kept(row: RowMapping) -> KeptOutcome:
    answer = json.loads(zlib.decompress(row["answer"]))
    asked_at = datetime.fromisoformat(row["asked_at"])
    return KeptOutcome(row["id"], row["key"], row["depends"], asked_at, row["error"], answer)


def _run(row: RowMapping) -> MeasuredRun:
    gone = row["state"] == "running" and not alive(row["pid"])
    return MeasuredRun(
        id=row["id"],
        tenant=row["tenant"],
        kind=row["kind"],
        state="interrupted" if gone else row["state"],
        started_at=datetime.fromisoformat(row["started_at"]),
        ended_at=datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None,
        questions_hash=row["questions_hash"],
        n_questions=row["n_questions"],
        settings=json.loads(row["settings"]),
        summary=json.loads(row["summary"]),
        user=row["user"],
        groups=frozenset(json.loads(row["groups"])),
    )
