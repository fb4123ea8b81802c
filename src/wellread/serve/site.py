"""The routes for people: ask, an answer, and the ways in and out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from wellread.errors import UsageError, WellreadError
from wellread.markup import Markup
from wellread.serve import answers, pages, passages, replies, tools
from wellread.serve.app import SESSION, Endpoint, Visit
from wellread.serve.passages import ShownSource
from wellread.serve.replies import NOT_FOUND, HttpError
from wellread.store import credentials, feedback, log
from wellread.store import documents as store_documents
from wellread.types import Answer, Citation, Principal

SIGNED_IN = timedelta(hours=12)
LONGEST, LONGEST_WORDS = 2_000, 4_000  # characters of a question, of a comment
LATELY, SHOWN_LATELY = 30, 5


async def home(visit: Visit) -> Response:
    """The field for a question, and what the reader asked lately."""
    base, question = visit.base, visit.request.query_params.get("q", "")[:LONGEST]

    def told() -> str:
        with base.store.reading() as connection:
            mine = log.recent(connection, who=base.who, limit=LATELY, user=base.who.user)
            n_documents = store_documents.count(connection, who=base.who)
        recent = {one.answer.question: one.answer for one in reversed(mine)}  # each question once, as answered last
        return pages.ask(question, recent=list(recent.values())[::-1][:SHOWN_LATELY], n_documents=n_documents)

    return HTMLResponse(await visit.served.in_thread(told))


async def asked(visit: Visit) -> Response:
    """The answer to the form, as a whole page: what a browser without script gets."""
    question = (await visit.form()).get("question", "").strip()
    if not question:
        return HTMLResponse(pages.ask(notice="Write a question first."), 400)
    answer = await visit.ask(question)
    return HTMLResponse(pages.ask(question, await visit.served.in_thread(lambda: _made(visit, answer))))


def _made(visit: Visit, answer: Answer) -> Markup:
    return answers.of_answer(answer, _sources(visit, answer))


def _sources(visit: Visit, answer: Answer) -> list[ShownSource]:
    may_read = visit.credential is not None and "read" in visit.credential.actions
    return passages.shown(visit.base, _cited(answer), may_read=may_read)


def _cited(answer: Answer) -> tuple[Citation, ...]:
    return answer.nearest if answer.refused else answer.citations


async def ask_stream(visit: Visit) -> Response:
    """The answer sentence by sentence, then as the piece of page that takes its place."""
    question = (await visit.form()).get("question", "").strip()
    if not question:
        raise HttpError(400, "invalid_request", "Write a question first.", "question")
    events = visit.events(question, (), partial(_told, visit))
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


def _told(visit: Visit, pieces: Iterator[str | Answer]) -> Iterator[Mapping[str, Any]]:
    for piece in pieces:
        yield {"html": _made(visit, piece)} if isinstance(piece, Answer) else {"piece": piece}


def _event(value: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


async def permalink(visit: Visit) -> Response:
    """An answer that was given, for those who may see all that it stands on."""
    base, trace = visit.base, visit.request.path_params["trace"]

    def told() -> str | None:
        logged = base.log(trace_id=trace)
        if not logged:
            return None
        answer = logged[0].answer
        with base.store.reading() as connection:
            opinions = feedback.listing(connection, who=base.who, trace_id=trace)
        return answers.permalink(answer, _sources(visit, answer), opinions)

    made: str | None = await visit.served.in_thread(told)
    if made is None:
        raise NOT_FOUND
    return HTMLResponse(made)


async def rate(visit: Visit) -> Response:
    """The form below an answer."""
    form, base, trace = await visit.form(), visit.base, visit.request.path_params["trace"]
    if form.get("rating") not in ("-1", "0", "1"):
        raise HttpError(400, "invalid_request", "rating: is -1, 0 or 1")
    words = {name: form.get(name, "").strip()[:LONGEST_WORDS] for name in ("comment", "correction")}
    if form["rating"] == "0" and not any(words.values()):
        raise HttpError(400, "invalid_request", "Write a comment or a correction, or choose Right or Wrong.")
    try:
        await visit.served.in_thread(lambda: tools.rated(base, trace, rating=int(form["rating"]), **words))
    except UsageError as error:
        raise NOT_FOUND from error
    return RedirectResponse(f"/a/{quote(trace, safe='')}", 303)


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
    secure = visit.request.url.scheme == "https" or visit.served.settings.public_url.startswith("https://")
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
    if name not in pages.STATIC:
        raise NOT_FOUND
    keep = "max-age=31536000, immutable" if f"/static/{name}?{visit.request.url.query}" == pages.static(name) else ""
    headers = {"cache-control": keep or "no-cache"}
    return Response(pages.content(name), media_type=pages.STATIC[name], headers=headers)


ROUTES = (
    Endpoint("GET", "/", "ask", home, page=True),
    Endpoint("POST", "/", "ask", asked, page=True),
    Endpoint("POST", "/ask-stream", "ask", ask_stream),
    Endpoint("GET", "/a/{trace}", "ask", permalink, page=True),
    Endpoint("POST", "/a/{trace}/rating", "rate", rate, page=True),
    Endpoint("GET", "/login", None, login_form, page=True),
    Endpoint("POST", "/login", None, login, page=True),
    Endpoint("GET", "/link/{token}", None, link_form, page=True),
    Endpoint("POST", "/link/{token}", None, link, page=True),
    Endpoint("POST", "/logout", None, logout, page=True),
    Endpoint("GET", "/static/{name}", None, static),
)
