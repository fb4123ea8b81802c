"""The routes for people: ask, an answer, the documents, and the ways in and out."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from wellread.errors import UsageError, WellreadError
from wellread.serve import pages, replies, tools
from wellread.serve.app import SESSION, Endpoint, Visit
from wellread.serve.replies import NOT_FOUND, HttpError
from wellread.store import credentials
from wellread.types import Answer, Principal

SIGNED_IN = timedelta(hours=12)
_TYPES = {"css": "text/css", "js": "text/javascript"}
_SPAN = re.compile(r"(\d{1,9})-(\d{1,9})")


async def home(visit: Visit) -> Response:
    """The field for a question."""
    return HTMLResponse(pages.ask())


async def asked(visit: Visit) -> Response:
    """The answer to the form, as a whole page: what a browser without script gets."""
    question = (await visit.form()).get("question", "").strip()
    if not question:
        return HTMLResponse(pages.ask(notice="Write a question first."), 400)
    return HTMLResponse(pages.ask(question, await visit.ask(question)))


async def ask_stream(visit: Visit) -> Response:
    """The answer sentence by sentence, then as the piece of page that takes its place."""
    question = (await visit.form()).get("question", "").strip()
    if not question:
        raise HttpError(400, "invalid_request", "Write a question first.", "question")
    events = visit.events(question, (), _told)
    first = await anext(events)

    async def body() -> AsyncIterator[bytes]:
        yield _event(first) if first is not None else b": waiting\n\n"
        try:
            async for event in events:
                yield _event(event) if event is not None else b": waiting\n\n"
        except (HttpError, WellreadError) as error:
            yield _event(replies.body(error if isinstance(error, HttpError) else replies.of(error)))
        finally:
            await events.aclose()  # type: ignore[attr-defined]  # an async generator

    return StreamingResponse(body(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def _told(pieces: Iterator[str | Answer]) -> Iterator[Mapping[str, Any]]:
    for piece in pieces:
        yield {"html": pages.of_answer(piece)} if isinstance(piece, Answer) else {"piece": piece}


def _event(value: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


async def permalink(visit: Visit) -> Response:
    """An answer that was given, for those who may see it."""
    base, trace = visit.base, visit.request.path_params["trace"]
    logged = await visit.served.in_thread(lambda: base.log(trace_id=trace))
    if not logged:
        raise NOT_FOUND
    return HTMLResponse(pages.permalink(logged[0].answer))


async def rate(visit: Visit) -> Response:
    """The form below an answer."""
    form, base, trace = await visit.form(), visit.base, visit.request.path_params["trace"]
    if form.get("rating") not in ("-1", "0", "1"):
        raise HttpError(400, "invalid_request", "rating: is -1, 0 or 1")
    rating, correction = int(form["rating"]), form.get("correction", "").strip()
    try:
        await visit.served.in_thread(lambda: tools.rated(base, trace, rating=rating, comment="", correction=correction))
    except UsageError as error:
        raise NOT_FOUND from error
    return RedirectResponse(f"/a/{trace}", 303)


async def documents(visit: Visit) -> Response:
    """What the reader may see, and what was not read."""
    base = visit.base
    told = await visit.served.in_thread(lambda: (base.documents(), base.failures(), base.status()))
    return HTMLResponse(pages.documents(*told))


async def document(visit: Visit) -> Response:
    """The text of a version, at a quotation where one is asked for."""
    query, base = visit.request.query_params, visit.base
    version = int(query["v"]) if query.get("v", "").isdecimal() else None
    try:
        found = await visit.served.in_thread(lambda: tools.found(base, query.get("uri", ""), version))
    except UsageError as error:
        raise NOT_FOUND from error
    match = _SPAN.fullmatch(query.get("at", ""))
    return HTMLResponse(pages.document(found, (int(match[1]), int(match[2])) if match else None))


async def questions(visit: Visit) -> Response:
    """What the reader asked."""
    base = visit.base
    logged = await visit.served.in_thread(lambda: base.log(limit=100))
    return HTMLResponse(pages.asked([one.answer for one in logged]))


async def login_form(visit: Visit) -> Response:
    """The form to sign in."""
    return HTMLResponse(pages.login())


async def login(visit: Visit) -> Response:
    """A session for the holder of a key."""
    token = (await visit.form()).get("key", "").strip()
    return await _session(visit, token, "key", "This key is not known, or it ended.")


async def link_form(visit: Visit) -> Response:
    """The button behind a sign-in link; the link alone signs nobody in."""
    return HTMLResponse(pages.link(visit.request.path_params["token"]))


async def link(visit: Visit) -> Response:
    """A session for whoever holds the link; it works once."""
    return await _session(visit, visit.request.path_params["token"], "link", "This link was used, or it ended.")


async def _session(visit: Visit, token: str, kind: credentials.Kind, notice: str) -> Response:
    made = await visit.served.in_thread(lambda: _signed_in(visit, token, kind))
    if made is None:
        return HTMLResponse(pages.login(notice), 401)
    response = RedirectResponse("/", 303)
    secure = visit.request.url.scheme == "https"
    age = int(SIGNED_IN.total_seconds())
    response.set_cookie(SESSION, made, max_age=age, httponly=True, samesite="lax", secure=secure, path="/")
    return response


def _signed_in(visit: Visit, token: str, kind: credentials.Kind) -> str | None:
    with visit.served.base.store.writing() as tx:
        found = credentials.find(tx.connection, token, kind, now=datetime.now(UTC))
        if found is None:
            return None
        if kind == "link":
            credentials.revoke(tx, found.id, who=found.who)
        left = found.expires_at - datetime.now(UTC) if found.expires_at is not None and kind == "key" else SIGNED_IN
        name, lasts = credentials.session_name(found.name), min(SIGNED_IN, left)
        return credentials.issue(tx, "session", name, who=found.who, actions=found.actions, lasts=lasts)


async def logout(visit: Visit) -> Response:
    """The session ends, here and in the store."""
    ended = visit.credential
    if ended is not None and ended.kind == "session":
        await visit.served.in_thread(lambda: _ended(visit, ended.id, ended.who))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(SESSION, path="/")
    return response


def _ended(visit: Visit, number: str, who: Principal) -> None:
    with visit.served.base.store.writing() as tx:
        credentials.revoke(tx, number, who=who)


async def static(visit: Visit) -> Response:
    """Style and script, from the package."""
    name = visit.request.path_params["name"]
    if name not in ("app.css", "app.js"):
        raise NOT_FOUND
    content = (files("wellread.serve") / "static" / name).read_bytes()
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers={"cache-control": "max-age=3600"})


ROUTES = (
    Endpoint("GET", "/", "ask", home, page=True),
    Endpoint("POST", "/", "ask", asked, page=True),
    Endpoint("POST", "/ask-stream", "ask", ask_stream),
    Endpoint("GET", "/a/{trace}", "ask", permalink, page=True),
    Endpoint("POST", "/a/{trace}/rating", "rate", rate, page=True),
    Endpoint("GET", "/asked", "ask", questions, page=True),
    Endpoint("GET", "/documents", "read", documents, page=True),
    Endpoint("GET", "/d", "read", document, page=True),
    Endpoint("GET", "/login", None, login_form, page=True),
    Endpoint("POST", "/login", None, login, page=True),
    Endpoint("GET", "/link/{token}", None, link_form, page=True),
    Endpoint("POST", "/link/{token}", None, link, page=True),
    Endpoint("POST", "/logout", None, logout, page=True),
    Endpoint("GET", "/static/{name}", None, static),
)
