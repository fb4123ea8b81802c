"""Examples for reading retrieved passages: the right one among distractors, or missing; a cited answer, or a refusal.

The prompt is the one that ``wellread ask`` writes, and distractors are what the base's own search finds, so that the
model learns to read what it will be given. Source: RAFT (Zhang et al. 2024): share of examples without the golden
passage, answer with its quotation.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wellread.answer import prompt
from wellread.knowledge_base import KnowledgeBase
from wellread.models.api import Message
from wellread.progress import SILENT, Progress
from wellread.questions.stands import letters, locate
from wellread.retrieve.units import plain
from wellread.store import feedback, log
from wellread.tune.data.data import ChatRow, row_id
from wellread.tune.data.makers.facts import Fact, Library
from wellread.types import Chunk, Document, Question

CORRECTION = "correction"  # the kind of a row that somebody corrected; its fact is the trace id
LOOKED_AT = 12  # hits from which distractors are taken


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How such examples are made: distractors, share without the right passage, what is said then."""

    distractors: int
    without_golden: float
    refusal: str


@dataclass(frozen=True, slots=True)
class _Passage:
    chunk: Chunk
    document: Document

    @property
    def text(self) -> str:
        """Title, headings and text, as ``ask`` shows a passage."""
        context = " › ".join(dict.fromkeys(filter(None, (self.document.title, *self.chunk.heading_path))))
        return f"{context}\n{' '.join(plain(self.chunk.text).split())}"


def from_facts(
    facts: Sequence[Fact],
    library: Library,
    reading: ReadingOptions,
    progress: Progress = SILENT,
    *,
    seed: int,
) -> list[ChatRow]:
    """One example for each short fact of a single passage; which ones lack it is drawn by ``seed``.

    The answer is the sentence of the source with the number of its passage, or the refusal.
    """
    golden = {chunk.id: _Passage(chunk, d) for d in library.documents for chunk in library.chunks(d)}
    single = [fact for fact in facts if fact.kind == "fact" and len(fact.chunks) == 1 and fact.chunks[0] in golden]
    made = []
    for n, fact in enumerate(single):
        progress.step("make passages", n, len(single))
        chance = random.Random(f"{seed} {fact.id}")
        asked = chance.choice([one for one in fact.phrasings if one.endswith("?")] or fact.phrasings)
        without = chance.random() < reading.without_golden
        right = golden[fact.chunks[0]]
        wanted = reading.distractors + without
        others = _distractors(library.base, asked, fact, right, wanted)
        others += _strangers([*golden.values()], fact, [right, *others], wanted - len(others), chance)
        if without and not others:
            continue
        made.append(_example(asked, None if without else right, others, fact, reading, chance))
    return made


def _distractors(base: KnowledgeBase, asked: str, fact: Fact, right: _Passage, n: int) -> list[_Passage]:
    """The best hits that do not hold the answer and do not overlap with the right passage."""
    found: list[_Passage] = []
    for hit in base.search(asked, k=LOOKED_AT).hits:
        same = hit.chunk.document_id == right.chunk.document_id
        overlaps = same and hit.chunk.span.start < right.chunk.span.end and right.chunk.span.start < hit.chunk.span.end
        if not overlaps and not _holds(hit.chunk, fact):
            found.append(_Passage(hit.chunk, hit.document))
    return found[:n]


def _strangers(
    every: list[_Passage], fact: Fact, shown: list[_Passage], n: int, chance: random.Random
) -> list[_Passage]:
    """``n`` passages by chance, for a question whose search finds too few: it may name one document alone."""
    if n <= 0:
        return []
    documents = {one.document.id for one in shown}
    others = [one for one in every if one.document.id not in documents and not _holds(one.chunk, fact)]
    return chance.sample(others, min(n, len(others)))


def _holds(chunk: Chunk, fact: Fact) -> bool:
    return f" {letters(fact.answer)} " in f" {letters(chunk.text)} "


def _example(
    asked: str,
    right: _Passage | None,
    others: list[_Passage],
    fact: Fact,
    reading: ReadingOptions,
    chance: random.Random,
) -> ChatRow:
    shown = [*others, *([right] if right else [])]
    chance.shuffle(shown)
    messages = prompt.messages(asked, [f"[{n}] {one.text}" for n, one in enumerate(shown, 1)])
    if right is None:
        answer, kind = reading.refusal, "passages without answer"
    else:
        answer, kind = f"{fact.statement.rstrip('.')} [{shown.index(right) + 1}].", "passages"
    sources = tuple(dict.fromkeys([*fact.chunks, *(one.chunk.id for one in shown)]))
    turns = (*messages, Message("assistant", answer))
    return ChatRow(row_id([turn.content for turn in turns]), turns, sources, kind, fact.id)


def from_questions(
    asked: Sequence[Question],
    library: Library,
    reading: ReadingOptions,
    dropped: Counter[str],
    progress: Progress = SILENT,
) -> list[ChatRow]:
    """Questions with their hits and the right answer; those that no document answers are refused.

    Where the search misses the evidence, its passage is put among the hits, and counted in ``dropped`` under a name
    of its own, since nothing is lost.
    """
    made = []
    for n, question in enumerate(asked):
        progress.step("make from questions", n, len(asked))
        hits = [_Passage(hit.chunk, hit.document) for hit in library.base.search(question.text).hits]
        hits = hits[: reading.distractors + 1]
        if not question.answerable:
            if hits:
                made.append(_told(question.text, hits, reading.refusal, question.id, "question without answer"))
            continue
        if not question.answers:
            dropped["question without a right answer"] += 1
            continue
        held = _held(question, library)
        if question.evidence and not held:
            dropped["its evidence is in no document"] += 1
            continue
        shown, missed = _with(hits, held)
        if missed:
            dropped["(kept) the search missed the evidence"] += 1
        numbers = [at for at, one in enumerate(shown, 1) if any(one.chunk.id == other.chunk.id for other in held)]
        marks = "".join(f" [{number}]" for number in numbers)
        answer = f"{question.answers[0].rstrip('.')}{marks}." if marks else question.answers[0]
        made.append(_told(question.text, shown, answer, question.id, "question"))
    return made


def _held(question: Question, library: Library) -> list[_Passage]:
    """The passages that hold the evidence of a question."""
    found = []
    for one in question.evidence:
        document = library.named(one.document)
        if document is not None and locate(document.text, one.quote):
            found += [_Passage(chunk, document) for chunk in library.holding(document, one.quote)]
    return found


def _with(hits: list[_Passage], held: Sequence[_Passage]) -> tuple[list[_Passage], bool]:
    """The hits with every passage of the evidence among them, in place of the last ones; whether one was missing."""
    missing = [one for one in held if all(one.chunk.id != hit.chunk.id for hit in hits)]
    if not missing:
        return hits, False
    needed = {one.chunk.id for one in held}
    rest = [hit for hit in hits if hit.chunk.id not in needed]
    kept = rest[: max(0, len(hits) - len(held))]
    found = [hit for hit in hits if hit in kept or hit.chunk.id in needed]
    return [*found, *missing], True


def _told(asked: str, shown: Sequence[_Passage], answer: str, fact: str, kind: str) -> ChatRow:
    messages = prompt.messages(asked, [f"[{n}] {one.text}" for n, one in enumerate(shown, 1)])
    turns = (*messages, Message("assistant", answer))
    return ChatRow(row_id([turn.content for turn in turns]), turns, tuple(one.chunk.id for one in shown), kind, fact)


def from_log(base: KnowledgeBase, reading: ReadingOptions, *, limit: int = 10_000) -> list[ChatRow]:
    """Questions of the log that somebody corrected: the passages that are found now, and the corrected answer.

    The newest correction of a question counts.
    """
    made: dict[str, ChatRow] = {}
    with base.store.reading() as connection:
        opinions = [one for one in feedback.listing(connection, who=base.who, limit=limit) if one.correction.strip()]
        asked = {one.trace_id: log.get(connection, one.trace_id, who=base.who) for one in opinions}
    for one in opinions:
        found = asked[one.trace_id]
        if found is None or letters(found.answer.question) in made:
            continue
        question = found.answer.question
        hits = _found(base, reading, question)
        made[letters(question)] = _told(question, hits, one.correction.strip(), one.trace_id, CORRECTION)
    return list(made.values())


def asked_of(base: KnowledgeBase, reading: ReadingOptions, question: str) -> tuple[list[Message], tuple[str, ...]]:
    """What the model reads for a question of the log: the passages that are found now; and the ids of their chunks."""
    hits = _found(base, reading, question)
    turns = prompt.messages(question, [f"[{n}] {one.text}" for n, one in enumerate(hits, 1)])
    return list(turns), tuple(one.chunk.id for one in hits)


def _found(base: KnowledgeBase, reading: ReadingOptions, question: str) -> list[_Passage]:
    return [_Passage(hit.chunk, hit.document) for hit in base.search(question).hits][: reading.distractors + 1]
