"""A single fact: the sentences that answer best, letter for letter, or the rows of one table."""

from __future__ import annotations

from wellread.answer import quote
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import is_of_another

LOOKED_AT = 3  # best pieces that have to name what the question is about


def answer(case: QuestionCase) -> Made | None:
    """The best sentences where the evidence suffices."""
    if not case.enough or is_of_another(case.question, case.scored.units[:LOOKED_AT], case.scorer):
        return None
    chosen = quote.choose(case.question, case.scored, case.settings.quotes)
    return Made("fact", tuple(CitedClaim(unit.reading, (unit,)) for unit in chosen)) if chosen else None
