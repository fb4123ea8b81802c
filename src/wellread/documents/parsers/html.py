"""HTML: what a reader of the page reads, without menus, banners and scripts.

The tree is never walked node by node in Python. Marks are set before and after each block element, the whole text is
taken out in one call, and the marks cut it into blocks: work grows with the number of blocks, not of nodes.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.media import decode
from wellread.errors import SourceError
from wellread.types import Parsed

_NEVER_READ = [
    "script",
    "style",
    "template",
    "noscript",
    "iframe",
    "svg",
    "math",
    "canvas",
    "object",
    "button",
    "select",
]
_NEVER_READ += ["nav", "dialog", "datalist"]
_NOT_CONTENT = (
    "[hidden], [aria-hidden=true], [style*='display:none'], [style*='display: none'], [style*='visibility:hidden'],"
    "[style*='visibility: hidden'], [style*='font-size:0'], [style*='font-size: 0'],"
    "[role=navigation], [role=banner], [role=contentinfo], [role=search], [role=dialog],"
    ".navheader, .navfooter, .headerlink, .sphinxsidebar, [id*=cookie], [class*=cookie-]"
)
_PIECE = re.compile("\x01(.)|\x02|([^\x01\x02]+)", re.S)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.I)
_NESTING = tuple(
    (b"<" + tag, b"</" + tag) for tag in (b"div", b"span", b"b", b"i", b"font", b"table", b"ul", b"section")
)
MAX_UNCLOSED = 3000  # lexbor takes time in the square of open elements: 300,000 of them 198 s


def parse(data: bytes, name: str) -> Parsed:
    """The page's main part: headings, paragraphs, lists, tables (a row per line), preformatted text.

    Raises: SourceError for text that cannot be decoded or is nested beyond all use.
    """
    declared = _CHARSET.search(data[:4096])
    text, encoding = decode(data, name, declared.group(1).decode("ascii").lower() if declared else "")
    if data.count(b"<") - 2 * data.count(b"</") > MAX_UNCLOSED and _unclosed(data) > MAX_UNCLOSED:
        raise SourceError(f"{name}: more than {MAX_UNCLOSED:,} elements are opened and never closed", "broken")
    tree = LexborHTMLParser(text.translate(_NO_MARKS) if "\x01" in text or "\x02" in text else text)
    title_node = tree.css_first("title")
    title = one_line(title_node.text()) if title_node else ""
    root = _main_part(tree)
    if root is None:
        return Parsed("", (), "text/html", title)
    _mark(root)
    assembly = Assembly()
    _read(root.text(), assembly)
    first = tree.css_first("h1")
    if not title and first is not None:
        title = one_line(_UNMARKED.sub("", first.text()))
    return assembly.parsed("text/html", title, {} if encoding.startswith("utf-8") else {"encoding": encoding})


_NO_MARKS = {1: None, 2: None}
_UNMARKED = re.compile("\x01.|\x02")


def _unclosed(data: bytes) -> int:
    lower = data.lower()
    return max(lower.count(start) - lower.count(end) for start, end in _NESTING)


def _main_part(tree: LexborHTMLParser) -> LexborNode | None:
    """The element that holds what the page is about, its furniture removed; None for a page without body."""
    body = tree.body
    if body is None:
        return None
    tree.strip_tags(_NEVER_READ, recursive=True)
    for node in body.css(_NOT_CONTENT):
        node.decompose()
    whole = len(body.text())
    for form in body.css("form"):
        if len(form.text()) * 2 < whole:  # some sites wrap the whole page in a form
            form.decompose()
    mains = body.css("main, [role=main]") or body.css("article")
    root = body
    if len(mains) == 1 and len(mains[0].text().strip()) * 8 >= whole and mains[0].text().strip():
        root = mains[0]
    for node in root.css("aside, footer"):
        node.decompose()
    if root is body:
        for header in body.css("header"):
            if header.css_first("h1") is None:
                header.decompose()
    return root


def _mark(root: LexborNode) -> None:
    r"""Set \x01 and a letter before, \x02 after each block element; \x01n stands for a line break."""
    for level in range(1, 7):
        _around(root, f"h{level}", str(level))
    _around(root, "pre", "c")
    for table in root.css("table"):
        if table.css_first("table table, h1, h2, h3") is None:
            _around_one(table, "t")
            for cell in table.css("td, th"):
                cell.insert_before("\x01|\x02")
    _around(root, "li, dt, dd", "l")
    _around(root, "tr", "r")
    _around(root, "p, div, section, article, blockquote, figcaption, caption, address, summary", "p")
    for node in root.css("br"):
        node.insert_before("\x01n\x02")


def _around(root: LexborNode, selector: str, letter: str) -> None:
    for node in root.css(selector):
        _around_one(node, letter)


def _around_one(node: LexborNode, letter: str) -> None:
    """Marks inside the element, so that they stay with it where it is the first or last of its parent."""
    first = node.first_child
    if first is not None:
        first.insert_before("\x01" + letter)
        node.insert_child("\x02")


class _Reader:
    """Holds the block that is being read."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.items: list[str] = []  # finished list items that follow each other

    def flush(self) -> None:
        """The block that is being read is finished."""
        text = "".join(self.pieces)
        self.pieces.clear()
        if not text or text.isspace():
            return
        mark = next((m for m in reversed(self.open) if m in "123456lct"), "p")
        if mark == "c":
            self.end_list()
            self.assembly.add("code", text)
        elif mark == "t":
            self.end_list()
            self.assembly.add("table", _rows(text))
        elif mark == "l":
            line = one_line(text)
            depth = self.open.count("l") - 1
            self.items.append("  " * max(depth, 0) + "- " + line)
        elif mark in "123456":
            self.end_list()
            self.assembly.add("heading", one_line(text), level=int(mark))
        else:
            self.end_list()
            self.assembly.add("paragraph", one_line(text))

    def end_list(self) -> None:
        """The items collected so far are one block."""
        if self.items:
            self.assembly.add("list", "\n".join(self.items))
            self.items.clear()


def _read(marked: str, assembly: Assembly) -> None:
    reader = _Reader(assembly)
    held = 0  # depth of open marks inside a table, whose text is taken as a whole
    in_table = False
    for match in _PIECE.finditer(marked):
        letter, text = match.group(1), match.group(2)
        if text is not None:
            reader.pieces.append(text)
        elif letter in ("n", "|"):
            reader.pieces.append("\n" if letter == "n" and not in_table else "\x1f" if letter == "|" else " ")
            reader.open.append("")
        elif letter is not None:
            if in_table:
                held += 1
                reader.pieces.append("\x1e" if letter == "r" else " ")
            else:
                reader.flush()
                in_table = letter == "t"
            reader.open.append(letter)
        elif reader.open:
            closing = reader.open[-1]
            if closing and in_table and held:
                held -= 1
                reader.pieces.append("\x1e" if closing == "r" else " ")
            elif closing:
                reader.flush()
                in_table = in_table and closing != "t"
            reader.open.pop()
    reader.open.clear()
    reader.flush()
    reader.end_list()


def _rows(text: str) -> str:
    """A table's text as lines of cells joined by " | "."""
    rows = []
    for row in text.split("\x1e"):
        cells = [one_line(cell) for cell in row.split("\x1f")]
        if cells and not cells[0]:
            cells = cells[1:]
        if any(cells):
            rows.append(" | ".join(cells))
    return "\n".join(rows)
