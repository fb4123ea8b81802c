"""Long work as rows: what runs, how far it is, how it ended, and what was cut off."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from wellread.store import checksums
from wellread.store.engine.api import Store, Transaction, now_text
from wellread.store.schema import jobs
from wellread.types import Principal


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work; ``state`` is waiting, running, cancelling, done, failed, cancelled or interrupted.

    Interrupted is what ran in a process that is gone. ``queued`` work waits for a worker, and goes back to wait when
    its worker is gone.
    """

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
    groups: frozenset[str] = frozenset()

    @property
    def queued(self) -> bool:
        """Whether a worker takes it, and takes it again."""
        return self.settings.get("queued") is True

    @property
    def who(self) -> Principal:
        """For whom it is done."""
        return Principal(self.tenant, self.groups, self.user)


ENDED = ("done", "failed", "cancelled", "interrupted")
ATTEMPTS = 3  # times that a queued job is begun, when its worker is killed each time
# the queued job that this process carries out: what it starts is recorded as that job
carried_out: ContextVar[int | None] = ContextVar("carried_out", default=None)


def enqueue(tx: Transaction, kind: str, settings: Mapping[str, object], *, who: Principal) -> int:
    """The id of a job that waits for a worker; ``settings`` say what is to be done."""
    return _insert(tx, kind, {**settings, "queued": True}, "waiting", 0, who=who)


def claim(tx: Transaction) -> Job | None:
    """The job that waited longest of the tenant that was served least lately, which runs in this process from now on.

    None where none waits.
    """
    first = select(func.min(jobs.c.id)).where(jobs.c.state == "waiting").group_by(jobs.c.tenant)
    waiting = tx.connection.execute(select(jobs).where(jobs.c.id.in_(first))).mappings().all()
    if not waiting:
        return None
    begun = select(jobs.c.tenant, func.max(jobs.c.started_at)).where(jobs.c.state != "waiting", jobs.c.pid > 0)
    served = {row[0]: row[1] for row in tx.connection.execute(begun.group_by(jobs.c.tenant))}
    row = min(waiting, key=lambda one: (served.get(one["tenant"], ""), one["id"]))
    done = json.loads(row["progress"])
    changed = {"state": "running", "pid": os.getpid(), "started_at": tx.now, "ended_at": None, "error": ""}
    changed["progress"] = _json({**done, "attempts": int(done.get("attempts", 0)) + 1})
    _change(tx, row["id"], changed)
    return _job({**row, **changed})


def requeue(tx: Transaction) -> list[Job]:
    """Queued jobs whose worker is gone: they wait again, are cancelled if they were to be, or fail after ATTEMPTS."""
    lost = select(jobs).where(jobs.c.state.in_(("running", "cancelling", "interrupted"))).order_by(jobs.c.id)
    found = [_job(dict(row)) for row in tx.connection.execute(lost).mappings().all()]
    found = [job for job in found if job.queued and (job.state == "interrupted" or not alive(job.pid))]
    for job in found:
        if job.state == "cancelling":
            _change(tx, job.id, {"state": "cancelled", "ended_at": now_text()})
        elif int(str(job.progress.get("attempts", 0))) >= ATTEMPTS:
            _change(tx, job.id, {"state": "failed", "ended_at": now_text(), "error": "its worker was killed each time"})
        else:
            _change(tx, job.id, {"state": "waiting", "pid": 0, "ended_at": None})
    return found


def get(connection: Connection, job_id: int, *, who: Principal) -> Job | None:
    """The job of that id, None where there is none that ``who`` may see."""
    found = select(jobs).where(jobs.c.id == job_id, jobs.c.tenant == who.tenant)
    row = connection.execute(found).mappings().one_or_none()
    job = _job(dict(row)) if row is not None else None
    return job if job is not None and job.groups <= who.groups else None


def cancel(tx: Transaction, job_id: int, *, who: Principal) -> Job | None:
    """The job as it is now: one that waited is cancelled, one that runs is to be; None where ``who`` may see none."""
    job = get(tx.connection, job_id, who=who)
    if job is None or not job.queued or job.state in ENDED:
        return job
    changed = {"state": "cancelled", "ended_at": now_text()} if job.state == "waiting" else {"state": "cancelling"}
    _change(tx, job_id, changed)
    return get(tx.connection, job_id, who=who)


def cancelled(tx: Transaction, job_id: int) -> None:
    """The job was stopped. Raises ValueError for an unknown job."""
    _change(tx, job_id, {"state": "cancelled", "ended_at": now_text()})


def claimed(connection: Connection) -> list[Job]:
    """The queued jobs that workers have claimed, of every tenant: for the processes that carry them out."""
    rows = connection.execute(select(jobs).where(jobs.c.state.in_(("running", "cancelling")))).mappings()
    return [job for job in (_job(dict(row)) for row in rows) if job.queued]


def renamed(tx: Transaction, job_id: int, settings: Mapping[str, object]) -> None:
    """The job is described once more, before a worker has it. Raises ValueError for an unknown job."""
    _change(tx, job_id, {"settings": _json(settings)})


def back(tx: Transaction, job_id: int) -> None:
    """The job waits again: its worker is told to stop. Raises ValueError for an unknown job."""
    _change(tx, job_id, {"state": "waiting", "pid": 0})


def state_of(connection: Connection, job_id: int) -> str:
    """The state of a job, for the worker that carries it out; empty where there is none."""
    return str(connection.execute(select(jobs.c.state).where(jobs.c.id == job_id)).scalar_one_or_none() or "")


def start(tx: Transaction, kind: str, settings: Mapping[str, object], *, who: Principal) -> int:
    """The id of the job, which runs in this process from now on."""
    return _insert(tx, kind, settings, "running", os.getpid(), who=who)


def _insert(tx: Transaction, kind: str, settings: Mapping[str, object], state: str, pid: int, *, who: Principal) -> int:
    row: dict[str, object] = {
        "id": tx.allocate("job_id"),
        "tenant": who.tenant,
        "kind": kind,
        "state": state,
        "settings": _json(settings),
        "progress": "{}",
        "pid": pid,
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
    """The id of a job that runs while the with block does: done at its end, failed if it is left by an exception.

    What a queued job starts is part of it and gets no row of its own.
    """
    if (queued := carried_out.get()) is not None:
        yield queued
        return
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
        groups=frozenset(json.loads(row["groups"])),
    )
