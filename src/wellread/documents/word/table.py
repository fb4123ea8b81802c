"""Tables of a word processor as cells at their places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from xml.etree import ElementTree

from wellread.documents.clean import one_line
from wellread.documents.tables.build import GridCell
from wellread.documents.word.text import W, is_on

MAX_SPAN = 1000
_WRAPPERS = frozenset({f"{W}sdt", f"{W}sdtContent", f"{W}customXml", f"{W}ins", f"{W}moveTo", f"{W}smartTag"})


def within(node: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    """Children of that tag, those inside content controls and insertions too."""
    for child in node:
        if child.tag == tag:
            yield child
        elif child.tag in _WRAPPERS:
            yield from within(child, tag)


def cells_of(
    table: ElementTree.Element, words: Callable[[ElementTree.Element], str]
) -> tuple[list[GridCell], int | None]:
    """The cells of a table, and how many rows are marked as its head (None: nothing marks any).

    Args:
        table: a ``w:tbl``.
        words: gives the text of a cell.
    """
    cells: list[GridCell] = []
    above: dict[int, int] = {}  # column → place in ``cells`` of the value that reaches down to it
    heads: list[bool] = []
    bold: list[bool] = []
    rows = [row for row in within(table, f"{W}tr") if row.find(f"{W}trPr/{W}del") is None]
    for n, row in enumerate(rows):
        properties = row.find(f"{W}trPr")
        heads.append(is_on(properties, "tblHeader"))
        col = _number(properties, "gridBefore", 0)
        reached: dict[int, int] = {}
        strong: list[bool] = []
        for cell in within(row, f"{W}tc"):
            about = cell.find(f"{W}tcPr")
            across = _number(about, "gridSpan", 1)
            merge, beside = (about.find(f"{W}{name}") if about is not None else None for name in ("vMerge", "hMerge"))
            text = one_line(words(cell))
            if beside is not None and beside.get(f"{W}val", "continue") == "continue" and cells:
                last = cells[-1]
                cells[-1] = GridCell(
                    last.row, last.col, f"{last.text} {text}".strip(), last.row_span, last.col_span + 1
                )
                col += across
                continue
            continued = merge is not None and merge.get(f"{W}val", "continue") == "continue"
            if continued and col in above:
                held = cells[above[col]]
                taller = n - held.row + 1
                cells[above[col]] = GridCell(held.row, held.col, f"{held.text} {text}".strip(), taller, held.col_span)
                reached[col] = above[col]
            else:
                cells.append(GridCell(n, col, text, 1, across))
                if merge is not None:
                    reached[col] = len(cells) - 1
                if text:
                    strong.append(_is_bold(cell))
            col += across
        above = reached
        bold.append(bool(strong) and all(strong))
    n_head = next((n for n, head in enumerate(heads) if not head), 0)
    if not n_head and len(bold) > 1 and bold[0] and not any(bold[1:]):
        n_head = 1
    return [cell for cell in cells if cell.text], n_head or None


def _is_bold(cell: ElementTree.Element) -> bool:
    runs = [run for run in cell.iter(f"{W}r") if any((t.text or "").strip() for t in run.iter(f"{W}t"))]
    return bool(runs) and all(is_on(run.find(f"{W}rPr"), "b") for run in runs)


def _number(properties: ElementTree.Element | None, name: str, default: int) -> int:
    found = properties.find(f"{W}{name}") if properties is not None else None
    value = found.get(f"{W}val", "") if found is not None else ""
    return min(int(value), MAX_SPAN) if re.fullmatch(r"\d{1,6}", value) and int(value) else default
