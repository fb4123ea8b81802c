"""PDF with a text layer: text page by page, rows of tables on one line, running heads and foots dropped.

Characters come in runs (rectangles) from pdfium; runs that share a baseline become one line, ordered from left to
right, so that a table's row stays a row. Columns of running text are told from tables by their gutter.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import pypdfium2
from pypdfium2 import raw

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line, visible
from wellread.documents.media import PDF
from wellread.errors import SourceError
from wellread.types import Parsed

MAX_PAGES = 20_000
MAX_RECTS = 20_000  # per page; beyond it the plain text order is taken
_DIGITS = re.compile(r"\d+")
_HYPHEN_END = re.compile(r"(?<=[a-z\u00df-\u00ff])-\Z")


@dataclass(frozen=True, slots=True)
class TextRun:
    """A piece of text and its box in points, y growing upwards."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


def parse(data: bytes, name: str) -> Parsed:
    """Blocks per page with page numbers from 1. Raises: SourceError (encrypted, broken, suspect)."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code == raw.FPDF_ERR_PASSWORD or "assword" in str(error):
            raise SourceError(f"{name}: is encrypted; save it without a password", "encrypted") from error
        raise SourceError(f"{name}: pdfium cannot open it: {error}; open and save it again", "broken") from error
    n_pages = len(document)
    if n_pages > MAX_PAGES:
        raise SourceError(f"{name}: has {n_pages:,} pages; more than {MAX_PAGES:,} are not read", "too-large")
    pages: list[list[str]] = []
    n_broken = 0
    for number in range(n_pages):
        try:
            page = document[number]
            textpage = page.get_textpage()
            pages.append(_page_lines(textpage))
            textpage.close()
            page.close()
        except pypdfium2.PdfiumError:
            n_broken += 1
            pages.append([])
    title = str(document.get_metadata_dict().get("Title", ""))
    if n_broken and n_broken == n_pages:
        raise SourceError(f"{name}: none of its {n_pages} pages can be read", "broken")
    assembly = Assembly()
    repeated = _running_lines(pages)
    for number, lines in enumerate(pages, start=1):
        _add_page(assembly, [line for line in lines if line == "" or _shape(line) not in repeated], number)
    metadata = {"pages": str(n_pages)}
    if n_broken:
        metadata["pages_not_read"] = str(n_broken)
    return assembly.parsed(PDF, one_line(title), metadata)


def _page_lines(textpage: pypdfium2.PdfTextPage) -> list[str]:
    """The page's lines from top to bottom; "" where a paragraph ends."""
    plain = [line.rstrip() for line in visible(_hyphens(textpage.get_text_range())).split("\n")]
    n_rects = textpage.count_rects()
    if n_rects == 0 or n_rects > MAX_RECTS:
        return plain
    runs = []
    for index in range(n_rects):
        left, bottom, right, top = textpage.get_rect(index)
        text = one_line(visible(_hyphens(textpage.get_text_bounded(left, bottom, right, top))))
        if text:
            runs.append(TextRun(text, left, bottom, right, top))
    return lines_of(runs) if runs else plain


def _hyphens(text: str) -> str:
    """Pdfium writes a control or a non-character for a hyphen at the end of a line."""
    return text.replace("\x02", "-").replace("\ufffe", "-")


def lines_of(runs: list[TextRun]) -> list[str]:
    """Runs of one page as lines; cells that stand apart by more than a wide space are joined by " | ".

    In two columns of running text (a gutter that nearly no run crosses) the left column comes first.
    """
    gutter = _gutter(runs)
    if gutter is not None:
        left = [run for run in runs if run.right <= gutter + 1]
        right = [run for run in runs if run.right > gutter + 1]
        return [*lines_of_column(left), "", *lines_of_column(right)]
    return lines_of_column(runs)


def lines_of_column(runs: list[TextRun]) -> list[str]:
    """Runs as lines by baseline, "" where the distance between lines is larger than usual."""
    rows: list[list[TextRun]] = []
    for run in sorted(runs, key=lambda r: (-(r.bottom + r.top), r.left)):
        middle = (run.bottom + run.top) / 2
        last = rows[-1][0] if rows else None
        if last is not None and last.bottom - 0.5 <= middle <= last.top + 0.5:
            rows[-1].append(run)
        else:
            rows.append([run])
    lines: list[str] = []
    before: TextRun | None = None
    for row in rows:
        row.sort(key=lambda r: r.left)
        height = max(r.top - r.bottom for r in row)
        if before is not None and before.bottom - row[0].top > 0.9 * max(height, 1.0):
            lines.append("")
        lines.append(_join(row, height))
        before = row[0]
    return lines


def _join(row: list[TextRun], height: float) -> str:
    parts = [row[0].text]
    for one, two in pairwise(row):
        gap = two.left - one.right
        parts.append(" | " if gap > 1.2 * height else " " if gap > 0.12 * height else "")
        parts.append(two.text)
    return "".join(parts)


def _gutter(runs: list[TextRun]) -> float | None:
    """The x of a gap between two columns of running text; None for one column and for tables."""
    if len(runs) < 20:
        return None
    low, high = min(r.left for r in runs), max(r.right for r in runs)
    middle = (low + high) / 2
    sides = [r for r in runs if r.right < middle + 5], [r for r in runs if r.left > middle - 5]
    wide = [[r for r in side if r.right - r.left > 0.33 * (high - low)] for side in sides]
    if len(wide[0]) + len(wide[1]) < 0.6 * len(runs) or min(map(len, wide)) < 5:
        return None
    return max(r.right for r in sides[0])


def _shape(line: str) -> str:
    return _DIGITS.sub("#", one_line(line))


def _running_lines(pages: list[list[str]]) -> frozenset[str]:
    """First and last lines that (numbers apart) stand on most pages of a document of four or more."""
    full = [[line for line in page if line] for page in pages]
    full = [page for page in full if page]
    if len(full) < 4:
        return frozenset()
    seen = Counter(shape for page in full for shape in {_shape(line) for line in (*page[:2], *page[-2:])})
    return frozenset(shape for shape, n in seen.items() if n * 10 >= len(full) * 6)


def _add_page(assembly: Assembly, lines: list[str], number: int) -> None:
    """Groups a page's lines into paragraphs and tables (two or more rows of cells that follow each other)."""
    group: list[str] = []
    table = False

    def end() -> None:
        if group and table and len(group) > 1:
            assembly.add("table", "\n".join(group), page=number)
        elif group:
            assembly.add("paragraph", _paragraph(group), page=number)
        group.clear()

    for line in lines:
        is_row = " | " in line
        if not line:
            if not table:
                end()
            continue
        if is_row != table:
            end()
            table = is_row
        group.append(line)
    end()


def _paragraph(lines: list[str]) -> str:
    """Lines of one paragraph; a word cut at a line's end is made whole where a small letter follows."""
    out = lines[0]
    for line in lines[1:]:
        if _HYPHEN_END.search(out) and line[:1].islower():
            out = out[:-1] + line
        else:
            out += "\n" + line
    return out
