"""A chunker: whole blocks, as many as fit; nothing is cut in two unless it alone is too long."""

from __future__ import annotations

import re

from wellread.documents.plugged import Count, Cut
from wellread.documents.settings import ChunkSettings
from wellread.errors import UsageError
from wellread.types import Parsed, Span

_PARAGRAPH = re.compile(r"\S(?:.|\n(?!\s*\n))*")


def open_chunker(name: str, settings: ChunkSettings) -> Cut:
    """``example:paragraphs``; keeps to ``chunk.size_tokens``."""
    if name != "paragraphs":
        raise UsageError(f"example:{name}: there is only example:paragraphs")

    def cut(parsed: Parsed, count: Count) -> list[Span]:
        """Where passages begin and end; title, headings and page numbers are added by wellread."""
        pieces = [Span(*found.span()) for found in _PARAGRAPH.finditer(parsed.text)]
        sizes = count([parsed.text[start:end] for start, end in pieces])
        made: list[Span] = []
        held = 0
        for piece, size in zip(pieces, sizes, strict=True):
            if made and held + size <= settings.size_tokens:
                made[-1] = Span(made[-1].start, piece.end)
                held += size
            else:
                made.append(piece)
                held = size
        return made

    return cut
