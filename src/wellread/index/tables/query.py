"""A question to a table in a small typed form: rows chosen, ordered, counted, summed; every value with its cells.

The form is compiled to SQL over one table of an SQLite database in memory: names of columns never become SQL, values
are bound, and the connection may read nothing else, for a second at most. A person, an agent or a model fills the form.
"""

from __future__ import annotations

import operator
import re
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from wellread.config import suggestion
from wellread.errors import UsageError
from wellread.index.tables.stored import StoredTable
from wellread.types import Cell

Operation = Literal["=", "!=", "<=", ">=", "<", ">", "contains"]
Aggregate = Literal["count", "sum", "mean", "min", "max"]
AGGREGATES: tuple[str, ...] = get_args(Aggregate)
MOST_S = 1.0
MOST_ROWS = 10_000
_TYPED = re.compile(r"^\s*(?P<column>.+?)\s*(?P<op><=|>=|!=|=|<|>|\bcontains\b)\s*(?P<value>.+?)\s*$")
_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_ORDERED = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Condition:
    """Rows whose value of a column compares so; text is compared without case, numbers as numbers."""

    column: str
    operation: Operation
    value: str


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What is asked of a table: conditions that all hold, columns to show, an order, or one figure over a column."""

    where: tuple[Condition, ...] = ()
    select: tuple[str, ...] = ()
    order_by: str = ""
    descending: bool = False
    limit: int = 0
    aggregate: Aggregate | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class TableResult:
    """What a table answers: rows of cells under ``columns``, or one ``value`` with the ``cells`` that it follows from.

    ``formula`` says how, in words that can be checked against the cells; ``unit`` is that of the column.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell | None, ...], ...]
    value: float | int | None = None
    unit: str = ""
    cells: tuple[Cell, ...] = ()
    formula: str = ""


def condition(typed: str) -> Condition:
    """``COLUMN OP VALUE`` as somebody types it. Raises: UsageError."""
    match = _TYPED.match(typed)
    if match is None:
        raise UsageError(f"{typed!r}: is written COLUMN OP VALUE, with =, !=, <, <=, >, >= or contains")
    operation: Operation = match["op"]  # type: ignore[assignment]  # the pattern allows no other
    return Condition(match["column"], operation, match["value"].strip("\"'"))


def run(table: StoredTable, query: TableQuery) -> TableResult:
    """The answer of one table. Rows that sum others up are in no figure.

    Raises: UsageError for a column or figure that there is not, with what was meant; StoreError never.
    """
    chosen = _rows(table, query)
    if query.aggregate is not None:
        return _figure(table, query, chosen)
    columns = [column(table, name) for name in query.select] or list(range(len(table.columns)))
    rows = tuple(tuple(table.rows[place][col] for col in columns) for place in chosen)
    return TableResult(tuple(table.columns[col].name for col in columns), rows)


def _rows(table: StoredTable, query: TableQuery) -> list[int]:
    """Places in ``table.rows`` of the rows that fit, in the order that is asked for."""
    made = [clause(table, one) for one in query.where]
    clauses, values = [said for said, _ in made], [value for _, value in made]
    if query.aggregate is not None:
        clauses.append("total = 0")
    order = _order(table, query)
    statement = f"SELECT place FROM t{' WHERE ' + ' AND '.join(clauses) if clauses else ''} ORDER BY {order}"  # noqa: S608  # made of numbers of columns alone
    return [row[0] for row in fetched(table, statement, values, query.limit or MOST_ROWS)]


def fetched(
    table: StoredTable, statement: str, values: Sequence[object], limit: int = MOST_ROWS
) -> list[tuple[Any, ...]]:
    """What a SELECT without LIMIT gives over the table ``t`` in memory: ``place``, ``total``, and per column number its
    text ``t0`` (folded) and its number ``n0``. The connection may read that table and nothing else.

    Raises: UsageError where it takes more than a second.
    """
    connection = _opened(table)
    try:
        until = time.monotonic() + MOST_S
        connection.set_progress_handler(lambda: time.monotonic() > until, 1000)
        connection.set_authorizer(_allowed)
        return list(connection.execute(f"{statement} LIMIT ?", (*values, limit)))
    except sqlite3.OperationalError as error:
        raise UsageError(f"{table.name}: the query took more than {MOST_S:g} s; ask for less") from error
    finally:
        connection.close()


def _allowed(action: int, first: str | None, second: str | None, *_: object) -> int:
    """Reading ``t`` is, and functions of values; not a schema, another file, a setting, or loading code."""
    reads = action in _READS and not (action == sqlite3.SQLITE_READ and first != "t")
    loads = action == sqlite3.SQLITE_FUNCTION and second == "load_extension"
    return sqlite3.SQLITE_OK if reads and not loads else sqlite3.SQLITE_DENY


def _opened(table: StoredTable) -> sqlite3.Connection:
    """A database in memory with one table: a row's place, whether it sums up, and per column its text and number."""
    connection = sqlite3.connect(":memory:")
    width = len(table.columns)
    columns = ", ".join(f"t{col} TEXT, n{col} REAL" for col in range(width))
    connection.execute(f"CREATE TABLE t (place INTEGER, total INTEGER{', ' + columns if width else ''})")
    marks = ", ".join("?" * (2 + 2 * width))
    for place, row in enumerate(table.rows):
        values: list[object] = [place, int(place in table.totals)]
        for cell in row:
            values += [folded(cell.text) if cell is not None else None, number(cell)]
        connection.execute(f"INSERT INTO t VALUES ({marks})", values)  # noqa: S608  # question marks alone
    return connection


def clause(table: StoredTable, one: Condition) -> tuple[str, object]:
    """A condition as SQL over ``t`` with a question mark, and the value for it. Raises: UsageError."""
    col, typed = column(table, one.column), _typed_number(one.value)
    if one.operation == "contains":
        return f"instr(t{col}, ?) > 0", folded(one.value)
    if typed is not None and (table.columns[col].kind == "number" or one.operation in _ORDERED):
        return f"n{col} {one.operation} ?", typed
    return f"t{col} {one.operation} ?", folded(one.value)


def _order(table: StoredTable, query: TableQuery) -> str:
    if not query.order_by:
        return "place"
    col = column(table, query.order_by)
    by = f"{letter(table, col)}{col}"
    return f"{by} IS NULL, {by} {'DESC' if query.descending else 'ASC'}, place"


def letter(table: StoredTable, col: int) -> str:
    """What a column is ordered and compared by: n, its numbers, or t, its texts."""
    return "n" if table.columns[col].kind == "number" else "t"


def _figure(table: StoredTable, query: TableQuery, chosen: Sequence[int]) -> TableResult:
    if query.aggregate == "count" and not query.of:
        firsts = (next((cell for cell in table.rows[place] if cell is not None), None) for place in chosen)
        told = tuple(cell for cell in firsts if cell is not None)
        return TableResult((), (), len(chosen), "", told, f"{len(chosen)} rows")
    col = column(table, query.of)
    held = [
        (cell, value) for place in chosen if (cell := table.rows[place][col]) and (value := number(cell)) is not None
    ]
    if query.aggregate == "count":
        return TableResult((), (), len(held), "", tuple(c for c, _ in held), f"{len(held)} values")
    if not held:
        raise UsageError(f"{table.name}: no row that fits has a number under '{table.columns[col].name}'")
    values = [value for _, value in held]
    unit, texts = table.columns[col].unit, [cell.text for cell, _ in held]
    if query.aggregate in ("min", "max"):
        best = (min if query.aggregate == "min" else max)(values)
        where = tuple(cell for cell, value in held if value == best)
        return TableResult((), (), best, unit, where, f"{query.aggregate} of {', '.join(texts)}")
    total = exact_sum(values)
    if query.aggregate == "mean":
        formula = f"({' + '.join(texts)}) / {len(values)}"
        return TableResult((), (), total / len(values), unit, tuple(c for c, _ in held), formula)
    return TableResult((), (), total, unit, tuple(c for c, _ in held), " + ".join(texts))


def exact_sum(values: Sequence[float]) -> float:
    """The sum of decimal numbers as they are written: 0.1 and 0.2 make 0.3."""
    from decimal import Decimal

    return float(sum((Decimal(repr(value)) for value in values), Decimal(0)))


def column(table: StoredTable, name: str) -> int:
    """The place of a column by name, without case; the last part of a name of several heads will do where it is alone.

    Raises: UsageError, with what was meant.
    """
    names = [folded(column.name) for column in table.columns]
    wanted = folded(name)
    if names.count(wanted) == 1:
        return names.index(wanted)
    ends = [place for place, one in enumerate(names) if one.rpartition("·")[2].strip() == wanted]
    if len(ends) == 1:
        return ends[0]
    known = [column.name for column in table.columns]
    raise UsageError(f"{table.name}: no single column '{name}'{suggestion(name, known)}; there are {', '.join(known)}")


def folded(text: str) -> str:
    """A text as it is compared: without case, single spaces."""
    return " ".join(text.casefold().split())


def number(cell: Cell | None) -> float | None:
    """The number of a cell; None where it holds none."""
    if cell is None or isinstance(cell.value, str) or cell.value is None:
        return None
    return float(cell.value)


def _typed_number(value: str) -> float | None:
    try:
        return float(value.replace(",", "").rstrip("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        return None
