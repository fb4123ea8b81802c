"""Questions about tables: a cell, two rows compared, the highest of a column, two tables joined by a name."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wellread.questions.draft.candidate import Candidate, DraftTable, TableRow
from wellread.questions.stands import letters
from wellread.types import Evidence

_NUMBER = re.compile(r"[-+]?(?:[€$£]\s?)?\d+(?:[ ,]\d{3})*(?:\.\d+)?(?:\s?%)?\Z")
_UNITS = {
    "m": "metres", "km": "kilometres", "cm": "centimetres", "mm": "millimetres", "kg": "kilograms", "g": "grams",
    "t": "tonnes", "l": "litres", "kw": "kilowatts", "kwh": "kilowatt hours", "h": "hours", "min": "minutes",
    "s": "seconds", "knots": "knots", "eur": "euros", "usd": "dollars", "gbp": "pounds", "kroner": "kroner",
    "euros": "euros", "dollars": "dollars", "pounds": "pounds", "days": "days", "weeks": "weeks", "months": "months",
    "years": "years", "percent": "per cent", "hours": "hours", "minutes": "minutes",
}  # fmt: skip
_EMPTY = ("", "-", "–", "—", "n/a", "none", "?")
_WHEN = ("built", "founded", "opened", "renewed", "published", "ordered", "delivered", "found", "signed", "born")
_ASKS = re.compile(r"(?:how|when|where|who)\b")  # a column that is headed by a question
_NO_NOUN = re.compile(  # a column whose name is no noun: «the renewed every of …» is no question
    r"(?:then|every|each|what|which|who|north|south|east|west|contains|in|from|to|for|until|after|before|per|remarks?|notes?|"
    r"renewed|kept|given|changed|ordered|found|sent|paid|read|seen|\w+ (?:on|for|every|from|to|at|by))\b"
)
_NO_SIZE = re.compile(
    r"\b(?:id|no|codes?|numbers?|phone|telephone|lines?|class|grade|shelf|frame|month|page|account|date|room)\b"
)
_LONGEST = 80  # letters of a cell that is an answer
_KEY_WORDS = 6


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is asked about: its name in words, its unit, whether its cells are numbers."""

    at: int
    name: str
    unit: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class Keyed:
    """A table whose rows are told apart by the cells of one column."""

    table: DraftTable
    key: Column
    columns: tuple[Column, ...]

    @property
    def title(self) -> str:
        """What a person would call the table."""
        return self.table.document.title.split(" | ")[0]

    def evidence(self, row: TableRow) -> Evidence:
        """The row, letter for letter."""
        return Evidence(self.table.document.uri, row.line)


def keyed(tables: Sequence[DraftTable]) -> list[Keyed]:
    """The tables that questions can be asked about."""
    return [one for table in tables if (one := _keyed(table)) is not None]


def _keyed(table: DraftTable) -> Keyed | None:
    columns = [_column(table, at) for at in range(len(table.names))]
    for column in columns:
        cells = [row.cells[column.at] for row in table.rows]
        words = [cell for cell in cells if re.search(r"[^\W\d_]{2}", cell) and len(cell.split()) <= _KEY_WORDS]
        if not column.numeric and len(set(cells)) == len(cells) and len(words) == len(cells):
            return Keyed(table, column, tuple(c for c in columns if c.at != column.at))
    return None


def _column(table: DraftTable, at: int) -> Column:
    cells = [row.cells[at] for row in table.rows if row.cells[at].lower() not in _EMPTY]
    numeric = bool(cells) and sum(bool(_NUMBER.match(cell)) for cell in cells) > len(cells) * 0.6
    name = table.names[at].replace("_", " ").strip()
    words = name.split()
    unit = _UNITS.get(words[-1].lower(), "") if len(words) > 1 and "_" in table.names[at] else ""
    name = " ".join(words[:-1]) if unit else name
    return Column(at, name if name.isupper() else name[0].lower() + name[1:], unit, numeric)


def cells(every: Sequence[Keyed]) -> Iterator[Candidate]:
    """One question for each cell that has a value. What two tables give differently is asked with the table's name."""
    given: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in every:
        for row, column, value in _values(one):
            given[letters(row.cells[one.key.at]), letters(column.name)].add(letters(value))
    for one in every:
        for row, column, value in _values(one):
            key = row.cells[one.key.at]
            clear = len(given[letters(key), letters(column.name)]) == 1 and len(column.name) > 3
            yield _candidate(one, row, column, value, clear and is_name(key))


def _values(one: Keyed) -> Iterator[tuple[TableRow, Column, str]]:
    for row in one.table.rows:
        for column in filter(askable, one.columns):
            value = row.cells[column.at]
            if (
                value.lower() not in _EMPTY
                and len(value) <= _LONGEST
                and letters(value) not in letters(row.cells[one.key.at])
            ):
                yield row, column, value


def is_name(key: str) -> bool:
    """Whether a key can stand behind «of»: a name or a code, no phrase."""
    return all(re.match(r"[A-Z\d&]", word) for word in key.split()) and "," not in key


def _candidate(one: Keyed, row: TableRow, column: Column, value: str, plainly: bool) -> Candidate:
    """The question for a cell; where that is not clear alone, the table and its column are named."""
    key = row.cells[one.key.at]
    heading = one.table.names[column.at].replace("_", " ")
    if plainly:
        phrasings = (*about(column, key), f"{key} {column.name}" + (f" in {column.unit}" if column.unit else ""))
    else:
        phrasings = (
            f"What does “{one.title}” give as “{heading}” for {key}?",
            f"In “{one.title}”, what stands under “{heading}” for {key}?",
            f"{one.title} {key} {heading}",
        )
    return Candidate(
        phrasings=phrasings,
        answers=(value,),
        evidence=(one.evidence(row),),
        kind="table",
        made="rule: cell of a table",
        labels=one.table.document.labels,
    )


def about(column: Column, thing: str) -> tuple[str, str]:
    """Two questions for the cell of a column in the row of a thing."""
    unit = f" in {column.unit}" if column.unit else ""
    if column.name in _WHEN and column.numeric:
        return f"When was {thing} {column.name}?", f"In which year was {thing} {column.name}?"
    if _ASKS.match(column.name):
        return f"{thing}: {column.name}?", f"Could you look up “{column.name}” for {thing}?"
    if counts(column):
        asked = f"How many {column.name} are given for {thing}?"
        return asked, f"What is the number of {column.name} of {thing}?"
    return (
        f"What is the {column.name}{unit} of {thing}?",
        f"Could you look up the {column.name}{unit} for {thing}?",
    )


def counts(column: Column) -> bool:
    """Whether the column counts things: cars, passengers."""
    return column.numeric and not column.unit and bool(re.fullmatch(r"[a-z]+[^s\W]s", column.name))


def askable(column: Column) -> bool:
    """Whether the column's name can stand in a question."""
    return not _NO_NOUN.match(column.name) or column.name in _WHEN


def number(text: str) -> float | None:
    """The value of a cell that is a number."""
    if not _NUMBER.match(text):
        return None
    return float(re.sub(r"[^\d.+-]", "", text))


def comparisons(one: Keyed, chance: random.Random) -> Iterator[Candidate]:
    """For each column of numbers, two rows that differ, and the row with the highest number."""
    for column in one.columns:
        rows = [(value, row) for row in one.table.rows if (value := number(row.cells[column.at])) is not None]
        if not column.numeric or len(rows) < 2 or _NO_SIZE.search(column.name) or not askable(column):
            continue
        (a, first), (b, second) = chance.sample(rows, 2)
        in_table = f" in “{one.title}”"
        if a != b:
            yield _compared(one, column, (first, second) if a > b else (second, first), chance.random() < 0.5)
        high = max(value for value, _ in rows)
        top = [row for value, row in rows if value == high]
        if len(top) == 1 and 3 <= len(rows) <= 40:
            answer, noun = top[0].cells[one.key.at], one.key.name
            most = f"the most {column.name}" if counts(column) else f"the highest {column.name}"
            asked = f"was {column.name} last" if column.name in _WHEN else f"has {most}"
            yield Candidate(
                phrasings=(f"Which {noun} {asked}{in_table}?", f"In “{one.title}”, which {noun} {asked}?"),
                answers=(answer,),
                evidence=(one.evidence(top[0]),),
                kind="comparison",
                made="rule: highest of a column",
                labels=one.table.document.labels,
            )


def _compared(one: Keyed, column: Column, rows: tuple[TableRow, TableRow], swapped: bool) -> Candidate:
    """Which of two rows has the higher number; ``rows`` has it first."""
    names = [row.cells[one.key.at] for row in rows]
    a, b = reversed(names) if swapped else names
    asked = f"Which has the higher {column.name}"
    if column.name in _WHEN:
        asked = f"Which was {column.name} later"
    elif counts(column):
        asked = f"Which has more {column.name}"
    return Candidate(
        phrasings=(
            f"{asked} in “{one.title}”: {a} or {b}?",
            f"Compare {a} and {b} in “{one.title}”: {asked[0].lower()}{asked[1:]}?",
        ),
        answers=(names[0],),
        evidence=tuple(one.evidence(row) for row in rows),
        kind="comparison",
        made="rule: two rows compared",
        labels=one.table.document.labels,
    )


def hops(every: Sequence[Keyed]) -> Iterator[Candidate]:
    """A cell of one table that is the key of another: the question needs both rows."""
    keys: dict[str, list[tuple[Keyed, TableRow]]] = defaultdict(list)
    for one in every:
        for row in one.table.rows:
            keys[letters(row.cells[one.key.at])].append((one, row))
    for one in every:
        shared = Counter((column.name, row.cells[column.at]) for row, column, _ in _values(one))
        for row, column, value in _values(one):
            if column.numeric or not value[:1].isupper() or shared[column.name, value] > len(one.table.rows) / 2:
                continue
            for other, found in keys[letters(value)]:
                if other.table is one.table:
                    continue
                for target in filter(askable, other.columns):
                    answer = found.cells[target.at]
                    if answer.lower() in _EMPTY or len(answer) > _LONGEST or letters(answer) == letters(value):
                        continue
                    if target.name == column.name:
                        continue
                    yield _hop(one, row, column, other, found, target)


def _hop(one: Keyed, row: TableRow, column: Column, other: Keyed, found: TableRow, target: Column) -> Candidate:
    key, answer = row.cells[one.key.at], found.cells[target.at]
    return Candidate(
        phrasings=about(target, f"the {column.name} of {key}"),
        answers=(answer,),
        evidence=(one.evidence(row), other.evidence(found)),
        kind="hops",
        made="rule: two tables joined",
        labels=one.table.document.labels | other.table.document.labels,
    )


def strangers(every: Sequence[Keyed]) -> Iterator[tuple[Candidate, str, str]]:
    """Questions for what a table of the same things says about others of them, as «ship» in two tables.

    Beside each the thing and the column: it must still be searched for that no document says it.
    """
    for one in every:
        for other in every:
            if other.table is one.table or letters(other.key.name) != letters(one.key.name):
                continue
            theirs = {letters(row.cells[other.key.at]) for row in other.table.rows}
            mine = {letters(column.name) for column in one.columns}
            for column in filter(askable, other.columns):
                for row in one.table.rows:
                    thing = row.cells[one.key.at]
                    if letters(thing) in theirs or letters(column.name) in mine:
                        continue
                    if len(column.name) > 3 and is_name(thing):
                        made = "rule: a column of another table"
                        yield Candidate(about(column, thing), (), (), "unanswerable", made), thing, column.name
