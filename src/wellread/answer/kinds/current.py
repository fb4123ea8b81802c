"""Of two versions of one document among the hits, what the later one says differently counts."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from wellread.answer import evidence, gate
from wellread.answer.evidence import Scored
from wellread.answer.kinds.case import QuestionCase
from wellread.retrieve import versions
from wellread.retrieve.units import Quotable, words

ALIKE = 0.6  # share of words without numbers that two versions of a sentence or a row have in common
_DATED = re.compile(r"\b(?:19|20)\d\d\b|\b(?:old|older|previous|former|earlier|before|used to|last)\b", re.IGNORECASE)


def in_force(case: QuestionCase) -> QuestionCase:
    """The case without pieces of an older version that a later one, also found, has a piece like.

    A question that names a year, or asks for what was before, is left as it is.
    """
    newer = _newer(case)
    if not newer:
        return case
    scored = case.scored
    said = [(unit.hit, letters(unit)) for unit in scored.units]
    kept = [
        n
        for n, unit in enumerate(scored.units)
        if not any(hit in newer.get(unit.hit, ()) and alike(said[n][1], theirs) for hit, theirs in said)
    ]
    if not kept or len(kept) == len(said):
        return case
    at = np.array(kept)
    left = Scored(
        tuple(scored.units[n] for n in kept), scored.cosine[at], scored.coverage[at], scored.own[at], scored.total[at]
    )
    return replace(case, scored=left)


def latest(case: QuestionCase) -> tuple[int, ...]:
    """For each hit the hit of the latest version of its document that was found: mostly itself."""
    newer = _newer(case)
    moments = [versions.moment(hit.document) for hit in case.hits]
    return tuple(max(sorted(newer.get(n, {n})), key=lambda m: moments[m]) for n in range(len(case.hits)))


def again(case: QuestionCase, question: str) -> QuestionCase:
    """The case of another question, searched for alone; it asks nothing further. Raises: StoreError."""
    hits = tuple(case.search(question).hits[: case.settings.passages]) if case.search is not None else ()
    scored = evidence.score(question, evidence.units_of(hits), case.scorer)
    probability = case.settings.stated(gate.weigh(question, scored).probability)
    found = replace(case, question=question, hits=hits, scored=scored, probability=probability, search=None)
    return in_force(found)


def letters(unit: Quotable) -> frozenset[str]:
    """The words of a piece without its numbers."""
    return frozenset(word for word in words(unit.reading) if not any(c.isdigit() for c in word))


def alike(one: frozenset[str], two: frozenset[str]) -> bool:
    """Whether two pieces say much the same but for numbers."""
    return bool(one | two) and len(one & two) >= ALIKE * len(one | two)


def _newer(case: QuestionCase) -> dict[int, frozenset[int]]:
    """For hits of an older version, the hits of later versions; none where the question is of another time."""
    if _DATED.search(case.question):
        return {}
    series = [versions.series(hit.document) for hit in case.hits]
    moments = [versions.moment(hit.document) for hit in case.hits]
    found = {
        n: frozenset(m for m, other in enumerate(series) if other == one and moments[m] > moments[n])
        for n, one in enumerate(series)
        if one
    }
    return {n: later for n, later in found.items() if later}
