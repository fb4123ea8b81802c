"""The page of long work: what waits, what runs and how far it is, how it ended; each job as whoever may see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.responses import HTMLResponse, RedirectResponse, Response

from wellread.markup import Markup, el
from wellread.serve.app import Endpoint, Visit
from wellread.serve.pages import page
from wellread.serve.replies import NOT_FOUND
from wellread.store import jobs
from wellread.store.jobs import Job

SHOWN = 50
_WORDS = {"add file": "Bring a file in", "sync": "Bring sources in step", "tune": "Train a model", "add": "Add sources"}


async def listed(visit: Visit) -> Response:
    """The newest jobs; the page reloads itself while one of them is not ended."""
    base = visit.base

    def looked_up() -> list[Job]:
        with base.store.reading() as connection:
            return jobs.recent(connection, who=base.who, limit=SHOWN)

    found: list[Job] = await visit.served.in_thread(looked_up)
    moving = any(job.state not in jobs.ENDED for job in found)
    may_write = visit.credential is not None and "write" in visit.credential.actions
    headers = {"refresh": "3"} if moving else None
    return HTMLResponse(shown(found, may_write=may_write), headers=headers)


async def cancel(visit: Visit) -> Response:
    """A job is stopped, or taken out before it begins."""
    number, base = visit.request.path_params["id"], visit.base

    def stopped() -> Job | None:
        with base.store.writing() as tx:
            return jobs.cancel(tx, int(number), who=base.who) if number.isdecimal() and len(number) < 10 else None

    if await visit.served.in_thread(stopped) is None:
        raise NOT_FOUND
    return RedirectResponse("/jobs", 303)


def shown(found: Sequence[Job], *, may_write: bool) -> str:
    """The jobs as a page; those of the queue can be stopped where the reader may."""
    rows = [_row(job, may_write=may_write) for job in found]
    heads = el("tr", *(el("th", name, scope="col") for name in ("Job", "What", "State", "How far", "Since", "")))
    table = el("div", el("table", el("thead", heads), el("tbody", *rows)), class_="scroll")
    return page(
        "Jobs",
        el("h1", "Jobs"),
        el("p", el("a", "Send a document", href="/documents"), class_="place") if may_write else None,
        table if rows else el("p", "There is no long work yet."),
        wide=True,
    )


def sending() -> Markup:
    """The form that sends a file."""
    field = el("input", type="file", name="file", id="file", required=True)
    label = el("label", "Send a document", for_="file")
    return el("form", label, field, el("button", "Send"), method="post", action="/documents/upload",
              enctype="multipart/form-data", class_="send")  # fmt: skip


def _row(job: Job, *, may_write: bool) -> Markup:
    stop = None
    if may_write and job.queued and job.state in ("waiting", "running"):
        stop = el("form", el("button", "Stop"), method="post", action=f"/jobs/{job.id}/cancel")
    what = " ".join(filter(None, (_WORDS.get(job.kind, job.kind), str(job.settings.get("name", "")))))
    cells = (str(job.id), what, job.state, _how_far(job), f"{job.started_at.astimezone(UTC):%Y-%m-%d %H:%M}")
    return el("tr", *(el("td", cell) for cell in cells), el("td", stop))


def _how_far(job: Job) -> Markup | str:
    if job.error:
        return job.error
    done, total = job.progress.get("done"), job.progress.get("total")
    stage = str(job.progress.get("stage", ""))
    if job.state == "running" and isinstance(done, int) and isinstance(total, int) and total > 0:
        bar = el("progress", f"{done} of {total}", value=done, max=total, aria_label=stage)
        return el("span", bar, f" {stage}, {done} of {total}")
    if job.state == "done" and job.ended_at is not None:
        seconds = (job.ended_at - job.started_at).total_seconds()
        return f"{seconds:.0f} s"
    since = (datetime.now(UTC) - job.started_at.astimezone(UTC)).total_seconds()
    return f"{stage} ({since:.0f} s)" if job.state == "running" else ""


ROUTES = (
    Endpoint("GET", "/jobs", "read", listed, page=True),
    Endpoint("POST", "/jobs/{id}/cancel", "write", cancel, page=True),
)
