"""A single fact: the sentence that answers best, and others as good of the kind asked for."""

from __future__ import annotations

import re

from wellread.answer import gate, quote
from wellread.answer.elements import NAME, held_by, pairs_of
from wellread.answer.kinds import cells, comparison, difference, figure, table, versions
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import is_of_another, limits, near, stands, telling
from wellread.index.words import languages
from wellread.retrieve import quantities
from wellread.retrieve.units import Quotable, words

LOOKED_AT = 3  # best pieces that have to name what the question is about


def answer(case: QuestionCase) -> Made | None:
    """The best sentences where the evidence suffices."""
    if not case.enough or is_of_another(case.question, case.scored.units[:LOOKED_AT], case.scorer):
        return None
    best = case.scored.units[0]
    if _is_of_two(case.question, best):
        return None
    if versions.asks_of_change(case.question) and not _SAYS_CHANGE.search(best.reading):
        return None
    if len(pairs_of(best)) > 1 and (_is_of_more_rows(case.question, best) or _is_another_row(case, best)):
        return None
    if len(pairs_of(best)) == 1 and _tells_of_another(case, best):
        return None
    chosen = quote.choose(case.question, case.scored, case.settings.quotes)
    pieces = [quote.whole(unit, case.scored) for unit in chosen]
    claims = [CitedClaim(" ".join(u.reading for u in piece), piece[::-1]) for piece in pieces]
    return Made("fact", tuple(claims)) if chosen else None


def _is_of_two(question: str, unit: Quotable) -> bool:
    """Whether two things are compared and the piece holds one of them alone: half an answer."""
    pair = difference.pair_of(question) or comparison.pair_of(question)
    held = held_by(unit).words
    return pair is not None and sum(all(stands(word, held) for word in words(name)) for name in pair) == 1


def _is_of_more_rows(question: str, row: Quotable) -> bool:
    """Whether what is asked follows from several rows (the most, a total, «more than 6»), and this one does not say it.

    One row of a table shown for it would be a wrong answer with a right citation.
    """
    if cells.beyond(question, row.reading):
        return True
    if table.lists(question) and table.unheld(question, [row]) > table.MOST_UNHELD:
        return True
    return figure.computes(question) and not figure.says(question, row.reading)


def _is_another_row(case: QuestionCase, row: Quotable) -> bool:
    """Whether a question is limited to something («for pensioners», a name) that is nowhere in a row or over it."""
    held = held_by(row)
    named = frozenset(word for name in gate.names(case.question) for word in words(name)) & telling(case.question)
    if named and not any(stands(word, held.words) for word in named):
        return True
    lost = [word for word in (*limits(case.question), *_counted(case.question)) if not stands(word, held.words)]
    return bool(lost) and not near(lost, held.text, case.scorer)


def _counted(question: str) -> list[str]:
    """What a question counts or asks the kind of: «inhabitants» of «how many inhabitants has …»."""
    match = _COUNTED.search(question)
    about = telling(question)
    return [word for word in words(match["noun"]) if word in about] if match else []


def _tells_of_another(case: QuestionCase, unit: Quotable) -> bool:
    """Whether the documents know a name of the question, and the sentence tells of another name instead."""
    if languages.foreign(case.question, ()):  # German writes every noun like a name
        return False
    around = frozenset(words(f"{_paragraph(case, unit)} {unit.context}"))
    asked = [frozenset(words(name)) for name in _NAMED.findall(case.question)]
    absent = [name for name in asked if name and not name & around]
    if not absent:
        return False
    known = frozenset[str]().union(*(held_by(other).words for other in case.scored.units))
    told = unit.reading
    for day in (q.span for q in quantities.quantities(told) if q.days):
        told = told[: day.start] + "_" * (day.end - day.start) + told[day.end :]
    own = {word for m in NAME.finditer(told) if m.start() for word in words(m[0])}
    return any(name <= known for name in absent) and bool(own - frozenset(words(case.question)))


_SAYS_CHANGE = re.compile(
    r"\b(?:chang\w*|now|new|no longer|instead|was|were|rais\w*|rose|risen|cut|fell|increas\w*|decreas\w*|mov\w*"
    r"|replac\w*|earlier|later|since|from .* to|unlike|whereas|while|differ\w*|than)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\bhow many (?P<noun>[a-z'’-]{3,})", re.I)
_NAMED = re.compile(r"(?<=[a-z,] )[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*")


def _paragraph(case: QuestionCase, unit: Quotable) -> str:
    """The text around a piece, to the next blank lines."""
    text = case.hits[unit.hit].document.text
    start = text.rfind("\n\n", 0, unit.span.start) + 1
    end = text.find("\n\n", unit.span.end)
    return text[start : len(text) if end < 0 else end]
