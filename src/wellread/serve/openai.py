"""OpenAI's Chat Completions, Responses, Embeddings and Vector stores, as their clients send and read them.

Only shapes are here: bodies in, dataclasses out, and answers as the objects and events that clients expect. A system
message from outside is data, never instruction; what is not honoured is named, never an error.
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from wellread.models.api import Vectors
from wellread.retrieve.understand.followup import Turn
from wellread.serve.replies import HttpError
from wellread.types import Answer, Citation, Hit

OWNER = "wellread"
# fields that clients send by default and that change nothing here
_SILENT = frozenset({"model", "messages", "input", "stream", "stream_options", "user", "metadata", "store", "n"})
_REFUSED = ("logprobs", "audio", "modalities")
MOST_HITS = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for an answer: the last thing the user said, what went before, and how the reply is wanted."""

    question: str
    history: tuple[Turn, ...]
    model: str
    stream: bool = False
    usage: bool = False
    ignored: tuple[str, ...] = ()


def chat(body: Mapping[str, Any]) -> Asked:
    """A Chat Completions body. Raises: HttpError naming the field at fault."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _wrong("messages", "messages: a list of at least one message is required")
    options = body.get("stream_options") or {}
    return _asked(body, messages, bool(options.get("include_usage")) if isinstance(options, Mapping) else False)


def responses(body: Mapping[str, Any]) -> Asked:
    """A Responses body: ``input`` is text or a list of messages. Raises: HttpError naming the field at fault."""
    given = body.get("input")
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(messages, list) or not messages:
        raise _wrong("input", "input: text, or a list of messages, is required")
    return _asked(body, messages, True)


def _asked(body: Mapping[str, Any], messages: Sequence[Any], usage: bool) -> Asked:
    if body.get("n") not in (None, 1):
        raise _wrong("n", "n: one answer is given to a question")
    for name in _REFUSED:
        if body.get(name):
            raise _wrong(name, f"{name}: is not offered; answers are text with citations")
    said: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise _wrong(f"messages[{number}]", f"messages[{number}]: is an object with role and content")
        role = message.get("role")
        if role in ("user", "assistant"):
            said.append((role, _text(message.get("content"), number)))
    if not said or said[-1][0] != "user" or not said[-1][1].strip():
        raise _wrong("messages", "messages: the last one is the user's question, with text")
    ignored = sorted(key for key, value in body.items() if key not in _SILENT and value not in (None, [], {}))
    if any(isinstance(m, Mapping) and m.get("role") in ("system", "developer") for m in messages):
        ignored.append("system")
    return Asked(
        said[-1][1].strip(),
        _turns(said[:-1]),
        str(body.get("model") or OWNER),
        body.get("stream") is True,
        usage,
        tuple(ignored),
    )


def _text(content: object, number: int) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = []
    for part in content if isinstance(content, list) else [None]:
        if not isinstance(part, Mapping) or part.get("type") not in ("text", "input_text", "output_text"):
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise _wrong(f"messages[{number}].content", f"messages[{number}].content: {kind} is not read; send text")
        parts.append(str(part.get("text", "")))
    return "\n".join(parts)


def _turns(said: Sequence[tuple[str, str]]) -> tuple[Turn, ...]:
    """Pairs of question and answer, in their order; what has no partner is left out."""
    pairs = itertools.pairwise(said)
    return tuple(Turn(one[1], two[1]) for one, two in pairs if (one[0], two[0]) == ("user", "assistant"))


def _wrong(param: str, message: str) -> HttpError:
    return HttpError(400, "invalid_request", message, param)


# citations


def marks(text: str, citations: Sequence[Citation]) -> list[dict[str, Any]]:
    """Each mark ``[n]`` of the text as a place with title and address (flat, as the Responses API has them)."""
    found = []
    for number, citation in enumerate(citations, 1):
        mark = f"[{number}]"
        start = text.find(mark)
        while start >= 0:
            place = {"start_index": start, "end_index": start + len(mark)}
            found.append({"type": "url_citation", **place, "title": citation.title, "url": address(citation)})
            start = text.find(mark, start + 1)
    return sorted(found, key=lambda one: int(str(one["start_index"])))


def address(citation: Citation) -> str:
    """Where the quotation is shown: our page of that version, which asks for sign-in."""
    page = f"&page={citation.page}" if citation.page else ""
    span = f"{citation.span.start}-{citation.span.end}"
    return f"/d?uri={quote(citation.document, safe='')}&v={citation.version}{page}&at={span}#quote"


def ours(answer: Answer) -> dict[str, Any]:
    """What only we have: refusal, route, confidence, quotes with their places, and what left the machine."""
    return {
        "trace_id": answer.trace_id,
        "refused": answer.refused,
        "route": answer.route,
        "confidence": round(answer.confidence, 4),
        "citations": [_place(one) for one in answer.citations],
        "nearest": [_place(one) for one in answer.nearest],
        "verdicts": [asdict(one) for one in answer.verdicts],
        "left_machine": list(answer.left_machine),
    }


def _place(citation: Citation) -> dict[str, Any]:
    keys = ("document", "title", "version", "page", "quote")
    found: dict[str, Any] = {key: getattr(citation, key) for key in keys}
    return found | {"span": [citation.span.start, citation.span.end], "heading_path": list(citation.heading_path)}


def _usage(answer: Answer) -> dict[str, int]:
    sent, made = answer.usage.prompt_tokens, answer.usage.completion_tokens
    return {"prompt_tokens": sent, "completion_tokens": made, "total_tokens": sent + made}


# chat completions


def completion(answer: Answer, asked: Asked) -> dict[str, Any]:
    """The answer as one object."""
    nested = [{"type": a["type"], "url_citation": {k: v for k, v in a.items() if k != "type"}} for a in _marks(answer)]
    message = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": nested}
    return {
        "id": f"chatcmpl-{answer.trace_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _usage(answer),
        "wellread": ours(answer),
    }


def _marks(answer: Answer) -> list[dict[str, Any]]:
    return marks(answer.text, answer.citations)


def chunks(pieces: Iterator[str | Answer], asked: Asked, trace: str) -> Iterator[dict[str, Any]]:
    """The chunks of a stream, one checked sentence each; the last ones hold annotations, our object and usage."""
    yield chunk(asked, trace, {"role": "assistant", "content": ""})
    for piece in pieces:
        if isinstance(piece, Answer):
            yield from last_chunks(piece, asked, trace)
        else:
            yield chunk(asked, trace, {"content": piece})


def chunk(asked: Asked, trace: str, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One chunk of a stream."""
    made: dict[str, Any] = {
        "id": f"chatcmpl-{trace}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": asked.model,
        "choices": [{"index": 0, "delta": dict(delta), "finish_reason": finish, "logprobs": None}],
    }
    return made | ({"usage": None} if asked.usage else {})


def last_chunks(answer: Answer, asked: Asked, trace: str) -> Iterator[dict[str, Any]]:
    """What follows the text: citations, the end with our object, and usage where it is wanted."""
    nested = [{"type": a["type"], "url_citation": {k: v for k, v in a.items() if k != "type"}} for a in _marks(answer)]
    if nested:
        yield chunk(asked, trace, {"annotations": nested})
    yield chunk(asked, trace, {}, "stop") | {"wellread": ours(answer)}
    if asked.usage:
        yield chunk(asked, trace, {}) | {"choices": [], "usage": _usage(answer)}


# responses


def response_object(answer: Answer, asked: Asked) -> dict[str, Any]:
    """The answer as a finished object of the Responses API."""
    part = {"type": "output_text", "text": answer.text, "annotations": _marks(answer), "logprobs": []}
    item = _item(answer.trace_id, "completed", [part])
    sent, made = answer.usage.prompt_tokens, answer.usage.completion_tokens
    usage = {
        "input_tokens": sent,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": sent + made,
    }
    return _response(answer.trace_id, asked, "completed", [item], usage) | {"wellread": ours(answer)}


def _item(trace: str, status: str, content: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"id": f"msg_{trace}", "type": "message", "role": "assistant", "status": status, "content": list(content)}


def _response(
    trace: str, asked: Asked, status: str, output: Sequence[Mapping[str, Any]], usage: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": f"resp_{trace}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "model": asked.model,
        "output": list(output),
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "temperature": None,
        "tool_choice": "none",
        "tools": [],
        "top_p": None,
        "usage": usage,
    }


def response_events(pieces: Iterator[str | Answer], asked: Asked, trace: str) -> Iterator[dict[str, Any]]:
    """The ten kinds of events of a streamed response, numbered from 0."""
    for number, event in enumerate(_events(pieces, asked, trace)):
        yield event | {"sequence_number": number}


def _events(pieces: Iterator[str | Answer], asked: Asked, trace: str) -> Iterator[dict[str, Any]]:
    place = {"item_id": f"msg_{trace}", "output_index": 0, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    begun = _response(trace, asked, "in_progress", [], None)
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    yield {"type": "response.output_item.added", "output_index": 0, "item": _item(trace, "in_progress", [])}
    yield {"type": "response.content_part.added", **place, "part": empty}
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
            continue
        whole = piece.text
        if whole != text and whole.startswith(text) and whole[len(text) :]:
            rest = whole[len(text) :]
            yield {"type": "response.output_text.delta", **place, "delta": rest, "logprobs": []}
        places = _marks(piece)
        for index, mark in enumerate(places):
            added = {"annotation_index": index, "annotation": mark}
            yield {"type": "response.output_text.annotation.added", **place, **added}
        yield {"type": "response.output_text.done", **place, "text": whole, "logprobs": []}
        part = {"type": "output_text", "text": whole, "annotations": places, "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": part}
        yield {"type": "response.output_item.done", "output_index": 0, "item": _item(trace, "completed", [part])}
        finished = response_object(piece, asked) | {"id": f"resp_{trace}"}
        finished["output"] = [_item(trace, "completed", [part])]
        yield {"type": "response.completed", "response": finished}


# models, embeddings, vector stores


def models(names: Sequence[str]) -> dict[str, Any]:
    """The list of models that may be asked."""
    return {"object": "list", "data": [model(name) for name in names]}


def model(name: str) -> dict[str, Any]:
    """One model."""
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}


def embedding_texts(body: Mapping[str, Any]) -> list[str]:
    """The texts of an Embeddings body. Raises: HttpError for token ids, with what to set in the client."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) for one in texts):
        cure = "send text, not tokens (LangChain: check_embedding_ctx_length=False)"
        raise _wrong("input", f"input: is text or a list of texts; {cure}")
    return texts


def embeddings(vectors: Vectors, body: Mapping[str, Any], name: str, tokens: int) -> dict[str, Any]:
    """Vectors (n, dim) as numbers, or as base64 of little-endian float32 where the client asks for it."""
    packed = body.get("encoding_format") == "base64"
    data = []
    for index, row in enumerate(np.asarray(vectors, np.float32)):
        value: object = base64.b64encode(row.astype("<f4").tobytes()).decode() if packed else [float(x) for x in row]
        data.append({"object": "embedding", "index": index, "embedding": value})
    used = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": name, "usage": used}


def search_body(body: Mapping[str, Any]) -> tuple[str, int]:
    """Query and number of hits of a vector store search. Raises: HttpError naming the field at fault."""
    query = body.get("query")
    if isinstance(query, list):
        query = " ".join(map(str, query))
    if not isinstance(query, str) or not query.strip():
        raise _wrong("query", "query: text is required")
    number = body.get("max_num_results", 10)
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_HITS:
        raise _wrong("max_num_results", f"max_num_results: is a whole number from 1 to {MOST_HITS}")
    return query.strip(), number


def search_page(query: str, hits: Sequence[Hit]) -> dict[str, Any]:
    """Hits as a page of results; ``score`` is 1 over the rank: raw scores would tell of what is hidden."""
    data = [
        {
            "file_id": hit.document.id,
            "filename": hit.document.title or hit.document.uri,
            "score": round(1 / rank, 4),
            "attributes": {"uri": hit.document.uri, "version": hit.document.version, "page": hit.chunk.page},
            "content": [{"type": "text", "text": hit.chunk.text}],
        }
        for rank, hit in enumerate(hits, 1)
    ]
    page = {"object": "vector_store.search_results.page", "search_query": [query], "data": data}
    return page | {"has_more": False, "next_page": None}
