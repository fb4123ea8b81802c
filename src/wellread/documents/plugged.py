"""Parsers and chunkers of other packages: opened by name, and held to what they promise, file by file.

They run where wellread's own do: in the child process with its limits (a chunker beside an embedder that only the
parent can count with runs in the parent). So both sides name them by the same settings and each opens them for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, get_args

from wellread import plugins
from wellread.documents.settings import ChunkSettings, ParseSettings
from wellread.plugins import NamedPart
from wellread.types import Block, Parsed, Span, Table, type_of_block

Count = Callable[[Sequence[str]], list[int]]
Parse = Callable[[bytes, str], Parsed]  # bytes and name of a file; raises SourceError for what is not its format
Cut = Callable[[Parsed, Count], Sequence[Span]]  # where passages begin and end, in order; they may overlap

KINDS = frozenset(get_args(type_of_block))


def named(parse: ParseSettings, chunking: ChunkSettings | None) -> dict[str, NamedPart]:
    """The parts that the settings name, by what they are for; nothing is imported. Raises UsageError for an unknown."""
    found = {suffix: _parser_named(suffix, text) for suffix, text in sorted(parse.parsers.items())}
    if chunking is not None and chunking.plugged:
        found["chunk"] = plugins.named("chunker", chunking.strategy, "chunk.strategy")
    return found


def _parser_named(suffix: str, text: str) -> NamedPart:
    return plugins.named("parser", text, f'parse.parsers."{suffix}"')


def versions(parse: ParseSettings, chunking: ChunkSettings) -> list[list[str]]:
    """What decides besides settings what such parts make of a file: the packages that they are from."""
    return [[use, part.kind, part.name, part.package, part.version] for use, part in named(parse, chunking).items()]


def folders(parse: ParseSettings, chunking: ChunkSettings | None) -> list[str]:
    """Where those packages lie, for a process that does not look there by itself."""
    return sorted({part.folder for part in named(parse, chunking).values() if part.folder})


class Parsers:
    """The parsers of other packages that the settings name, each opened with the first file that it is for.

    One thread at a time may use it; each child process has its own.
    """

    def __init__(self, settings: ParseSettings) -> None:
        self._settings = settings
        self._open: dict[str, Parse] = {}

    def for_name(self, name: str, suffix: str = "") -> Parse | None:
        """The parser for a file by its name (or ``suffix``, if that is known better); None: one of wellread's own.

        Raises: UsageError where it is not there, PluginError where it cannot be opened.
        """
        suffix = suffix or PurePosixPath(name).suffix.lower()
        if suffix not in self._settings.parsers:
            return None
        if suffix not in self._open:
            self._open[suffix] = checked_parser(_parser_named(suffix, self._settings.parsers[suffix]), self._settings)
        return self._open[suffix]


def checked_parser(part: NamedPart, settings: ParseSettings) -> Parse:
    """The parser, which gives a sound ``Parsed`` or raises SourceError for the file, PluginError for itself."""
    function = part.open(settings)
    if not callable(function):
        raise part.wrong(f"opened a {type(function).__name__}, not a function of (data, name)")

    def parse(data: bytes, name: str) -> Parsed:
        with part.answering():
            parsed = function(data, name)
        fault = unsound(parsed)
        if fault:
            raise part.wrong(f"{name}: gave {fault}")
        made: Parsed = parsed
        return made

    return parse


def unsound(parsed: Any) -> str:
    """What is wrong with a parser's result; "" where nothing is."""
    if not isinstance(parsed, Parsed):
        return f"a {type(parsed).__name__}, not a wellread.types.Parsed"
    words: dict[str, Any] = {"text": parsed.text, "media_type": parsed.media_type, "title": parsed.title}
    for field, value in {**words, **{f"metadata '{key}'": value for key, value in parsed.metadata.items()}}.items():
        if not isinstance(value, str):
            return f"a {field} that is {type(value).__name__}, not text"
    if not parsed.media_type:
        return "no media_type"
    at = 0
    for n, block in enumerate(parsed.blocks):
        if type(block) is not Block or block.kind not in KINDS:
            return f"block {n}: not a Block of {', '.join(sorted(KINDS))}"
        start, end = block.span
        if not at <= start < end <= len(parsed.text):
            return f"block {n}: span {start} to {end}, in a text of {len(parsed.text)} after a block that ends at {at}"
        at = end
    return _unsound_structure(parsed)


def _unsound_structure(parsed: Parsed) -> str:
    """What is wrong with units, tables and images; "" where nothing is."""
    if [unit.number for unit in parsed.units] != list(range(1, len(parsed.units) + 1)):
        return "units that are not numbered from 1 in order"
    if parsed.units and any(block.page and block.page > len(parsed.units) for block in parsed.blocks):
        return f"a block in a unit beyond the {len(parsed.units)} that there are"
    for n, table in enumerate(parsed.tables):
        if not 0 <= table.block < len(parsed.blocks) or parsed.blocks[table.block].kind != "table":
            return f"table {n}: its block {table.block} is not a table"
        fault = _unsound_cells(table, parsed.text, parsed.blocks[table.block].span)
        if fault:
            return f"table {n}: {fault}"
    for n, image in enumerate(parsed.images):
        if image.block is not None and not 0 <= image.block < len(parsed.blocks):
            return f"image {n}: there is no block {image.block}"
        if any(not 0 <= line.span.start <= line.span.end <= len(parsed.text) for line in image.lines):
            return f"image {n}: a line outside of the text"
    return ""


def _unsound_cells(table: Table, text: str, block: Span) -> str:
    end, before = block.start, (-1, -1)
    for cell in table.cells:
        place, head = (cell.row, cell.col), cell.row < table.head_rows
        at = block.start if head else end  # heads may stand among the rows: «name: value» of a CSV
        if place <= before or cell.row < 0 or cell.col < 0 or cell.row_span < 1 or cell.col_span < 1:
            return f"cell {place} after {before}: cells are in the order of rows, then columns, each place once"
        if not at <= cell.span.start <= cell.span.end <= block.end:
            return f"cell {place}: span {cell.span.start} to {cell.span.end}, after {at} in a block to {block.end}"
        if text[cell.span.start : cell.span.end] != cell.text:
            return f"cell {place}: its text is not that of the document at its span"
        end, before = end if head else cell.span.end, place
    if not 0 <= table.head_rows <= table.shape[0]:
        return f"{table.head_rows} rows of head in a table of {table.shape[0]}"
    return ""


@lru_cache(maxsize=8)
def chunker(settings: ChunkSettings) -> Cut:
    """The chunker that ``chunk.strategy`` names, which gives sound spans or raises PluginError."""
    return checked_chunker(plugins.named("chunker", settings.strategy, "chunk.strategy"), settings)


def checked_chunker(part: NamedPart, settings: ChunkSettings) -> Cut:
    """The chunker, which gives sound spans or raises PluginError."""
    function = part.open(settings)
    if not callable(function):
        raise part.wrong(f"opened a {type(function).__name__}, not a function of (parsed, count)")

    def cut(parsed: Parsed, count: Count) -> list[Span]:
        with part.answering():
            given = function(parsed, count)
            spans = [Span(int(start), int(end)) for start, end in given]
        fault = misplaced(spans, len(parsed.text))
        if fault:
            raise part.wrong(f"{parsed.title or 'a document'}: gave {fault}")
        return spans

    return cut


def misplaced(spans: Sequence[Span], n_chars: int) -> str:
    """What is wrong with the spans of passages in a text of ``n_chars``; "" where nothing is."""
    before = -1
    for n, (start, end) in enumerate(spans):
        if not 0 <= start < end <= n_chars:
            return f"passage {n}: span {start} to {end}, in a text of {n_chars} characters"
        if start <= before:
            return f"passage {n}: begins at {start}, not after the one before it, which begins at {before}"
        before = start
    return ""
