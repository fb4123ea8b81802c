"""Tables as data: cells at their place in the text, values as written, heads and totals found."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.documents.assemble import Assembly, numbers, ranges
from wellread.documents.chunk.chunk import chunk
from wellread.documents.plugged import unsound
from wellread.documents.settings import ChunkSettings
from wellread.documents.tables.build import GridCell, build
from wellread.documents.tables.values import read_column, unit_of_head
from wellread.store.layout import from_json, layout_of, limited, to_json
from wellread.types import Box, Image, Span, TextLine


def grid(*rows: str) -> list[GridCell]:
    cells = [(r, c, text) for r, row in enumerate(rows) for c, text in enumerate(row.split("|"))]
    return [GridCell(r, c, text.strip()) for r, c, text in cells]


def test_a_value_over_two_rows_stands_once_and_the_others_keep_their_column() -> None:
    cells = [GridCell(0, 0, "Skerry", row_span=2), GridCell(0, 1, "dogs"), GridCell(1, 1, "cats"), GridCell(1, 2, "7")]
    text, placed, _ = build(cells, 0)
    assert text == "Skerry | dogs\n | cats | 7"
    assert [(c.row, c.col, text[c.span.start : c.span.end]) for c in placed] == [
        (0, 0, "Skerry"),
        (0, 1, "dogs"),
        (1, 1, "cats"),
        (1, 2, "7"),
    ]


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 6), st.integers(0, 6)),
        st.tuples(st.text(max_size=8), st.integers(1, 3), st.integers(1, 3)),
        max_size=20,
    )
)
def test_every_cell_stands_at_its_span(places: dict[tuple[int, int], tuple[str, int, int]]) -> None:
    assembly = Assembly()
    assembly.begin("sheet", "a")
    assembly.add("paragraph", "before")
    assembly.add_table([GridCell(r, c, text, rows, cols) for (r, c), (text, rows, cols) in places.items()])
    assert unsound(assembly.parsed("text/csv")) == ""


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (["1.234,56 €", "1.234"], [1234.56, 1234.0]),
        (["1,234.5", "1,234"], [1234.5, 1234.0]),
        (["(1,234)", "12-", "−3"], [-1234.0, -12.0, -3.0]),
        (["7.5 %", "7,25 %"], [0.075, 0.0725]),
        (["–", "n/a", "", "0"], [None, None, None, 0.0]),
        (["1 234 567", "12’500"], [1234567.0, 12500.0]),
        (["12 crowns", "1.2.3", "12 34"], [None, None, None]),
        (["12¹", "34*"], [12.0, 34.0]),
        (["31/12/2026", "01/02/2026"], ["2026-12-31", "2026-02-01"]),
        (["01/02/2026"], [None]),
        (["1. März 2026", "14 Aug 2026", "August 14, 2026"], ["2026-03-01", "2026-08-14", "2026-08-14"]),
        (["09:15", "2.30 pm"], ["09:15:00", "14:30:00"]),
    ],
)
def test_a_column_decides_how_its_values_are_read(column: list[str], values: list[float | str | None]) -> None:
    read = [value.value for value in read_column(column)]
    assert read == pytest.approx(values) if all(isinstance(v, float) for v in values) else read == values


def test_what_nothing_decides_is_flagged_as_uncertain() -> None:
    assert read_column(["1.234"])[0].flags == {"uncertain"}
    assert read_column(["01/02/2026"])[0].flags == {"uncertain"}
    assert not read_column(["1.234", "1.234,5"])[0].flags


def test_units_come_from_the_cell_or_from_the_head() -> None:
    _, cells, _ = build(grid("Ship | Weight (kg)", "Eider | 12", "Auk | 9 t"))
    assert [cell.unit for cell in cells] == ["", "", "", "kg", "", "t"]
    assert (unit_of_head("in k€"), unit_of_head("Trailer, per m"), unit_of_head("Trailer")) == ("k€", "per m", "")


@pytest.mark.parametrize(
    ("rows", "head"),
    [
        (("Port | Fare", "Skerry | 12", "Kestvik | 9"), 1),
        (("Port | 2025 | 2026", "Skerry | 12 | 13", "Kestvik | 9 | 10"), 1),
        (("Skerry | 12", "Kestvik | 9", "Mirrey | 8"), 0),
        (("Adult | | Child |", "fare | tax | fare | tax", "12 | 1 | 6 | 0"), 2),
        (("Name | Port", "Anna | Skerry", "Berit | Kestvik"), 0),
        (("Name | Phone", "Anna | 555 0101", "Berit | 555 0102"), 1),
    ],
)
def test_the_head_ends_where_the_values_begin(rows: tuple[str, ...], head: int) -> None:
    assert build(grid(*rows))[2] == head


def test_totals_are_flagged_by_word_or_by_sum_and_nothing_else_is() -> None:
    _, cells, _ = build(grid("Port | Cars | Bikes", "A | 10 | 4", "B | 20 | 5", "All | 30 | 9", "C | 7 | 1"), 1)
    assert {cell.text for cell in cells if "total" in cell.flags} == {"All", "30", "9"}
    _, cells, _ = build(grid("Port | Cars", "A | 10", "Total | 11"), 1)
    assert {cell.text for cell in cells if "total" in cell.flags} == {"Total", "11"}


def test_structure_survives_being_written_as_json() -> None:
    assembly = Assembly()
    assembly.begin("sheet", "Fares", size=(595.0, 842.0))
    assembly.add("heading", "Fares", 1, box=Box(0, 0, 500, 20))
    cells = grid("Port | Fare", "Skerry | 12,50 €", "Total | 12,50 €")
    assembly.add_table(cells, caption="Fares of 2026", origin=(2, 1), confidence=0.5)
    assembly.begin("sheet", "Old", hidden=True)
    assembly.add("note", "kept, not searched", ms=(0, 900))
    lines = (TextLine(Span(0, 5), Box(0, 0, 9, 9), 0.75),)
    assembly.add_image(Image(None, "ab" * 32, (640, 480), 1, "a ferry", Box(0, 1, 2, 3), lines))
    parsed = assembly.parsed("text/csv")
    assert from_json(zlib.decompress(zlib.compress(to_json(layout_of(parsed)))), parsed.text) == layout_of(parsed)


def test_tables_beyond_the_limit_are_told_and_stay_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from wellread.store import layout

    monkeypatch.setattr(layout, "MAX_CELLS", 5)
    assembly = Assembly()
    assembly.add_table(grid("a | b", "c | d"))
    assembly.add_table(grid("e | f", "g | h"))
    kept, told = limited(layout_of(assembly.parsed("text/csv")))
    assert (len(kept.tables), len(kept.blocks), told) == (1, 2, {"tables_not_kept": "1"})


def test_hidden_blocks_make_no_passage_and_are_never_inside_one() -> None:
    assembly = Assembly()
    assembly.add("paragraph", "Open one.")
    assembly.add("paragraph", "Secret.", hidden=True)
    assembly.add("paragraph", "Open two.")
    parsed = assembly.parsed("text/plain")
    for strategy in ("structure", "sentence", "fixed"):
        passages = chunk(parsed, ChunkSettings(strategy=strategy), lambda texts: [len(t.split()) for t in texts])
        assert [parsed.text[p.span.start : p.span.end] for p in passages] == ["Open one.", "Open two."]


def test_units_without_text_are_named() -> None:
    assembly = Assembly()
    for number in range(1, 6):
        assembly.begin("page")
        if number == 2:
            assembly.add("paragraph", "Words.")
    told = assembly.parsed("application/pdf").metadata["units_not_read"]
    assert told == "1, 3–5"
    assert numbers(told) == {1, 3, 4, 5}
    assert ranges([]) == ""
