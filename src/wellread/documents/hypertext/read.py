r"""Blocks and tables of a page in reading order.

The tree is never walked node by node in Python. Marks are set before and after each block element, the whole text is
taken out in one call, and the marks cut it into blocks: work grows with the number of blocks, not of nodes. \x01 and a
letter open an element, \x02 closes it, \x01n\x02 stands for a line break; in a table \x1e begins a row and \x1f a cell,
whose spans stand before \x1d where they are not 1.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.hypertext.seen import seen, tree_of
from wellread.documents.tables.build import GridCell

_MARK = re.compile("(\x01.|\x02)", re.S)
_ANY_MARK = re.compile("\x01.|\x02")
_LINES = (
    "p, div, section, article, blockquote, figcaption, caption, address, summary, aside, footer, header, main, figure,"
    "form, fieldset, details, button, center, hgroup, search, textarea, dialog, label, menu, dir, ul, ol, dl,"
    "output, meter, progress, object"
)
_STYLED_LINES = (
    "[style*='display:block'], [style*='display: block'], [style*='display:flex'] > *,"
    "[style*='display: flex'] > *, [style*='display:grid'] > *, [style*='display: grid'] > *"
)
_PLAIN_CELL = "\x1f\x1d"  # neither spans nor a mark of a head
MAX_SPAN = 1000  # as HTML has it for columns


def read(root: LexborNode, assembly: Assembly) -> None:
    """Adds the blocks of ``root``, which is changed by it."""
    _mark(root)
    _read(root.text(), assembly)


def _mark(root: LexborNode) -> None:
    for level in range(1, 7):
        _around(root, f"h{level}", str(level))
    _around(root, "pre", "c")
    _mark_tables(root)
    _around(root, "li, dt, option", "l")
    _around(root, "dd", "d")
    _around(root, _LINES, "p")
    if root.css_first("[style]") is not None:
        _around(root, _STYLED_LINES, "p")
    for node in root.css("legend"):  # names what stands beside it
        if node.first_child is not None and node.text().strip()[-1:].isalnum():
            node.insert_child(": ")
    for node in root.css("br"):
        node.insert_before("\x01n\x02")
    for node in root.css("hr"):
        node.insert_before("\x01p\x02")


def _around(root: LexborNode, selector: str, letter: str) -> None:
    for node in root.css(selector):
        _around_one(node, letter)


def _around_one(node: LexborNode, letter: str) -> None:
    """Marks inside the element, so that they stay with it where it is the first or last of its parent."""
    first = node.first_child
    if first is not None:
        first.insert_before("\x01" + letter)
        node.insert_child("\x02")


def _mark_tables(root: LexborNode) -> None:
    """Tables of data become grids; of a table that only lays out the page, every cell is a paragraph."""
    for table in root.css("table"):
        if _lays_out(table):
            for cell in table.css("td, th"):
                _layout_cell(cell, table)
            continue
        for caption in table.css("caption"):
            table.insert_before("\x01k")
            table.insert_before(one_line(caption.text()))
            table.insert_before("\x02")
            caption.decompose()
        _around_one(table, "t")
        for row in table.css("tr"):
            row.insert_before("\x1e")
        _mark_cells(table)


def _mark_cells(table: LexborNode) -> None:
    r"""\x1f and what its element says before each cell; only cells that say something are looked at one by one."""
    spanning = {cell.mem_id for cell in table.css("[rowspan], [colspan]")}
    heads = {cell.mem_id for cell in table.css("th, thead > tr > td")}
    bold = _bold_cells(table)
    for cell in table.css("td, th"):
        place = cell.mem_id
        mark = "h" if place in heads else "b" if place in bold else ""
        if place in spanning:
            cell.insert_before(f"\x1f{_spans(cell)},{mark}\x1d")
        else:
            cell.insert_before(f"\x1f1,1,{mark}\x1d" if mark else _PLAIN_CELL)


def _bold_cells(table: LexborNode) -> set[int]:
    """Cells whose whole text is in their first bold element."""
    first: dict[int, tuple[LexborNode, LexborNode]] = {}
    for node in table.css("b, strong"):
        cell = _cell_of(node)
        first.setdefault(cell.mem_id, (cell, node))
    return {
        place for place, (cell, node) in first.items() if len(one_line(node.text())) == len(one_line(cell.text())) > 0
    }


def _layout_cell(cell: LexborNode, table: LexborNode) -> None:
    holder = cell.parent
    while holder is not None and holder.tag != "table":
        holder = holder.parent
    if holder is not None and holder.mem_id == table.mem_id:
        _around_one(cell, "p")


def _lays_out(table: LexborNode) -> bool:
    """Whether a table holds other tables, or headings with text below them in one cell."""
    if table.css_first("table table") is not None or table.attributes.get("role") in ("presentation", "none"):
        return True
    headings = table.css("h1, h2, h3, h4, h5, h6")
    return any(len(one_line(_cell_of(heading).text())) > len(one_line(heading.text())) for heading in headings)


def _cell_of(node: LexborNode) -> LexborNode:
    while node.tag not in ("td", "th", "table") and node.parent is not None:
        node = node.parent
    return node


def _spans(cell: LexborNode) -> str:
    """Rows and columns, as "2,1"."""
    given = cell.attributes
    rows, cols = _number(given.get("rowspan"), zero=65534), _number(given.get("colspan"), zero=1)
    return f"{rows},{min(cols, MAX_SPAN)}"


def _number(text: str | None, zero: int) -> int:
    """A span as HTML reads it: 0 rows reach to the end of the table."""
    found = re.match(r"\s*(\d{1,6})", text or "")
    return (int(found.group(1)) or zero) if found else 1


_KINDS = frozenset("123456lctdk")  # of blocks; text in any other element belongs to what holds that element


class _Reader:
    """Holds the block that is being read, and the kinds of the elements that are open."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.items: list[str] = []  # finished list items that follow each other
        self.caption = ""

    def flush(self) -> None:
        """The block that is being read is finished."""
        if not self.pieces:
            return
        text = "".join(self.pieces)
        self.pieces.clear()
        line = one_line(text)
        if not line:
            return
        mark = next((kind for kind in reversed(self.open) if kind in _KINDS), "p")
        if mark == "l" or (mark == "d" and not self.items):
            depth = self.open.count("l") - 1
            self.items.append("  " * max(depth, 0) + "- " + line)
            return
        if mark == "d":
            last = self.items[-1]
            self.items[-1] = f"{last}{' ' if last.endswith((':', '?', '.')) else ': '}{line}"
            return
        self.end_list()
        if mark == "c":
            self.assembly.add("code", text)
        elif mark == "t":
            cells, n_head = grid(text)
            self.assembly.add_table(cells, head_rows=n_head, caption=self.caption)
            self.caption = ""
        elif mark == "k":
            self.caption = line
            self.assembly.add("caption", line)
        elif mark in "123456":
            self.assembly.add("heading", line, level=int(mark))
        else:
            self.assembly.add("paragraph", line)

    def end_list(self) -> None:
        """The items collected so far are one block."""
        if self.items:
            self.assembly.add("list", "\n".join(self.items))
            self.items.clear()


def _read(marked: str, assembly: Assembly) -> None:
    reader = _Reader(assembly)
    kinds, pieces = reader.open, reader.pieces
    held = 0  # depth of open marks inside a table, whose text is taken as a whole
    in_table = False
    first, *rest = _MARK.split(marked)
    if first:
        pieces.append(first)
    for mark, text in zip(rest[::2], rest[1::2], strict=True):
        if mark != "\x02":
            letter = mark[1]
            if in_table:
                held += letter != "n"
                pieces.append(" ")
            elif letter == "n":
                pieces.append("\n")
            else:
                reader.flush()
                in_table = letter == "t"
            kinds.append(letter)
        elif kinds:
            closing = kinds[-1]
            if in_table and held and closing != "n":
                held -= 1
                pieces.append(" ")
            elif closing != "n":
                reader.flush()
                in_table = in_table and closing != "t"
            kinds.pop()
        if text and (pieces or text != "\n"):  # a line's end between two elements begins no block
            pieces.append(text)
    kinds.clear()
    reader.flush()
    reader.end_list()


def grid(text: str) -> tuple[list[GridCell], int | None]:
    """A table's marked text as cells at their places, and its rows of heads (None where nothing marks them).

    Places follow HTML's own algorithm: a cell takes the first column that no cell from above reaches into.
    """
    cells: list[GridCell] = []
    marks: list[list[str]] = []
    reach: dict[int, int] = {}  # column → first row that is free again
    rows = [row for row in text.split("\x1e") if "\x1f" in row]
    for row, line in enumerate(rows):
        col = 0
        here: list[str] = []
        marks.append(here)
        for piece in line.split("\x1f")[1:]:
            spans, _, words = piece.partition("\x1d")
            if not spans and not reach:  # the common cell
                words = one_line(words)
                if words:
                    cells.append(GridCell(row, col, words))
                    here.append("")
                col += 1
                continue
            down, across, mark = 1, 1, ""
            if spans:
                n_rows, n_cols, mark = spans.split(",")
                down, across = min(int(n_rows), len(rows) - row), int(n_cols)
            while reach.get(col, 0) > row:
                col += 1
            words = one_line(words)
            if words:
                cells.append(GridCell(row, col, words, down, across))
                here.append(mark)
            if down > 1:
                for taken in range(col, col + across):
                    reach[taken] = max(reach.get(taken, 0), row + down)
            col += across
    return cells, _head_rows(marks)


def _head_rows(marks: list[list[str]]) -> int | None:
    """Rows at the top whose cells are all marked as heads; a bold first row over others that are not is one."""
    n_head = next((n for n, row in enumerate(marks) if not row or set(row) != {"h"}), 0)
    if n_head:
        return n_head
    if any("h" in row for row in marks):
        return 0
    first, *others = marks or [[]]
    if first and set(first) == {"b"} and others and all("b" not in row or "" in row for row in others):
        return 1
    return None


def rows_of_tables(markup: str) -> list[tuple[list[list[str]], int]]:
    """The tables in ``markup`` as full rows, a spanned value in each place of its span, and their rows of heads."""
    body = seen(tree_of(markup))
    if body is None:
        return []
    _mark(body)
    marked = body.text()
    tables = []
    for found in re.finditer("\x01t(.*?)(?=\x01t|\\Z)", marked, re.S):
        cells, n_head = grid(_ANY_MARK.sub(" ", found.group(1)))
        n_rows = max((cell.row + cell.row_span for cell in cells), default=0)
        n_cols = max((cell.col + cell.col_span for cell in cells), default=0)
        rows = [[""] * n_cols for _ in range(n_rows)]
        for cell in cells:
            for row in range(cell.row, cell.row + cell.row_span):
                rows[row][cell.col : cell.col + cell.col_span] = [cell.text] * cell.col_span
        if rows:
            tables.append((rows, n_head or 0))
    return tables
