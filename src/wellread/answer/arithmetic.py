"""Numbers that follow from numbers of the passages: a sum, a difference, a product, a share taken off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from wellread.answer.elements import Held, agree
from wellread.retrieve import quantities
from wellread.retrieve.quantities import Quantity
from wellread.retrieve.units import words

ROUNDED = 0.006  # how far a result may be from what is said: to the second decimal

_SUM = re.compile(r"\b(?:together|total|in all|altogether|sum|combined|both|overall)\b", re.IGNORECASE)
_DIFFERENCE = re.compile(
    r"\bby how much|difference|how (?:much|many) (?:more|less|fewer|longer|shorter|higher|lower|cheaper|dearer|bigger"
    r"|older|younger|faster|heavier)|\b(?:go|went|gone|come|came) (?:up|down)\b|\bhow much (?:did|has|have)\b.*"
    r"\b(?:rise|risen|rose|fall|fallen|fell|increased?|decreased?|grown?|grew)\b|\bleft\b|\bremain",
    re.IGNORECASE,
)
_OFF = re.compile(
    r"\b(?:discount|off|reduction|reduced|rebate|receives?|less)\b|\bpays? (?:only )?half\b|\bhalf\b", re.I
)
_TIMES = re.compile(
    r"\beach|every|per |for (?:\w+ )?\d+|\d+ (?:\w+ )?(?:people|adults|children|days|nights|times)", re.I
)


@dataclass(frozen=True, slots=True)
class Derived:
    """A result with the pieces that it follows from and how: ``118 - 112 = 6``."""

    held: tuple[Held, ...]
    formula: str


@dataclass(frozen=True, slots=True)
class _Term:
    value: float
    held: Held
    place: int  # of the number among those of its piece
    share: bool
    dimensions: frozenset[str]


def derive(said: Sequence[Quantity], question: str, near: Sequence[Held]) -> Derived | None:
    """How the one new number that is said follows from those of the nearest pieces; None where it does not."""
    about = set(words(question))
    meant = [h for h in near if not _outdone(h, about, near)]
    terms = [term for h in meant for term in _terms(h, about)]
    standing = [next((h for h in near if any(agree(q, other, cell=h.row) for other in h.numbers)), None) for q in said]
    values = [q.number for q, h in zip(said, standing, strict=True) if h is None and not q.days]
    if len(values) != 1 or sum(h is None for h in standing) != 1:
        return None
    found = [Derived((h,), "") for h in standing if h is not None]
    for value in values:
        made = next((d for d in _results(question, terms, about, value)), None)
        if made is None:
            return None
        found.append(made)
    pieces = tuple(dict.fromkeys(h for d in found for h in d.held))
    return Derived(pieces, "; ".join(d.formula for d in found if d.formula))


def _outdone(held: Held, about: set[str], near: Sequence[Held]) -> bool:
    """Whether another row of the same table holds more of what the question names."""
    own = about & held.own
    return held.row and any(
        other.row
        and other.unit.context == held.unit.context
        and len(other.values) == len(held.values)
        and own < about & other.own
        for other in near
    )


def _terms(held: Held, about: set[str]) -> Iterator[_Term]:
    """The numbers of a piece; of a row only those under the column names that the question comes nearest to."""
    fits = [len(about & set(words(name))) for name, _ in held.values]
    best = max((fit for fit, (_, cell) in zip(fits, held.values, strict=True) if cell), default=0)
    seen: set[float] = set()
    for place, (fit, (_, cell)) in enumerate(zip(fits, held.values, strict=True)):
        for n, q in enumerate(cell):
            if fit < best or q.days or any(name == "clock" for name, _ in q.meanings) or q.number in seen:
                continue
            seen.add(q.number)
            dimensions = frozenset(name for name, _ in q.meanings)
            yield _Term(q.number, held, 100 * place + n, "share" in dimensions, dimensions)


def _results(question: str, terms: Sequence[_Term], about: set[str], value: float) -> Iterator[Derived]:
    """Every way in which two numbers give the value, the ways that the question asks for."""
    yield from _of_two(question, terms, value)
    counts = [q.number for q in quantities.quantities(question) if q.number > 1]
    for a in terms:
        if len(about & a.held.words) < 2 or not value:
            continue
        for count in counts:
            if _TIMES.search(question) and _is(a.value * count, value):
                yield Derived((a.held,), f"{a.value:g} × {count:g} = {value:g}")
        if not a.share:
            yield from _reduced(a, terms, value)


def _of_two(question: str, terms: Sequence[_Term], value: float) -> Iterator[Derived]:
    """Sums and differences, where the question asks for one."""
    if _SUM.search(question):
        for a, b in combinations(terms, 2):
            if (a.held is b.held or _beside(a, b)) and _is(a.value + b.value, value):
                yield _made(a, "+", b, value)
    if _DIFFERENCE.search(question):
        for a, b in combinations(terms, 2):
            if _beside(a, b) and _is(abs(a.value - b.value), value):
                high, low = (a, b) if a.value > b.value else (b, a)
                yield _made(high, "−", low, value)


def _reduced(a: _Term, terms: Sequence[_Term], value: float) -> Iterator[Derived]:
    """A price of one piece less the share, or the half, that another piece takes off."""
    for b in terms:
        if b.held is a.held:
            continue
        if b.share and 0 < b.value < 100 and _OFF.search(b.held.unit.reading):
            if _is(a.value * (1 - b.value / 100), value):
                yield Derived((a.held, b.held), f"{a.value:g} − {b.value:g} % = {value:g}")
        elif re.search(r"\bhalf\b", b.held.unit.reading) and _is(a.value / 2, value):
            yield Derived((a.held, b.held), f"{a.value:g} ÷ 2 = {value:g}")


def _is(result: float, value: float) -> bool:
    return abs(result - value) < ROUNDED


def _beside(a: _Term, b: _Term) -> bool:
    """Whether two numbers of two pieces are of one kind: the same place in rows that are alike, the same words near."""
    if a.held.row or b.held.row:
        return len(a.held.values) == len(b.held.values) and a.place == b.place
    return bool(a.dimensions & b.dimensions) and len(a.held.words & b.held.words) >= 2


def _made(a: _Term, sign: str, b: _Term, value: float) -> Derived:
    return Derived(tuple(dict.fromkeys((a.held, b.held))), f"{a.value:g} {sign} {b.value:g} = {value:g}")
