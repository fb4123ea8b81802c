"""What users said of logged answers, as pairs and ratings: thumbs are ratings, a correction is the better answer.

The prompt is the one that ``wellread ask`` writes over the passages that are found now. The newest opinion of a user on
an answer counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wellread.knowledge_base import KnowledgeBase
from wellread.questions.stands import letters
from wellread.store import feedback, log
from wellread.store.feedback import Feedback
from wellread.tune.data.data import PreferenceRow, RatedRow, row_id
from wellread.tune.data.makers import passages
from wellread.tune.data.makers.passages import ReadingOptions
from wellread.types import Answer

MOST = 10_000  # opinions that are read, the newest


@dataclass(frozen=True, slots=True)
class OpinionRow:
    """A row with what it was made of: logged answers by their trace ids, and chunks that its prompt holds."""

    row: PreferenceRow | RatedRow
    traces: tuple[str, ...]
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Opinion:
    told: Feedback
    answer: Answer


def preferences(base: KnowledgeBase, reading: ReadingOptions) -> list[OpinionRow]:
    """A correction before the answer that it corrects, and an answer with a thumb up before one with a thumb down."""
    opinions = list(_opinions(base))
    made = []
    for one in opinions:
        correction = one.told.correction.strip()
        if correction and letters(correction) != letters(one.answer.text):
            made.append(_pair(base, reading, one, correction, one.answer.text, (one.told.trace_id,)))
    for up in opinions:
        for down in opinions:
            asked_alike = letters(up.answer.question) == letters(down.answer.question)
            apart = letters(up.answer.text) != letters(down.answer.text)
            if up.told.rating > 0 > down.told.rating and asked_alike and apart:
                traces = (up.told.trace_id, down.told.trace_id)
                made.append(_pair(base, reading, up, up.answer.text, down.answer.text, traces))
    return made


def ratings(base: KnowledgeBase, reading: ReadingOptions) -> list[OpinionRow]:
    """A thumb up is 1 and down -1; a correction is 1 and the answer that it corrects -1."""
    made = []
    for one in _opinions(base):
        correction = one.told.correction.strip()
        rating = -1 if correction else one.told.rating
        said = [(one.answer.text, rating)] * bool(rating) + [(correction, 1)] * bool(correction)
        if not said:
            continue
        prompt, chunks = _prompt(base, reading, one.answer.question)
        for text, score in said:
            row = RatedRow(row_id(prompt, text, score, one.told.user), prompt, text, float(score), one.told.user)
            made.append(OpinionRow(row, (one.told.trace_id,), chunks))
    return made


def _opinions(base: KnowledgeBase) -> Iterator[_Opinion]:
    with base.store.reading() as connection:
        told = feedback.listing(connection, who=base.who, limit=MOST)
        asked = {one.trace_id: log.get(connection, one.trace_id, who=base.who) for one in told}
    seen: set[tuple[str, str]] = set()
    for one in told:
        found = asked[one.trace_id]
        if found is None or (one.trace_id, one.user) in seen or not found.answer.text.strip():
            continue
        seen.add((one.trace_id, one.user))
        yield _Opinion(one, found.answer)


def _pair(
    base: KnowledgeBase, reading: ReadingOptions, one: _Opinion, better: str, worse: str, traces: tuple[str, ...]
) -> OpinionRow:
    prompt, chunks = _prompt(base, reading, one.answer.question)
    rater = one.told.user
    return OpinionRow(PreferenceRow(row_id(prompt, better, worse, rater), prompt, better, worse, rater), traces, chunks)


def _prompt(base: KnowledgeBase, reading: ReadingOptions, question: str) -> tuple[str, tuple[str, ...]]:
    """What the model reads for a question, and the ids of the chunks in it."""
    turns, chunks = passages.asked_of(base, reading, question)
    return "\n\n".join(turn.content for turn in turns), chunks
