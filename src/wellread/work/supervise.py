"""The worker: takes what waits, one job at a time, and gives each a process that may fail, hang or be stopped alone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from wellread import paths
from wellread.knowledge_base import KnowledgeBase
from wellread.store import jobs
from wellread.store.jobs import Job

POLL_S = 0.5
PATIENCE_S = 10.0  # that a job has to stop in before it is killed
TAIL = 4_000  # bytes of what a job said that are shown


def work(base: KnowledgeBase, *, once: bool = False, stop: Callable[[], bool] = lambda: False) -> int:
    """Carries out what waits, until ``stop`` says so; with ``once`` until nothing waits. How many jobs were ended.

    Jobs whose worker was killed wait again first, and go on where they were. One worker a base at a time: a second one
    takes other jobs, as a job is claimed in a transaction.
    """
    ended = 0
    with base.store.writing() as tx:
        jobs.requeue(tx)
    while not stop():
        with base.store.writing(durable=False) as tx:
            job = jobs.claim(tx)
        if job is not None:
            _carry_out(base, job, stop)
            ended += 1
        elif once:
            break
        else:
            time.sleep(POLL_S)
    return ended


def log_of(base: KnowledgeBase, job_id: int) -> Path:
    """Where the words of a job are kept."""
    return base.folder / paths.DATA / paths.JOB_LOGS / f"{job_id}.log"


def tail(base: KnowledgeBase, job_id: int) -> str:
    """The last words of a job; empty where it said none."""
    path = log_of(base, job_id)
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        return file.read().decode("utf-8", "replace")


def _carry_out(base: KnowledgeBase, job: Job, stop: Callable[[], bool]) -> None:
    log = log_of(base, job.id)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "wellread", "--base", str(base.folder), "jobs", "work", "--job", str(job.id)]
    with log.open("ab") as words:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words)
        wanted = _watched(base, job, child, stop)
    with base.store.writing() as tx:
        now = jobs.state_of(tx.connection, job.id)
        if wanted == "cancelled" and now == "cancelling":
            jobs.cancelled(tx, job.id)
        elif wanted == "stopped" and now == "running":
            jobs.back(tx, job.id)
        elif now in ("running", "cancelling"):
            said = f"its process ended with code {child.returncode}; its last words: wellread jobs show {job.id}"
            jobs.finish(tx, job.id, error=said)


def _watched(base: KnowledgeBase, job: Job, child: subprocess.Popen[bytes], stop: Callable[[], bool]) -> str:
    """Waits for the process; «cancelled» or «stopped» where it was ended for one of both, else nothing."""
    while True:
        try:
            child.wait(POLL_S)
        except subprocess.TimeoutExpired:
            pass
        else:
            return ""
        with base.store.reading() as connection:
            cancelling = jobs.state_of(connection, job.id) == "cancelling"
        if cancelling or stop():
            _end(child)
            return "cancelled" if cancelling else "stopped"


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
