"""Plain text: paragraphs apart by empty lines; nothing is guessed about headings."""

from __future__ import annotations

import re

from wellread.documents.clean import visible
from wellread.documents.encodings import decode, told
from wellread.documents.sources.front_matter import split
from wellread.types import Block, Parsed, Span

_PARAGRAPH = re.compile(r"\S(?:.|\n(?![ \t]*(?:\n|\Z)))*")


def parse(data: bytes, name: str) -> Parsed:
    """The text as it stands, without front matter. Raises: SourceError for what is not text."""
    raw, encoding = decode(data, name)
    keys, text = split(visible(raw))
    text = text.rstrip()
    blocks = tuple(Block("paragraph", Span(*found.span())) for found in _PARAGRAPH.finditer(text))
    metadata = {**keys, **told(encoding)}
    return Parsed(text, blocks, "text/plain", metadata.pop("title", ""), metadata)
