"""A document's text put together from blocks, so that every block knows where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wellread.documents.clean import visible
from wellread.types import Block, Parsed, Span, type_of_block

BETWEEN_BLOCKS: Final = "\n\n"


class Assembly:
    """Collects blocks in reading order; blocks are cleaned on the way in and stand apart by an empty line."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0

    def add(self, kind: type_of_block, text: str, level: int = 0, page: int | None = None) -> None:
        """``text`` is the next block; blank text adds nothing."""
        text = visible(text).strip("\n").rstrip()
        if not text or text.isspace():
            return
        if self._parts:
            self._parts.append(BETWEEN_BLOCKS)
            self._length += len(BETWEEN_BLOCKS)
        self._blocks.append(Block(kind, Span(self._length, self._length + len(text)), level, page))
        self._parts.append(text)
        self._length += len(text)

    def parsed(self, media_type: str, title: str = "", metadata: Mapping[str, str] | None = None) -> Parsed:
        """Everything added so far as one text."""
        return Parsed("".join(self._parts), tuple(self._blocks), media_type, visible(title).strip(), metadata or {})
