"""Which way to teach: a comparison, or documents and task alone, come in; a recommendation with reasons goes out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from wellread.advise import conditions, cost, kinds, verdicts
from wellread.advise.advice import Advice, Against, TaskDescription
from wellread.advise.choose import Choice, choose
from wellread.advise.conditions import Case
from wellread.metrics import words
from wellread.metrics.results import BaseFacts, Comparison, Difference, Way
from wellread.types import Question

PHRASES = {
    "retrieve": "retrieval",
    "tune": "a tuned model",
    "both": "retrieval with a tuned model",
    "long-context": "the documents in the prompt",
    "few-shot": "examples in the prompt",
    "bigger-model": "a bigger model",
    "prompt-only": "the model as it is, with a good prompt",
}


def advise(
    comparison: Comparison,
    *,
    facts: TaskDescription = TaskDescription(),
    questions: Sequence[Question] = (),
    operations_per_s: float | None = None,
) -> Advice:
    """What the comparison bears out for this user, and nothing beyond it.

    A way is never named that is distinguishably worse on the main metric than another that the user's limits allow.

    Args:
        comparison: ways measured on the same questions.
        facts: what the user says about the task.
        questions: those that were asked; without them there is no advice by kind of question.
        operations_per_s: what ``cost.speed`` gave on this machine, for the levels that were not run.
    Raises: ValueError for a comparison without ways.
    """
    seen = choose(comparison, facts)
    case = Case(facts, comparison.base, seen)
    fired = verdicts.fire(case, "measured")
    first = fired[0]
    if first.rule in ("none-good-enough", "reader-too-weak"):
        seen = replace(seen, pick=seen.best)  # what is said is said of the best, not of the cheapest
    needed = _needed(seen) if first.verdict == "not-enough-questions" else None
    return Advice(
        verdict=first.verdict,
        way=seen.pick,
        headline=_headline(seen, first.rule, needed),
        prior=False,
        rule=first.rule,
        because=first.because,
        source=first.source,
        score=seen.scores.get(seen.pick),
        fired=(*fired, *verdicts.fire(case, "prior")),
        against=tuple(_against(seen)),
        by_kind=kinds.advice(seen, questions),
        levels=cost.levels(comparison.base, facts, comparison, operations_per_s),
        training=verdicts.fire(case, "training"),
        cautions=tuple(_cautions(seen, case)),
        would_change=tuple(_would_change(seen, case, needed, questions)),
        needed=needed,
        next=tuple(_next(seen, first.rule, first.verdict, needed)),
    )


def prior(facts: BaseFacts, task: TaskDescription, *, operations_per_s: float | None = None) -> Advice:
    """What documents and task alone suggest to try first; nothing was measured, and the advice says so."""
    case = Case(task, facts)
    fired = verdicts.fire(case, "prior")
    first = fired[0]
    said = f"Try {PHRASES[first.verdict]} first. This is a prior from the documents and the task: nothing was measured."
    return Advice(
        verdict=first.verdict,
        way="",
        headline=said,
        prior=True,
        rule=first.rule,
        because=first.because,
        source=first.source,
        fired=fired,
        levels=cost.levels(facts, task, None, operations_per_s),
        training=verdicts.fire(case, "training"),
        would_change=("A measurement with your own questions: it counts for more than any rule.",),
        next=(
            "wellread questions draft",
            "wellread questions review",
            f"wellread compare{_ways_to_try(first.verdict)}",
        ),
    )


def _ways_to_try(verdict: str) -> str:
    ways = {"tune": "closed-book,few-shot,retrieval,tuned", "both": "retrieval,tuned,tuned+retrieval"}
    return f" --ways {ways[verdict]}" if verdict in ways else ""


# what is said first


def _headline(seen: Choice, rule: str, needed: int | None) -> str:
    if rule == "nothing-allowed":
        return "No way is allowed by the limits that you set."
    if not seen.pick or rule == "too-few-questions":
        n = max((score.n for score in seen.scores.values()), default=0)
        return f"Not enough questions to say anything: {n} asked, about {needed} are needed."
    pick = seen.called(seen.pick)
    value = words.reaches(seen.comparison.main_metric, seen.scores[seen.pick].value)
    if rule in ("none-good-enough", "reader-too-weak"):
        cure = "Use a bigger model" if rule == "reader-too-weak" else "No way is good enough yet"
        return f"{cure}: the best, {pick}, {value}."
    if rule == "undecided":
        open_ways = words.listed(map(seen.called, seen.open))
        return (
            f"Not enough questions to choose between {pick} and {open_ways}: {seen.scores[seen.pick].n} asked, "
            f"about {needed:,} would tell. Until then use {pick}: it {value}."
        )
    return f"Use {pick}{_with_model(seen)}: it {value}. {_next_best(seen)}".strip()


def _with_model(seen: Choice) -> str:
    way = seen.way(seen.pick).way
    return " with this model" if way.name in ("retrieval-written", "few-shot", "long-context") else ""


def _next_best(seen: Choice) -> str:
    """The sentence about the way that most readers will ask about: the one that scored highest beside the pick."""
    others = [name for name in seen.scores if name != seen.pick and name not in seen.excluded and seen.scores[name].n]
    if not others:
        return ""
    other = max(others, key=lambda name: (seen.scores[name].value, name))
    pair = seen.difference(other, seen.pick)
    if pair is None:
        return ""
    subject = words.capital(seen.called(other))
    if pair.distinguishable:
        return f"The next best, {seen.called(other)}, is {words.change(pair)} behind."
    dearer = _dearer(seen, other)
    costs = f"; it would cost {dearer}" if dearer else ""
    if seen.way(other).way.trained:
        moved = "Tuning added" if pair.value >= 0 else "Tuning lost"
        return f"{moved} {words.change(pair)}, not distinguishable{costs}."
    return f"{subject} is {words.change(pair)} {_place(pair)}, not distinguishable{costs}."


def _place(pair: Difference) -> str:
    return "ahead" if pair.value >= 0 else "behind"


def _dearer(seen: Choice, other: str) -> str:
    """What another way costs more than the pick, in words; empty where it does not."""
    mine, its = seen.expenses[seen.pick], seen.expenses[other]
    parts = []
    if its.once_s > mine.once_s:
        parts.append(f"{words.duration(its.once_s)} of training")
    if seen.in_money and (its.question_money or 0) > (mine.question_money or 0):
        its_money = words.money(1000 * (its.question_money or 0), its.currency)
        my_money = words.money(1000 * (mine.question_money or 0), mine.currency)
        parts.append(f"{its_money} instead of {my_money} per 1,000 questions")
    elif its.question_s > mine.question_s:
        its_time, my_time = words.duration(its.question_s), words.duration(mine.question_s)
        parts.append(f"{its_time} instead of {my_time} per question on average")
    return words.listed(parts)


# why not the others, and what would change it


def _against(seen: Choice) -> Iterator[Against]:
    for result in seen.comparison.ways:
        way = result.way
        if way.name == seen.pick:
            continue
        pair = seen.difference(way.name, seen.pick) if seen.pick else None
        yield Against(way.name, _why_not(seen, way, pair), pair)


def _why_not(seen: Choice, way: Way, pair: Difference | None) -> str:
    subject = words.capital(words.called(way))
    if way.name in seen.excluded:
        return f"{subject} is ruled out: {seen.excluded[way.name]}."
    if pair is None:
        return f"{subject} was not compared on the same questions."
    costs = _dearer(seen, way.name)
    if pair.distinguishable:
        moved = "better" if pair.value > 0 else "worse"
        extra = f", and costs {costs}" if costs and pair.value < 0 else ""
        return f"{subject} is {words.change(pair)} {moved} ({pair.n} questions){extra}."
    said = f"{subject} is {words.change(pair)} {_place(pair)} ({pair.n} questions), not distinguishable"
    if way.name in seen.open:
        return f"{said}; {pair.n} questions show differences from about {words.in_points(pair.detectable)} only."
    return f"{said}; it costs {costs}." if costs else f"{said}."


def _needed(seen: Choice) -> int:
    """Questions that would settle what is open: enough to see the difference seen, or the least that would matter."""
    asked = max((score.n for score in seen.scores.values()), default=0)
    wanted = [conditions.LEAST_QUESTIONS]
    for name, least in seen.open.items():
        pair = seen.difference(name, seen.pick)
        if pair is not None and pair.n:
            wanted.append(math.ceil(pair.n * (pair.detectable / max(abs(pair.value), least)) ** 2))
    return _rounded(max(wanted) if max(wanted) > asked else asked + 1)


def _rounded(n: int) -> int:
    """Up to a number that one would plan with."""
    step = next(step for least, step in ((2000, 100), (200, 50), (0, 10)) if n >= least)
    return -(-n // step) * step


def _cautions(seen: Choice, case: Case) -> Iterator[str]:
    for result in seen.comparison.ways:
        if result.n_errors:
            said = "1 question, which counts" if result.n_errors == 1 else f"{result.n_errors} questions, which count"
            yield f"{words.capital(words.called(result.way))} failed on {said} as wrong."
    if seen.pick and seen.way(seen.pick).way.trained and case.changing:
        taken = seen.expenses[seen.pick].once_s
        again = f" ({words.duration(taken)})" if taken else ""
        yield f"The documents change: the score holds until the next change, then it must be trained again{again}."
    if len(seen.comparison.ways) > 1 and seen.task.questions_per_month is None and len(seen.unbeaten) > 1:
        asked = f"{cost.ASSUMED_QUESTIONS:,.0f}"
        yield f"Costs are compared at {asked} questions a month; say your own with --questions-per-month."


def _would_change(seen: Choice, case: Case, needed: int | None, questions: Sequence[Question]) -> Iterator[str]:
    if needed is not None:
        yield f"About {needed:,} questions instead of {max(s.n for s in seen.scores.values()):,}."
    for name in seen.unbeaten:
        pair = seen.difference(name, seen.pick) if name != seen.pick else None
        if pair is not None and not pair.distinguishable:
            least = words.in_points(pair.detectable)
            yield f"Proof that {seen.called(name)} is better; {pair.n} questions show differences from about {least}."
    yield from _pays_off(seen)
    if seen.pick and seen.way(seen.pick).way.trained and not case.changing:
        yield "Documents that change: every change would have to be trained again."
    if seen.pick and seen.way(seen.pick).way.reads == "documents":
        yield "Documents that outgrow the window of the model."
    for name, reason in seen.excluded.items():
        yield f"A looser limit: {seen.called(name)} is ruled out because {reason}."
    kinds_asked = Counter(question.kind for question in questions)
    if kinds_asked:
        said = words.listed(f"{n} {kind}" for kind, n in kinds_asked.most_common())
        yield f"Questions of other kinds or in other shares than those asked: {said}."


def _pays_off(seen: Choice) -> Iterator[str]:
    for name in seen.unbeaten:
        if name == seen.pick or seen.expenses[name].once_s <= seen.expenses[seen.pick].once_s:
            continue
        even = cost.break_even(seen.expenses[name], seen.expenses[seen.pick], money=seen.in_money)
        if even is not None and even > 0:
            yield f"More than {even:,.0f} questions per training: then {seen.called(name)} costs less."


def _next(seen: Choice, rule: str, verdict: str, needed: int | None) -> Iterator[str]:
    if verdict == "not-enough-questions":
        yield f"wellread questions draft --n {needed}   # unless the set has as many: then compare without --limit"
        yield "wellread questions review"
        yield "wellread compare"
        return
    if rule == "reader-too-weak":
        yield "wellread compare --model openai:NAME"
        return
    if verdict == "none-good-enough":
        yield "wellread optimise"
        yield "wellread compare"
        return
    way = seen.way(seen.pick).way
    for override in way.overrides:
        key, _, value = override.partition("=")
        yield f"wellread config set {key} {value.strip(chr(34))}"
    if way.reads == "passages":
        yield 'wellread ask "…"'
    else:
        yield f"wellread eval --way {way.name}   # look at every answer; wellread ask itself reads passages"
