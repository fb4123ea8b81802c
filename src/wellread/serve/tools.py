"""The tools of assistants: ask, search, read, list and rate, each as the base's principal may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.serve import openai
from wellread.serve.mcp import Arguments, Tool
from wellread.store import documents as store_documents
from wellread.store import feedback
from wellread.types import Document

MOST_LETTERS = 20_000  # of a document in one reading
_OBJECT: Mapping[str, Any] = {"type": "object"}


def of(base: KnowledgeBase) -> tuple[Tool, ...]:
    """The tools over a base as its principal sees it, always in this order."""
    return (
        Tool(
            "ask",
            "Answer a question from the documents, each sentence with its source; refuses what they do not say.",
            "ask",
            _takes({"question": "string"}, "question"),
            _OBJECT,
            lambda given: _asked(base, given),
        ),
        Tool(
            "search",
            "Find the passages that fit a question best.",
            "search",
            _takes({"query": "string", "k": "integer"}, "query"),
            _OBJECT,
            lambda given: _searched(base, given),
        ),
        Tool(
            "read_document",
            "Read a document by its uri, from a character on.",
            "read",
            _takes({"uri": "string", "start": "integer"}, "uri"),
            _OBJECT,
            lambda given: _read(base, given),
        ),
        Tool(
            "list_documents",
            "List the documents, from a position on.",
            "read",
            _takes({"offset": "integer"}),
            _OBJECT,
            lambda given: _listed(base, given),
        ),
        Tool(
            "rate_answer",
            "Say whether an answer was right (1) or wrong (-1), or what would have been right.",
            "rate",
            _takes({"trace_id": "string", "rating": "integer", "correction": "string"}, "trace_id"),
            _OBJECT,
            lambda given: _rated(base, given),
            reads_only=False,
        ),
    )


def _takes(fields: Mapping[str, str], *required: str) -> Mapping[str, Any]:
    properties = {name: {"type": kind} for name, kind in fields.items()}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _asked(base: KnowledgeBase, given: Arguments) -> Mapping[str, Any]:
    answer = base.ask(given["question"])
    return {"text": answer.text, **openai.ours(answer)}


def _searched(base: KnowledgeBase, given: Arguments) -> Mapping[str, Any]:
    number = min(max(1, given.get("k", 10)), openai.MOST_HITS)
    hits = base.search(given["query"], k=number).hits
    keys = ("page", "heading_path", "text")
    found = [{"uri": h.document.uri, "title": h.document.title, **{k: getattr(h.chunk, k) for k in keys}} for h in hits]
    return {"passages": found}


def _read(base: KnowledgeBase, given: Arguments) -> Mapping[str, Any]:
    document = found(base, given["uri"])
    start = max(0, given.get("start", 0))
    part = document.text[start : start + MOST_LETTERS]
    rest = start + len(part) < len(document.text)
    about = {"uri": document.uri, "title": document.title, "version": document.version}
    return {**about, "start": start, "text": part, "next_start": start + len(part) if rest else None}


def _listed(base: KnowledgeBase, given: Arguments) -> Mapping[str, Any]:
    offset = max(0, given.get("offset", 0))
    listed = base.documents(limit=openai.MOST_HITS, offset=offset)
    keys = ("uri", "title", "version", "media_type")
    return {"documents": [{key: getattr(one, key) for key in keys} for one in listed]}


def _rated(base: KnowledgeBase, given: Arguments) -> Mapping[str, Any]:
    rating, correction = given.get("rating", 0), given.get("correction", "")
    rated(base, given["trace_id"], rating=rating, comment="", correction=correction)
    return {"trace_id": given["trace_id"], "rated": True}


def rated(base: KnowledgeBase, trace: str, *, rating: int, comment: str, correction: str) -> None:
    """The opinion stands beside the answer. Raises: UsageError where the principal may see no such answer."""
    with base.store.writing(durable=False) as tx:
        feedback.put(tx, trace, who=base.who, rating=rating, comment=comment, correction=correction)


def found(base: KnowledgeBase, uri: str, version: int | None = None) -> Document:
    """A document with its text, by address. Raises: UsageError where the principal may see none of that address."""
    with base.store.reading() as connection:
        listed = store_documents.by_uri(connection, uri, who=base.who)
        document = store_documents.get(connection, listed, who=base.who, version=version) if listed else None
    if document is None:
        raise UsageError(f"{uri}: no such document; list_documents names those that there are")
    return document
