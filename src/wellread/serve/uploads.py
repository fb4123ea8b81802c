"""Files that are sent: OpenAI's Files and the files of the vector store, and the form for people.

A file is read part by part onto the disk, under a name that was made here; nothing of it is parsed in this process.
Bringing it into the base is a job of the queue, in the sandbox of every document.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import FileResponse, RedirectResponse, Response

from wellread import paths
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.serve.app import Endpoint, Visit, json_reply
from wellread.serve.replies import NOT_FOUND, HttpError
from wellread.store import jobs, uploads
from wellread.store.jobs import Job
from wellread.store.uploads import Upload

PURPOSES = ("assistants", "user_data", "fine-tune")
LONGEST_NAME = 120
PIECE = 1 << 20
MOST_LISTED = 10_000
_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_STATES = {"waiting": "in_progress", "running": "in_progress", "cancelling": "in_progress", "done": "completed"}


@dataclass(frozen=True, slots=True)
class _Sent:
    """The fields of a form with one file."""

    fields: Mapping[str, str]
    file: UploadFile


async def _form(visit: Visit) -> _Sent:
    """What a form holds; its file is to be closed. Raises: HttpError for no file, several, or too many bytes."""
    most = visit.served.settings.max_upload_bytes
    kind = visit.request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise HttpError(400, "invalid_request", "send the file as multipart/form-data")

    async def counted() -> AsyncGenerator[bytes, None]:
        read = 0
        async for part in visit.request.stream():
            read += len(part)
            if read > most + PIECE:
                raise _TooLarge(f"the file is larger than {most:,} bytes")
            yield part

    try:
        parsed = await MultiPartParser(visit.request.headers, counted(), max_files=1, max_fields=20).parse()
    except _TooLarge as error:
        raise HttpError(413, "too_large", error.message, "file") from error
    except (MultiPartException, KeyError) as error:
        raise HttpError(400, "invalid_request", f"the form cannot be read: {error}") from error
    sent = [value for value in parsed.values() if isinstance(value, UploadFile)]
    if len(sent) != 1 or not sent[0].filename:
        await parsed.close()
        raise HttpError(400, "invalid_request", "file: one file is required", "file")
    return _Sent({key: value for key, value in parsed.items() if isinstance(value, str)}, sent[0])


class _TooLarge(MultiPartException):
    """More bytes came than a file may have; what was read of it is closed by the reader of forms."""


def clean(name: str) -> str:
    """The last part of a name, without signs that a system or a terminal takes for more than a name."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = _UNFIT.sub("", last).strip(" .")[-LONGEST_NAME:].lstrip(". ")
    return kept or "upload"


def _kept(visit: Visit, sent: _Sent, purpose: str) -> Upload:
    """The bytes on disk and the row beside them. Raises: HttpError where it is empty or the tenant has no room."""
    base, settings = visit.base, visit.served.settings
    number, name = f"file-{uuid4().hex}", clean(sent.file.filename or "")
    folder = base.folder / paths.DATA / paths.UPLOADS / number
    folder.mkdir(parents=True)
    try:
        digest, size = hashlib.sha256(), 0
        with (folder / name).open("xb") as file:
            while piece := sent.file.file.read(PIECE):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
        if not size:
            raise HttpError(400, "invalid_request", "file: is empty", "file")
        with base.store.writing() as tx:
            if uploads.total_bytes(tx.connection, who=base.who) + size > settings.max_uploads_bytes:
                cure = "delete files that are not needed, or raise serve.max_uploads_bytes"
                raise HttpError(413, "quota_exceeded", f"the files sent so far leave no room for it; {cure}", "file")
            uploads.put(tx, number, name, purpose, size, digest.hexdigest(), who=base.who)
            made = uploads.get(tx.connection, number, who=base.who)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if made is None:
        raise NOT_FOUND
    return made


def place_of(base: KnowledgeBase, upload: Upload) -> Path:
    """Where the bytes lie."""
    return base.folder / paths.DATA / paths.UPLOADS / upload.id / upload.name


def object_of(upload: Upload) -> dict[str, Any]:
    """The file as OpenAI's clients read it."""
    return {
        "id": upload.id,
        "object": "file",
        "bytes": upload.size_bytes,
        "created_at": int(upload.created_at.timestamp()),
        "filename": upload.name,
        "purpose": upload.purpose,
        "status": "processed",
        "expires_at": None,
    }


async def send(visit: Visit) -> Response:
    """A file is kept; for answers and searches it is brought in through the vector store."""
    sent = await _form(visit)
    try:
        purpose = sent.fields.get("purpose", "")
        if purpose not in PURPOSES:
            raise HttpError(400, "invalid_request", f"purpose: is one of {', '.join(PURPOSES)}", "purpose")
        _check_may(visit, "train" if purpose == "fine-tune" else "write")
        return json_reply(object_of(await visit.served.in_thread(lambda: _kept(visit, sent, purpose))))
    finally:
        await sent.file.close()


def _check_may(visit: Visit, action: str) -> None:
    if visit.credential is None or action not in visit.credential.actions:
        raise HttpError(403, "not_allowed", f"this key may not {action}")


async def listed(visit: Visit) -> Response:
    """The files that the caller may see, the newest first."""
    purpose = visit.request.query_params.get("purpose")
    base = visit.base

    def found() -> list[Upload]:
        with base.store.reading() as connection:
            return uploads.listing(connection, who=base.who)

    data = [object_of(one) for one in await visit.served.in_thread(found) if purpose in (None, one.purpose)]
    return json_reply(page_of(data[:MOST_LISTED]))


def page_of(data: list[dict[str, Any]]) -> dict[str, Any]:
    """A list as OpenAI's clients read it, all on one page."""
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, "has_more": False, **ends}


async def found(visit: Visit, number: str) -> Upload:
    """The file of that id. Raises: HttpError, the same for what is hidden and what there is not."""
    base = visit.base

    def looked_up() -> Upload | None:
        with base.store.reading() as connection:
            return uploads.get(connection, number, who=base.who)

    upload: Upload | None = await visit.served.in_thread(looked_up)
    if upload is None:
        raise NOT_FOUND
    return upload


async def retrieve(visit: Visit) -> Response:
    """What is known of a file."""
    return json_reply(object_of(await found(visit, visit.request.path_params["id"])))


async def content(visit: Visit) -> Response:
    """The bytes of a file, never shown as a page."""
    upload = await found(visit, visit.request.path_params["id"])
    path = place_of(visit.base, upload)
    if not path.is_file():
        raise NOT_FOUND
    return FileResponse(path, media_type="application/octet-stream", filename=upload.name)


async def delete(visit: Visit) -> Response:
    """A file goes, and what was made of it in the base."""
    upload = await found(visit, visit.request.path_params["id"])
    await visit.served.in_thread(lambda: _gone(visit.base, upload))
    return json_reply({"id": upload.id, "object": "file", "deleted": True})


def _gone(base: KnowledgeBase, upload: Upload) -> None:
    path = place_of(base, upload)
    with suppress(UsageError):  # it was never brought in
        base.remove(str(path))
    with base.store.writing() as tx:
        uploads.remove(tx, upload.id, who=base.who)
    shutil.rmtree(path.parent, ignore_errors=True)


# the files of the vector store


def brought_in(base: KnowledgeBase, upload: Upload) -> int:
    """The job that makes a document of a file."""
    with base.store.writing() as tx:
        return jobs.enqueue(tx, "add file", {"file": upload.id, "name": upload.name}, who=base.who)


async def attach(visit: Visit) -> Response:
    """A file that was sent becomes a document; the job that does it runs beside the server."""
    _check_store(visit)
    body = await visit.json()
    number = body.get("file_id")
    if not isinstance(number, str):
        raise HttpError(400, "invalid_request", "file_id: the id of a file that was sent is required", "file_id")
    upload, base = await found(visit, number), visit.base
    job = await visit.served.in_thread(lambda: brought_in(base, upload))
    return json_reply(_attached(upload, await _job(visit, job)))


async def attached(visit: Visit) -> Response:
    """The files that were brought in, or are to be."""
    _check_store(visit)
    base = visit.base

    def looked_up() -> list[dict[str, Any]]:
        with base.store.reading() as connection:
            sent = {one.id: one for one in uploads.listing(connection, who=base.who)}
            newest = _newest(jobs.recent(connection, who=base.who, limit=MOST_LISTED))
        return [_attached(sent[number], job) for number, job in newest.items() if number in sent]

    return json_reply(page_of(await visit.served.in_thread(looked_up)))


async def attached_one(visit: Visit) -> Response:
    """How far a file is on its way into the base."""
    _check_store(visit)
    upload, base = await found(visit, visit.request.path_params["file"]), visit.base

    def looked_up() -> Job | None:
        with base.store.reading() as connection:
            return _newest(jobs.recent(connection, who=base.who, limit=MOST_LISTED)).get(upload.id)

    job: Job | None = await visit.served.in_thread(looked_up)
    if job is None:
        raise NOT_FOUND
    return json_reply(_attached(upload, job))


def _check_store(visit: Visit) -> None:
    if visit.request.path_params["id"] != "default":
        raise NOT_FOUND


def _newest(found_jobs: list[Job]) -> dict[str, Job]:
    newest: dict[str, Job] = {}
    for job in found_jobs:
        if job.kind == "add file":
            newest.setdefault(str(job.settings.get("file")), job)
    return newest


async def _job(visit: Visit, number: int) -> Job:
    base = visit.base

    def looked_up() -> Job | None:
        with base.store.reading() as connection:
            return jobs.get(connection, number, who=base.who)

    job: Job | None = await visit.served.in_thread(looked_up)
    if job is None:
        raise NOT_FOUND
    return job


def _attached(upload: Upload, job: Job) -> dict[str, Any]:
    state = _STATES.get(job.state, "failed" if job.state != "cancelled" else "cancelled")
    error = {"code": "server_error", "message": job.error} if job.error else None
    return {
        "id": upload.id,
        "object": "vector_store.file",
        "created_at": int(job.started_at.timestamp()),
        "vector_store_id": "default",
        "status": state,
        "last_error": error,
        "usage_bytes": upload.size_bytes if state == "completed" else 0,
        "chunking_strategy": {"type": "other"},
        "attributes": {},
    }


# people


async def from_page(visit: Visit) -> Response:
    """The form on the page of documents: a file is kept and brought in, and its job is shown."""
    sent = await _form(visit)
    try:
        await visit.served.in_thread(lambda: brought_in(visit.base, _kept(visit, sent, "user_data")))
    finally:
        await sent.file.close()
    return RedirectResponse("/jobs", 303)


ROUTES = (
    Endpoint("POST", "/v1/files", "read", send),
    Endpoint("GET", "/v1/files", "read", listed),
    Endpoint("GET", "/v1/files/{id}", "read", retrieve),
    Endpoint("GET", "/v1/files/{id}/content", "read", content),
    Endpoint("DELETE", "/v1/files/{id}", "write", delete),
    Endpoint("POST", "/v1/vector_stores/{id}/files", "write", attach),
    Endpoint("GET", "/v1/vector_stores/{id}/files", "read", attached),
    Endpoint("GET", "/v1/vector_stores/{id}/files/{file}", "read", attached_one),
    Endpoint("POST", "/documents/upload", "write", from_page, page=True),
)
