"""Tables as data: columns, queries held to what there is, figures that name their cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.errors import UsageError
from wellread.index.tables import query as queries
from wellread.index.tables import stored
from wellread.index.tables.query import TableQuery, condition
from wellread.index.tables.stored import StoredTable, TableColumn
from wellread.knowledge_base import KnowledgeBase
from wellread.types import Cell, Document, Principal, Span

FARES = (
    "<h1>Fares</h1><table><tr><th>Crossing</th><th>Dog</th><th>Bicycle</th></tr>"
    "<tr><td>Kestvik to Ollesay</td><td>38 kr</td><td>22 kr</td></tr>"
    "<tr><td>Kestvik to Brannholm</td><td>52 kr</td><td>31 kr</td></tr>"
    "<tr><td>Brannholm to Sutherskerry</td><td>25 kr</td><td>16 kr</td></tr>"
    "<tr><td>Total</td><td>115 kr</td><td>69 kr</td></tr></table>"
)
PAY = (
    "<h1>Pay</h1><table><tr><th>Name</th><th>Pay</th></tr>"
    "<tr><td>Ines</td><td>5100</td></tr><tr><td>Jon</td><td>4200</td></tr></table>"
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("tables")
    (folder / "fares.html").write_text(FARES)
    (folder / "pay.html").write_text(PAY)
    (folder / "pay.html.meta.toml").write_text('labels = ["board"]\n')
    with KnowledgeBase.create(folder / "base", who=Principal(groups=frozenset({"board"}))) as opened:
        opened.add(str(folder / "fares.html"), str(folder / "pay.html"))
        yield opened


@pytest.fixture
def fares(base: KnowledgeBase) -> StoredTable:
    with base.store.reading() as connection:
        return stored.find(connection, "fares.html#1", who=base.who)


def ask(table: StoredTable, *where: str, **more: object) -> queries.TableResult:
    return queries.run(table, TableQuery(tuple(condition(one) for one in where), **more))  # type: ignore[arg-type]  # fields


def test_columns_have_names_kinds_and_units(fares: StoredTable) -> None:
    assert [column.name for column in fares.columns] == ["Crossing", "Dog", "Bicycle"]
    assert [column.kind for column in fares.columns] == ["text", "number", "number"]
    assert fares.totals == {3}


def test_every_cell_stands_in_its_document(fares: StoredTable) -> None:
    cells = [cell for row in fares.rows for cell in row if cell is not None]
    assert cells
    assert all(fares.document.text[cell.span.start : cell.span.end] == cell.text for cell in cells)


def test_rows_are_chosen_ordered_and_cut(fares: StoredTable) -> None:
    found = ask(fares, "Dog < 40", select=("crossing",), order_by="Dog")
    texts = [row[0].text for row in found.rows if row[0] is not None]
    assert texts == ["Brannholm to Sutherskerry", "Kestvik to Ollesay"]
    dearest = ask(fares, "Crossing contains kestvik", order_by="dog", descending=True, limit=1)
    assert dearest.rows[0][1] is not None and dearest.rows[0][1].text.startswith("52")


def test_a_figure_names_its_cells_and_leaves_totals_out(fares: StoredTable) -> None:
    total = ask(fares, aggregate="sum", of="Dog")
    assert total.value == 115 and [cell.value for cell in total.cells] == [38, 52, 25]
    assert total.formula.count("+") == 2
    assert ask(fares, aggregate="mean", of="Bicycle").value == pytest.approx(23)
    assert ask(fares, aggregate="count").value == 3
    assert ask(fares, "Dog > 30", aggregate="min", of="Dog").value == 38


def test_what_is_not_there_is_an_error_that_names_what_is(fares: StoredTable) -> None:
    with pytest.raises(UsageError, match="did you mean 'Dog'"):
        ask(fares, "Dgo = 1")
    with pytest.raises(UsageError, match="no row that fits"):
        ask(fares, "Dog > 1000", aggregate="sum", of="Dog")
    with pytest.raises(UsageError, match="COLUMN OP VALUE"):
        condition("Dog")


@given(name=st.text(min_size=1, max_size=40), value=st.text(max_size=40))
def test_no_name_and_no_value_becomes_sql(name: str, value: str) -> None:
    document = Document("d", "/d.md", 1, "d", "text/markdown", "1x", "0")
    cells = (Cell(1, 0, Span(0, 1), "1", kind="number", value=1.0), Cell(1, 1, Span(1, 2), "x"))
    columns = (TableColumn(name, "number"), TableColumn("'; DROP TABLE t; --", "text"))
    table = StoredTable(document, 1, "", columns, (cells,), frozenset(), 1.0)
    one = queries.Condition("'; DROP TABLE t; --", "=", value)
    found = queries.run(table, TableQuery((one,)))
    assert bool(found.rows) == (" ".join(value.casefold().split()) == "x")


def test_sums_of_decimals_are_exact() -> None:
    document = Document("d", "/d.md", 1, "d", "text/markdown", "", "0")
    rows = tuple((Cell(n, 0, Span(0, 0), "0.1", kind="number", value=0.1),) for n in range(3))
    table = StoredTable(document, 1, "", (TableColumn("a", "number"),), rows, frozenset(), 1.0)
    assert queries.run(table, TableQuery(aggregate="sum", of="a")).value == 0.3


def test_a_table_that_somebody_may_not_see_is_not_there(base: KnowledgeBase) -> None:
    with base.store.reading() as connection:
        nobody = Principal()
        assert [one.name for one in stored.listed(connection, who=nobody)] == ["fares.html#1"]
        with pytest.raises(UsageError) as foreign:
            stored.find(connection, "pay.html#1", who=nobody)
        with pytest.raises(UsageError) as unknown:
            stored.find(connection, "nil.html#1", who=nobody)
    assert str(foreign.value).replace("pay", "nil") == str(unknown.value)


def test_the_commands_list_show_export_and_query(base: KnowledgeBase, tmp_path: Path) -> None:
    import json
    import subprocess
    import sys

    def wellread(*words: str) -> str:
        command = [sys.executable, "-m", "wellread", "--base", str(base.folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "fares.html#1  4 rows" in wellread("tables", "list")
    assert "Kestvik to Ollesay" in wellread("tables", "show", "fares.html#1")
    wellread("tables", "export", "fares.html#1", "--to", str(tmp_path / "f.csv"))
    assert (tmp_path / "f.csv").read_text().splitlines()[1] == "Kestvik to Ollesay,38 kr,22 kr"
    told = json.loads(wellread("tables", "query", "fares.html#1", "--figure", "sum:Dog", "--json"))
    assert told["value"] == 115 and len(told["cells"]) == 3
