"""Single facts with several phrasings of their question: from candidates of the documents, or from a file of facts."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wellread.answer import guard
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.questions.draft.candidate import Candidate
from wellread.questions.stands import letters, locate
from wellread.retrieve.units import plain
from wellread.store import documents as store_documents
from wellread.tune.data.data import row_id
from wellread.types import Chunk, Document

FEWEST_WORDS = 2  # content of a question, so that it can be asked alone
LONGEST_ANSWER = 12  # words of a short answer
_SMALL = re.compile(r"(?:a|an|the|it|they|this|that|yes|no|of|in|on)\Z", re.IGNORECASE)
_POINTING = re.compile(r"\b(?:the|this|that) (?:text|passage|excerpt|paragraph|sentence)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fact:
    """What is taught: ``phrasings`` ask it, ``answer`` is short, ``statement`` says it in a sentence of the source.

    ``kind`` is fact, table, comparison, hops or summary; ``chunks`` and ``documents`` are ids of what it came from.
    """

    id: str
    phrasings: tuple[str, ...]
    answer: str
    statement: str
    kind: str = "fact"
    chunks: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    made: str = ""


@dataclass(slots=True)
class Library:
    """The live documents of a base with their chunks, as ``base.who`` may see them; each read once."""

    base: KnowledgeBase
    documents: Sequence[Document]  # with their texts
    _chunks: dict[str, list[Chunk]] = field(default_factory=dict)

    def chunks(self, document: Document) -> list[Chunk]:
        """The chunks of a document, in order."""
        if document.id not in self._chunks:
            with self.base.store.reading() as connection:
                found = store_documents.neighbours(connection, document.id, who=self.base.who, first=0, last=10**9)
            self._chunks[document.id] = [chunk for _, chunk in found]
        return self._chunks[document.id]

    def named(self, uri: str) -> Document | None:
        """The document of that uri, or whose uri ends in it."""
        return next((d for d in self.documents if d.uri == uri or d.uri.endswith(f"/{uri.lstrip('/')}")), None)

    def holding(self, document: Document, quote: str) -> list[Chunk]:
        """The chunks that hold a quote, or the greater part of it."""
        span = locate(document.text, quote)
        if span is None:
            return []
        over = [(min(c.span.end, span.end) - max(c.span.start, span.start), c) for c in self.chunks(document)]
        most = max((n for n, _ in over), default=0)
        return [chunk for n, chunk in over if n > 0 and n == most][:1]


def check(candidate: Candidate) -> str:
    """Why a candidate is not taught, "" where it may be: the answer stands in its source, and is not trivial."""
    if not candidate.answers or not candidate.evidence:
        return "no answer in the documents"
    answer, asked = candidate.answers[0], candidate.phrasings[0]
    if any(guard.addresses_the_model(text) for text in (answer, *(one.quote for one in candidate.evidence))):
        return "it gives orders to a model"
    held = letters(" ".join(plain(one.quote) for one in candidate.evidence))
    if candidate.kind == "summary":
        said = set(letters(answer).split())
        if len(said & set(held.split())) < 0.7 * len(said):
            return "the answer is not in the source"
    elif f" {letters(answer)} " not in f" {held} ":
        return "the answer is not in the source"
    if _SMALL.fullmatch(answer.strip()) or not letters(answer):
        return "the answer is trivial"
    if candidate.kind not in ("comparison", "summary"):
        if f" {letters(answer)} " in f" {letters(asked)} ":
            return "the question holds its answer"
        if len(answer.split()) > LONGEST_ANSWER:
            return "the answer is too long"
    if len(letters(asked).split()) <= FEWEST_WORDS:
        return "the question does not stand alone"
    return "the question points at the text" if _POINTING.search(asked) else ""


def from_candidates(candidates: Iterable[Candidate], library: Library, dropped: Counter[str]) -> list[Fact]:
    """Checked facts of the candidates, each with the chunks of its evidence; what is dropped is counted by reason.

    Two candidates that ask the same and answer differently are both dropped: the documents do not settle it.
    """
    passed = []
    for candidate in candidates:
        reason = check(candidate)
        if reason:
            dropped[reason] += 1
        else:
            passed.append(candidate)
    answers: dict[str, set[str]] = defaultdict(set)
    for candidate in passed:
        answers[letters(candidate.phrasings[0])].add(letters(candidate.answers[0]))
    facts: dict[str, Fact] = {}
    for candidate in passed:
        asked = letters(candidate.phrasings[0])
        if len(answers[asked]) > 1:
            dropped["the documents answer it differently"] += 1
        elif asked in facts:
            dropped["asked already"] += 1
        elif (fact := _fact(candidate, library)) is None:
            dropped["its source is in no passage"] += 1
        else:
            facts[asked] = fact
    return list(facts.values())


def _fact(candidate: Candidate, library: Library) -> Fact | None:
    chunks: list[str] = []
    documents: list[str] = []
    for one in candidate.evidence:
        document = library.named(one.document)
        found = library.holding(document, one.quote) if document is not None else []
        if document is None or not found:
            return None
        chunks += [chunk.id for chunk in found]
        documents.append(document.id)
    statement = " ".join(" ".join(plain(one.quote).split()) for one in candidate.evidence)
    return Fact(
        id=row_id(letters(candidate.phrasings[0]), candidate.answers[0]),
        phrasings=tuple(dict.fromkeys(candidate.phrasings)),
        answer=candidate.answers[0],
        statement=statement,
        kind=candidate.kind,
        chunks=tuple(dict.fromkeys(chunks)),
        documents=tuple(dict.fromkeys(documents)),
        made=candidate.made,
    )


# more phrasings

_COULD = re.compile(r"^(?P<about>.*?)[Cc]ould you tell me (?P<what>.+)\?$")
_WHAT_IS = re.compile(r"^What (?P<be>is|are|was|were) (?P<what>(?:the|a|an|our|your) [^?,]{3,80})\?$")
_FRAMES = (
    "Please tell me {what}.",
    "I would like to know {what}.",
    "Do you know {what}?",
    "Can you say {what}?",
    "I need to find out {what}.",
    "A colleague asks {what}.",
)


def phrasings(fact: Fact, n: int) -> list[str]:
    """At most ``n`` ways of asking a fact: its own, then the indirect question in other frames."""
    found = list(fact.phrasings)
    for own in fact.phrasings:
        indirect = _indirect(own)
        if indirect:
            what, about = indirect
            framed = (frame.format(what=what) for frame in _FRAMES)
            found += [f"{text[:-1]}{about}{text[-1]}" for text in framed]
            break
    asked = fact.phrasings[0]
    found += [f"{asked} Please answer briefly.", f"Short question: {asked}", f"Question: {asked}"]
    return list(dict.fromkeys(found))[:n]


def _indirect(asked: str) -> tuple[str, str] | None:
    """``how long it is`` of a question, with what it is about in brackets; None for a question of another form."""
    could = _COULD.match(asked)
    if could:
        about = could["about"].rstrip(", ")
        return could["what"], f" ({about[0].lower()}{about[1:]})" if about else ""
    plain_one = _WHAT_IS.match(asked)
    return (f"what {plain_one['what']} {plain_one['be']}", "") if plain_one else None


# files of facts


def read(path: Path, library: Library | None) -> list[Fact]:
    """The facts of a JSONL file: statement, answer, phrasings, and document with quote where a base is at hand.

    Raises: UsageError with every fault, each with its line; also where the base does not hold a quote.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")  # a text may hold other ends of lines, as U+2028
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    faults: list[str] = []
    facts = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            fact = _read_fact(line, f"{path.name}: line {number}", library, faults)
            facts += [fact] if fact else []
    if faults:
        raise UsageError("\n".join(faults))
    if not facts:
        raise UsageError(f'{path}: holds no fact; a line is {{"statement": …, "answer": …, "phrasings": […]}}')
    return facts


def _read_fact(line: str, where: str, library: Library | None, faults: list[str]) -> Fact | None:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        faults.append(f"{where}: is not JSON: {error.msg} at column {error.colno}")
        return None
    if not isinstance(value, dict):
        faults.append(f"{where}: is not an object")
        return None
    asked = value.get("phrasings")
    if not isinstance(asked, list) or not asked or not all(isinstance(one, str) and one.strip() for one in asked):
        faults.append(f"{where}: 'phrasings' is a list of at least one question")
        return None
    for name in ("answer", "statement"):
        if not isinstance(value.get(name), str) or not value[name].strip():
            faults.append(f"{where}: '{name}' is missing or empty")
            return None
    chunks, documents = _sources(value, where, library, faults)
    identity = str(value.get("id") or row_id(value["statement"], value["answer"]))
    return Fact(identity, tuple(asked), value["answer"], value["statement"], "fact", chunks, documents, "file")


def _sources(
    value: dict[str, object], where: str, library: Library | None, faults: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    name, quote = value.get("document"), value.get("quote")
    if library is None or not isinstance(name, str) or not isinstance(quote, str):
        return (), ()
    document = library.named(name)
    if document is None:
        faults.append(f"{where}: the base has no document '{name}'; add it, or remove the key")
        return (), ()
    found = library.holding(document, quote)
    if not found:
        faults.append(f"{where}: '{quote[:60]}' does not stand in {name}")
    return tuple(chunk.id for chunk in found), (document.id,)
