"""Tables as a model reads them: within the room that it has, without sentences that address it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wellread.answer import guard
from wellread.index.tables.statement import identifiers
from wellread.index.tables.stored import StoredTable
from wellread.models.api import Chat

LONGEST_CELL = 60  # characters
MOST_ROWS, FEWEST_ROWS = 32, 2
PROMPT_TOKENS = 500  # of instructions and question around a table
LARGEST = 1_800  # tokens of a table


def fitted(chat: Chat, reply_tokens: int, write: Callable[[int], str]) -> tuple[str, int]:
    """What ``write`` gives for as many rows as the model has room for, and how many rows these are."""
    room = min(LARGEST, chat.context_tokens - reply_tokens - PROMPT_TOKENS)
    most = MOST_ROWS
    while chat.count_tokens(text := write(most)) > room and most > FEWEST_ROWS:
        most = max(FEWEST_ROWS, most * 2 // 3)
    return text, most


def rows(heads: Sequence[str], texts: Sequence[Sequence[str]], most: int) -> str:
    """``col : a | b`` and ``row 1 : …``, and how many rows more there are."""
    lines = [f"col : {' | '.join(map(shown, heads))}"]
    lines += [f"row {n} : {' | '.join(map(shown, row))}" for n, row in enumerate(texts[:most], 1)]
    if len(texts) > most:
        lines.append(f"({len(texts) - most} more rows)")
    return "\n".join(lines)


def schema(of: StoredTable, most: int) -> str:
    """A table as a statement sees it: ``t(team TEXT, points NUMBER)`` and its first rows, without those of sums."""
    names = identifiers(of)
    kinds = [f"{name} {one.kind.upper()}" for name, one in zip(names, of.columns, strict=True)]
    body = [row for place, row in enumerate(of.rows) if place not in of.totals]
    texts = [[cell.text if cell is not None else "" for cell in row] for row in body]
    return f"{shown(of.caption)}\nt({', '.join(kinds)})\n{rows(names, texts, most)}".strip()


def shown(text: str) -> str:
    """A cell in one line, cut where it is long."""
    text = " ".join(guard.without_orders(text).replace("|", "/").split())
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
