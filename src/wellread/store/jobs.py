"""Long work as rows: what runs, how far it is, how it ended, and what was cut off."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from wellread.store import checksums
from wellread.store.engine.api import Store, Transaction, now_text
from wellread.store.schema import jobs
from wellread.types import Principal


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work; ``state`` is running, done, failed or interrupted (its process is gone)."""

    id: int
    tenant: str
    kind: str
    state: str
    settings: Mapping[str, object]
    progress: Mapping[str, object]
    pid: int
    started_at: datetime
    ended_at: datetime | None
    error: str
    user: str = ""


def start(tx: Transaction, kind: str, settings: Mapping[str, object], *, who: Principal) -> int:
    """The id of the job, which runs in this process from now on."""
    row: dict[str, object] = {
        "id": tx.allocate("job_id"),
        "tenant": who.tenant,
        "kind": kind,
        "state": "running",
        "settings": _json(settings),
        "progress": "{}",
        "pid": os.getpid(),
        "started_at": tx.now,
        "ended_at": None,
        "error": "",
        "user": who.user,
        "groups": json.dumps(sorted(who.groups), ensure_ascii=False),
    }
    row["checksum"] = checksums.of_row(jobs, row)
    tx.connection.execute(jobs.insert(), row)
    return int(str(row["id"]))


def progress(tx: Transaction, job_id: int, values: Mapping[str, object]) -> None:
    """The job is as far as ``values`` say. Raises ValueError for an unknown job."""
    _change(tx, job_id, {"progress": _json(values)})


def finish(tx: Transaction, job_id: int, *, error: str = "") -> None:
    """The job is done, or failed with ``error``. Raises ValueError for an unknown job."""
    _change(tx, job_id, {"state": "failed" if error else "done", "ended_at": now_text(), "error": error})


@contextmanager
def running(store: Store, kind: str, settings: Mapping[str, object], *, who: Principal) -> Iterator[int]:
    """The id of a job that runs while the with block does: done at its end, failed if it is left by an exception."""
    with store.writing(durable=False) as tx:
        job_id = start(tx, kind, settings, who=who)
    try:
        yield job_id
    except BaseException as error:
        with store.writing(durable=False) as tx:
            finish(tx, job_id, error=f"{type(error).__name__}: {error}")
        raise
    with store.writing(durable=False) as tx:
        finish(tx, job_id)


def interrupted(tx: Transaction) -> list[Job]:
    """The jobs that were running in a process that is gone; from now on their state says so."""
    running = select(jobs).where(jobs.c.state == "running").order_by(jobs.c.id)
    found = [row for row in tx.connection.execute(running).mappings().all() if not alive(row["pid"])]
    for row in found:
        _change(tx, row["id"], {"state": "interrupted", "ended_at": now_text()})
    return [_job({**row, "state": "interrupted", "ended_at": tx.now}) for row in found]


def recent(connection: Connection, *, who: Principal, limit: int = 20) -> list[Job]:
    """The newest jobs of the tenant that somebody with no group that ``who`` lacks has started, newest first."""
    sets = connection.execute(select(jobs.c.groups).distinct().where(jobs.c.tenant == who.tenant)).scalars()
    allowed = [text for text in sets if frozenset(json.loads(text)) <= who.groups]
    mine = (jobs.c.tenant == who.tenant, jobs.c.groups.in_(allowed))
    statement = select(jobs).where(*mine).order_by(jobs.c.id.desc()).limit(limit)
    return [_job(dict(row)) for row in connection.execute(statement).mappings()]


def _change(tx: Transaction, job_id: int, values: Mapping[str, object]) -> None:
    row: RowMapping | None = tx.connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().one_or_none()
    if row is None:
        raise ValueError(f"there is no job {job_id}")
    changed: dict[str, object] = {**row, **values}
    changed["checksum"] = checksums.of_row(jobs, changed)
    tx.connection.execute(jobs.update().where(jobs.c.id == job_id), changed)


def alive(pid: int) -> bool:
    """Whether a process of that number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's, so it exists
        return True
    return True


def _json(values: Mapping[str, object]) -> str:
    return json.dumps(dict(values), ensure_ascii=False, sort_keys=True, default=str)


def _job(row: Mapping[str, Any]) -> Job:
    return Job(
        id=row["id"],
        tenant=row["tenant"],
        kind=row["kind"],
        state=row["state"],
        settings=json.loads(row["settings"]),
        progress=json.loads(row["progress"]),
        pid=row["pid"],
        started_at=datetime.fromisoformat(row["started_at"]),
        ended_at=datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None,
        error=row["error"],
        user=row["user"],
    )
