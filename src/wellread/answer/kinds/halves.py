"""A question of two parts: both are answered, or the one that is not is named."""

from __future__ import annotations

import re
from dataclasses import replace

from wellread.answer.kinds import fact, figure, table
from wellread.answer.kinds.case import CitedClaim, Kind, Made, QuestionCase
from wellread.answer.kinds.current import again
from wellread.retrieve.units import words

_JOINT = re.compile(r"[,;?]?\s+and\s+(?=(?:who|whom|what|when|where|which|why|how)\b)|\?\s+(?=\w)", re.IGNORECASE)
_POINTING = re.compile(
    r"\b(?:it|its|they|them|their|that|those|these|this|he|she|his|her|ones?|same|there)\b", re.IGNORECASE
)
_ASKS = re.compile(r"\b(?:who|whom|what|when|where|which|why|how)\b", re.IGNORECASE)

KINDS: tuple[Kind, ...] = (figure.answer, table.lookup, fact.answer)


def parts(question: str) -> list[str]:
    """The parts of a question that can each be asked alone; one where it asks one thing."""
    found = [part.strip() for part in _JOINT.split(question)]
    alone = all(_ASKS.search(part) and len(words(part)) > 1 and not _POINTING.search(part) for part in found)
    return [f"{part.rstrip('?. ')}?" for part in found] if len(found) == 2 and alone else [question]


def answer(case: QuestionCase) -> Made | None:
    """What each half is answered with; None for a question of one part, and where neither half is answered."""
    halves = parts(case.question)
    if len(halves) < 2 or case.search is None:
        return None
    claims: list[CitedClaim] = []
    missing: list[str] = []
    for half in halves:
        alone = again(case, half)
        made = next((made for kind in KINDS if (made := kind(alone)) is not None), None)
        if made is None:
            missing.append(half)
        else:
            claims += [replace(claim, hits=alone.hits) for claim in made.claims[:1]]
    if not claims:
        return None
    told = f"Not in the documents: {' '.join(missing)}" if missing else ""
    return Made("two parts", tuple(claims), told, how=" · ".join(halves))
