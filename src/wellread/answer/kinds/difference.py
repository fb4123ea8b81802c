"""«How much more does A cost than B?»: both numbers, of rows or sentences that name each, and their difference."""

from __future__ import annotations

import re
from decimal import Decimal

from wellread.answer.kinds import cells
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.comparison import side
from wellread.retrieve.quantities import Quantity
from wellread.retrieve.units import words

_NAMED = r"[A-Z\d][\w'’-]*(?: (?:(?:of|the) )?[A-Z\d][\w'’-]*)*"
_BETWEEN = re.compile(rf"\bdifference\b.*?\bbetween (?:the )?(?P<a>{_NAMED}) and (?:the )?(?P<b>{_NAMED})\s*\?*\s*$")
_MORE = re.compile(
    rf"^\W*(?:[Bb]y )?[Hh]ow (?:much|many)\b.*?\b(?:more|less|fewer|\w+er)\b.*?\b(?P<a>{_NAMED})(?: [a-z]+)*"
    rf" than (?:[a-z]+ ){{0,3}}?(?P<b>{_NAMED}(?: [a-z]+)?)\s*\?*\s*$"
)
_NOUN = r"(?:(?:an?|the) (?P<{0}>[a-z][\w'’-]*(?: [a-z][\w'’-]*)?)|(?P<{0}1>[a-z][\w'’-]*))"
_AUXILIARY = r"(?: (?:is|are|does|do|was|were|did|has|have))?"
_PLAIN = re.compile(
    rf"^\W*(?:[Bb]y )?[Hh]ow (?:much|many)\b.*?\b(?:more|less|fewer|\w+er)\b{_AUXILIARY} {_NOUN.format('a')}"
    rf"(?: [a-z]+)*? than (?:(?:in|on|for|by|with) )?{_NOUN.format('b')}\s*\?*\s*$"
)


def answer(case: QuestionCase) -> Made | None:
    """The difference with its formula; None unless each of the two has one number of one kind or column."""
    pair = pair_of(case.question)
    if pair is None:
        return None
    about = (frozenset(words(case.question)) | cells.meant(case.question)) - frozenset(words(" ".join(pair)))
    left, right = side(case, pair[0], pair[1], about), side(case, pair[1], pair[0], about)
    if left is None or right is None or left[2] != right[2]:
        return None
    (one, held_one, column), (two, held_two, _) = left, right
    if _kind(one) != _kind(two) or one.days or two.days or held_one.unit.span == held_two.unit.span:
        return None
    above, below = sorted((one.number, two.number), reverse=True)
    between = Decimal(repr(above)) - Decimal(repr(below))
    named = f" ({column.replace('_', ' ')})" if column else ""
    values = f"{pair[0]} {one.number:,.10g}, {pair[1]} {two.number:,.10g}{named}"
    text = f"{values}: {above:,.10g} − {below:,.10g} = {float(between):,.10g}."  # the sign of subtraction
    units = (held_one.unit, held_two.unit)
    return Made("difference", (CitedClaim(text, units),), how=f"{above:g} and {below:g} subtracted")


def pair_of(question: str) -> tuple[str, str] | None:
    """The two things that a difference is asked of; None where none is."""
    match = _BETWEEN.search(question) or _MORE.search(question)
    if match:
        return match["a"], match["b"]
    plain = _PLAIN.search(question)
    return (plain["a"] or plain["a1"], plain["b"] or plain["b1"]) if plain else None


def _kind(quantity: Quantity) -> frozenset[str]:
    return frozenset(name for name, _ in quantity.meanings if not name.startswith("count"))
