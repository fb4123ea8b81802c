"""Two documents that say different things of one matter: both are shown with their dates, the later one first."""

from __future__ import annotations

import datetime as dt
import re

from wellread.answer import gate
from wellread.answer.elements import pairs_of
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import stands, telling
from wellread.retrieve import quantities
from wellread.retrieve.quantities import Quantity
from wellread.retrieve.units import Quotable, words
from wellread.types import Document

LOOKED_AT = 6  # best pieces that are held against each other
NEAR = 0.85  # of the best score that the second piece must have
ALIKE = 0.75  # share of their words, without numbers, that two pieces on one matter have in common
_NAMES = re.compile(r"(?<=[\w,] )[A-Z][\w'’-]*")


def answer(case: QuestionCase) -> Made | None:
    """Both sentences; None unless two of the best are alike but for a measured number and stand in two documents."""
    if not case.enough or re.search(r"\d", case.question):
        return None
    about = telling(case.question)
    close = [u for u, t in zip(case.scored.units, case.scored.total, strict=True) if t >= NEAR * case.scored.total[0]]
    first, *others = close[:LOOKED_AT]
    other = next((unit for unit in others if _disagree(case, first, unit, about)), None)
    if other is None:
        return None
    pair = sorted((first, other), key=lambda unit: _day(_of(case, unit)), reverse=True)
    later, earlier = (_of(case, unit) for unit in pair)
    lead = f"The documents disagree. {_verdict(later, earlier)}«{_told(later)}»: {pair[0].reading}"
    claims = (CitedClaim(lead, (pair[0],)), CitedClaim(f"«{_told(earlier)}»: {pair[1].reading}", (pair[1],)))
    return Made("disagreement", claims, how="two documents with different numbers in sentences that are alike")


def _of(case: QuestionCase, unit: Quotable) -> Document:
    return case.hits[unit.hit].document


def _disagree(case: QuestionCase, one: Quotable, two: Quotable, about: frozenset[str]) -> bool:
    """Whether two sentences of two documents differ in a measured number alone, on what the question asks."""
    documents = _of(case, one), _of(case, two)
    if documents[0].id == documents[1].id or any(len(pairs_of(u)) > 1 or " | " in u.text for u in (one, two)):
        return False
    titled = [frozenset(words(d.title)) for d in documents]
    named = {word for name in gate.names(case.question) for word in words(name)}
    if named & (titled[0] ^ titled[1]):  # the question says which of the two it is about
        return False
    left, right = (frozenset(w for w in words(u.reading) if not any(c.isdigit() for c in w)) for u in (one, two))
    if not about or not left | right or len(left & right) < ALIKE * len(left | right):
        return False
    if not all(stands(word, left) and stands(word, right) for word in about if not any(c.isdigit() for c in word)):
        return False
    return _names(one) == _names(two) and _differ(_numbers(one), _numbers(two))


def _names(unit: Quotable) -> frozenset[str]:
    return frozenset(_NAMES.findall(unit.reading))


def _numbers(unit: Quotable) -> list[Quantity]:
    return quantities.quantities(unit.reading, every=False)


def _differ(one: list[Quantity], two: list[Quantity]) -> bool:
    """Whether two lists of quantities are of the same kinds in the same order, and a measured one is another."""
    if len(one) != len(two) or [_kinds(q) for q in one] != [_kinds(q) for q in two]:
        return False
    other = [a for a, b in zip(one, two, strict=True) if not quantities.same(a, b)]
    return bool(other) and all(_kinds(q) or q.days for q in other)


def _kinds(quantity: Quantity) -> frozenset[str]:
    return frozenset(name for name, _ in quantity.meanings if not name.startswith(("count", "ordinal")))


def _day(document: Document) -> dt.date:
    return document.valid_from or dt.date.min


def _told(document: Document) -> str:
    return f"{document.title}, {document.valid_from.isoformat() if document.valid_from else 'no date'}"


def _verdict(later: Document, earlier: Document) -> str:
    if earlier.superseded_by or (earlier.valid_until and earlier.valid_until < dt.datetime.now(dt.UTC).date()):
        return "In force is "
    both = later.valid_from is not None and earlier.valid_from is not None
    return "The later one is " if both and later.valid_from != earlier.valid_from else ""
