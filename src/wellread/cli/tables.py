"""``wellread tables``."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.errors import UsageError
from wellread.index.tables import query as queries
from wellread.index.tables import statement, stored
from wellread.index.tables.query import AGGREGATES, TableQuery, TableResult
from wellread.index.tables.stored import StoredTable
from wellread.types import Cell

LIST = """
wellread tables list
wellread tables list --document fares-2026.pdf
"""
SHOW = """
wellread tables show fares-2026.pdf#2
"""
EXPORT = """
wellread tables export fares-2026.pdf#2 --to dogs.csv
wellread tables export fares-2026.pdf#2 --to dogs.json
"""
QUERY = """
wellread tables query fares-2026.pdf#2 --where "Dog < 40" --select Crossing --select Dog
wellread tables query fares-2026.pdf#2 --figure sum:Dog
wellread tables query fares-2026.pdf#2 --order-by Dog --descending --limit 1
"""
SQL = """
wellread tables sql fares-2026.pdf#2 "SELECT crossing FROM t WHERE dog < 40 ORDER BY dog DESC"
wellread tables sql fares-2026.pdf#2 "SELECT SUM(dog), COUNT(*) FROM t" --json
"""
Name = Annotated[str, typer.Argument(metavar="DOCUMENT#N", help="A table, as wellread tables list names it.")]


@command(examples=LIST)
def listed(
    call: Call,
    document: Annotated[
        str, typer.Option(metavar="NAME", help="Of this document alone: its file name, title or address.")
    ] = "",
) -> int:
    """List the tables of the documents, with their columns."""
    with open_base(call, read_only=True) as base, base.store.reading() as connection:
        found = list(stored.listed(connection, who=base.who, named=document))
    if document and not found:
        raise UsageError(f"--document {document}: no table in a document of that name; wellread status --documents")
    if call.json:
        show.dump({"tables": [_described(one) for one in found]})
        return DONE
    for one in found:
        caption = f"  {one.caption}" if one.caption else ""
        typer.echo(f"{one.name}  {len(one.rows)} rows{caption}")
        typer.echo(f"    {', '.join(column.name for column in one.columns)}")
    if found:
        hint(call, f"wellread tables show {found[0].name}")
    return DONE


@command(examples=SHOW)
def shown(call: Call, name: Name) -> int:
    """Show a table with its columns and rows."""
    table = _opened(call, name)
    if call.json:
        show.dump({**_described(table), "rows": [[_cell(cell) for cell in row] for row in table.rows]})
    else:
        _printed([column.name for column in table.columns], table.rows)
    return DONE


@command(examples=EXPORT)
def export(
    call: Call,
    name: Name,
    to: Annotated[Path, typer.Option(metavar="FILE", help="Where to: .csv or .json.", show_default=False)],
) -> int:
    """Write a table to a file: CSV for a spreadsheet, JSON with values, units and places for a program."""
    table = _opened(call, name)
    if to.suffix == ".csv":
        text = StringIO()
        writer = csv.writer(text)
        writer.writerow([column.name for column in table.columns])
        writer.writerows([cell.text if cell is not None else "" for cell in row] for row in table.rows)
        to.write_text(text.getvalue(), "utf-8", newline="")
    elif to.suffix == ".json":
        rows = [[_cell(cell) for cell in row] for row in table.rows]
        to.write_text(json.dumps({**_described(table), "rows": rows}, ensure_ascii=False, indent=1), "utf-8")
    else:
        raise UsageError(f"--to {to}: ends in .csv or .json")
    if call.json:
        show.dump({"file": str(to), "rows": len(table.rows)})
    else:
        typer.echo(f"{to}: {len(table.rows)} rows of {name}")
    return DONE


@command(examples=QUERY)
def query(
    call: Call,
    name: Name,
    where: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION", help="COLUMN OP VALUE; all given ones hold.")
    ] = None,
    select: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column to show; may be repeated.")
    ] = None,
    order_by: Annotated[str, typer.Option(metavar="COLUMN", help="What the rows are ordered by.")] = "",
    descending: Annotated[bool, typer.Option("--descending", help="The largest first.")] = False,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Rows at most; 0 is all.")] = 0,
    figure: Annotated[
        str, typer.Option(metavar="NAME[:COLUMN]", help="count, or sum, mean, min or max of a column: sum:Dog.")
    ] = "",
) -> int:
    """Choose rows of a table, or compute one figure of a column, with the cells that it follows from.

    Rows that sum others up are in no figure. Nothing is guessed: a column that there is not is an error that names
    those that there are.
    """
    kind, _, of = figure.partition(":")
    if kind and kind not in AGGREGATES:
        raise UsageError(f"--figure {figure}: is one of {', '.join(AGGREGATES)}, with :COLUMN behind it")
    asked = TableQuery(
        tuple(queries.condition(one) for one in where or ()),
        tuple(select or ()),
        order_by,
        descending,
        limit,
        kind or None,  # type: ignore[arg-type]  # checked above
        of,
    )
    table = _opened(call, name)
    found = queries.run(table, asked)
    if call.json:
        show.dump(_answered(table, found))
    elif found.value is None:
        _printed(found.columns, found.rows)
    else:
        typer.echo(f"{found.value:g}{' ' + found.unit if found.unit else ''} = {found.formula}")
    return DONE


@command(examples=SQL)
def sql(
    call: Call,
    name: Name,
    select: Annotated[str, typer.Argument(metavar="SELECT", help="A statement over the table, which is called t.")],
) -> int:
    """Answer a SELECT over one table, with what each figure follows from.

    WHERE, GROUP BY, ORDER BY and LIMIT may be used, and COUNT, SUM, AVG, MIN and MAX. Columns are called by their names
    in small letters with underscores. Anything else is refused before it is run; sums are in no row.
    """
    table = _opened(call, name)
    found = statement.run(table, statement.parsed(table, select))
    if call.json:
        rows = [
            [
                {"text": v.text, "value": v.number, "formula": v.formula, "cells": [_cell(c) for c in v.cells]}
                for v in row
            ]
            for row in found.rows
        ]
        show.dump({"table": table.name, "columns": list(found.columns), "rows": rows})
        return DONE
    _aligned(found.columns, [[value.text for value in row] for row in found.rows])
    for formula in dict.fromkeys(value.formula for row in found.rows for value in row if value.formula):
        typer.echo(f"= {formula}")
    return DONE


def _opened(call: Call, name: str) -> StoredTable:
    with open_base(call, read_only=True) as base, base.store.reading() as connection:
        return stored.find(connection, name, who=base.who)


def _described(table: StoredTable) -> dict[str, object]:
    columns = [{"name": c.name, "kind": c.kind, "unit": c.unit} for c in table.columns]
    about = {"name": table.name, "document": table.document.uri, "version": table.document.version}
    return {**about, "caption": table.caption, "rows_count": len(table.rows), "columns": columns}


def _answered(table: StoredTable, found: TableResult) -> dict[str, object]:
    rows = [[_cell(cell) for cell in row] for row in found.rows]
    figure = {"value": found.value, "unit": found.unit, "formula": found.formula}
    cells = [_cell(cell) for cell in found.cells]
    return {"table": table.name, "columns": list(found.columns), "rows": rows, **figure, "cells": cells}


def _cell(cell: Cell | None) -> dict[str, object] | None:
    if cell is None:
        return None
    return {"text": cell.text, "value": cell.value, "unit": cell.unit, "span": [cell.span.start, cell.span.end]}


def _printed(columns: Sequence[str], rows: Sequence[Sequence[Cell | None]]) -> None:
    _aligned(columns, [[" ".join(cell.text.split()) if cell is not None else "" for cell in row] for row in rows])


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [list(columns), *map(list, rows)]
    widths = [max(len(line[col]) for line in lines) for col in range(len(columns))]
    for line in lines:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
