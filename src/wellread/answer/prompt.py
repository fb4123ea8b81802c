"""The prompt of one question: instructions, numbered passages within a token budget, the question."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wellread import prompts
from wellread.answer import guard
from wellread.answer.evidence import Scored
from wellread.models.api import Message
from wellread.types import Hit


def passages(scored: Scored, budget_tokens: int, count: Callable[[str], int]) -> list[str]:
    """The best units with their neighbours of the same hit, best hit first, as long as the budget lasts."""
    order = list(dict.fromkeys(unit.hit for unit in scored.units))
    chosen: list[str] = []
    left = budget_tokens
    for hit in order:
        mine = sorted((u for u in scored.units if u.hit == hit), key=lambda u: u.span)
        text = f"[{len(chosen) + 1}] {guard.without_orders(mine[0].context)}\n" + " ".join(u.reading for u in mine)
        cost = count(text)
        if cost > left:
            break
        chosen.append(text)
        left -= cost
    if not chosen and len(scored):  # one passage is longer than the budget: its best sentence alone
        best = scored.units[0]
        chosen.append(f"[1] {guard.without_orders(best.context)}\n{best.reading}")
    return chosen


def whole_passages(hits: Sequence[Hit], budget_tokens: int, count: Callable[[str], int]) -> list[str]:
    """Whole passages, best first, those that follow each other in a document as one, as long as the budget lasts.

    A passage that does not fit is left out and shorter ones after it are not; sentences that address the model are cut.
    """
    chosen: list[str] = []
    left = budget_tokens
    taken: set[str] = set()
    for hit in hits:
        if hit.chunk.id in taken:
            continue
        run = _run(hit, [other for other in hits if other.chunk.id not in taken])
        for passages in (run, [hit]):
            text = _shown(len(chosen) + 1, passages)
            cost = count(text)
            if cost <= left:
                chosen.append(text)
                left -= cost
                taken |= {one.chunk.id for one in passages}
                break
    return chosen


def _run(hit: Hit, others: Sequence[Hit]) -> list[Hit]:
    """The passage with those of the same section that touch it, in their order."""
    mine = {one.chunk.ordinal: one for one in others if _section(one) == _section(hit)}
    first = last = hit.chunk.ordinal
    while first - 1 in mine:
        first -= 1
    while last + 1 in mine:
        last += 1
    return [mine[n] for n in range(first, last + 1)] if hit.chunk.ordinal in mine else [hit]


def _section(hit: Hit) -> tuple[str, int, tuple[str, ...]]:
    return hit.chunk.document_id, hit.chunk.version, hit.chunk.heading_path


def _shown(number: int, run: Sequence[Hit]) -> str:
    """``[1] Title › Heading (in force from 2026-01-01)`` and the text of the passages below it."""
    document = run[0].document
    named = map(guard.without_orders, (document.title, *run[0].chunk.heading_path))
    place = " › ".join(dict.fromkeys(filter(None, named)))
    since = f" (in force from {document.valid_from:%Y-%m-%d})" if document.valid_from else ""
    texts = [
        f"{hit.chunk.header.rpartition(chr(10))[2]}\n{hit.chunk.text}" if _headed(hit) else hit.chunk.text
        for hit in run
    ]
    return f"[{number}] {place}{since}\n" + "\n".join(guard.without_orders(text) for text in texts)


def _headed(hit: Hit) -> bool:
    """Whether a passage is rows whose column names stand only in its header."""
    return hit.chunk.kind == "table" and "|" in hit.chunk.header


def messages(question: str, chosen: Sequence[str], *, capable: bool = False) -> list[Message]:
    """The conversation that asks a chat model to answer from the passages alone."""
    user = prompts.filled("answer", "answer", passages="\n\n".join(chosen), question=question)
    return [Message("system", prompts.load("answer", "capable" if capable else "system")), Message("user", user)]
