"""A document's text put together from blocks, so that every block knows where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from wellread.documents.clean import one_line, visible
from wellread.documents.tables.build import GridCell, build
from wellread.types import Block, Box, Image, Parsed, Part, Span, Table, Unit, type_of_block, type_of_unit

BETWEEN_BLOCKS: Final = "\n\n"


class Assembly:
    """Collects blocks in reading order; blocks are cleaned on the way in and stand apart by an empty line.

    One thread at a time may use it. ``page`` of a block is the number of the unit that was begun last, unless it is
    given.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._units: list[Unit] = []
        self._tables: list[Table] = []
        self._images: list[Image] = []
        self._length = 0

    @property
    def n_blocks(self) -> int:
        """Blocks so far; the next one has this number."""
        return len(self._blocks)

    @property
    def unit(self) -> int | None:
        """The number of the unit that was begun last; None before the first."""
        return len(self._units) or None

    def begin(
        self, kind: type_of_unit, label: str = "", *, hidden: bool = False, size: tuple[float, float] | None = None
    ) -> int:
        """A new unit begins: what follows stands in it. Its number, from 1."""
        self._units.append(Unit(len(self._units) + 1, kind, one_line(visible(label)), hidden, size))
        return len(self._units)

    def add(
        self,
        kind: type_of_block,
        text: str,
        level: int = 0,
        page: int | None = None,
        *,
        box: Box | None = None,
        ms: tuple[int, int] | None = None,
        hidden: bool = False,
    ) -> Span | None:
        """``text`` is the next block; where it stands. Blank text adds nothing and gives None."""
        text = visible(text).strip("\n").rstrip()
        if not text or text.isspace():
            return None
        if self._parts:
            self._parts.append(BETWEEN_BLOCKS)
            self._length += len(BETWEEN_BLOCKS)
        unit = self._units[-1] if self._units else None
        if page is None and unit is not None:
            page = unit.number
        span = Span(self._length, self._length + len(text))
        hidden = hidden or (unit is not None and unit.hidden and page == unit.number)
        self._blocks.append(Block(kind, span, level, page, box, ms, hidden))
        self._parts.append(text)
        self._length += len(text)
        return span

    def add_table(
        self,
        cells: Sequence[GridCell],
        *,
        head_rows: int | None = None,
        caption: str = "",
        page: int | None = None,
        origin: tuple[int, int] | None = None,
        box: Box | None = None,
        confidence: float = 1.0,
        hidden: bool = False,
    ) -> Table | None:
        """A table as the next block and as data; None where no cell holds anything.

        Args:
            cells: in any order; blank ones may be left out.
            head_rows: None finds them by the types of the columns.
            caption: also a block of its own, if it shall be read.
            page: number of the unit.
            origin: row and column of the first cell in a sheet.
            box: place in the unit.
            confidence: below 1 where rows and columns were guessed.
            hidden: kept and never searched.
        """
        start = self._length + (len(BETWEEN_BLOCKS) if self._parts else 0)
        text, placed, n_head = build(cells, head_rows, start)
        span = self.add("table", text, page=page, box=box, hidden=hidden)
        if span is None:
            return None
        table = Table(len(self._blocks) - 1, placed, n_head, one_line(visible(caption)), origin, confidence)
        self._tables.append(table)
        return table

    @property
    def n_tables(self) -> int:
        """Tables so far; the next one has this number."""
        return len(self._tables)

    def continue_table(self, number: int) -> None:
        """The table that was added last goes on with the columns of table ``number``."""
        self._tables[-1] = replace(self._tables[-1], continues=number)

    def add_image(self, image: Image) -> None:
        """A picture of the document, seen at this place."""
        self._images.append(image)

    def text_of(self, span: Span) -> str:
        """The text of the block that was added last, or the part of it that ``span`` holds."""
        start = self._blocks[-1].span.start
        return self._parts[-1][span.start - start : span.end - start]

    @property
    def silent(self) -> list[int]:
        """Numbers of the units so far that hold no block."""
        held = {block.page for block in self._blocks}
        return [unit.number for unit in self._units if unit.number not in held]

    def parsed(
        self,
        media_type: str,
        title: str = "",
        metadata: Mapping[str, str] | None = None,
        parts: Sequence[Part] = (),
    ) -> Parsed:
        """Everything added so far as one text; ``metadata`` names the units without blocks as ``units_not_read``."""
        told = dict(metadata or {})
        if self.silent and "units_not_read" not in told:
            told["units_not_read"] = ranges(self.silent)
        return Parsed(
            "".join(self._parts),
            tuple(self._blocks),
            media_type,
            visible(title).strip(),
            told,
            tuple(self._units),
            tuple(self._tables),
            tuple(self._images),
            tuple(parts),
        )


def ranges(numbers: Sequence[int]) -> str:
    """Numbers in rising order as «3, 7–9»."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)


def numbers(text: str) -> set[int]:
    """What ``ranges`` wrote."""
    found: set[int] = set()
    for part in filter(None, text.split(", ")):
        first, _, last = part.partition("–")
        found |= set(range(int(first), int(last or first) + 1))
    return found
