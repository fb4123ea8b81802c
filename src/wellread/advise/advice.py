"""The words of advice: what the user says about the task, and what is recommended, with the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from wellread.metrics.results import Difference
from wellread.types import Score

Verdict = Literal[
    "retrieve",
    "tune",
    "both",
    "long-context",
    "few-shot",
    "bigger-model",
    "prompt-only",
    "not-enough-questions",
    "none-good-enough",
]
TaskKind = Literal["", "facts", "style", "format", "classification"]
TASK_KINDS: tuple[str, ...] = get_args(TaskKind)[1:]


@dataclass(frozen=True, slots=True)
class Prices:
    """What the user pays, all of it from the user: nothing is assumed where a price is None.

    ``per_million_in`` and ``per_million_out`` are for tokens read and written at an endpoint, ``per_hour`` for an hour
    of the machine that answers and trains.
    """

    per_million_in: float | None = None
    per_million_out: float | None = None
    per_hour: float | None = None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class TaskDescription:
    """What the user says about the task; what is not said is None, zero or empty, and no rule leans on it.

    ``examples`` counts labelled ones, ``preferences`` pairs of a better and a worse answer. ``changes_per_month`` are
    documents changed. ``good_enough`` is the least share of right answers that is of use, ``matters`` the least
    difference that is worth paying for; both in units of the main metric. ``latency_s`` and ``memory_mb`` are limits of
    one answer. ``sources`` says that answers must name where they stand, ``restricted`` that not everybody may read
    everything, ``private`` that nothing may leave the machine. ``context_tokens`` is the window of the chat model,
    ``parameters`` its size, ``reading_s`` what it took here to read the passages of one question.
    """

    kind: TaskKind = ""
    examples: int = 0
    preferences: int = 0
    questions_per_month: float | None = None
    changes_per_month: float | None = None
    good_enough: float = 0.25
    matters: float = 0.05
    latency_s: float | None = None
    memory_mb: float | None = None
    private: bool = False
    sources: bool = False
    restricted: bool = False
    context_tokens: int = 0
    parameters: float | None = None
    reading_s: float | None = None
    prices: Prices = field(default_factory=Prices)


@dataclass(frozen=True, slots=True)
class Against:
    """Why not another way: what was measured between it and the recommended one, in words and as a difference."""

    way: str
    sentence: str
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class KindAdvice:
    """A kind of question on which another way is distinguishably better than the recommended one."""

    kind: str
    way: str
    difference: Difference
    sentence: str


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule of the table that applies, with the figures that made it apply."""

    rule: str
    verdict: Verdict
    because: str
    source: str
    figures: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Level:
    """One level that one can pay for, estimated for this user; None where a figure or price it needs is not known.

    ``once_s`` and ``once_money`` are spent at the start, ``month_s`` and ``month_money`` every month at the user's
    number of questions. ``basis`` says where the figures come from, ``break_even`` after how many questions it is
    cheaper than the level before it.
    """

    name: str
    once_s: float | None
    once_money: float | None
    month_s: float | None
    month_money: float | None
    currency: str
    basis: str
    break_even: float | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, in a verdict, in words, and with everything that it rests on.

    ``way`` names the measured way, empty in a prior. ``rule`` is the one that decided, ``fired`` are all that apply,
    the deciding one first. ``cautions`` are what a reader must know before acting. ``needed`` is how many questions
    would settle what is open, None where nothing is.
    """

    verdict: Verdict
    way: str
    headline: str
    prior: bool
    rule: str
    because: str
    source: str
    score: Score | None = None
    fired: tuple[Fired, ...] = ()
    against: tuple[Against, ...] = ()
    by_kind: tuple[KindAdvice, ...] = ()
    levels: tuple[Level, ...] = ()
    training: tuple[Fired, ...] = ()
    cautions: tuple[str, ...] = ()
    would_change: tuple[str, ...] = ()
    needed: int | None = None
    next: tuple[str, ...] = ()
