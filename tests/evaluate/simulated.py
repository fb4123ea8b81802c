"""Comparisons simulated from known rates: every way has a chance to be right on each kind of question."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from wellread.metrics import stats
from wellread.metrics.results import BaseFacts, Comparison, Cost, Outcome, Way, WayResult
from wellread.types import Question

BASE = BaseFacts(documents=60, chunks=900, tokens=90_000, changed_share=0.0, generation=3)
MINE = "chat.model=llama:mine"
WAYS = {
    "closed-book": Way("closed-book", "nothing"),
    "few-shot": Way("few-shot", "examples"),
    "long-context": Way("long-context", "documents"),
    "retrieval": Way("retrieval", "passages"),
    "retrieval-written": Way("retrieval-written", "passages", ("answer.style=write",)),
    "tuned": Way("tuned", "nothing", ("chat.model=llama:mine",), trained=True),
    "tuned+retrieval": Way(
        "tuned+retrieval", "passages", ("answer.style=write", "chat.model=llama:mine"), trained=True
    ),
}
SECONDS = {"closed-book": 0.4, "few-shot": 0.6, "long-context": 2.5, "retrieval": 0.5, "retrieval-written": 1.2}
TOKENS = {"closed-book": 40, "few-shot": 300, "long-context": 1800, "retrieval": 0, "retrieval-written": 520}
TRAINING_S = 900.0


@dataclass(frozen=True)
class Lab:
    """What is simulated: chances to be right by way (and by kind), questions by kind, and the costs."""

    rates: Mapping[str, float | Mapping[str, float]]
    kinds: Mapping[str, int] = field(default_factory=lambda: {"fact": 150})
    seconds: Mapping[str, float] = field(default_factory=dict)
    once_s: float = TRAINING_S
    base: BaseFacts = BASE
    recall: float | None = None
    seed: int = 1


def questions(lab: Lab) -> tuple[Question, ...]:
    """One question for each that is counted in the lab."""
    return tuple(
        Question(f"{kind}-{n}", f"{kind} question {n}?", (f"answer {n}",), kind=kind)
        for kind, count in lab.kinds.items()
        for n in range(count)
    )


def compare(lab: Lab) -> Comparison:
    """The comparison that the lab gives with its seed, scored with the statistics of the package."""
    asked = questions(lab)
    outcomes = {name: _outcomes(name, rate, asked, lab) for name, rate in lab.rates.items()}
    kinds = {question.id: question.kind for question in asked}
    return Comparison(
        ways=tuple(_result(name, rows, kinds, lab) for name, rows in outcomes.items()),
        differences=stats.differences(outcomes, "right", seed=0, draws=400),
        outcomes=tuple(outcome for rows in outcomes.values() for outcome in rows),
        main_metric="right",
        questions_hash="5f1c2e",
        n_questions=len(asked),
        base=lab.base,
        made_at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
        seed=0,
        environment={"wellread": "0.1.0", "machine": "2 cores"},
    )


def _outcomes(name: str, rate: float | Mapping[str, float], asked: Sequence[Question], lab: Lab) -> list[Outcome]:
    rng = random.Random(f"{lab.seed} {name}")
    seconds = lab.seconds.get(name, SECONDS.get(name, 0.4))
    rows = []
    for question in asked:
        chance = rate if isinstance(rate, int | float) else rate[question.kind]
        found = {"right": float(rng.random() < chance)}
        if lab.recall is not None and WAYS[name].reads == "passages":
            found["recall@5"] = lab.recall
        text = question.answers[0] if found["right"] else "something else"
        rows.append(Outcome(name, question.id, text, False, seconds=seconds, metrics=found))
    return rows


def _result(name: str, rows: Sequence[Outcome], kinds: Mapping[str, str], lab: Lab) -> WayResult:
    way = WAYS[name]
    seconds = lab.seconds.get(name, SECONDS.get(name, 0.4))
    metrics = sorted({metric for row in rows for metric in row.metrics})
    scores = {m: stats.bootstrap([r.metrics[m] for r in rows if m in r.metrics], seed=0, draws=400) for m in metrics}
    by_kind = {
        kind: {"right": stats.bootstrap([r.metrics["right"] for r in rows if kinds[r.question_id] == kind], seed=0)}
        for kind in dict.fromkeys(kinds.values())
    }
    cost = Cost(
        seconds, 1.6 * seconds, TOKENS.get(name, 60), 24, None, "USD", 600.0, lab.once_s if way.trained else 0.0
    )
    return WayResult(way, scores, by_kind, cost, sent_to=())


def better(comparison: Comparison, name: str, n: int) -> Comparison:
    """The same comparison in which a way is right on ``n`` more of the questions that it got wrong."""
    outcomes, left = [], n
    for outcome in comparison.outcomes:
        if left and outcome.way == name and outcome.metrics["right"] == 0.0:
            outcome, left = replace(outcome, metrics={**outcome.metrics, "right": 1.0}), left - 1
        outcomes.append(outcome)
    by_way = {w.way.name: [o for o in outcomes if o.way == w.way.name] for w in comparison.ways}
    ways = tuple(
        replace(
            w,
            scores={**w.scores, "right": stats.bootstrap([o.metrics["right"] for o in by_way[w.way.name]], seed=0)},
        )
        for w in comparison.ways
    )
    found = stats.differences(by_way, "right", seed=0, draws=400)
    return replace(comparison, ways=ways, outcomes=tuple(outcomes), differences=found)
