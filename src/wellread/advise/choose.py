"""Which ways are left after limits, proofs and prices, and which of them is picked; no words, only the choice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wellread.advise import cost
from wellread.advise.advice import TaskDescription, Verdict
from wellread.advise.cost import Expense
from wellread.metrics import words
from wellread.metrics.results import Comparison, Difference, Way, WayResult
from wellread.types import Score

NOTHING = Score(0.0, 0.0, 0.0, 0)
ALIKE = 1.25  # prices within about a quarter of each other count as the same
SIMPLEST = ("nothing", "examples", "passages", "documents")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a comparison leaves to choose from.

    Args:
        scores: the main metric of every way.
        excluded: ways that break a limit of the user, each with the reason.
        unbeaten: allowed ways than which no allowed way is distinguishably better.
        best: the unbeaten way with the highest score.
        pick: the cheapest unbeaten way within what matters of the best; of ways that cost about the same, the simplest.
        open: unbeaten ways between which and the pick the questions are too few to choose, each with the least
            difference that would have to be seen.
    """

    comparison: Comparison
    task: TaskDescription
    scores: Mapping[str, Score]
    expenses: Mapping[str, Expense]
    in_money: bool
    excluded: Mapping[str, str]
    unbeaten: tuple[str, ...]
    best: str
    pick: str
    open: Mapping[str, float]

    def way(self, name: str) -> WayResult:
        """The result of a way by its name."""
        return next(way for way in self.comparison.ways if way.way.name == name)

    def difference(self, first: str, second: str) -> Difference | None:
        """``first`` minus ``second`` on the main metric; None where the pair was not compared."""
        return between(self.comparison, first, second)

    def called(self, name: str) -> str:
        """A way's name in a sentence."""
        return words.called(self.way(name).way)

    def price(self, name: str) -> float:
        """What orders ways by cost, per month at this user's number of questions."""
        return cost.per_month(self.expenses[name], money=self.in_money)


def choose(comparison: Comparison, task: TaskDescription) -> Choice:
    """The ways that are left and the pick. Raises: ValueError where the comparison has no way."""
    if not comparison.ways:
        raise ValueError("a comparison has at least one way")
    metric = comparison.main_metric
    scores = {way.way.name: way.scores.get(metric, NOTHING) for way in comparison.ways}
    expenses = {way.way.name: cost.expense(way, comparison, task) for way in comparison.ways}
    excluded = {way.way.name: reason for way in comparison.ways if (reason := _breaks(way, task))}
    allowed = [name for name in scores if name not in excluded and scores[name].n]
    in_money = cost.comparable(expenses[name] for name in allowed)
    unbeaten = tuple(a for a in allowed if not any(_beats(comparison, b, a) for b in allowed)) or tuple(allowed)
    best = max(unbeaten, key=lambda name: scores[name].value, default="")
    near = [name for name in unbeaten if scores[best].value - scores[name].value < task.matters]
    ways = {way.way.name: way.way for way in comparison.ways}

    def order(name: str) -> tuple[float, bool, int, float, str]:
        price = cost.per_month(expenses[name], money=in_money)
        about = round(math.log(max(price, 1e-9), ALIKE))  # one step for all prices that are about the same
        way = ways[name]
        return (about, way.trained, SIMPLEST.index(way.reads), -scores[name].value, name)

    pick = min(near, key=order, default="")
    undecided = {
        name: least
        for name in unbeaten
        if name != pick and (least := _open(comparison, task, pick, name, cheaper=order(name) < order(pick)))
    }
    return Choice(
        comparison,
        task,
        MappingProxyType(scores),
        MappingProxyType(expenses),
        in_money,
        MappingProxyType(excluded),
        unbeaten,
        best,
        pick,
        MappingProxyType(undecided),
    )


def _open(comparison: Comparison, task: TaskDescription, pick: str, other: str, *, cheaper: bool) -> float:
    """The difference that would settle the choice between the pick and another unbeaten way; 0 where it is settled.

    A cheaper one that lies behind by what matters was left out without proof. A dearer one may be better by more than
    these questions could show.
    """
    if cheaper:
        return task.matters
    pair = between(comparison, pick, other)
    return 4 * task.matters if pair is None or pair.detectable > 4 * task.matters else 0.0


def between(comparison: Comparison, first: str, second: str) -> Difference | None:
    """``first`` minus ``second`` on the main metric, whichever way round it was measured; None where it was not."""
    for pair in comparison.differences:
        if pair.metric != comparison.main_metric:
            continue
        if (pair.first, pair.second) == (first, second):
            return pair
        if (pair.first, pair.second) == (second, first):
            return turned(pair)
    return None


def turned(pair: Difference) -> Difference:
    """The same difference the other way round."""
    return Difference(
        pair.metric,
        pair.second,
        pair.first,
        -pair.value,
        -pair.high,
        -pair.low,
        pair.p,
        pair.p_corrected,
        pair.n,
        pair.detectable,
    )


def _beats(comparison: Comparison, first: str, second: str) -> bool:
    pair = between(comparison, first, second) if first != second else None
    return pair is not None and pair.distinguishable and pair.value > 0


def _breaks(way: WayResult, task: TaskDescription) -> str:
    """Why a way is out of the question for this user, whatever it scores; empty where it is not."""
    if task.private and cost.sends(way):
        return f"it sends texts to {', '.join(way.sent_to or ())}, and nothing may leave this machine"
    if task.private and way.sent_to is None:
        return "it is not known whether it sends texts to another machine, and nothing may leave this one"
    if task.latency_s is not None and way.cost.p95_s > task.latency_s:
        return f"one answer in twenty takes longer than {way.cost.p95_s:.1f} s, and {task.latency_s:g} s are bearable"
    memory = way.cost.peak_memory_mb
    if task.memory_mb is not None and memory is not None and memory > task.memory_mb:
        return f"it needs {memory:,.0f} MB of memory, and {task.memory_mb:,.0f} MB are there"
    if task.restricted and way.way.trained:
        return "a tuned model cannot be kept from telling everybody what it learned from documents of a few"
    return ""


def verdict_of(way: Way) -> Verdict:
    """The name of what a way does to the model."""
    if way.trained:
        return "both" if way.reads in ("passages", "documents") else "tune"
    if any(override.startswith("chat.model=") for override in way.overrides):
        return "bigger-model"
    verdicts: dict[str, Verdict] = {
        "nothing": "prompt-only",
        "examples": "few-shot",
        "documents": "long-context",
        "passages": "retrieve",
    }
    return verdicts[way.reads]
