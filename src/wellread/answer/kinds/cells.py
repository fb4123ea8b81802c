"""Which rows of a typed table a question means: those whose cells, marks of yes or no, and numbers it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wellread.answer import gate
from wellread.answer.elements import NEGATION
from wellread.answer.kinds import current
from wellread.answer.kinds.case import QuestionCase
from wellread.answer.kinds.telling import limits, stands
from wellread.index.tables.query import Condition, Operation
from wellread.index.tables.stored import StoredTable, TableColumn, of_document
from wellread.retrieve.units import Quotable, words
from wellread.types import Cell, Hit, Span

LOOKED_AT = 6  # hits whose documents' tables are asked
MOST_UNKNOWN = 1  # words of a question that a table need not account for: «use», «built»; one more with a condition

# What a question calls a column that is named another way.
MONEY, LENGTH, WEIGHT, TIME = "price cost fare fee", "length long", "weight load mass", "duration time"
_MEANT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:costs?|pays?|prices?|fares?|fees?|cheap\w*|dearer|expensive)\b", re.IGNORECASE), MONEY),
    (re.compile(r"\b(?:takes?|last(?:s|ed)?)\b", re.IGNORECASE), TIME),
    (re.compile(r"\b(?:weighs?|heav\w+|light\w*)\b", re.IGNORECASE), WEIGHT),
)
_RATE = re.compile(r"\bper (?:hour|minute|second)\b|/\s?(?:h|s|min)\b|\b(?:knots|mph)\b", re.IGNORECASE)
_WORDS_OF: dict[Operation, str] = {
    ">=": r"at least|no (?:less|fewer) than|since|from",
    "<=": r"at most|no more than|up to",
    "<": r"(?<!no )(?:less|fewer) than|(?:under|below|before)|(?:earlier|cheaper|shorter|lighter|slower) than",
    ">": r"(?<!no )more than|(?:over|above|after)|(?:later|longer|heavier|faster|dearer|larger|bigger) than",
}
_COMPARED: tuple[tuple[re.Pattern[str], Operation], ...] = tuple(
    (re.compile(rf"\b(?:{said}) (?P<n>\d[\d.,]*\d|\d)(?: (?P<unit>[^\W\d_]+))?", re.IGNORECASE), operation)
    for operation, said in _WORDS_OF.items()
)
_YES = frozenset(("yes", "y", "true", "✓", "✔"))
_NO = frozenset(("no", "n", "false", "✗", "–", "-"))  # a dash in a cell
_YEARS = (1500, 2100)
_CODED = re.compile(r"[A-Za-z]{0,4}[-_./ ]?\d[\w./-]*")  # U-007, 12, 2025-04


@dataclass(frozen=True, slots=True)
class Chosen:
    """Conditions that a question puts to a table, and the words of the question that they do not account for."""

    where: tuple[Condition, ...]
    rest: frozenset[str]
    whole: bool  # whether everything that is compared in the question became a condition


def tables(case: QuestionCase) -> Iterator[tuple[int, StoredTable]]:
    """The tables of the documents of the first hits, each with the number of its hit."""
    seen: set[str] = set()
    for found, n in zip(case.hits[:LOOKED_AT], current.latest(case), strict=False):
        document = case.hits[n].document
        if document.tables and document.id not in seen and _holds_table(found):
            seen.add(document.id)
            yield from ((n, table) for table in of_document(document))


def _holds_table(hit: Hit) -> bool:
    """Whether a passage is of a table, or has one among its sentences."""
    starts = (cell.span.start for table in hit.document.tables for cell in table.cells)
    return hit.chunk.kind == "table" or any(hit.chunk.span.start <= at < hit.chunk.span.end for at in starts)


def beyond(question: str, row: str) -> bool:
    """Whether a question asks for what is more or less than a number that this row does not name."""
    numbers = {match["n"] for pattern, _ in _COMPARED for match in pattern.finditer(question)}
    return any(not re.search(rf"(?<!\d){re.escape(number)}(?!\d)", row) for number in numbers)


def chosen(table: StoredTable, question: str, about: frozenset[str]) -> Chosen:
    """The rows that ``about``, the telling words of ``question``, mean: by cells named whole, yes or no, numbers."""
    found: dict[int, tuple[str, frozenset[str]]] = {}
    said = frozenset(words(question))
    for row in table.rows:
        for col, cell in enumerate(row):
            if cell is None or table.columns[col].kind == "number":
                continue
            named = frozenset(words(cell.text))
            if named & about and named <= said and len(named) > len(found.get(col, ("", frozenset[str]()))[1]):
                found[col] = (cell.text, named)
    where = [Condition(table.columns[col].name, "=", text) for col, (text, _) in found.items()]
    used = frozenset[str]().union(*(named for _, named in found.values()))
    for condition, named in _marked(table, question, about - used):
        where.append(condition)
        used |= named
    for col, column in enumerate(table.columns):
        name = re.escape(column.name.replace("_", " "))
        match = re.search(rf"\b{name} (?P<n>\d+)\b", question, re.IGNORECASE) if column.kind == "number" else None
        if match and any((cell := row[col]) is not None and cell.text.strip() == match["n"] for row in table.rows):
            where.append(Condition(column.name, "=", match["n"]))
            used |= frozenset(words(match[0]))
    whole = True
    for pattern, operation in _COMPARED:
        for match in pattern.finditer(question):
            meant_by = _compared(table, question, match, about - used)
            whole = whole and meant_by is not None
            if meant_by is not None:
                where.append(Condition(meant_by.name, operation, match["n"].replace(",", "")))
                used |= frozenset(words(match[0])) | named_by(meant_by)
    return Chosen(tuple(where), about - used, whole)


def label_of(table: StoredTable) -> int:
    """The column that says what a row is: the first one that holds neither numbers nor codes; else the first."""
    for col, column in enumerate(table.columns):
        texts = [cell.text for row in table.rows if (cell := row[col]) is not None]
        if column.kind != "number" and texts and not all(_CODED.fullmatch(text.strip()) for text in texts):
            return col
    return 0


def called(table: StoredTable) -> frozenset[str]:
    """What the rows of a table may be called: by their key, their label, the title of the table."""
    label = table.columns[label_of(table)]
    title = frozenset(words(f"{table.caption} {table.document.title}"))
    return named_by(table.columns[0]) | named_by(label) | title


def named_by(column: TableColumn) -> frozenset[str]:
    """The words of a column's name; one that counts per hour is a speed, too."""
    name = column.name.replace("_", " ")
    return frozenset(words(name)) | (frozenset(words("speed")) if _RATE.search(name) else frozenset())


def meant(question: str) -> frozenset[str]:
    """Words that columns have for what a question asks in another way: «cost» is a price, a fare, a fee."""
    return frozenset(words(" ".join(names for pattern, names in _MEANT if pattern.search(question))))


def explained(
    table: StoredTable, question: str, about: frozenset[str], columns: frozenset[str], where: tuple[Condition, ...]
) -> int | None:
    """How many words of a question the table accounts for: by its title, its columns, what is asked and chosen.

    None where a name or a limit («for children») is not among them, or more words than verbs: which rows they would
    leave out is not known.
    """
    texts = " ".join((table.caption, table.document.title, *(f"{c.column} {c.value}".replace("_", " ") for c in where)))
    numbers = " ".join(match[0] for pattern, _ in _COMPARED for match in pattern.finditer(question))
    label = named_by(table.columns[0]) if table.columns else frozenset[str]()
    held = frozenset(words(f"{texts} {numbers}")) | label | columns
    known = frozenset(word for word in about if stands(word, held))
    named = frozenset(word for name in gate.names(question) for word in words(name)) & about
    most = MOST_UNKNOWN + bool(where)
    needed = named | (limits(question, strict=True) & about)
    return len(known) if needed <= known and len(about - known) <= most else None


def row_of(hit: Hit, n: int, cell: Cell) -> Quotable:
    """The line of the document in which a cell stands, as a piece that can be cited."""
    text = hit.document.text
    start = text.rfind("\n", 0, cell.span.start) + 1
    end = text.find("\n", cell.span.end)
    span = Span(start, len(text) if end < 0 else end)
    line = text[span.start : span.end]
    return Quotable(n, span, line, line, hit.document.title, hit.chunk.page)


def _marked(table: StoredTable, question: str, about: frozenset[str]) -> Iterator[tuple[Condition, frozenset[str]]]:
    """Columns of yes and no that the question names: the rows with yes, or with no where it says «not»."""
    for col, column in enumerate(table.columns):
        texts = {cell.text.strip() for row in table.rows if (cell := row[col]) is not None}
        named = named_by(column) & about
        if named != named_by(column) or not named or not {text.casefold() for text in texts} <= _YES | _NO:
            continue
        wanted = _NO if NEGATION.search(question) else _YES
        mark = next((text for text in sorted(texts) if text.casefold() in wanted), "")
        if mark:
            yield Condition(column.name, "=", mark), named


def _compared(table: StoredTable, question: str, match: re.Match[str], about: frozenset[str]) -> TableColumn | None:
    """The one column of numbers that a compared number is of: by its name, its unit, or because it holds years."""
    unit = frozenset(words(match["unit"] or ""))
    near = f"{question[: match.start()][-60:]} {question[match.end() :][:40]}"
    clause = frozenset(words(near)) & about
    fits = []
    for col, column in enumerate(table.columns):
        if column.kind != "number":
            continue
        own = named_by(column)
        values = [
            float(c.value) for row in table.rows if (c := row[col]) is not None and isinstance(c.value, (int, float))
        ]
        years = all(_YEARS[0] <= value <= _YEARS[1] for value in values)
        year = re.fullmatch(r"\d{4}", match["n"]) and _YEARS[0] <= int(match["n"]) <= _YEARS[1] and not unit & own
        if years != bool(year):
            continue
        fit = 2 * len(own & (clause | unit)) + len(own & meant(f"{question[: match.start()][-60:]} {match[0]}")) + years
        fits.append((fit, column))
    fits.sort(key=lambda one: -one[0])
    if not fits or not fits[0][0] or (len(fits) > 1 and fits[0][0] == fits[1][0]):
        return None
    return fits[0][1]
