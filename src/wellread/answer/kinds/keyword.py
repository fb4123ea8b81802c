"""One or two words and no question («dogs»): what the documents say of it, a sentence from each place."""

from __future__ import annotations

import re

from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import stands
from wellread.retrieve.units import words

MOST = 3
_VERB = re.compile(
    r"\b(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|do|does|did|can|may|will|has|have|must|should"
    r"|could|would|cost|costs)\b|\d",
    re.IGNORECASE,
)


def answer(case: QuestionCase) -> Made | None:
    """The best pieces that hold every word, one from each section; None for a question, and where nothing holds it."""
    about = words(case.question)
    if not 1 <= len(about) <= 2 or len(case.question.split()) > 3 or _VERB.search(case.question):
        return None
    places: dict[tuple[int, tuple[str, ...]], CitedClaim] = {}
    for unit in case.scored.units:
        held = frozenset(words(unit.reading))
        if all(stands(word, held) for word in about) and held - set(about):
            document = case.hits[unit.hit].document.id
            places.setdefault((hash(document), unit.heading_path), CitedClaim(unit.reading, (unit,)))
    claims = tuple(places.values())[:MOST]
    return Made("keyword", claims, how=f"what holds «{case.question.strip()}»") if claims else None
