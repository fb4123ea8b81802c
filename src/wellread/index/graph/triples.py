"""What a passage names and says, as a chat model lists it; only what stands in the passage is taken."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from wellread import prompts
from wellread.documents.sentences import sentences
from wellread.index.graph.names import LONGEST, Extracted, Mention, Relation, extract, key_of
from wellread.models.api import Chat, Message, Sampling
from wellread.types import Span

MOST = 12  # statements of a passage
LINE_TOKENS = 24
LABEL = 40  # characters of a relation
_LEAD = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.)])\s*")
_ARRAY = re.compile(r"\[.*\]", re.DOTALL)


def ask(passage: str, chat: Chat) -> Extracted:
    """The names that rules find and those of the model; the relations are the model's. Raises ModelError."""
    prompt = prompts.filled("index.graph", "triples", most=MOST, passage=passage)
    reply = chat.reply([Message("user", prompt)], Sampling(max_tokens=MOST * LINE_TOKENS))
    return taken(passage, parsed(reply.text))


def parsed(reply: str) -> list[tuple[str, str, str]]:
    """(subject, relation, object) of what a model wrote: lines with bars, tabs or brackets, or JSON; each once."""
    found = _from_json(reply)
    for line in () if found else reply.splitlines():
        bare = _LEAD.sub("", line).strip().strip("|<>()[]")
        for sign in ("|", "\t", ";", " -> ", " → ", ","):
            parts = [part.strip(" \"'“”*<>()[]") for part in bare.split(sign)]
            if len(parts) == 3 and all(parts):
                found.append((parts[0], parts[1], parts[2]))
                break
    return list(dict.fromkeys(found))[: 2 * MOST]


def _from_json(reply: str) -> list[tuple[str, str, str]]:
    match = _ARRAY.search(reply)
    try:
        rows = json.loads(match[0]) if match else []
    except json.JSONDecodeError:
        return []
    found = []
    for row in rows if isinstance(rows, list) else []:
        parts = list(row.values()) if isinstance(row, dict) else row
        if isinstance(parts, list) and len(parts) == 3 and all(isinstance(p, str) and p.strip() for p in parts):
            found.append((parts[0].strip(), parts[1].strip(), parts[2].strip()))
    return found


def taken(passage: str, statements: Sequence[tuple[str, str, str]]) -> Extracted:
    """The statements of which both names stand in the passage, and the names that rules find; others are counted.

    A relation's place is the sentences that hold the two names where they stand nearest to each other.
    """
    by_rule = extract(passage)
    mentions = {mention.span: mention for mention in by_rule.mentions}
    relations: list[Relation] = []
    dropped = 0
    for one, label, other in statements:
        places = _places(passage, one), _places(passage, other)
        keys = key_of(one), key_of(other)
        if not all(places) or not all(keys) or keys[0] == keys[1] or max(len(k.split()) for k in keys) > LONGEST:
            dropped += 1
            continue
        for key, spans in zip(keys, places, strict=True):
            for span in spans:
                text = passage[span.start : span.end]
                if not any(
                    m.key == key and m.span.start < span.end and span.start < m.span.end for m in mentions.values()
                ):
                    mentions[span] = Mention(text, key, "name", span)
        first, second = min(
            ((a, b) for a in places[0] for b in places[1]), key=lambda pair: abs(pair[0].start - pair[1].start)
        )
        relations.append(Relation(*keys, " ".join(label.split())[:LABEL], _around(passage, first, second)))
    return Extracted(tuple(mentions[span] for span in sorted(mentions)), tuple(relations), dropped)


def _places(passage: str, name: str) -> list[Span]:
    """Where a name stands in the passage as a whole word, whatever its case and spaces."""
    words = r"\s+".join(map(re.escape, name.split()))
    if not words:
        return []
    return [Span(*m.span()) for m in re.finditer(rf"(?<!\w){words}(?!\w)", passage, re.IGNORECASE)]


def _around(passage: str, one: Span, other: Span) -> Span:
    """From the start of the sentence of the first name to the end of the sentence of the last."""
    start, end = min(one.start, other.start), max(one.end, other.end)
    held = [span for span in sentences(passage) if span.start < end and start < span.end]
    return Span(min([start, *(s.start for s in held)]), max([end, *(s.end for s in held)]))
