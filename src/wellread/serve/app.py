"""The application: one table of routes, each with the action that its caller needs; what has no row does not exist.

Every request passes the same door: its host is one that is served, its key or session is looked up in the store (so
that what was revoked lets nobody in a second later), and its action is one that the credential has. What may be seen
is decided below, by the principal of the credential, in every query.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from wellread.documents.pictures import PagePictures
from wellread.errors import WellreadError
from wellread.knowledge_base import KnowledgeBase
from wellread.retrieve.understand.followup import Turn
from wellread.serve import pages, replies
from wellread.serve.bridge import Busy, Turnstile, items
from wellread.serve.replies import NOT_FOUND, HttpError
from wellread.serve.settings import ServeSettings
from wellread.store import credentials
from wellread.store.credentials import Credential
from wellread.types import Answer

_SURROGATE = re.compile("[\ud800-\udfff]")

SESSION = "wellread_session"
TUNED = "wellread/tuned/"  # ids of tuned models begin so
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # all reach the table, which refuses
AGAIN_SOON = (("retry-after", "5"),)
PICTURES_WAITING = 200  # pages that wait to be drawn, one after the other
BEAT_S = 1.0  # how often a silent stream looks whether the server is stopping
SAFE = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass
class Served:
    """What all requests of a process share: the open base, places for questions, and whether it is stopping.

    The base may be used by any number of threads; the turnstile belongs to the event loop.
    """

    base: KnowledgeBase
    settings: ServeSettings
    models: Mapping[str, KnowledgeBase]
    tuned: Callable[[KnowledgeBase], Mapping[str, KnowledgeBase]] = lambda _: {}  # ids of tuned models for a reader
    turnstile: Turnstile = field(init=False)
    drawing: Turnstile = field(init=False)
    pictures: PagePictures = field(init=False)
    pool: ThreadPoolExecutor = field(init=False)
    stopping_at: float | None = None
    answered: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        places = self.settings.in_flight or (os.cpu_count() or 1)
        self.turnstile = Turnstile(places, self.settings.waiting)
        self.drawing, self.pictures = Turnstile(1, PICTURES_WAITING), PagePictures(self.base.settings["parse"])
        self.pool = ThreadPoolExecutor(places + 8, thread_name_prefix="serve")

    async def in_thread(self, call: Callable[[], Any]) -> Any:
        """What a blocking call gives, without blocking the loop."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, call)


@dataclass(frozen=True)
class Visit:
    """One request past the door: who asks, and the base as they see it."""

    served: Served
    request: Request
    credential: Credential | None
    id: str

    @property
    def base(self) -> KnowledgeBase:
        """The base as the caller sees it. Raises: HttpError where nobody is signed in."""
        return self.of_model("wellread")

    def of_model(self, name: str) -> KnowledgeBase:
        """A way of answering as the caller sees it. Raises: HttpError where there is none of that name."""
        if self.credential is None:
            raise NOT_FOUND
        who = self.credential.who
        if name in self.served.models:
            return self.served.models[name].as_user(who)
        tuned = self.served.tuned(self.served.base.as_user(who)) if name.startswith(TUNED) else {}
        if name not in tuned:
            raise HttpError(404, "model_not_found", f"model {name}: there is none; see /v1/models", "model")
        return tuned[name]

    async def json(self) -> Mapping[str, Any]:
        """The body as an object. Raises: HttpError where it is none, or too large."""
        try:
            value = json.loads(await self.body() or b"{}")
        except (ValueError, RecursionError) as error:
            raise HttpError(400, "invalid_json", f"the body is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise HttpError(400, "invalid_json", "the body is an object")
        if _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
            raise HttpError(400, "invalid_json", "the body holds half of a character (a lone surrogate)")
        return value

    async def form(self) -> Mapping[str, str]:
        """The fields of a form, the last value of each."""
        sent = parse_qs((await self.body()).decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[-1] for name, values in sent.items()}

    async def body(self) -> bytes:
        """The body's bytes. Raises: HttpError where they are more than ``serve.max_body_bytes``."""
        most = self.served.settings.max_body_bytes
        read = b""
        async for part in self.request.stream():
            read += part
            if len(read) > most:
                raise HttpError(413, "too_large", f"the body is larger than {most:,} bytes")
        return read

    async def ask(self, question: str, history: tuple[Turn, ...] = (), *, model: str = "wellread") -> Answer:
        """The answer, once there is a place for the question. Raises: Busy, HttpError, WellreadError."""
        base = self.of_model(model)
        async for piece in self._pieces(lambda: base.stream(question, history=history)):
            if isinstance(piece, Answer):
                return piece
        raise HttpError(503, "stopped", "the server stopped before there was an answer")

    async def events(
        self,
        question: str,
        history: tuple[Turn, ...],
        encode: Callable[[Iterator[str | Answer]], Iterator[Mapping[str, Any]]],
        *,
        model: str = "wellread",
    ) -> AsyncIterator[Mapping[str, Any] | None]:
        """What ``encode`` makes of the pieces, as they come; None is a sign of life."""
        base = self.of_model(model)
        async for event in self._pieces(lambda: encode(base.stream(question, history=history))):
            yield event

    async def _pieces(self, make: Callable[[], Iterator[Any]]) -> AsyncIterator[Any]:
        served = self.served
        who = self.credential.who if self.credential is not None else served.base.who
        async with served.turnstile.turn(who.tenant):
            async for piece in items(lambda: _generator(make()), served.pool, beat_s=BEAT_S):
                if served.stopping_at and time.monotonic() - served.stopping_at > served.settings.drain_s:
                    raise HttpError(
                        503, "stopped", "the server is stopping; ask again", headers=(("retry-after", "5"),)
                    )
                if isinstance(piece, Answer):
                    served.answered += 1
                    served.refused += piece.refused
                yield piece


def _generator(pieces: Iterator[Any]) -> Generator[Any, None, None]:
    yield from pieces


Reply = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the table; ``action`` None needs no credential, ``page`` answers failures as HTML."""

    method: str
    path: str
    action: str | None
    reply: Reply
    page: bool = False


def application(served: Served, routes: tuple[Endpoint, ...]) -> Starlette:
    """The application that serves exactly these routes."""
    by_path: dict[str, list[Endpoint]] = {}
    for route in routes:
        by_path.setdefault(route.path, []).append(route)

    def endpoint(rows: list[Endpoint]) -> Callable[[Request], Awaitable[Response]]:
        async def served_by(request: Request) -> Response:
            method = "GET" if request.method == "HEAD" else request.method
            row = next((row for row in rows if row.method == method), None)
            if row is None:
                allowed = ", ".join(sorted({row.method for row in rows}))
                wrong = HttpError(
                    405, "method_not_allowed", f"{request.method}: use {allowed}", None, (("allow", allowed),)
                )
                return _failed(rows[0], request, wrong)
            return await _reply(served, row, request)

        return served_by

    starlette = [Route(path, endpoint(rows), methods=METHODS) for path, rows in by_path.items()]
    nothing = Endpoint("GET", "", None, _nothing)

    async def unknown(request: Request, _: Exception) -> Response:
        return _failed(nothing, request, NOT_FOUND)

    async def crashed(request: Request, _: Exception) -> Response:
        """A fault of ours: the server logs it, its text goes to nobody."""
        number = uuid4().hex
        error = HttpError(500, "server_error", f"something went wrong here; request {number}")
        return _safe(_failed(nothing, request, error), number)

    return Starlette(routes=starlette, exception_handlers={404: unknown, 500: crashed})


async def _nothing(_: Visit) -> Response:
    raise NOT_FOUND


async def _reply(served: Served, row: Endpoint, request: Request) -> Response:
    number = uuid4().hex
    try:
        _check_address(served.settings, request)
        credential = await served.in_thread(lambda: identify(served, request))
        if row.action is not None:
            _check_action(row, credential)
        response = await row.reply(Visit(served, request, credential, number))
    except HttpError as error:
        response = _failed(row, request, error)
    except Busy as error:
        wait = (("retry-after", str(error.retry_after_s)),)
        response = _failed(row, request, HttpError(429, "rate_limit_exceeded", str(error), None, wait))
    except WellreadError as error:
        response = _failed(row, request, replies.of(error))
    except ClientDisconnect:
        response = Response(status_code=499)
    return _safe(response, number)


def _safe(response: Response, number: str) -> Response:
    response.headers["x-request-id"] = number
    for name, value in SAFE.items():
        response.headers.setdefault(name, value)
    return response


def _failed(row: Endpoint, request: Request, error: HttpError) -> Response:
    if row.page and error.status == 401:
        return RedirectResponse("/login", 303)
    if row.page:
        return HTMLResponse(pages.failed(error.status, error.message), error.status, dict(error.headers))
    return replies.response(error)


def _check_address(settings: ServeSettings, request: Request) -> None:
    """Raises: HttpError for a host that is not served, or a form that another site sent."""
    host = request.headers.get("host", "").lower()
    name = urlsplit(f"//{host}").hostname or ""
    if name not in settings.hosts:
        raise HttpError(421, "wrong_host", f"host {name}: is not served here; name it in serve.hosts")
    if request.method in ("GET", "HEAD"):
        return
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if (origin and urlsplit(origin).netloc.lower() != host) or site not in ("same-origin", "none"):
        raise HttpError(403, "foreign_origin", "the request comes from another site")


def identify(served: Served, request: Request) -> Credential | None:
    """Whom the key of the header, or the session of the cookie, lets act; a wrong key is nobody, not the cookie's."""
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return _looked_up(served, token.strip(), "key") if scheme.lower() == "bearer" else None
    token = request.cookies.get(SESSION, "")
    return _looked_up(served, token, "session") if token else None


def _looked_up(served: Served, token: str, kind: credentials.Kind) -> Credential | None:
    with served.base.store.reading() as connection:
        return credentials.find(connection, token, kind, now=datetime.now(UTC))


def _check_action(row: Endpoint, credential: Credential | None) -> None:
    if credential is None:
        cure = "send a key: Authorization: Bearer wr_…; make one with wellread keys add NAME"
        raise HttpError(401, "invalid_api_key", cure, None, (("www-authenticate", "Bearer"),))
    if row.action not in credential.actions:
        raise HttpError(403, "not_allowed", f"this key may not {row.action}")


def json_reply(value: Mapping[str, Any], status: int = 200, ignored: tuple[str, ...] = ()) -> JSONResponse:
    """An object, with the names of what was sent and not honoured in a header."""
    headers = {"x-wellread-ignored": ", ".join(quote(name, safe="") for name in ignored)} if ignored else None
    return JSONResponse(dict(value), status, headers)
