"""What each way costs a user: per question, once, per month, and from which number of questions training pays off."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from wellread.advise.advice import Level, Prices, TaskDescription
from wellread.answer.settings import AnswerSettings
from wellread.metrics.results import BaseFacts, Comparison, Way, WayResult
from wellread.models.settings import threads_for

ASSUMED_QUESTIONS = 1000.0  # a month, where the user has not said; every text that rests on it says so
EXPOSURES = 20  # times a fact is seen until a small model can give it back; docs/how-to/decide.md
EPOCHS = 3  # of labelled examples
EXAMPLE_TOKENS = 100  # of a labelled example, where none can be counted
TOKENS_PER_PARAMETER = 20  # of training from scratch; Hoffmann et al. 2022
MONTHS_OF_AN_ADAPTER = 12  # how long a training serves where no document changes


@dataclass(frozen=True, slots=True)
class Expense:
    """A way's cost: seconds and money per question, once, and per month; money is None where a price is missing."""

    question_s: float
    question_money: float | None
    once_s: float
    once_money: float | None
    month_s: float
    month_money: float | None
    currency: str


def questions(task: TaskDescription) -> float:
    """Questions a month, as said or as assumed."""
    return ASSUMED_QUESTIONS if task.questions_per_month is None else task.questions_per_month


def trainings(task: TaskDescription) -> float:
    """Trainings a month: one where documents change, else one a year."""
    return 1.0 if task.changes_per_month else 1.0 / MONTHS_OF_AN_ADAPTER


def expense(way: WayResult, comparison: Comparison, task: TaskDescription) -> Expense:
    """What ``way`` costs this user, from what was measured and the prices that are known."""
    taken = [o.seconds for o in comparison.outcomes if o.way == way.way.name and not o.error]
    question_s = fmean(taken) if taken else way.cost.p50_s
    question_money, currency = _question_money(way, question_s, task.prices)
    once_money = way.cost.once_money
    if once_money is None:
        once_money = _hours(way.cost.once_s, task.prices) if way.cost.once_s else 0.0
    asked, trained = questions(task), trainings(task)
    month_money = (
        None if question_money is None or once_money is None else asked * question_money + trained * once_money
    )
    month_s = asked * question_s + trained * way.cost.once_s
    return Expense(question_s, question_money, way.cost.once_s, once_money, month_s, month_money, currency)


def _question_money(way: WayResult, question_s: float, prices: Prices) -> tuple[float | None, str]:
    if way.cost.money is not None:
        return way.cost.money, way.cost.currency
    if sends(way):
        return tokens_money(way.cost.prompt_tokens, way.cost.completion_tokens, prices), prices.currency
    return _hours(question_s, prices), prices.currency


def tokens_money(read: float, written: float, prices: Prices) -> float | None:
    """Money for tokens at an endpoint; None where a price that is needed is missing."""
    if prices.per_million_in is None or (written and prices.per_million_out is None):
        return None
    return (read * prices.per_million_in + written * (prices.per_million_out or 0.0)) / 1e6


def _hours(seconds: float, prices: Prices) -> float | None:
    return None if prices.per_hour is None else seconds / 3600 * prices.per_hour


def sends(way: WayResult) -> bool:
    """Whether a way is known to send texts to another machine."""
    return bool(way.sent_to)


def comparable(expenses: Iterable[Expense]) -> bool:
    """Whether all of them are known in money of one currency; else seconds must decide."""
    every = list(expenses)
    return all(e.month_money is not None for e in every) and len({e.currency for e in every}) == 1


def per_month(expense: Expense, *, money: bool) -> float:
    """What orders ways by cost: money where that is known of all of them, else seconds."""
    return expense.month_money or 0.0 if money else expense.month_s


def break_even(first: Expense, second: Expense, *, money: bool) -> float | None:
    """Questions after which ``first``, dearer at the start, is cheaper than ``second``; None where it never is."""
    if money and (first.once_money is None or second.once_money is None):
        return None
    more = (first.once_money or 0.0) - (second.once_money or 0.0) if money else first.once_s - second.once_s
    saved = (
        (second.question_money or 0.0) - (first.question_money or 0.0)
        if money
        else second.question_s - first.question_s
    )
    return float(math.ceil(max(0.0, more) / saved)) if saved > 0 else None


def speed(seconds: float = 0.2) -> float:
    """Floating-point operations a second that the cores of this machine reach together in single precision.

    The best of many short bursts of products that stay in one core's cache, times the cores: other work on the machine
    then hardly shows.
    """
    import numpy as np

    left = np.ones((40, 64, 64), np.float32)
    best, started = math.inf, time.perf_counter()
    while time.perf_counter() - started < seconds:
        begun = time.perf_counter()
        left @ left
        best = min(best, time.perf_counter() - begun)
    return 40 * 2.0 * 64**3 / best * threads_for(0)


def levels(
    base: BaseFacts, task: TaskDescription, comparison: Comparison | None = None, operations_per_s: float | None = None
) -> tuple[Level, ...]:
    """What each level would cost this user: an API with a store, the same on this machine, tuning, from scratch.

    ``operations_per_s`` is what ``speed`` gave on this machine; without it, training that was not run stays unknown.
    """
    ways = comparison.ways if comparison else ()
    reading = _first(ways, lambda w: w.reads == "passages" and not w.trained)
    tuned = _first(ways, lambda w: w.trained)
    api = _api(base, task, reading)
    here = _here(task, comparison, reading)
    tuning = _tuning(base, task, comparison, tuned, operations_per_s)
    found = [api, *([here] if here else []), tuning, _scratch(task, operations_per_s)]
    return tuple(found)


def _first(ways: Sequence[WayResult], fits: Callable[[Way], bool]) -> WayResult | None:
    return next((way for way in ways if fits(way.way)), None)


def _api(base: BaseFacts, task: TaskDescription, reading: WayResult | None) -> Level:
    if reading is not None and reading.cost.prompt_tokens:
        read, written = reading.cost.prompt_tokens, reading.cost.completion_tokens
        basis = f"{read:,.0f} tokens read and {written:,.0f} written per question, measured with '{reading.way.name}'"
    else:
        prompt = AnswerSettings()
        read, written = float(min(prompt.read, base.tokens)), float(prompt.longest)
        basis = f"estimated: {read:,.0f} tokens of passages read and at most {written:.0f} written per question"
    money = tokens_money(read, written, task.prices)
    if task.private:
        basis = "ruled out: nothing may leave the machine"
        money = None
    elif money is None:
        basis += "; say --price-in and --price-out for money"
    asked = questions(task)
    return Level(
        "a model over an API, documents in a store",
        None if task.private else 0.0,
        0.0 if money is not None else None,
        None,
        None if money is None else asked * money,
        task.prices.currency,
        basis,
    )


def _here(task: TaskDescription, comparison: Comparison | None, reading: WayResult | None) -> Level | None:
    if comparison is None or reading is None or sends(reading):
        return None
    spent = expense(reading, comparison, task)
    return Level(
        "a model and a store on this machine",
        0.0,
        0.0 if spent.month_money is not None else None,
        spent.month_s,
        spent.month_money,
        spent.currency,
        f"{spent.question_s:.2f} s per question, measured with '{reading.way.name}'",
    )


def _tuning(
    base: BaseFacts,
    task: TaskDescription,
    comparison: Comparison | None,
    tuned: WayResult | None,
    operations_per_s: float | None,
) -> Level:
    name = "tuning a model on this machine"
    if comparison is not None and tuned is not None and tuned.cost.once_s:
        spent = expense(tuned, comparison, task)
        other = _first(comparison.ways, lambda w: w.reads == "passages" and not w.trained)
        even = break_even(spent, expense(other, comparison, task), money=False) if other else None
        basis = f"{spent.once_s:,.0f} s of training and {spent.question_s:.2f} s per question, measured"
        return Level(
            name, spent.once_s, spent.once_money, spent.month_s, spent.month_money, spent.currency, basis, even
        )
    tokens = task.examples * EXAMPLE_TOKENS * EPOCHS or base.tokens * EXPOSURES
    said = f"{task.examples} examples, {EPOCHS} times" if task.examples else f"the documents, {EXPOSURES} times"
    once = _operations(4, task.parameters, tokens, operations_per_s)  # LoRA: no gradient of the frozen weights
    basis = f"at least, by this machine's speed: {said} ({tokens:,} tokens); wellread tune measures it"
    if once is None:
        basis = "not known: the size of the chat model is not said (--parameters)"
    return Level(
        name, once, None if once is None else _hours(once, task.prices), None, None, task.prices.currency, basis
    )


def _scratch(task: TaskDescription, operations_per_s: float | None) -> Level:
    tokens = TOKENS_PER_PARAMETER * (task.parameters or 0.0)
    once = _operations(6, task.parameters, tokens, operations_per_s)
    read = f"{tokens / 1e9:,.1f} billion tokens, {TOKENS_PER_PARAMETER} per parameter"
    basis = f"at least, by this machine's speed: {read}"
    if once is None:
        basis = "not known: the size of the chat model is not said (--parameters)"
    money = None if once is None else _hours(once, task.prices)
    return Level("training a model of this size from scratch", once, money, None, None, task.prices.currency, basis)


def _operations(
    per_token: int, parameters: float | None, tokens: float, operations_per_s: float | None
) -> float | None:
    if not parameters or not operations_per_s:
        return None
    return per_token * parameters * tokens / operations_per_s
