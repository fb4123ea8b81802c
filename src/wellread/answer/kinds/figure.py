"""A figure over a table: the largest, a count, a sum, a mean, computed from typed cells and shown with its rows.

Only where the question leaves no choice: one operation, one column that it names best, rows that it names by their
cells. Everything else is for the other ways of answering.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wellread.answer.kinds import cells
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import stands, telling
from wellread.errors import UsageError
from wellread.index.tables import query as queries
from wellread.index.tables.query import Aggregate, Condition, TableQuery, TableResult
from wellread.index.tables.stored import StoredTable
from wellread.retrieve.units import words

MOST_SHOWN = 12  # numbers of a sum that are written out

# What a superlative is about: whether the largest is meant, and words that columns have for it.
_SUPERLATIVES: dict[str, tuple[bool, str]] = {
    "fastest": (True, "speed knots"),
    "slowest": (False, "speed knots"),
    "longest": (True, "length long metres duration time minutes"),
    "shortest": (False, "length long metres duration time minutes"),
    "heaviest": (True, "weight load tonnes mass"),
    "lightest": (False, "weight load tonnes mass"),
    "tallest": (True, "height"),
    "deepest": (True, "depth"),
    "oldest": (False, "built year founded opened"),
    "newest": (True, "built year founded opened"),
    "youngest": (True, "built year founded opened"),
    "cheapest": (False, "price cost fare fee"),
    "dearest": (True, "price cost fare fee"),
    "most expensive": (True, "price cost fare fee"),
    "least expensive": (False, "price cost fare fee"),
    "largest": (True, ""),
    "biggest": (True, ""),
    "greatest": (True, ""),
    "highest": (True, ""),
    "most": (True, ""),
    "smallest": (False, ""),
    "lowest": (False, ""),
    "fewest": (False, ""),
    "least": (False, ""),
}
_SUPERLATIVE = re.compile(
    rf"(?<!\bat )\b(?:{'|'.join(sorted(_SUPERLATIVES, key=len, reverse=True))})\b(?! (?:recent|likely|of all))",
    re.IGNORECASE,
)
_AGGREGATES: tuple[tuple[Aggregate, re.Pattern[str]], ...] = (
    ("mean", re.compile(r"\b(?:average|mean)\b", re.IGNORECASE)),
    ("sum", re.compile(r"\b(?:total|together|altogether|in all|in total|sum of|combined|all told)\b", re.IGNORECASE)),
)
_COUNT = re.compile(r"\bhow many (?P<noun>[\w'’-]+)", re.IGNORECASE)
_KEYS = re.compile(r"\W*(?:no|nr|id|line|number|code)\W*", re.IGNORECASE)  # numbers that count nothing
_FRAME = frozenset(
    words("total together altogether all sum average mean combined told number most least many list table")
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a question wants of a table: a figure over a column, or the row with the largest or smallest value."""

    about: frozenset[str]
    aggregate: Aggregate | None = None
    larger: bool | None = None
    meant: frozenset[str] = frozenset()  # words that a superlative stands for


def answer(case: QuestionCase) -> Made | None:
    """The figure with its formula, on the rows that it follows from; None unless one table gives exactly one."""
    asked = _asked(case.question)
    if asked is None:
        return None
    made = [found for n, table in cells.tables(case) if (found := _of_table(case, n, table, asked)) is not None]
    made.sort(key=lambda one: -one[0])
    return made[0][1] if made and (len(made) == 1 or made[0][0] > made[1][0]) else None


def computes(question: str) -> bool:
    """Whether a question asks what follows from all rows of a table: the most of something, a sum, a mean."""
    found = _asked(question)
    return found is not None and found.aggregate != "count"


def says(question: str, text: str) -> bool:
    """Whether ``text`` holds the very word by which the figure is asked for: «total», «longest»."""
    found = _SUPERLATIVE.search(question) or next((m for _, p in _AGGREGATES if (m := p.search(question))), None)
    return found is not None and found[0].lower() in text.lower()


def _asked(question: str) -> _Asked | None:
    about = telling(question) - _FRAME
    if (found := _SUPERLATIVE.search(question)) and " or " not in question:
        larger, meant = _SUPERLATIVES[found[0].lower()]
        own = frozenset(words(meant))
        return _Asked((about | own) - frozenset(words(found[0])), None, larger, own)
    for aggregate, pattern in _AGGREGATES:
        if pattern.search(question):
            return _Asked(about, aggregate)
    return _Asked(about, "count") if _COUNT.search(question) else None


def _of_table(case: QuestionCase, n: int, table: StoredTable, asked: _Asked) -> tuple[int, Made] | None:
    """The figure of one table, after how many words of the question the table accounts for."""
    chosen = cells.chosen(table, case.question, asked.about)
    if not chosen.whole:
        return None
    if asked.aggregate == "count":
        made, column = _counted(case, n, table, chosen.where), ""
    else:
        said = cells.meant(case.question) if asked.larger is None else frozenset[str]()
        column = _column(table, chosen.rest | said, alone=asked.larger is None) or ""
        made = _computed(case, n, table, asked, chosen.where, column) if column else None
    if made is None:
        return None
    named = frozenset(words(column.replace("_", " "))) | asked.meant
    explained = cells.explained(table, case.question, asked.about, named, chosen.where)
    return (explained, made) if explained is not None else None


def _computed(
    case: QuestionCase, n: int, table: StoredTable, asked: _Asked, where: tuple[Condition, ...], column: str
) -> Made | None:
    try:
        if asked.aggregate is not None:
            result = queries.run(table, TableQuery(where, aggregate=asked.aggregate, of=column))
            return _figured(case, n, result, asked.aggregate, column) if len(result.cells) > 1 else None
        ordered = queries.run(table, TableQuery(where, order_by=column, descending=bool(asked.larger)))
    except UsageError:
        return None
    return _first(case, n, table, ordered, column, bool(asked.larger))


def _column(table: StoredTable, about: frozenset[str], *, alone: bool) -> str | None:
    """The one column of numbers that the words fit best; ``alone``: or the only one; None for none, or for two."""
    fits = []
    for column in table.columns:
        named = cells.named_by(column)
        if column.kind == "number" and named and not _KEYS.fullmatch(column.name):
            shared = sum(any(stands(word, frozenset([other])) for other in about) for word in named)
            fits.append((shared / len(named) + 0.01 * shared, column.name))
    fits.sort(reverse=True)
    if alone and len(fits) == 1:
        return fits[0][1]
    if not fits or not fits[0][0] or (len(fits) > 1 and fits[0][0] == fits[1][0]):
        return None
    return fits[0][1]


def _counted(case: QuestionCase, n: int, table: StoredTable, where: tuple[Condition, ...]) -> Made | None:
    """How many rows there are of what the first column is called."""
    noun = _COUNT.search(case.question)
    called = cells.called(table) if table.columns else frozenset[str]()
    if noun is None or not where or not set(words(noun["noun"])) & called:
        return None
    try:
        result = queries.run(table, TableQuery(where, aggregate="count"))
    except UsageError:
        return None
    return _figured(case, n, result, "count", noun["noun"]) if result.cells else None


def _figured(case: QuestionCase, n: int, result: TableResult, aggregate: Aggregate, column: str) -> Made | None:
    if result.value is None:
        return None
    rows = list(dict.fromkeys(cells.row_of(case.hits[n], n, cell) for cell in result.cells))
    unit = f" {result.unit}" if result.unit else ""
    value = result.value * 100 if result.unit == "%" else result.value
    parts = [cell.text for cell in result.cells]
    shown = f" = {' + '.join(parts)}" if aggregate == "sum" and len(parts) <= MOST_SHOWN else ""
    name = {"sum": "Total", "mean": "Mean", "count": "Count", "min": "Smallest", "max": "Largest"}[aggregate]
    text = f"{name} ({column.replace('_', ' ')}): {value:,.10g}{unit}{shown}, over {len(parts)} rows."
    return Made("figure", (CitedClaim(text, tuple(rows[:MOST_SHOWN])),), how=result.formula)


def _first(
    case: QuestionCase, n: int, table: StoredTable, found: TableResult, column: str, larger: bool
) -> Made | None:
    """The row that comes first, where it comes first alone, with the one after it to compare with."""
    at = next(col for col, one in enumerate(table.columns) if one.name == column)
    every = [row for row in found.rows if not any("total" in cell.flags for cell in row if cell is not None)]
    rows = [row for row in every if (cell := row[at]) is not None and cell.kind == "number"]
    if len(rows) < 2 or len(rows) != len(every):
        return None
    first, second = rows[0][at], rows[1][at]
    by_key = frozenset(words(case.question)) & cells.named_by(table.columns[0])
    label = rows[0][0 if by_key else cells.label_of(table)]
    if first is None or second is None or label is None or first.value == second.value:
        return None
    word = "largest" if larger else "smallest"
    named = column.replace("_", " ")
    text = f"{label.text}: {first.text} ({named}), the {word} of {len(rows)}; the next is {second.text}."
    units = tuple(dict.fromkeys(cells.row_of(case.hits[n], n, cell) for cell in (first, second)))
    return Made("figure", (CitedClaim(text, units),), how=f"rows ordered by {column}")
