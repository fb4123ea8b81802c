"""Several ways on the same questions: asked, kept as a run, put beside each other with intervals and differences."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np

from wellread import config
from wellread.evaluate.run import RunOptions, run
from wellread.evaluate.settings import EvaluateSettings
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import metrics, stats
from wellread.metrics.results import BaseFacts, Comparison, Cost, Outcome, Way, WayResult
from wellread.models.settings import threads_for
from wellread.progress import SILENT, Progress
from wellread.questions import freeze
from wellread.store import outcomes as outcome_rows
from wellread.types import Question, Score

MEMORY = "highest resident memory of the process (VmHWM) while the way was asked, the base's own models included"


@dataclass(frozen=True, slots=True)
class Training:
    """What was spent once to make a tuned way's model."""

    seconds: float
    money: float | None = None


def measure(
    base: KnowledgeBase,
    chosen: Sequence[Way],
    questions: Sequence[Question],
    settings: EvaluateSettings,
    *,
    kind: str,
    plan: RunOptions = RunOptions(),
    trained: Mapping[str, Training] | None = None,
    progress: Progress = SILENT,
) -> tuple[Comparison, int]:
    """The comparison of the ways on the questions, and the number of the run that keeps it.

    Killed and called again, only what is missing is asked. Raises: ConfigError, ModelError, StoreError.
    """
    environment = _environment(base, questions)
    known = {"ways": [asdict(way) for way in chosen], "seed": settings.seed, "environment": environment}
    with base.store.writing() as tx:
        run_id = outcome_rows.begin(
            tx,
            kind,
            known,
            who=base.who,
            questions_hash=freeze.content_hash(questions),
            n_questions=len(questions),
        )
    outcomes = tuple(run(base, chosen, questions, seed=settings.seed, plan=plan, progress=progress, run_id=run_id))
    made = compare(
        chosen,
        outcomes,
        questions,
        facts(base),
        settings,
        trained=trained or {},
        environment=environment,
    )
    with base.store.writing() as tx:
        outcome_rows.finish(tx, run_id, summary(made))
    return made, run_id


def compare(
    chosen: Sequence[Way],
    outcomes: Sequence[Outcome],
    questions: Sequence[Question],
    base: BaseFacts,
    settings: EvaluateSettings,
    *,
    trained: Mapping[str, Training],
    environment: Mapping[str, str],
) -> Comparison:
    """Scores, costs and differences of what was answered; wordings of one question count as one draw."""
    kinds = {question.id: question.kind for question in questions}
    roots = {question.id: question.variant_of or question.id for question in questions}
    by_way: dict[str, list[Outcome]] = {way.name: [] for way in chosen}
    for outcome in outcomes:
        by_way[outcome.way].append(outcome)
    results = []
    for way in chosen:
        mine = by_way[way.name]
        of_kind: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in mine:
            of_kind[kinds[outcome.question_id]].append(outcome)
        results.append(
            WayResult(
                way,
                scores(mine, roots, settings),
                {kind: scores(part, roots, settings) for kind, part in sorted(of_kind.items())},
                cost(mine, trained.get(way.name)),
                sum(bool(outcome.error) for outcome in mine),
                _sent_to(mine),
            )
        )
    return Comparison(
        ways=tuple(results),
        differences=stats.differences(
            by_way, settings.metric, seed=settings.seed, draws=settings.draws, clusters=_clusters(roots)
        ),
        outcomes=tuple(outcomes),
        main_metric=settings.metric,
        questions_hash=freeze.content_hash(questions),
        n_questions=len(questions),
        base=base,
        made_at=datetime.now(UTC),
        seed=settings.seed,
        environment=environment,
    )


def _clusters(roots: Mapping[str, str]) -> Mapping[str, str] | None:
    """What belongs together; None where every question stands alone, so that the exact test applies."""
    return roots if any(id != root for id, root in roots.items()) else None


def scores(outcomes: Sequence[Outcome], roots: Mapping[str, str], settings: EvaluateSettings) -> dict[str, Score]:
    """Mean and interval of every metric over the outcomes that have it, and of how alike several wordings came out."""
    values: dict[str, list[tuple[str, float]]] = {}
    for outcome in outcomes:
        for metric, value in outcome.metrics.items():
            values.setdefault(metric, []).append((roots[outcome.question_id], value))
    variants: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        variants[roots[outcome.question_id]].append(outcome)
    alike = metrics.consistency(variants)
    if alike:
        values["consistency"] = list(alike.items())
    return {
        metric: stats.bootstrap(
            [value for _, value in rows],
            seed=settings.seed,
            draws=settings.draws,
            clusters=[root for root, _ in rows],
        )
        for metric, rows in values.items()
    }


def cost(outcomes: Sequence[Outcome], training: Training | None = None) -> Cost:
    """What one answer took, where the model gave one; money is None where no price is known."""
    answered = [outcome for outcome in outcomes if not outcome.error]
    seconds = [outcome.seconds for outcome in answered] or [0.0]
    paid = [outcome.usage.cost for outcome in answered if outcome.usage.cost is not None]
    peaks = [outcome.peak_memory_mb for outcome in outcomes if outcome.peak_memory_mb is not None]
    return Cost(
        p50_s=float(np.percentile(seconds, 50)),
        p95_s=float(np.percentile(seconds, 95)),
        prompt_tokens=_mean(outcome.usage.prompt_tokens for outcome in answered),
        completion_tokens=_mean(outcome.usage.completion_tokens for outcome in answered),
        money=sum(paid) / len(answered) if paid else None,
        currency=answered[0].usage.currency if answered else "USD",
        peak_memory_mb=max(peaks, default=None),
        once_s=training.seconds if training else 0.0,
        once_money=training.money if training else None,
    )


def _sent_to(outcomes: Sequence[Outcome]) -> tuple[str, ...] | None:
    """Hosts that got texts for any of the answers; None where there is none, or one that does not tell."""
    known = [outcome.sent_to for outcome in outcomes if not outcome.error]
    if not known or None in known:
        return None
    return tuple(sorted({host for hosts in known for host in hosts or ()}))


def _mean(values: Iterable[float]) -> float:
    given = list(values)
    return sum(given) / len(given) if given else 0.0


def facts(base: KnowledgeBase) -> BaseFacts:
    """What the base holds, as the caller may see it."""
    with base.store.reading() as connection:
        found = outcome_rows.facts(connection, who=base.who)
    share = found.changed / found.documents if found.documents else 0.0
    return BaseFacts(found.documents, found.chunks, found.tokens, share, base.store.generation())


def summary(made: Comparison) -> dict[str, object]:
    """The figures of a comparison as a run keeps them."""
    return {
        "metric": made.main_metric,
        "ways": {
            result.way.name: {
                "scores": {name: [s.value, s.low, s.high, s.n] for name, s in result.scores.items()},
                "p50_s": result.cost.p50_s,
                "errors": result.n_errors,
            }
            for result in made.ways
        },
    }


def _environment(base: KnowledgeBase, questions: Sequence[Question]) -> dict[str, str]:
    settings = base.settings
    return {
        "wellread": config.VERSION,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {threads_for(0)} cores, {platform.system()}",
        "chat": settings["chat"].model or "none",
        "embedder": settings["embed"].model,
        "sampling": f"greedy, at most {settings['answer'].longest} tokens",
        "memory": MEMORY,
        "seconds": "of one question after the models are open, as measured when it was asked",
        "questions": f"{len(questions)}, each asked with those of the caller's groups that it names",
    }
