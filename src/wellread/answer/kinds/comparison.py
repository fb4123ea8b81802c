"""Which of two things is more: the number of each, from a row or a sentence that names it, and which is larger."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wellread.answer.elements import Held, held_by
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.retrieve import quantities
from wellread.retrieve.quantities import Quantity
from wellread.retrieve.units import words

# A comparative: whether the larger number is meant, and words that columns and sentences have for what is compared.
_COMPARATIVES: dict[str, tuple[bool, str]] = {
    "faster": (True, "speed knots"),
    "slower": (False, "speed knots"),
    "longer": (True, "length long metres"),
    "shorter": (False, "length long metres"),
    "heavier": (True, "weight load tonnes"),
    "lighter": (False, "weight load tonnes"),
    "bigger": (True, ""),
    "larger": (True, ""),
    "smaller": (False, ""),
    "higher": (True, ""),
    "lower": (False, ""),
    "wider": (True, "width wide metres"),
    "older": (False, "built year founded"),
    "newer": (True, "built year founded"),
    "cheaper": (False, "price cost fare"),
    "dearer": (True, "price cost fare"),
    "more": (True, ""),
    "less": (False, ""),
    "fewer": (False, ""),
}
_WORD = re.compile(rf"\b(?:{'|'.join(_COMPARATIVES)})\b", re.IGNORECASE)
_PAIR = re.compile(r"(?P<a>[\w'’ -]+?),? or (?:on |in |at |with )?(?P<b>[\w'’ -]+?)\s*\?\s*$")
_LATER = re.compile(r"[^\W\d_]+")
_NAME = re.compile(r"(?:[A-Z][\w'’-]*|\d+)(?: (?:[A-Z][\w'’-]*|\d+))*$")


def answer(case: QuestionCase) -> Made | None:
    """Both numbers with their places and which is more; None unless each thing has exactly one number of one kind."""
    word, pair = _WORD.search(case.question), _PAIR.search(case.question)
    if word is None or pair is None:
        return None
    first, second = _NAME.search(pair["a"].strip()), pair["b"].strip()
    if first is None or not second[:1].isupper():
        return None
    larger, meant = _COMPARATIVES[word[0].lower()]
    about = (frozenset(words(case.question)) | frozenset(words(meant))) - frozenset(words(f"{first[0]} {second}"))
    left, right = _side(case, first[0], second, about), _side(case, second, first[0], about)
    if left is None or right is None:
        return None
    (one, held_one, column), (two, held_two, other_column) = left, right
    kinds = [{name for name, _ in q.meanings if not name.startswith("count")} for q in (one, two)]
    if column != other_column or ((kinds[0] or kinds[1]) and not kinds[0] & kinds[1]):
        return None
    a, b = (q.meanings[0][1] if q.meanings and kinds[0] else q.number for q in (one, two))
    if a == b:
        text = f"The same: {first[0]} {one.number:g}, {second} {two.number:g}{_named(column)}."
    else:
        wins = first[0] if (a > b) == larger else second
        loses = second if wins == first[0] else first[0]
        values = {first[0]: one.number, second: two.number}
        text = f"{wins}: {values[wins]:g}, against {values[loses]:g} of {loses}{_named(column)}."
    return Made("comparison", (CitedClaim(text, (held_one.unit, held_two.unit)),), how=f"{a:g} and {b:g} compared")


def _named(column: str) -> str:
    return f" ({column.replace('_', ' ')})" if column else ""


def _side(case: QuestionCase, name: str, other: str, about: frozenset[str]) -> tuple[Quantity, Held, str] | None:
    """The number of one thing: of the piece that names it and not the other, and holds most of what is compared."""
    mine, theirs = frozenset(words(name)), frozenset(words(other)) - frozenset(words(name))
    found = []
    for unit in case.scored.units:
        held = held_by(unit)
        if not mine <= held.words or (theirs and theirs <= held.words):
            continue
        found += [(fit, held, q, column) for fit, q, column in _values(held, about)]
    if not found:
        return None
    fit, held, quantity, column = max(found, key=lambda one: one[0])
    return (quantity, held, column) if fit > 0 else None


def _values(held: Held, about: frozenset[str]) -> Iterator[tuple[float, Quantity, str]]:
    """Numbers of a piece with how well their column name, or the words before them, fit what is compared."""
    if held.row:
        for name, cell in held.values:
            fit = len(about & frozenset(words(name.replace("_", " "))))
            if fit and len({q.number for q in cell}) == 1:
                yield fit + 0.1 * len(about & held.words), cell[0], name
        return
    found = quantities.quantities(held.unit.reading, every=False)
    if len(about & held.words) < 2 or not found:
        return
    folded = quantities.fold(held.unit.reading)
    later = [m for m in _LATER.finditer(folded, found[0].span.end) if about & frozenset(words(m[0]))]
    if later:  # «0.45 at the inlet and 0.70 at the exhaust»: the number that is nearest to the last word meant
        last = later[-1]
        yield 0.1 * len(about & held.words), min(found, key=lambda q: _gap(q, last)), ""
    elif len(found) == 1:
        yield 0.1 * len(about & held.words), found[0], ""


def _gap(quantity: Quantity, word: re.Match[str]) -> int:
    before = word.start() < quantity.span.start
    return quantity.span.start - word.end() if before else word.start() - quantity.span.end
