"""Two steps: what a clause describes is found first («the island where Eider Sound has her home port»), then asked for.

A plan by rules, without a model: the described thing becomes a question of its own, the name that answers it takes the
place of the clause, and the question that is then whole is answered like any other. Both steps are shown and cited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from wellread.answer import gate
from wellread.answer.elements import held_by, pairs_of
from wellread.answer.kinds import fact, table
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.current import again
from wellread.answer.kinds.telling import stands, telling
from wellread.retrieve.units import Quotable, words
from wellread.types import Hit

LOOKED_AT = 4  # pieces of the first step in which the name may stand
_CLAUSE = re.compile(
    r"\b(?:the|a|an) (?P<noun>[\w-]+(?: [\w-]+)?) (?P<tail>[\w-]+ )??"
    r"(?P<clause>(?:that|which|who|where|whose) [^,?]+)",
    re.IGNORECASE,
)
_NAME = re.compile(r"\b[A-Z][\w'’-]*(?: (?:of |the |& )?[A-Z0-9][\w'’-]*)*")


def answer(case: QuestionCase) -> Made | None:
    """The answer through a name that is found first; None where the question has no such clause, or a step fails."""
    match = _CLAUSE.search(case.question)
    if match is None or case.search is None or len(telling(match["clause"])) < 2:
        return None
    described = f"{match['noun']} {match['clause']}"
    for name, first, hits in _bridges(case, described, frozenset(words(match["noun"]))):
        asked = case.question.replace(match[0], f"{name} {match['tail'] or ''}".rstrip(), 1)
        second = _answered(case, asked)
        if second is not None:
            found = [replace(claim, hits=claim.hits or second[1]) for claim in second[0].claims]
            if all(unit.reading == first.reading for claim in found for unit in claim.units):
                return replace(second[0], claims=tuple(found))  # one row held both steps
            bridge = CitedClaim(first.reading, (first,), hits)
            return Made("hops", (bridge, *found), how=f"{described} → {name}; {asked}")
    return None


def _answered(case: QuestionCase, asked: str) -> tuple[Made, tuple[Hit, ...]] | None:
    whole = again(case, asked)
    made = table.lookup(whole) or fact.answer(whole)
    return (made, whole.hits) if made is not None else None


def _bridges(
    case: QuestionCase, described: str, noun: frozenset[str]
) -> Iterator[tuple[str, Quotable, tuple[Hit, ...]]]:
    """Names that may be meant, the likeliest first, each with the piece that says so."""
    alone = again(case, described)
    hits, scored = alone.hits, alone.scored
    about, given = telling(described), frozenset(words(case.question))
    said = frozenset[str]().union(*(held_by(unit).words for unit in scored.units))
    named = frozenset(word for name in gate.names(described) for word in words(name)) & about
    if named:  # «where Juno stands»: a verb that no piece holds may be what a column is called
        about = frozenset(word for word in about if word in named or stands(word, said))
    for unit in scored.units[:LOOKED_AT]:
        if not all(stands(word, held_by(unit).words) for word in about - noun):
            continue
        names = [name for name in _names(unit, about, noun) if not frozenset(words(name)) & given]
        if names and (len(pairs_of(unit)) > 1 or len(set(names)) == 1):  # which of several names is meant is not clear
            yield names[0], unit, hits


def _names(unit: Quotable, about: frozenset[str], noun: frozenset[str]) -> Iterator[str]:
    """Of a row the cell under the column that is described, else its first cell; of a sentence its names."""
    pairs = pairs_of(unit)
    if len(pairs) > 1:
        fits = [(len((about | noun) & frozenset(words(name.replace("_", " ")))), value) for name, value in pairs]
        yield from (value for fit, value in sorted(fits, key=lambda one: -one[0]) if fit and _NAME.match(value))
        yield pairs[0][1]
        return
    first = re.match(r"\W*", unit.reading)
    yield from (m[0] for m in _NAME.finditer(unit.reading) if m.start() > (first.end() if first else 0))
    yield from (m[0] for m in [_NAME.match(unit.reading)] if m)
