"""Which sentences are quoted when nothing is written: the best one, others as good, or the rows of one table."""

from __future__ import annotations

import re
from collections import Counter

from wellread.answer.evidence import Scored
from wellread.retrieve.units import ROW, Quotable, words

CLOSE = 0.93  # a further sentence is quoted when its score is at least this share of the best one's; docs/log.md
LOOKED_AT = 10  # best units among which the rows of a table are counted
FEWEST_ROWS, MOST_ROWS = 3, 12

_LIST = re.compile(r"\b(?:which|what) \w+s\b|\bwhat do they\b|\b(?:list|all|each|every|compare)\b", re.IGNORECASE)


def choose(question: str, scored: Scored, most: int) -> list[Quotable]:
    """At most ``most`` units that answer best; for a question that asks for several things, the rows of their table."""
    rows = _rows(scored) if _LIST.search(question) else []
    if rows:
        return rows
    chosen = [scored.units[0]]
    for unit, total in zip(scored.units[1:], scored.total[1:], strict=True):
        if len(chosen) == most or total < CLOSE * scored.total[0]:
            break
        if not any(set(words(unit.reading)) == set(words(other.reading)) for other in chosen):
            chosen.append(unit)
    return chosen


def near_best(scored: Scored) -> int:
    """How many units score about as well as the best one."""
    return int((scored.total >= CLOSE * scored.total[0]).sum())


def _rows(scored: Scored) -> list[Quotable]:
    """The rows of the table that most of the best units are from, in their order; none where no table stands out."""
    rows = [unit for unit in scored.units[:LOOKED_AT] if ROW.search(unit.text)]
    if not rows:
        return []
    hit, n = Counter(unit.hit for unit in rows).most_common(1)[0]
    if n < FEWEST_ROWS:
        return []
    return sorted((unit for unit in rows if unit.hit == hit), key=lambda unit: unit.span)[:MOST_ROWS]
