"""What model calls cost. Prices come from settings alone: a table of list prices goes stale within months."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wellread.models.api import Chat, Message
from wellread.types import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """Money for a million tokens, read and written; None where the user has not said it."""

    per_million_in: float | None = None
    per_million_out: float | None = None
    currency: str = "USD"


def usage(price: Price, prompt_tokens: int, completion_tokens: int = 0) -> Usage:
    """One call's tokens and their cost; no cost where a price that is needed for it is not known."""
    return Usage(prompt_tokens, completion_tokens, 1, _cost(price, prompt_tokens, completion_tokens), price.currency)


def unfinished(chat: Chat, messages: Sequence[Message], text: str) -> Usage:
    """What a call cost that was stopped after ``text``: tokens as the model counts them, without its template."""
    read = sum(chat.count_tokens(message.content) for message in messages)
    return usage(getattr(chat, "price", Price()), read, chat.count_tokens(text))


def _cost(price: Price, prompt_tokens: int, completion_tokens: int) -> float | None:
    total = 0.0
    for tokens, per_million in ((prompt_tokens, price.per_million_in), (completion_tokens, price.per_million_out)):
        if tokens and per_million is None:
            return None
        total += tokens * (per_million or 0.0) / 1e6
    return None if price.per_million_in is None and price.per_million_out is None else total
