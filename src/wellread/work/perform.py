"""What each kind of queued job does, in the process that carries it out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wellread import config, paths
from wellread.errors import UsageError, WellreadError
from wellread.knowledge_base import SECTIONS, SECTIONS_ABOVE, KnowledgeBase
from wellread.progress import Progress
from wellread.store import jobs, uploads
from wellread.store.engine.api import Store
from wellread.store.jobs import Job
from wellread.tune import run as training
from wellread.tune import settings as tune_settings
from wellread.tune.data import prepare as preparing
from wellread.tune.data.findings import Policy
from wellread.tune.data.settings import PrepareSettings
from wellread.tune.ship import export
from wellread.tune.train import state

EXPORTED: export.Target = "gguf-q8_0"
OFTEN_S = 0.5  # how often the row of a job is written at most


@dataclass(slots=True)
class JobProgress:
    """Progress that stands in the row of the job. One thread may use it."""

    store: Store
    job: Job
    told: dict[str, object] = field(default_factory=dict)
    _written: float = 0.0

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        """``done`` of ``total`` items of a stage are finished."""
        self.told |= {"stage": stage, "done": done, "total": total, "note": note}
        if time.monotonic() - self._written > OFTEN_S:
            self.write()

    def write(self, **more: object) -> None:
        """The row says how far the job is."""
        self._written = time.monotonic()
        self.told |= more
        with self.store.writing(durable=False) as tx:
            jobs.progress(tx, self.job.id, {**self.job.progress, **self.told})


def perform(base: KnowledgeBase, job: Job) -> bool:
    """Carries a job out for whom it was asked, and writes how it ended; whether it went well.

    Raises: UsageError for a kind that there is not.
    """
    if job.kind not in KINDS:
        raise UsageError(f"job {job.id}: there is no kind of work called {job.kind}")
    progress = JobProgress(base.store, job)
    token = jobs.carried_out.set(job.id)
    error = ""
    try:
        result = KINDS[job.kind](base.as_user(job.who), job.settings, progress)
        progress.write(result=dict(result))
    except WellreadError as failed:
        error = str(failed)
    finally:
        jobs.carried_out.reset(token)
    with base.store.writing() as tx:
        jobs.finish(tx, job.id, error=error)
    return not error


def place_of(base: KnowledgeBase, upload: uploads.Upload) -> Path:
    """Where the bytes of a file that was sent lie."""
    return base.folder / paths.DATA / paths.UPLOADS / upload.id / upload.name


def _add(base: KnowledgeBase, settings: Mapping[str, object], progress: Progress) -> Mapping[str, object]:
    """A file that was sent becomes a document with the labels of who sent it."""
    sent = _sent(base, settings)
    labels = sorted(sent.groups) or None
    report = base.add(str(place_of(base, sent)), labels=labels, progress=progress)
    failed = [one.reason for one in base.failures() if one.uri.endswith(f"{sent.id}/{sent.name}")]
    if failed:
        raise UsageError(f"{sent.name}: {failed[0]}")
    return {"chunks": report.chunks, "new": report.new, "duplicates": report.duplicates}


def _sync(base: KnowledgeBase, settings: Mapping[str, object], progress: Progress) -> Mapping[str, object]:
    report = base.sync(retry_failed=settings.get("retry_failed") is True, progress=progress)
    return {name: getattr(report, name) for name in ("new", "changed", "moved", "deleted", "failed", "skipped")}


def _tune(base: KnowledgeBase, settings: Mapping[str, object], progress: Progress) -> Mapping[str, object]:
    """Prepares the examples that were sent, and trains on them; a run that was cut off goes on."""
    name = paths.safe_name(str(settings["name"]), "run")
    if (state.folder_of(base.folder, name) / "run.json").is_file():
        result = training.resume(base, name, progress=progress)
    else:
        sent = _sent(base, settings)
        own = tune_settings.load(base.folder, _overrides(settings), data=name)
        wanted = preparing.PrepareRequest(
            name=name, files=(place_of(base, sent),), policy=Policy(frozenset(), frozenset()), replace_old=True
        )
        made = preparing.prepare(base, wanted, _prepare_settings(base.folder), own.base, progress)
        if made.card is None:
            raise UsageError(f"{sent.name}: {'; '.join(str(one) for one in made.findings[:3])}")
        result = training.start(base, own, name=name, progress=progress)
    kept = {key: value for key, value in dataclasses.asdict(result).items() if isinstance(value, int | float | str)}
    return {**kept, "name": name, **_exported(base, name, progress)}


def _exported(base: KnowledgeBase, name: str, progress: Progress) -> Mapping[str, object]:
    """The run as a file that llama.cpp reads, so that it answers under an id of its own; why not, where it cannot."""
    try:
        export.export(base, name, EXPORTED, progress=progress)
    except UsageError as error:  # one that says labels, or whose method cannot be merged
        return {"not_served": str(error)}
    return {"model": f"wellread/tuned/{name}"}


def _overrides(settings: Mapping[str, object]) -> list[str]:
    given = settings.get("tune")
    return [f"tune.{key}={config.toml_value(value)}" for key, value in given.items()] if isinstance(given, dict) else []


def _prepare_settings(folder: Path) -> PrepareSettings:
    others = [name for name in (*SECTIONS, *SECTIONS_ABOVE) if name != "prepare"]
    found = config.load(folder / config.FILE_NAME, {"prepare": PrepareSettings}, elsewhere=others)
    made: PrepareSettings = found["prepare"]
    return made


def _sent(base: KnowledgeBase, settings: Mapping[str, object]) -> uploads.Upload:
    """Raises: UsageError where the file is gone, or is not for who asked."""
    with base.store.reading() as connection:
        sent = uploads.get(connection, str(settings.get("file", "")), who=base.who)
    if sent is None or not place_of(base, sent).is_file():
        raise UsageError(f"file {settings.get('file', '')}: there is none; it may have been deleted meanwhile")
    return sent


KINDS: Mapping[str, Callable[[KnowledgeBase, Mapping[str, Any], Progress], Mapping[str, object]]] = {
    "add file": _add,
    "sync": _sync,
    "tune": _tune,
}
