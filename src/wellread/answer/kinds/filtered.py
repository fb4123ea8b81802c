"""«Which tests use a yellow tube?», «which were built after 2018?»: the rows of one table that fit, and no others."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wellread.answer.kinds import cells, figure, halves
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import ASKING, telling
from wellread.errors import UsageError
from wellread.index.tables import query as queries
from wellread.index.tables.query import TableQuery
from wellread.index.tables.stored import StoredTable
from wellread.retrieve.units import words

MOST_SHOWN = 12
_EVERY = re.compile(r"\b(?:all|every|each)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"\b(?=(?:which|what|list|name|show|all|every|each)(?: (?:all|the|every|of))* (?P<noun>[\w'’-]+(?: [\w'’-]+)?))",
    re.I,
)


@dataclass(frozen=True, slots=True)
class _Found:
    explained: int
    made: Made


def answer(case: QuestionCase) -> Made | None:
    """The rows as a table: names, what they were chosen by, what is asked; None unless one table fits best."""
    nouns = frozenset(word for match in _ASKS.finditer(case.question) for word in words(match["noun"]))
    if not nouns or figure.computes(case.question):
        return None
    found = [one for n, table in cells.tables(case) if (one := _of_table(case, n, table, nouns)) is not None]
    found.sort(key=lambda one: -one.explained)
    if not found or (len(found) > 1 and found[0].explained == found[1].explained):
        return None
    return found[0].made


def _of_table(case: QuestionCase, n: int, table: StoredTable, nouns: frozenset[str]) -> _Found | None:
    about = telling(case.question)
    if not table.columns or not nouns & cells.called(table):
        return None
    label = 0 if nouns & cells.named_by(table.columns[0]) else cells.label_of(table)
    chosen = cells.chosen(table, case.question, about)
    every = not chosen.where and _EVERY.search(case.question) is not None
    if not (chosen.where or every) or not chosen.whole:
        return None
    try:
        rows = queries.run(table, TableQuery(chosen.where)).rows
    except UsageError:
        return None
    first = [cell for row in rows if (cell := row[label]) is not None]
    if not rows or len(first) < len(rows) or (len(rows) == len(table.rows) and not every):
        return None
    by = {condition.column for condition in chosen.where}
    asked = (frozenset(words(case.question)) - ASKING) | cells.meant(case.question)
    told = (c for c, one in enumerate(table.columns) if one.name in by or cells.named_by(one) & asked)
    shown = [label, *(c for c in told if c != label)]
    if every and len(shown) == 1:
        return None
    heads = " | ".join(table.columns[c].name.replace("_", " ") for c in shown)
    lines = [" | ".join((cell.text if (cell := row[c]) else "") for c in shown) for row in rows[:MOST_SHOWN]]
    if len(rows) > MOST_SHOWN:
        lines.append(f"and {len(rows) - MOST_SHOWN} more")
    units = tuple(dict.fromkeys(cells.row_of(case.hits[n], n, cell) for cell in first[:MOST_SHOWN]))
    said = ", ".join(f"{c.column} {c.operation} {c.value}" for c in chosen.where)
    how = f"{len(rows)} of {len(table.rows)} rows{': ' if said else ''}{said}"
    explained = cells.explained(
        table, case.question, about, frozenset(words(heads)) | cells.meant(case.question), chosen.where
    )
    if explained is None or (len(halves.parts(case.question)) > 1 and explained < len(about)):
        return None
    return _Found(explained, Made("filter", (CitedClaim("\n".join([heads, *lines]), units),), how=how))
