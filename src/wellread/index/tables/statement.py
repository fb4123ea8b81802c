"""Read-only SELECT over one table: the language that a model may write, its grammar, and what it gives with its cells.

A statement is read into a value of this module and compiled again, so that no text of a model ever becomes SQL: columns
are numbers, values are bound, and the connection allows reading one table in memory for a second. Every value of the
result names the cells that it follows from; figures are computed a second time from these cells, exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from wellread.errors import UsageError
from wellread.index.tables import query
from wellread.index.tables.query import Condition, Operation
from wellread.index.tables.stored import StoredTable, TableColumn
from wellread.types import Cell

Function = Literal["count", "sum", "avg", "min", "max"]
FUNCTIONS: tuple[str, ...] = get_args(Function)
MOST_SHOWN = 200  # rows of a result
_RESERVED = frozenset(
    ("select", "distinct", "from", "where", "and", "or", "group", "by", "order", "asc", "desc", "limit", "like", "t")
)
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|[\"`\[](?P<quoted>[^\"`\]]+)[\"`\]]|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[^\W\d]\w*)|(?P<mark><=|>=|!=|<>|[=<>(),*;]))"
)
_OPERATIONS: dict[str, Operation] = {"=": "=", "!=": "!=", "<>": "!=", "<=": "<=", ">=": ">=", "<": "<", ">": ">"}


@dataclass(frozen=True, slots=True)
class SelectItem:
    """What is selected: a column by its place, or a figure over one; ``column`` is -1 for COUNT(*)."""

    column: int
    function: Function | None = None
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class SelectStatement:
    """A SELECT over one table. ``where`` is a choice of conditions that all hold, any of which will do."""

    items: tuple[SelectItem, ...]
    where: tuple[tuple[Condition, ...], ...] = ()
    distinct: bool = False
    group_by: int | None = None
    order: SelectItem | None = None
    descending: bool = False
    limit: int = 0


@dataclass(frozen=True, slots=True)
class LinkedValue:
    """One value of a result: as it is told, as a number where it is one, with the cells and how it follows from them.

    ``number`` is in ``unit``; percentages are told as such and kept as shares.
    """

    text: str
    number: float | None
    cells: tuple[Cell, ...]
    unit: str = ""
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Selected:
    """The rows of a result under the names of what was selected."""

    columns: tuple[str, ...]
    rows: tuple[tuple[LinkedValue, ...], ...]


def identifiers(table: StoredTable) -> tuple[str, ...]:
    """What the columns of a table are called in a statement: letters, digits and underscores, each once."""
    names: list[str] = []
    for n, column in enumerate(table.columns, 1):
        name = re.sub(r"\W+", "_", column.name.casefold()).strip("_") or f"c{n}"
        name = f"c_{name}" if name[0].isdigit() or name in {*_RESERVED, *FUNCTIONS} else name
        names.append(name if name not in names else f"{name}_{n}")
    return tuple(names)


def grammar(table: StoredTable) -> str:
    """The statements over a table in GBNF, the notation of llama.cpp: what it lets through, ``parsed`` reads."""
    names = identifiers(table)
    numbers = [name for name, one in zip(names, table.columns, strict=True) if one.kind == "number"]
    figures = ['"COUNT(*)"', '"COUNT(" "DISTINCT "? col ")"', '("MIN(" | "MAX(") col ")"']
    if numbers:
        figures.append('("SUM(" | "AVG(") number ")"')
    rules = [
        'root ::= "SELECT " "DISTINCT "? item (", " item){0,2} " FROM t" where? group? order? limit?',
        "item ::= col | figure",
        f"figure ::= {' | '.join(figures)}",
        'where ::= " WHERE " test ((" AND " | " OR ") test){0,3}',
        'test ::= col (" = " | " != " | " < " | " > " | " <= " | " >= ") (digits | text) | col " LIKE " text',
        'group ::= " GROUP BY " col',
        'order ::= " ORDER BY " item (" ASC" | " DESC")',
        'limit ::= " LIMIT " [1-9] [0-9]?',
        'digits ::= "-"? [0-9]{1,12} ("." [0-9]{1,6})?',
        'text ::= "\'" [^\'\\n]{1,60} "\'"',
        f"col ::= {_either(names)}",
        *([f"number ::= {_either(numbers)}"] if numbers else []),
    ]
    return "\n".join(rules)


def _either(names: Sequence[str]) -> str:
    return " | ".join(f'"{name}"' for name in names)


def parsed(table: StoredTable, text: str) -> SelectStatement:
    """The statement that a text says. Raises: UsageError where it is none, or names a column that there is not."""
    reader = _Reader(table, text)
    statement = _statement(reader)
    plain = [item for item in statement.items if item.function is None]
    figures = [item for item in statement.items if item.function is not None]
    if statement.group_by is not None:
        if any(item.column != statement.group_by for item in plain):
            raise UsageError("a column beside a figure is the one of GROUP BY")
        return statement
    if not figures and statement.order is not None and statement.order.function is not None:
        if statement.order.function not in ("min", "max"):
            raise UsageError("a figure in ORDER BY needs GROUP BY")
        return replace(statement, order=SelectItem(statement.order.column))
    if not figures or not plain:
        return statement
    best = figures[0]
    if len(figures) > 1 or best.function not in ("min", "max"):
        raise UsageError("a figure beside a column needs GROUP BY that column")
    shown = tuple(replace(item, function=None) for item in statement.items)
    return replace(statement, items=shown, order=SelectItem(best.column), descending=best.function == "max", limit=1)


def run(table: StoredTable, statement: SelectStatement) -> Selected:
    """What a statement gives, every value with its cells. Rows that sum others up are in no result.

    Raises: UsageError where it takes more than a second, or a figure has no numbers under it.
    """
    figures = statement.group_by is not None or any(item.function for item in statement.items)
    names = tuple(_named(table, item) for item in statement.items)
    clauses, values = _where(table, statement.where)
    body = f"FROM t WHERE {clauses}"
    if statement.group_by is not None:
        body += f" GROUP BY t{statement.group_by}"
    if statement.order is not None:
        by = _expression(table, statement.order)
        body += f" ORDER BY {by} IS NULL, {by} {'DESC' if statement.descending else 'ASC'}"
    elif not figures:
        body += " ORDER BY place"
    if not figures:
        found = query.fetched(table, f"SELECT place {body}", values)
        rows = [tuple(_cell(table, item, place) for item in statement.items) for (place,) in found]
        rows = _once(rows) if statement.distinct else rows
    else:
        chosen = ", ".join(_expression(table, item) for item in statement.items)
        found = query.fetched(table, f"SELECT {chosen}, group_concat(place) {body}", values)
        rows = [_figures(table, statement, row) for row in found if row[-1] is not None]
        if not found or (not rows and statement.group_by is None):
            rows = _nothing(statement)
    return Selected(names, tuple(rows[: statement.limit or MOST_SHOWN]))


def _nothing(statement: SelectStatement) -> list[tuple[LinkedValue, ...]]:
    """Counted over no row: 0, and no value of anything else."""
    if statement.group_by is None and all(item.function == "count" for item in statement.items):
        return [tuple(LinkedValue("0", 0.0, (), "", "no row") for _ in statement.items)]
    return []


def _once(rows: Sequence[tuple[LinkedValue, ...]]) -> list[tuple[LinkedValue, ...]]:
    return list({tuple(query.folded(value.text) for value in row): row for row in reversed(rows)}.values())[::-1]


def _where(table: StoredTable, choices: Sequence[Sequence[Condition]]) -> tuple[str, list[object]]:
    said, values = [], []
    for choice in choices:
        clauses = [query.clause(table, one) for one in choice]
        said.append(" AND ".join(clause for clause, _ in clauses))
        values += [value for _, value in clauses]
    return "total = 0" + (f" AND ({' OR '.join(f'({one})' for one in said)})" if said else ""), values


def _expression(table: StoredTable, item: SelectItem) -> str:
    if item.function is None:
        return f"{query.letter(table, item.column)}{item.column}"
    if item.column < 0:
        return "COUNT(*)"
    letter = "t" if item.function == "count" else query.letter(table, item.column)
    return f"{item.function.upper()}({'DISTINCT ' if item.distinct else ''}{letter}{item.column})"


def _named(table: StoredTable, item: SelectItem) -> str:
    if item.column < 0:
        return "count"
    name = table.columns[item.column].name.replace("_", " ")
    words = {"avg": "mean", "min": "smallest", "max": "largest", "sum": "sum", "count": "count"}
    return f"{words[item.function]} of {name}" if item.function else name


def _cell(table: StoredTable, item: SelectItem, place: int) -> LinkedValue:
    cell = table.rows[place][item.column]
    if cell is None:
        return LinkedValue("", None, ())
    return LinkedValue(cell.text, query.number(cell), (cell,), cell.unit or "")


def _figures(table: StoredTable, statement: SelectStatement, row: Sequence[object]) -> tuple[LinkedValue, ...]:
    places = sorted(int(place) for place in str(row[-1]).split(","))
    return tuple(_figure(table, item, places, given) for item, given in zip(statement.items, row, strict=False))


def _figure(table: StoredTable, item: SelectItem, places: Sequence[int], given: object) -> LinkedValue:
    """A figure from its cells, which has to be what the database gave as well."""
    if item.function is None:
        return _cell(table, item, places[0])
    if item.function == "count":
        return _count(table, item, places)
    column = table.columns[item.column]
    held = [cell for place in places if (cell := table.rows[place][item.column]) is not None]
    if column.kind != "number":
        best = [cell for cell in held if query.folded(cell.text) == given]
        if item.function not in ("min", "max") or not best:
            raise UsageError(f"{table.name}: '{column.name}' is no column of numbers")
        return LinkedValue(best[0].text, None, tuple(best), "", f"{item.function} of {len(held)} values")
    return _of_numbers(table, item, column, held, given)


def _of_numbers(
    table: StoredTable, item: SelectItem, column: TableColumn, held: Sequence[Cell], given: object
) -> LinkedValue:
    numbers = [(cell, value) for cell in held if (value := query.number(cell)) is not None]
    if not numbers:
        raise UsageError(f"{table.name}: no row that fits has a number under '{column.name}'")
    if item.distinct:
        numbers = list({value: (cell, value) for cell, value in numbers}.values())
    values, texts = [value for _, value in numbers], [cell.text for cell, _ in numbers]
    cells = tuple(cell for cell, _ in numbers)
    if item.function in ("min", "max"):
        figure = (min if item.function == "min" else max)(values)
        cells = tuple(cell for cell, value in numbers if value == figure)
        formula = f"{item.function} of {', '.join(texts)}"
    else:
        figure, formula = query.exact_sum(values), " + ".join(texts)
        if item.function == "avg":
            figure, formula = figure / len(values), f"({formula}) / {len(values)}"
    if not isinstance(given, int | float) or not math.isclose(figure, given, rel_tol=1e-9, abs_tol=1e-9):
        raise UsageError(f"{table.name}: {formula} was computed as {given} and as {figure}")
    return LinkedValue(told(figure, column.unit), figure, cells, column.unit, formula)


def told(figure: float, unit: str) -> str:
    """A number as people write it; a share with the unit % as a percentage."""
    return f"{figure * 100 if unit == '%' else figure:,.10g}{f' {unit}' if unit else ''}"


def _count(table: StoredTable, item: SelectItem, places: Sequence[int]) -> LinkedValue:
    if item.column < 0:
        firsts = (next((cell for cell in table.rows[place] if cell is not None), None) for place in places)
        cells = tuple(cell for cell in firsts if cell is not None)
        return LinkedValue(str(len(places)), float(len(places)), cells, "", f"{len(places)} rows")
    held = [cell for place in places if (cell := table.rows[place][item.column]) is not None]
    if item.distinct:
        held = list({query.folded(cell.text): cell for cell in reversed(held)}.values())[::-1]
    return LinkedValue(str(len(held)), float(len(held)), tuple(held), "", f"{len(held)} values")


class _Reader:
    """The words of a statement one after another. One thread at a time."""

    def __init__(self, table: StoredTable, text: str) -> None:
        self.table, self.names = table, identifiers(table)
        self.words: list[tuple[str, str]] = []
        at, text = 0, text.strip().rstrip(";").rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise UsageError(f"{text[at : at + 20]!r}: is no part of a SELECT")
            self.words.append((str(match.lastgroup), match[str(match.lastgroup)]))
            at = match.end()
        self.at = 0

    def take(self, *said: str) -> bool:
        """Whether these words come next, which are then behind."""
        ahead = [value.casefold() for kind, value in self.words[self.at : self.at + len(said)] if kind != "text"]
        if ahead != list(said):
            return False
        self.at += len(said)
        return True

    def need(self, said: str) -> None:
        """Raises: UsageError where this word does not come next."""
        if not self.take(said):
            raise self.fault(said.upper())

    def next(self) -> tuple[str, str]:
        """Kind and text of the next word. Raises: UsageError at the end."""
        if self.at >= len(self.words):
            raise self.fault("more")
        self.at += 1
        return self.words[self.at - 1]

    def fault(self, wanted: str) -> UsageError:
        """What a statement lacks at this place."""
        found = self.words[self.at][1] if self.at < len(self.words) else "its end"
        return UsageError(
            f"expected {wanted}, found {found}; the form is SELECT … FROM t WHERE … ORDER BY … LIMIT n"  # noqa: S608  # no SQL
        )

    def column(self) -> int:
        """The place of the column that is named next. Raises: UsageError for one that there is not."""
        _, name = self.next()
        wanted = name.casefold()
        return self.names.index(wanted) if wanted in self.names else query.column(self.table, name)


def _statement(reader: _Reader) -> SelectStatement:
    reader.need("select")
    distinct = reader.take("distinct")
    items = [_item(reader)]
    while reader.take(","):
        items.append(_item(reader))
    reader.need("from")
    reader.need("t")
    where: list[tuple[Condition, ...]] = []
    if reader.take("where"):
        where = _tests(reader)
    group_by = reader.column() if reader.take("group", "by") else None
    order, descending = None, False
    if reader.take("order", "by"):
        order = _item(reader)
        descending = reader.take("desc")
        descending or reader.take("asc")
    limit = _limit(reader) if reader.take("limit") else 0
    if reader.at < len(reader.words):
        raise reader.fault("the end")
    return SelectStatement(tuple(items), tuple(where), distinct, group_by, order, descending, limit)


def _limit(reader: _Reader) -> int:
    kind, value = reader.next()
    if kind != "number" or not value.isdecimal() or not int(value):
        raise UsageError(f"LIMIT {value}: is a whole number above 0")
    return int(value)


def _item(reader: _Reader) -> SelectItem:
    ahead = [value.casefold() for _, value in reader.words[reader.at : reader.at + 2]]
    if len(ahead) < 2 or ahead[0] not in FUNCTIONS or ahead[1] != "(":
        return SelectItem(reader.column())
    reader.at += 2
    function: Function = ahead[0]  # type: ignore[assignment]  # one of FUNCTIONS
    if function == "count" and reader.take("*"):
        reader.need(")")
        return SelectItem(-1, "count")
    distinct = reader.take("distinct")
    column = reader.column()
    reader.need(")")
    if function in ("sum", "avg") and reader.table.columns[column].kind != "number":
        raise UsageError(f"{function.upper()}: '{reader.table.columns[column].name}' is no column of numbers")
    return SelectItem(column, function, distinct)


def _tests(reader: _Reader) -> list[tuple[Condition, ...]]:
    """Conditions joined by AND, joined by OR."""
    choices: list[list[Condition]] = [[_test(reader)]]
    while True:
        if reader.take("and"):
            choices[-1].append(_test(reader))
        elif reader.take("or"):
            choices.append([_test(reader)])
        else:
            return [tuple(choice) for choice in choices]


def _test(reader: _Reader) -> Condition:
    name = reader.table.columns[column := reader.column()].name
    if sum(query.folded(one.name) == query.folded(name) for one in reader.table.columns) > 1:
        raise UsageError(
            f"{reader.table.name}: several columns are called '{name}', number {column + 1} is one of them"
        )
    _, mark = reader.next()
    kind, value = reader.next()
    if kind not in ("text", "number"):
        raise UsageError(f"{mark} {value}: a column is compared with a number or a 'text'")
    value = value[1:-1].replace("''", "'") if kind == "text" else value
    if mark.casefold() == "like":
        return Condition(name, "contains", value.strip("%"))
    if mark not in _OPERATIONS:
        raise UsageError(f"{mark}: is none of {', '.join(_OPERATIONS)}, LIKE")
    return Condition(name, _OPERATIONS[mark], value)
