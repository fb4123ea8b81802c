"""The routes for programs: OpenAI's shapes under ``/v1``, our own under ``/api``, MCP, health."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from wellread.errors import UsageError, WellreadError
from wellread.serve import mcp, openai, replies, tools
from wellread.serve.app import Endpoint, Visit, json_reply
from wellread.serve.replies import NOT_FOUND, HttpError
from wellread.types import Answer

STREAM = {"cache-control": "no-store", "x-accel-buffering": "no"}
# what chat front ends send by themselves, for titles and tags: refused cheaply, and kept out of the log
BACKGROUND = "### Task:"


async def health(visit: Visit) -> Response:
    """Whether the process lives."""
    return json_reply({"ok": True})


async def ready(visit: Visit) -> Response:
    """Whether questions are taken: 503 while the server stops."""
    stopping = visit.served.stopping_at is not None
    return json_reply({"ok": not stopping}, 503 if stopping else 200)


async def metrics(visit: Visit) -> Response:
    """Counters in Prometheus' text format; no text of anybody."""
    served = visit.served
    values = {
        "wellread_answers_total": served.answered,
        "wellread_refusals_total": served.refused,
        "wellread_questions_in_flight": served.turnstile.taken,
        "wellread_questions_waiting": served.turnstile.waiting,
    }
    kinds = {name: "counter" if name.endswith("_total") else "gauge" for name in values}
    lines = [f"# TYPE {name} {kinds[name]}\n{name} {value}" for name, value in values.items()]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


async def chat_completions(visit: Visit) -> Response:
    """A question answered as Chat Completions, whole or as a stream."""
    asked = openai.chat(await visit.json())
    _check_background(asked.question)
    if not asked.stream:
        answer = await visit.ask(asked.question, asked.history, model=asked.model)
        return json_reply(openai.completion(answer, asked), ignored=asked.ignored)
    encode = partial(openai.chunks, asked=asked, trace=uuid4().hex)
    return await _stream(visit, asked, encode, done=b"data: [DONE]\n\n")


async def responses(visit: Visit) -> Response:
    """A question answered as the Responses API has it, whole or as a stream."""
    asked = openai.responses(await visit.json())
    _check_background(asked.question)
    if not asked.stream:
        answer = await visit.ask(asked.question, asked.history, model=asked.model)
        return json_reply(openai.response_object(answer, asked), ignored=asked.ignored)
    encode = partial(openai.response_events, asked=asked, trace=uuid4().hex)
    return await _stream(visit, asked, encode, named=True)


def _check_background(question: str) -> None:
    if question.startswith(BACKGROUND):
        raise HttpError(400, "not_a_question", "titles, tags and follow-ups are not written here; switch them off")


async def _stream(
    visit: Visit,
    asked: openai.Asked,
    encode: Callable[[Iterator[str | Answer]], Iterator[Mapping[str, Any]]],
    *,
    named: bool = False,
    done: bytes = b"",
) -> Response:
    visit.of_model(asked.model)  # a model that there is not is a status, not a broken stream
    events = visit.events(asked.question, asked.history, encode, model=asked.model)
    first = await anext(events)  # waits for a place: where too many wait, that is a status too

    async def body() -> AsyncIterator[bytes]:
        yield _event(first, named) if first is not None else b": waiting\n\n"
        quiet_since = time.monotonic()
        try:
            async for event in events:
                if event is not None:
                    quiet_since = time.monotonic()
                    yield _event(event, named)
                elif time.monotonic() - quiet_since >= visit.served.settings.keep_alive_s:
                    quiet_since = time.monotonic()
                    yield b": keep-alive\n\n"
        except (HttpError, WellreadError) as error:
            told = error if isinstance(error, HttpError) else replies.of(error)
            yield b"data: " + json.dumps(replies.body(told)).encode() + b"\n\n"
        finally:
            await events.aclose()  # type: ignore[attr-defined]  # an async generator
        yield done

    headers = STREAM | ({"x-wellread-ignored": ", ".join(asked.ignored)} if asked.ignored else {})
    return StreamingResponse(body(), media_type="text/event-stream", headers=headers)


def _event(value: Mapping[str, Any], named: bool) -> bytes:
    name = f"event: {value['type']}\n" if named else ""
    return f"{name}data: {json.dumps(value, ensure_ascii=False, default=str)}\n\n".encode()


async def models(visit: Visit) -> Response:
    """The ways of answering, as models."""
    mine = await visit.served.in_thread(lambda: list(visit.served.tuned(visit.base)))
    return json_reply(openai.models([*visit.served.models, *mine]))


async def model(visit: Visit) -> Response:
    """One of them."""
    name = visit.request.path_params["id"]
    await visit.served.in_thread(lambda: visit.of_model(name))
    return json_reply(openai.model(name))


async def embeddings(visit: Visit) -> Response:
    """Vectors of texts, by the embedder of the base."""
    body = await visit.json()
    texts = openai.embedding_texts(body)
    embedder = visit.base.embedder
    async with visit.served.turnstile.turn(visit.base.who.tenant):
        vectors = await visit.served.in_thread(lambda: embedder.embed(texts))
        counted = await visit.served.in_thread(lambda: sum(embedder.count_tokens(texts)))
    return json_reply(openai.embeddings(vectors, body, embedder.id, counted))


async def vector_store_search(visit: Visit) -> Response:
    """The best passages of the base; the one vector store is called «default»."""
    if visit.request.path_params["id"] != "default":
        raise NOT_FOUND
    query, number = openai.search_body(await visit.json())
    base = visit.base
    async with visit.served.turnstile.turn(base.who.tenant):
        found = await visit.served.in_thread(lambda: base.search(query, k=number))
    return json_reply(openai.search_page(query, found.hits[:number]))


async def ask(visit: Visit) -> Response:
    """A question and, if there was one, the conversation before it; our own answer object."""
    body = await visit.json()
    history = body.get("history") or []
    if not isinstance(history, list):
        raise HttpError(400, "invalid_request", "history: is a list of messages", "history")
    asked = openai.chat({"messages": [*history, {"role": "user", "content": body.get("question")}]})
    answer = await visit.ask(asked.question, asked.history)
    return json_reply({"text": answer.text, **openai.ours(answer)})


async def rate(visit: Visit) -> Response:
    """A rating or a correction of an answer that the caller may see."""
    body = await visit.json()
    given = {key: body.get(key, empty) for key, empty in (("rating", 0), ("comment", ""), ("correction", ""))}
    if type(given["rating"]) is not int or given["rating"] not in (-1, 0, 1):
        raise HttpError(400, "invalid_request", "rating: is -1, 0 or 1", "rating")
    for name in ("comment", "correction"):
        if not isinstance(given[name], str):
            raise HttpError(400, "invalid_request", f"{name}: is text", name)
    base, trace = visit.base, visit.request.path_params["trace"]
    try:
        await visit.served.in_thread(lambda: tools.rated(base, trace, **given))
    except UsageError as error:
        raise NOT_FOUND from error
    return json_reply({"trace_id": trace, "rated": True})


async def mcp_endpoint(visit: Visit) -> Response:
    """One message of the Model Context Protocol; the tools are those that the key may use."""
    message = await visit.json()
    credential, base = visit.credential, visit.base
    mine = {t.name: t for t in tools.of(base) if credential is not None and t.action in credential.actions}
    headers = {name.lower(): value for name, value in visit.request.headers.items()}
    async with visit.served.turnstile.turn(base.who.tenant):
        reply = await visit.served.in_thread(lambda: mcp.answer(message, headers, mine))
    return Response(status_code=reply.status) if reply.body is None else json_reply(reply.body, reply.status)


ROUTES = (
    Endpoint("GET", "/health", None, health),
    Endpoint("GET", "/ready", None, ready),
    Endpoint("GET", "/metrics", "operate", metrics),
    Endpoint("POST", "/v1/chat/completions", "ask", chat_completions),
    Endpoint("POST", "/v1/responses", "ask", responses),
    Endpoint("GET", "/v1/models", "ask", models),
    Endpoint("GET", "/v1/models/{id:path}", "ask", model),
    Endpoint("POST", "/v1/embeddings", "ask", embeddings),
    Endpoint("POST", "/v1/vector_stores/{id}/search", "search", vector_store_search),
    Endpoint("POST", "/api/ask", "ask", ask),
    Endpoint("PUT", "/api/answers/{trace}/rating", "rate", rate),
    Endpoint("POST", "/mcp", "ask", mcp_endpoint),
)
