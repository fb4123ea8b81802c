"""A single fact: the sentences that answer best, letter for letter, or the rows of one table."""

from __future__ import annotations

from wellread.answer import quote
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase


def answer(case: QuestionCase) -> Made | None:
    """The best sentences where the evidence suffices."""
    if not case.enough:
        return None
    chosen = quote.choose(case.question, case.scored, case.settings.quotes)
    return Made("fact", tuple(CitedClaim(unit.reading, (unit,)) for unit in chosen)) if chosen else None
