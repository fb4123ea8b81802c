"""THE VERB of tuning by hand, done by a machine: a base and questions come in, better settings go out, or none.

One setting after the other is changed alone, then the best changes are joined and varied; each round is a successive
halving: many choices are asked a few validation questions, the best third more of them, the best of those all. Then the
winner is asked the test questions, once, beside the present settings. Only a difference that is no chance is proposed.

Source: Jamieson and Talwalkar, AISTATS 2016 (successive halving); the rounds around the best so far are this project's.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wellread.errors import ModelError, UsageError
from wellread.evaluate.asking import principal_of
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import metrics, stats
from wellread.optimise import rechunk, space
from wellread.optimise.space import Choice, Space
from wellread.optimise.trial import Trial, TrialRunner, judge, outcome_of
from wellread.progress import SILENT, Progress
from wellread.types import Question, Score

KEEP = 3  # one of so many choices continues to the next stage of a round
FIRST_STAGE, SECOND_STAGE = 0.25, 0.5  # shares of the validation questions
LEAST_FIRST = 8
STAGE_ENDS = (0.6, 0.85)  # of a round's time, after which no further choice begins a stage
ROUND = 9  # choices of a round around the best
PRUNE_SHARE = 0.1  # of the time of the search, for taking back changes that did not help
PATIENCE = 3  # rounds without anything better after which the search ends early
SINGLE_SHARE = 0.5  # of the time, at most, for changing one setting alone
SEARCH_LEAST = 0.3  # of the time goes into the search, however long the test will take
COPY_MOST = 0.15  # of the time that a copy of the base with other chunks may cost
LEAST_QUESTIONS = 8  # of each part
PROBE_TEXTS = 32


@dataclass(frozen=True, slots=True)
class TestedSettings:
    """Settings on the test questions, asked for real: share of right answers and seconds."""

    quality: Score
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class Optimised:
    """What a search found.

    ``proposal`` holds the settings to change, as (present, better) by section.key; it is empty where nothing better was
    found or where the difference on the test questions may be chance. ``said`` is the reason in words. ``unfit``
    questions say nothing about what is right and were left out; ``failed`` are answers that a model failed on, which
    counted as wrong and are asked again next time.
    """

    present: Trial
    winner: Trial | None
    trials: tuple[Trial, ...]
    proposal: Mapping[str, tuple[object, object]]
    said: str
    test_present: TestedSettings | None = None
    test_winner: TestedSettings | None = None
    difference: stats.Paired | None = None
    n_validation: int = 0
    n_test: int = 0
    asked: int = 0
    seconds: float = 0.0
    not_searched: tuple[str, ...] = ()
    unfit: int = 0
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to search, where chance enters, and what is searched."""

    minutes: float = 10.0
    seed: int = 0
    draws: int = 10_000
    more: tuple[str, ...] = ()  # further values to try, as section.key=value
    axes: tuple[str, ...] = ()  # only these settings; () searches all


@dataclass(slots=True)
class _Search:
    """A search while it runs."""

    bench: TrialRunner
    space: Space
    questions: Sequence[Question]
    chance: random.Random
    deadline: float
    progress: Progress
    started: float = field(default_factory=time.monotonic)
    trials: dict[tuple[str, ...], Trial] = field(default_factory=dict)
    thresholds: tuple[float, ...] = ()
    best: Trial | None = None

    def over(self) -> bool:
        """Whether the time for searching is up."""
        return time.monotonic() >= self.deadline

    def try_on(self, choice: Choice, n: int, until: Callable[[], bool]) -> Trial:
        """The choice on the first ``n`` validation questions, with its best threshold."""
        asked = self.questions[:n]
        observed = self.bench.observe(choice, asked, until=until)
        trial = judge(choice, observed, asked, self.thresholds)
        trial = replace(trial, complete=len(observed) == len(self.questions))
        key = space.overrides(choice)
        if key not in self.trials or self.trials[key].n <= trial.n:
            self.trials[key] = trial
        if trial.complete and (self.best is None or _better(trial, self.best)):
            self.best = trial
        self._told(n)
        return trial

    def _told(self, n: int) -> None:
        best = f"best {self.best.quality:.1%}" if self.best else ""
        self.progress.step("search", len(self.trials), None, f"settings tried, {n} questions each; {best}")

    def halve(self, choices: Sequence[Choice], end: float) -> list[Trial]:
        """A round: all choices on a few questions, the best of them on more, the best of those on all.

        ``end`` is a moment of ``time.monotonic``: each stage leaves time for the next, so that the best of what could
        be tried is asked all questions however short the time is.
        """
        n = len(self.questions)
        stages = sorted({min(n, max(LEAST_FIRST, int(n * FIRST_STAGE))), min(n, int(n * SECOND_STAGE) + 1), n})
        left = list(choices)
        found: list[Trial] = []
        began = time.monotonic()
        for stage, size in enumerate(stages):
            last = stage + 1 == len(stages)
            until = _moment(end if last else began + STAGE_ENDS[stage] * (end - began))
            found = []
            for choice in left:
                if until():
                    break
                found.append(self.try_on(choice, size, until))
            found = [trial for trial in found if trial.n == size]
            found.sort(key=lambda trial: (-trial.quality, trial.p50_s))
            if not last:
                left = [trial.choice for trial in found[: max(1, -(-len(found) // KEEP))]]
        return found


def _moment(end: float) -> Callable[[], bool]:
    """Whether ``end`` has come."""
    return lambda: time.monotonic() >= end


def optimise(
    base: KnowledgeBase,
    validation: Sequence[Question],
    test: Sequence[Question],
    budget: Budget,
    progress: Progress = SILENT,
) -> Optimised:
    """The best settings that were found in the time given, judged on questions that the search never saw.

    The base is only read; open it so. What was asked is kept in its data folder, so that the same call resumes where an
    earlier one ended. Longer than the budget it takes at most for the question that is being asked, and for the test.

    Raises: UsageError for too few questions; StoreError, ModelError.
    """
    fit = {question.id for question in (*validation, *test) if metrics.tells_right(question)}
    n_unfit = len(validation) + len(test) - len(fit)
    validation, test = ([question for question in part if question.id in fit] for part in (validation, test))
    for name, part in (("validation", validation), ("test", test)):
        if len(part) < LEAST_QUESTIONS:
            raise UsageError(
                f"{name}: {len(part)} questions are too few to choose settings by, at least {LEAST_QUESTIONS} are "
                "needed; wellread questions draft writes more, or freeze with other shares"
            )
    started = time.monotonic()
    bench = TrialRunner(base, base.who, progress)
    try:
        search, skipped = _begin(base, bench, validation, test, budget, progress)
        present = search.try_on({}, len(validation), lambda: False)
        observed = bench.observe({}, search.questions)
        alone = judge({}, observed, search.questions, [base.settings["answer"].refuse_below])
        _reserve(search, present, len(test), started, budget)
        _rounds(search, started, budget)
        result = Optimised(
            present=alone,
            winner=search.best,
            trials=tuple(search.trials.values()),
            proposal={},
            said="",
            n_validation=len(validation),
            n_test=len(test),
            not_searched=skipped,
        )
        result = _tested(result, search, test, budget)
        seconds = time.monotonic() - started
        return replace(result, asked=bench.asked, seconds=seconds, unfit=n_unfit, failed=tuple(bench.failed))
    finally:
        bench.close()


def _better(first: Trial, second: Trial) -> bool:
    """Better, or as good with fewer settings changed, or as good with as many and faster."""
    one, two = ((-t.quality, len(t.choice), t.p50_s) for t in (first, second))
    return one < two


def _begin(
    base: KnowledgeBase,
    bench: TrialRunner,
    validation: Sequence[Question],
    test: Sequence[Question],
    budget: Budget,
    progress: Progress,
) -> tuple[_Search, tuple[str, ...]]:
    """The search before its first question, and what it leaves out because it would take too long."""
    axes = space.space(base.settings, budget.more)
    unknown = [key for key in budget.axes if key not in axes.axes]
    if unknown:
        raise UsageError(f"{unknown[0]}: is not searched; the settings are {', '.join(sorted(axes.axes))}")
    if budget.axes:
        axes = replace(axes, axes={key: values for key, values in axes.axes.items() if key in budget.axes})
    skipped = _too_dear(base, bench, axes, budget)
    axes = replace(axes, axes={key: values for key, values in axes.axes.items() if key not in skipped})
    search = _Search(
        bench,
        axes,
        _mixed(validation, budget.seed),
        random.Random(budget.seed),
        float("inf"),
        progress,
        thresholds=space.thresholds(base.settings),
    )
    return search, tuple(skipped)


def _mixed(questions: Sequence[Question], seed: int) -> list[Question]:
    """The questions so that any first part of them has the kinds in proportion."""
    by_kind: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        by_kind[question.kind].append(question)
    placed = []
    for kind, group in sorted(by_kind.items()):
        random.Random(f"{seed} {kind}").shuffle(group)
        placed += [((n + 0.5) / len(group), kind, question) for n, question in enumerate(group)]
    return [question for _, _, question in sorted(placed, key=lambda each: each[:2])]


def _too_dear(base: KnowledgeBase, bench: TrialRunner, axes: Space, budget: Budget) -> list[str]:
    """Settings that need a copy of the base, where embedding its chunks again would take too long."""
    wanted = [key for key in axes.axes if rechunk.needs_copy(key)]
    if not wanted:
        return []
    listed = base.as_user(bench.who).status().chunks
    hits = base.configured(["rerank.model="], logs=False).search("what is this about", k=PROBE_TEXTS).hits
    texts = [hit.chunk.indexed_text for hit in hits]
    dear = []
    for key in wanted:
        names = axes.axes[key] if key == "embed.model" else (base.settings["embed"].model,)
        slowest = max(_seconds_of(bench, base, str(name), texts) for name in names)
        if slowest * listed > COPY_MOST * budget.minutes * 60:
            dear.append(key)
    return dear


def _seconds_of(bench: TrialRunner, base: KnowledgeBase, name: str, texts: Sequence[str]) -> float:
    """Seconds to embed one chunk."""
    settings = base.configured([f"embed.model={name}"], logs=False).settings
    model = bench.plain(settings)
    started = time.perf_counter()
    if texts:
        model.embed(texts)
    return (time.perf_counter() - started) / max(1, len(texts))


def _reserve(search: _Search, present: Trial, n_test: int, started: float, budget: Budget) -> None:
    """Sets the end of the search so that the test can be asked within the budget."""
    total = budget.minutes * 60
    left = max(SEARCH_LEAST * total, total - 2.2 * n_test * present.p50_s)
    search.deadline = started + left / (1 + PRUNE_SHARE)


def _rounds(search: _Search, started: float, budget: Budget) -> None:
    """Changes one setting at a time, then joins and varies what helped, until time or ideas run out."""
    n_first = max(LEAST_FIRST, int(len(search.questions) * FIRST_STAGE))
    base_line = search.try_on({}, n_first, lambda: False).quality
    half = started + SINGLE_SHARE * (search.deadline - started)
    singles = list(search.space.single())
    search.halve(singles, half)
    helped = sorted(
        (t for t in search.trials.values() if len(t.choice) == 1 and t.quality > base_line),
        key=lambda t: (-t.quality, t.p50_s),
    )
    seeds: list[Choice] = [
        search.space.joined([t.choice for t in helped[:n]]) for n in (2, 3, 5, len(helped)) if helped
    ]
    without = 0
    while not search.over() and without < PATIENCE:
        best = search.best
        around = dict(best.choice) if best is not None else {}
        more = [search.space.near(around, search.chance) for _ in range(ROUND * 3)]
        new = {space.overrides(choice): choice for choice in (*seeds, *more)}
        fresh = [choice for key, choice in new.items() if key not in search.trials][:ROUND]
        seeds = []
        if not fresh:
            break
        search.halve(fresh, search.deadline)
        without = without + 1 if search.best is best else 0
    _prune(search)


def _prune(search: _Search) -> None:
    """Takes back what the best choice changes without being better for it; a change is tried alone at a time."""
    n = len(search.questions)
    for key in sorted(search.best.choice if search.best else ()):
        best = search.best
        if best is not None and key in best.choice:
            without = {other: value for other, value in best.choice.items() if other != key}
            if search.space.valid(without):
                search.try_on(without, n, _moment(search.deadline + PRUNE_SHARE * (search.deadline - search.started)))


def _tested(result: Optimised, search: _Search, test: Sequence[Question], budget: Budget) -> Optimised:
    """The result with its figures on the test part, and what is proposed."""
    winner = result.winner
    if winner is None or winner.quality <= result.present.quality:
        return replace(result, winner=None, said="nothing that was tried is better on the validation questions")
    changes: dict[str, Any] = dict(winner.choice)
    now = search.bench.base.settings["answer"].refuse_below
    if winner.refuse_below != now:
        changes[space.THRESHOLD] = winner.refuse_below
    ours = _really(search.bench, {}, now, test, search)
    theirs = _really(search.bench, winner.choice, winner.refuse_below, test, search)
    clusters = [question.variant_of or question.id for question in test]
    difference = stats.paired(theirs[0], ours[0], seed=budget.seed, draws=budget.draws, clusters=clusters)
    judged = [_judged(each, clusters, budget) for each in (ours, theirs)]
    result = replace(result, test_present=judged[0], test_winner=judged[1], difference=difference)
    low, high = max(-1.0, difference.low), min(1.0, difference.high)
    points = f"{100 * difference.value:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
    if difference.low <= 0 or difference.p >= stats.ALPHA:
        said = (
            f"the best settings differ from the present ones by {points} on {len(test)} test questions: may be chance"
        )
        return replace(result, said=said)
    present = {**search.space.present, space.THRESHOLD: now}
    proposal = {key: (present[key], value) for key, value in sorted(changes.items())}
    return replace(result, proposal=proposal, said=f"{points} on {len(test)} test questions that the search never saw")


def _really(
    bench: TrialRunner, choice: Choice, refuse_below: float, questions: Sequence[Question], search: _Search
) -> tuple[list[float], list[float]]:
    """Scores and seconds of settings as they would be in force, every model fresh."""
    made = bench.configured(choice, refuse_below=refuse_below, fresh=True)
    try:
        return _asked_of(made, questions, search)
    finally:
        made.models.close()


def _asked_of(made: KnowledgeBase, questions: Sequence[Question], search: _Search) -> tuple[list[float], list[float]]:
    first = search.questions[0]
    made.as_user(principal_of(first, who=made.who)).ask(first.text)  # opens the models
    made.ask(first.text)
    scores, seconds = [], []
    for n, question in enumerate(questions, 1):
        visible = made.as_user(principal_of(question, who=made.who))
        began = time.perf_counter()
        try:
            answer = visible.ask(question.text)
        except ModelError:
            scores.append(0.0)
        else:
            scores.append(metrics.right(outcome_of(answer, question, 0.0), question))
        seconds.append(time.perf_counter() - began)
        search.progress.step("test", n, len(questions))
    return scores, seconds


def _judged(each: tuple[list[float], list[float]], clusters: Sequence[str], budget: Budget) -> TestedSettings:
    scores, seconds = each
    quality = stats.bootstrap(scores, seed=budget.seed, draws=budget.draws, clusters=clusters)
    ordered = sorted(seconds)
    return TestedSettings(quality, statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))])
