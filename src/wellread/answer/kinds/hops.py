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
    r"\b(?:the|a|an) (?P<noun>[\w-]+(?: [\w-]+)?) (?P<tail>(?!in |on |at )[\w-]+ )??"
    r"(?:(?:in|on|at) (?=which))?(?P<clause>(?:that|which|who|where|whose) [^,?]+)",
    re.IGNORECASE,
)
_OF = re.compile(r"\bthe (?P<noun>[a-z]+) of (?:the )?(?P<name>[\w'’ -]+?)(?P<tail> [a-z]+)\s*\?*$")
_NUMBERED = re.compile(r"\d+|[A-Z]{1,3}-?\d+")
_NAME = re.compile(r"\b[A-Z][\w'’-]*(?: (?:of |the |& )?[A-Z0-9][\w'’-]*)*")


def answer(case: QuestionCase) -> Made | None:
    """The answer through a name that is found first; None where the question has no such clause, or a step fails."""
    if case.search is None:
        return None
    match = _CLAUSE.search(case.question)
    if match is None or len(telling(match["clause"])) < 2:
        return _through_column(case)
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


def _through_column(case: QuestionCase) -> Made | None:
    """«When was the founder of Old Martha born?»: the cell under «founder» of her row, then asked for."""
    match = _OF.search(case.question)
    if match is None or not telling(match["name"]):
        return None
    noun, about = frozenset(words(match["noun"])), telling(match["name"])
    alone = again(case, f"{match['noun']} of {match['name']}")
    for unit in alone.scored.units:
        fits = [value for name, value in pairs_of(unit) if noun & frozenset(words(name.replace("_", " ")))]
        if len(fits) != 1 or not _NAME.match(fits[0]) or not about <= held_by(unit).own:
            continue
        asked = case.question.replace(match[0].removesuffix("?").rstrip(), f"{fits[0]}{match['tail']}", 1)
        second = _answered(case, asked)
        if second is None:
            return None
        found = [replace(claim, hits=claim.hits or second[1]) for claim in second[0].claims]
        bridge = CitedClaim(unit.reading, (unit,), alone.hits)
        return Made("hops", (bridge, *found), how=f"{match['noun']} of {match['name']} → {fits[0]}; {asked}")
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
        names = [
            name
            for name in _names(unit, about, noun, described.split(maxsplit=1)[0])
            if not frozenset(words(name)) & given
        ]
        if names and (len(pairs_of(unit)) > 1 or len(set(names)) == 1):  # which of several names is meant is not clear
            yield names[0], unit, hits


def _names(unit: Quotable, about: frozenset[str], noun: frozenset[str], called: str) -> Iterator[str]:
    """Of a row the cell under the column that is described, else its first cell; of a sentence its names."""
    pairs = pairs_of(unit)
    if len(pairs) > 1:
        fits = [(len((about | noun) & frozenset(words(name.replace("_", " ")))), value) for name, value in pairs]
        fits = sorted(fits, key=lambda one: -one[0])
        yield from (value for fit, value in fits if fit and _NAME.match(value))
        yield from (f"{called} {value}" for fit, value in fits if fit and _NUMBERED.fullmatch(value))
        yield pairs[0][1]
        return
    first = re.match(r"\W*", unit.reading)
    yield from (m[0] for m in _NAME.finditer(unit.reading) if m.start() > (first.end() if first else 0))
    yield from (m[0] for m in [_NAME.match(unit.reading)] if m)
