"""Which of two things is more: the number of each, from a row or a sentence that names it, and which is larger."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wellread.answer.elements import Held, held_by, letters
from wellread.answer.kinds import cells
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.retrieve import quantities
from wellread.retrieve.quantities import Quantity
from wellread.retrieve.units import words

# A comparative: whether the larger number is meant, and words that columns and sentences have for what is compared.
_COMPARATIVES: dict[str, tuple[bool, str]] = {
    "faster": (True, "speed knots"),
    "slower": (False, "speed knots"),
    "longer": (True, "length long metres duration time hours minutes"),
    "shorter": (False, "length long metres duration time hours minutes"),
    "heavier": (True, "weight load tonnes"),
    "lighter": (False, "weight load tonnes"),
    "bigger": (True, ""),
    "larger": (True, ""),
    "smaller": (False, ""),
    "higher": (True, ""),
    "lower": (False, ""),
    "wider": (True, "width wide metres"),
    "older": (False, "built year founded opened"),
    "newer": (True, "built year founded opened"),
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
_PLAIN = re.compile(r"(?:^|[,:]\s*|\b(?:a|an|the) )(?:an? |the )?(?P<name>[A-Za-z][\w'’-]*(?: [\w'’-]+){0,3})$")


def answer(case: QuestionCase) -> Made | None:
    """Both numbers with their places and which is more; None unless each thing has exactly one number of one kind."""
    word, pair = _WORD.search(case.question), pair_of(case.question)
    if word is None or pair is None:
        return None
    first, second = pair
    larger, meant = _COMPARATIVES[word[0].lower()]
    said = frozenset(words(f"{case.question} {meant}")) | cells.meant(case.question)
    about = said - frozenset(words(f"{first} {second}"))
    left, right = side(case, first, second, about), side(case, second, first, about)
    if left is None or right is None:
        return None
    (one, held_one, column), (two, held_two, other_column) = left, right
    kinds = [{name for name, _ in q.meanings if not name.startswith("count")} for q in (one, two)]
    if column != other_column or ((kinds[0] or kinds[1]) and not kinds[0] & kinds[1]):
        return None
    a, b = (q.meanings[0][1] if q.meanings and kinds[0] else q.number for q in (one, two))
    if a == b:
        text = f"The same: {first} {one.number:g}, {second} {two.number:g}{_named(column)}."
    else:
        wins = first if (a > b) == larger else second
        loses = second if wins == first else first
        values = {first: one.number, second: two.number}
        text = f"{wins}: {values[wins]:g}, against {values[loses]:g} of {loses}{_named(column)}."
    return Made("comparison", (CitedClaim(text, (held_one.unit, held_two.unit)),), how=f"{a:g} and {b:g} compared")


def pair_of(question: str) -> tuple[str, str] | None:
    """The two things of «…, A or B?» where something is compared; None where they are no names nor simple nouns."""
    pair = _PAIR.search(question)
    if pair is None or not _WORD.search(question):
        return None
    first, second = pair["a"].strip(), pair["b"].strip()
    if (named := _NAME.search(first)) and second[:1].isupper():
        return named[0], second
    second = re.sub(r"^(?:the|an?) ", "", second)
    one, two = _PLAIN.search(question[: pair.end("a")].strip()), _PLAIN.search(f", {second}")
    return (one["name"], two["name"]) if one and two else None


def _named(column: str) -> str:
    return f" ({column.replace('_', ' ')})" if column else ""


def side(case: QuestionCase, name: str, other: str, about: frozenset[str]) -> tuple[Quantity, Held, str] | None:
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
    said = [one for one in found if letters(name) in one[1].letters]  # «Vitamin D» is not «Vitamin K»
    found = said or found
    fit, held, quantity, column = max(found, key=lambda one: one[0])
    return (quantity, held, column) if fit > 0 else None


def _values(held: Held, about: frozenset[str]) -> Iterator[tuple[float, Quantity, str]]:
    """Numbers of a piece with how well their column name, or the words before them, fit what is compared."""
    if held.row:
        for name, cell in held.values:
            fit = len(about & frozenset(words(name.replace("_", " "))))
            numbers = [q for q in cell if not q.days and all(kind != "clock" for kind, _ in q.meanings)] or cell
            if fit and len({q.number for q in numbers}) == 1:  # «11.50» is a price as well as a time of day
                yield fit + 0.1 * len(about & held.words), numbers[0], name
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
