"""The prompt of one question: instructions, numbered passages within a token budget, the question."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wellread import prompts
from wellread.answer.evidence import Scored
from wellread.models.api import Message


def passages(scored: Scored, budget_tokens: int, count: Callable[[str], int]) -> list[str]:
    """The best units with their neighbours of the same hit, best hit first, as long as the budget lasts."""
    order = list(dict.fromkeys(unit.hit for unit in scored.units))
    chosen: list[str] = []
    left = budget_tokens
    for hit in order:
        mine = sorted((u for u in scored.units if u.hit == hit), key=lambda u: u.span)
        text = f"[{len(chosen) + 1}] {mine[0].context}\n" + " ".join(u.reading for u in mine)
        cost = count(text)
        if cost > left:
            break
        chosen.append(text)
        left -= cost
    if not chosen and len(scored):  # one passage is longer than the budget: its best sentence alone
        best = scored.units[0]
        chosen.append(f"[1] {best.context}\n{best.reading}")
    return chosen


def messages(question: str, chosen: Sequence[str]) -> list[Message]:
    """The conversation that asks a chat model to answer from the passages alone."""
    user = prompts.filled("answer", "answer", passages="\n\n".join(chosen), question=question)
    return [Message("system", prompts.load("answer", "system")), Message("user", user)]
