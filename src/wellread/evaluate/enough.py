"""How many questions are enough: what a set can tell apart, and what the differences seen so far would need."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import sqrt

from wellread.evaluate.settings import load
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import stats
from wellread.store import outcomes as outcome_rows

# Two ways of which one alone is right on a third of the questions; used until a run shows how they really differ.
DIFFER = 1 / 3
LOOKED_FOR = (0.05, 0.10, 0.20)


@dataclass(frozen=True, slots=True)
class Seen:
    """Two ways of the last run, how far they differ, and how many questions would show that difference."""

    first: str
    second: str
    difference: float
    n: int
    needed: int | None  # None where they do not differ at all


def detectable(n: int) -> float:
    """The smallest difference that ``n`` questions show with a power of 0.8, if ways differ on a third of them."""
    return stats.detectable(sqrt(DIFFER), n)


def needed(difference: float) -> int:
    """Questions that show a difference with a power of 0.8, if ways differ on a third of them."""
    return stats.needed(difference, sqrt(DIFFER))


def seen(base: KnowledgeBase) -> list[Seen]:
    """What the newest run with two ways or more showed on its main metric; [] where there is none."""
    metric = load(base.folder).metric
    with base.store.reading() as connection:
        for run in outcome_rows.listing(connection, who=base.who):
            values: dict[str, dict[str, float]] = {}
            for way, question, _, metrics in outcome_rows.outcomes_of(connection, run.id, who=base.who):
                if metric in metrics:
                    values.setdefault(way, {})[question] = metrics[metric]
            if len(values) > 1:
                return [found for pair in combinations(values, 2) if (found := _pair(*pair, values)) is not None]
    return []


def _pair(first: str, second: str, values: dict[str, dict[str, float]]) -> Seen | None:
    shared = sorted(values[first].keys() & values[second].keys())
    if not shared:
        return None
    a, b = ([values[way][question] for question in shared] for way in (first, second))
    difference = (sum(a) - sum(b)) / len(shared)
    n = stats.needed(difference, stats.spread(a, b)) if difference else None
    return Seen(first, second, difference, len(shared), n)
