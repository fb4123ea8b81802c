"""``wellread jobs``."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, ERROR, Call, command
from wellread.errors import UsageError
from wellread.store import jobs as queue
from wellread.store.jobs import Job
from wellread.work import perform, supervise

LIST = """
wellread jobs list
"""
SHOW = """
wellread jobs show 12
"""
CANCEL = """
wellread jobs cancel 12
"""
WORK = """
wellread jobs work
wellread jobs work --once
"""
PARENT_S = 1.0  # how often a job looks whether its worker is there
Number = Annotated[int, typer.Argument(metavar="ID", min=1, help="As wellread jobs list shows it.")]


@command(examples=LIST)
def listed(
    call: Call,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="So many of the newest.")] = 20,
) -> int:
    """List long work, the newest first: what, how far, how it ended."""
    with open_base(call, read_only=True) as base, base.store.reading() as connection:
        found = queue.recent(connection, who=base.who, limit=limit)
    if call.json:
        show.dump({"jobs": found})
        return DONE
    show.rows([(str(job.id), job.kind, job.state, _how_far(job), f"{job.started_at:%Y-%m-%d %H:%M}") for job in found])
    return DONE


@command(examples=SHOW)
def one(call: Call, number: Number) -> int:
    """Show a job: what was asked, how far it is, its last words."""
    with open_base(call, read_only=True) as base:
        with base.store.reading() as connection:
            job = queue.get(connection, number, who=base.who)
        if job is None:
            raise UsageError(f"job {number}: there is none that you may see; wellread jobs list names them")
        said = supervise.tail(base, number)
    if call.json:
        show.dump({"job": job, "said": said})
        return DONE
    show.say(f"{job.id} {job.kind}: {job.state}", "bold")
    show.rows([(key, str(value)) for key, value in {**job.settings, **job.progress}.items()], indent=4)
    for words in filter(None, (job.error, said)):
        show.say(words, indent=4)
    return DONE


@command(examples=CANCEL)
def cancel(call: Call, number: Number) -> int:
    """Stop a job of the queue, or take it out before it begins; what it kept so far stays."""
    with open_base(call) as base, base.store.writing() as tx:
        job = queue.cancel(tx, number, who=base.who)
    if job is None:
        raise UsageError(f"job {number}: there is none that you may see; wellread jobs list names them")
    if not job.queued:
        raise UsageError(f"job {number}: runs in a terminal; stop it there with Ctrl-C")
    if call.json:
        show.dump({"job": job})
        return DONE
    show.say(f"job {number}: {job.state}")
    return DONE


@command(examples=WORK, kept="what was begun waits again; wellread jobs work resumes it")
def work(
    call: Call,
    once: Annotated[bool, typer.Option("--once", help="End when nothing waits.")] = False,
    served: Annotated[
        int, typer.Option("--served", min=0, metavar="PID", help="End with the server of that process.", hidden=True)
    ] = 0,
    job: Annotated[
        int, typer.Option("--job", min=0, metavar="ID", help="Carry out this one, as the worker asks.", hidden=True)
    ] = 0,
) -> int:
    """Carry out the jobs of the queue, one at a time, until it is stopped; wellread serve starts a worker by itself.

    Each job has a process of its own: one that fails, hangs or is stopped takes no other with it. What was cut off
    goes on where it was.
    """
    with open_base(call) as base:
        if job:
            _when_alone(os.getppid(), lambda: os._exit(75))  # the next worker carries it on, and none does it twice
            with base.store.reading() as connection:
                found = next((one for one in queue.claimed(connection) if one.id == job), None)
            if found is None:
                raise UsageError(f"job {job}: is not claimed by a worker; wellread jobs work takes what waits")
            return DONE if perform.perform(base, found) else ERROR
        stopping = threading.Event()

        def stopped(_: int, __: FrameType | None) -> None:
            stopping.set()

        if served:
            _when_alone(served, stopping.set)
        signal.signal(signal.SIGTERM, stopped)
        signal.signal(signal.SIGINT, stopped)
        n = supervise.work(base, once=once, stop=stopping.is_set)
    if not call.json:
        show.note(f"{show.count(n, 'job')} carried out")
    return DONE


def _when_alone(parent: int, act: Callable[[], None]) -> None:
    """Does so when the process that started this one is gone: one that is killed takes what it began with it."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_S)
        act()

    threading.Thread(target=look, daemon=True).start()


def _how_far(job: Job) -> str:
    if job.error:
        return job.error[:80]
    done, total = job.progress.get("done"), job.progress.get("total")
    stage = str(job.progress.get("stage", ""))
    return f"{stage} {done} of {total}" if total else stage
