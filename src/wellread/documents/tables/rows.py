"""Which rows of a table name the columns, and which sum up others."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from wellread.documents.tables.values import RunningSum, Value

MOST_HEAD_ROWS = 4
_TOTAL = re.compile(
    r"(?:grand |sub-?\s?|net |gross )?totals?\b|sums?\b(?! of)|summe\b|gesamt|insgesamt|zwischensumme|totaux\b|"
    r"totale?\b|totaal\b|totalt\b|i alt\b|suma\b|razem\b|celkem\b|итого|всего|合計|总计|小計|합계",
    re.I,
)


class Placed(Protocol):
    """A cell with its place."""

    @property
    def row(self) -> int:
        """From 0."""

    @property
    def col(self) -> int:
        """From 0."""

    @property
    def text(self) -> str:
        """What stands there."""

    @property
    def row_span(self) -> int:
        """At least 1."""


def head_rows(cells: Sequence[Placed], values: Mapping[tuple[int, int], Value]) -> int:
    """How many rows at the top name the columns: those above the first row with the types of the body; 0 for none.

    Years over columns of other numbers are names. Where every column is text, the first row counts as a head if it is
    full, names each column otherwise, has no digits, and what is below differs from it in kind.
    """
    rows = sorted({cell.row for cell in cells})
    if len(rows) < 2:
        return 0
    typed = _typed_columns(cells, values, rows[0])
    if not typed:
        return _head_of_texts(cells, rows)
    for n, row in enumerate(rows[: MOST_HEAD_ROWS + 1]):
        here = {cell.col: values[cell.row, cell.col] for cell in cells if cell.row == row}
        kinds = [here[col] for col in typed if col in here]
        is_body = any(value.kind == typed[col] for col, value in here.items() if col in typed)
        if is_body and not (n == 0 and kinds and _years(kinds) and not _years(_below(cells, values, typed, row))):
            return _whole_spans(cells, rows, n)
    return 0


def _typed_columns(cells: Sequence[Placed], values: Mapping[tuple[int, int], Value], first: int) -> dict[int, str]:
    """Columns most of whose cells below the first row are numbers, dates or times: their kind."""
    counts: dict[int, Counter[str]] = {}
    for cell in cells:
        if cell.row > first:
            counts.setdefault(cell.col, Counter())[values[cell.row, cell.col].kind] += 1
    typed: dict[int, str] = {}
    for col, kinds in counts.items():
        kind, n = max(kinds.items(), key=lambda item: (item[1], item[0] != "text"))
        if kind != "text" and n * 2 >= sum(kinds.values()):
            typed[col] = kind
    return typed


def _below(
    cells: Sequence[Placed], values: Mapping[tuple[int, int], Value], typed: Mapping[int, str], row: int
) -> list[Value]:
    return [values[cell.row, cell.col] for cell in cells if cell.row > row and cell.col in typed]


def _years(values: Sequence[Value]) -> bool:
    years = [v for v in values if isinstance(v.value, float) and v.value.is_integer() and 1900 <= v.value <= 2100]
    return len(years) * 2 > len(values)


def _whole_spans(cells: Sequence[Placed], rows: Sequence[int], n: int) -> int:
    """The head ends where no cell of it reaches below."""
    if not n:
        return 0
    end = rows[n]
    reach = max((cell.row + cell.row_span for cell in cells if cell.row < end), default=end)
    return end if reach <= end or reach - end > MOST_HEAD_ROWS else reach


def _head_of_texts(cells: Sequence[Placed], rows: Sequence[int]) -> int:
    first = {cell.col: cell.text for cell in cells if cell.row == rows[0]}
    below: dict[int, list[str]] = {}
    for cell in cells:
        if cell.row != rows[0]:
            below.setdefault(cell.col, []).append(cell.text)
    names = list(first.values())
    full = set(first) >= set(below) and len(names) >= 2 and len(set(names)) == len(names)
    if not full or any(len(name) > 40 or re.search(r"\d", name) for name in names):
        return 0
    if any(name in below.get(col, ()) for col, name in first.items()):
        return 0
    for col, name in first.items():
        texts = below.get(col, [])
        if texts and (
            sum(bool(re.search(r"\d", text)) for text in texts) * 2 > len(texts)
            or min(len(text) for text in texts) > 2 * len(name)
        ):
            return rows[0] + 1
    return 0


def totals(cells: Sequence[Placed], values: Mapping[tuple[int, int], Value], n_head: int) -> set[int]:
    """Rows that sum up rows above them: by their first word, or because every number of them is such a sum."""
    found: set[int] = set()
    by_row: dict[int, list[Placed]] = {}
    for cell in cells:
        if cell.row >= n_head:
            by_row.setdefault(cell.row, []).append(cell)
    above: dict[int, RunningSum] = defaultdict(RunningSum)
    for row, here in sorted(by_row.items()):
        numbers = {c.col: v for c in here if isinstance(v := values[row, c.col].value, float)}
        enough = len(numbers) >= 2 or (bool(numbers) and above[next(iter(numbers))].n >= 3)
        adds_up = enough and all(above[col].is_sum(value) for col, value in numbers.items())
        if adds_up or _TOTAL.match(here[0].text):
            found.add(row)
            continue
        for col, value in numbers.items():
            above[col].add(value)
    return found
