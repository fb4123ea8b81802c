"""OpenAI's fine-tuning jobs on the queue: the server takes and tells, the worker trains."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from wellread.serve.app import Endpoint, Visit, json_reply
from wellread.serve.replies import NOT_FOUND, HttpError
from wellread.serve.uploads import found, page_of
from wellread.store import jobs
from wellread.store.jobs import Job

KIND = "tune"
_STATES = {
    "waiting": "queued", "running": "running", "cancelling": "running", "done": "succeeded", "failed": "failed",
    "cancelled": "cancelled", "interrupted": "queued",
}  # fmt: skip
_NUMBER = re.compile(r"ftjob-(\d{1,9})")
_SUFFIX = re.compile(r"[A-Za-z0-9_-]{1,40}")
MOST_LISTED = 1_000
# hyperparameters that are honoured: the setting of section tune, and what its values are
_HONOURED: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "n_epochs": ("epochs", (int,)),
    "batch_size": ("batch", (int,)),
    "beta": ("beta", (int, float)),
}


async def create(visit: Visit) -> Response:
    """A training on a file that was sent; the base model is the one of the settings, or named as they name it."""
    body = await visit.json()
    sent = body.get("training_file")
    if not isinstance(sent, str):
        raise HttpError(400, "invalid_request", "training_file: the id of a file is required", "training_file")
    upload = await found(visit, sent)
    settings = {"file": upload.id, "model": _model(body), "tune": _tuned(body), "suffix": _suffix(body)}
    base = visit.base

    def queued() -> Job | None:
        with base.store.writing() as tx:
            number = jobs.enqueue(tx, KIND, settings, who=base.who)
            jobs.renamed(tx, number, {**settings, "queued": True, "name": _name(settings["suffix"], number)})
            return jobs.get(tx.connection, number, who=base.who)

    job: Job | None = await visit.served.in_thread(queued)
    if job is None:
        raise NOT_FOUND
    return json_reply(object_of(job))


def _name(suffix: object, number: int) -> str:
    return f"{suffix}-{number}" if suffix else f"ftjob-{number}"


def _model(body: Mapping[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise HttpError(400, "invalid_request", "model: is required: llama:NAME, or «default» for tune.base", "model")
    return model


def _suffix(body: Mapping[str, Any]) -> str:
    suffix = body.get("suffix") or ""
    if not isinstance(suffix, str) or (suffix and not _SUFFIX.fullmatch(suffix)):
        raise HttpError(400, "invalid_request", "suffix: up to 40 letters, digits, dashes and underscores", "suffix")
    return suffix


def _tuned(body: Mapping[str, Any]) -> dict[str, object]:
    """Settings of section ``tune``. Raises: HttpError naming the field at fault."""
    method = body.get("method") or {"type": "supervised"}
    kind = method.get("type") if isinstance(method, Mapping) else None
    if kind not in ("supervised", "dpo"):
        raise HttpError(400, "invalid_request", "method.type: is supervised or dpo", "method")
    own = method.get(kind) if isinstance(method, Mapping) else None
    sent = [body.get("hyperparameters"), own.get("hyperparameters") if isinstance(own, Mapping) else None]
    given = {key: value for part in sent if isinstance(part, Mapping) for key, value in part.items()}
    made: dict[str, object] = {"objective": "dpo"} if kind == "dpo" else {}
    model = _model(body)
    if model != "default":
        made["base"] = model if ":" in model else f"llama:{model}"
    for name, (key, kinds) in _HONOURED.items():
        value = given.get(name, "auto")
        if value == "auto":
            continue
        if isinstance(value, bool) or not isinstance(value, kinds) or not float(str(value)) > 0:
            what = f"hyperparameters.{name}: is a number above 0, or auto"
            raise HttpError(400, "invalid_request", what, "hyperparameters")
        made[key] = value
    seed = body.get("seed")
    if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**31:
        made["seed"] = seed
    return made


def object_of(job: Job) -> dict[str, Any]:
    """The job as OpenAI's clients read it."""
    settings, result = job.settings, job.progress.get("result")
    state = _STATES.get(job.state, job.state)
    tuned = settings.get("tune")
    given = tuned if isinstance(tuned, Mapping) else {}
    epochs = {"n_epochs": given.get("epochs", "auto"), "batch_size": given.get("batch", "auto")}
    kind = "dpo" if given.get("objective") == "dpo" else "supervised"
    error = {"code": "training_failed", "message": job.error, "param": None} if job.error else {}
    return {
        "id": f"ftjob-{job.id}",
        "object": "fine_tuning.job",
        "created_at": int(job.started_at.timestamp()),
        "finished_at": int(job.ended_at.timestamp()) if job.ended_at and state == "succeeded" else None,
        "model": settings.get("model"),
        "fine_tuned_model": result.get("model") if state == "succeeded" and isinstance(result, Mapping) else None,
        "organization_id": job.tenant,
        "status": state,
        "hyperparameters": {**epochs, "learning_rate_multiplier": "auto"},
        "method": {"type": kind, kind: {"hyperparameters": epochs}},
        "training_file": settings.get("file"),
        "validation_file": None,
        "result_files": [],
        "trained_tokens": None,
        "error": error,
        "seed": given.get("seed", 0),
        "user_provided_suffix": settings.get("suffix") or None,
        "integrations": [],
        "metadata": {},
        "estimated_finish": None,
    }


async def _found(visit: Visit) -> Job:
    """The job that the address names. Raises: HttpError, the same for what is hidden and what there is not."""
    match, base = _NUMBER.fullmatch(visit.request.path_params["id"]), visit.base

    def looked_up() -> Job | None:
        with base.store.reading() as connection:
            return jobs.get(connection, int(match[1]), who=base.who) if match else None

    job: Job | None = await visit.served.in_thread(looked_up)
    if job is None or job.kind != KIND:
        raise NOT_FOUND
    return job


async def retrieve(visit: Visit) -> Response:
    """How far a training is."""
    return json_reply(object_of(await _found(visit)))


async def listed(visit: Visit) -> Response:
    """The trainings that the caller may see, the newest first."""
    base = visit.base

    def looked_up() -> list[Job]:
        with base.store.reading() as connection:
            return jobs.recent(connection, who=base.who, limit=MOST_LISTED)

    data = [object_of(job) for job in await visit.served.in_thread(looked_up) if job.kind == KIND and job.queued]
    return json_reply(page_of(data))


async def cancel(visit: Visit) -> Response:
    """A training is stopped, or taken out before it begins."""
    job, base = await _found(visit), visit.base

    def stopped() -> Job | None:
        with base.store.writing() as tx:
            return jobs.cancel(tx, job.id, who=base.who)

    now: Job | None = await visit.served.in_thread(stopped)
    return json_reply(object_of(now or job))


async def events(visit: Visit) -> Response:
    """What became of a training so far, the newest first."""
    job = await _found(visit)
    said = [("queued", f"file {job.settings.get('file')}, run {job.settings.get('name')}")]
    if stage := job.progress.get("stage"):
        said.append(("running", f"{stage}: {job.progress.get('done')} of {job.progress.get('total') or '?'}"))
    if job.state in jobs.ENDED:
        said.append((job.state, job.error or job.state))
    data = [
        {
            "id": f"ftevent-{job.id}-{n}",
            "object": "fine_tuning.job.event",
            "created_at": int((job.ended_at or job.started_at).timestamp()),
            "level": "error" if state == "failed" else "info",
            "message": message,
            "type": "message",
            "data": None,
        }
        for n, (state, message) in enumerate(said)
    ]
    return json_reply(page_of(data[::-1]))


async def checkpoints(visit: Visit) -> Response:
    """None: the checkpoint of a run is there to go on from, and is no model of its own."""
    await _found(visit)
    return json_reply(page_of([]))


ROUTES = (
    Endpoint("POST", "/v1/fine_tuning/jobs", "train", create),
    Endpoint("GET", "/v1/fine_tuning/jobs", "train", listed),
    Endpoint("GET", "/v1/fine_tuning/jobs/{id}", "train", retrieve),
    Endpoint("POST", "/v1/fine_tuning/jobs/{id}/cancel", "train", cancel),
    Endpoint("GET", "/v1/fine_tuning/jobs/{id}/events", "train", events),
    Endpoint("GET", "/v1/fine_tuning/jobs/{id}/checkpoints", "train", checkpoints),
)
