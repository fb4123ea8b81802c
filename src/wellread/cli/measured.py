"""What ``eval`` and ``compare`` have in common: which questions and ways, how figures look, what is warned of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.call import Call, progress
from wellread.errors import UsageError
from wellread.evaluate import compare
from wellread.evaluate.compare import Training
from wellread.evaluate.run import RunOptions
from wellread.evaluate.settings import EvaluateSettings
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import words
from wellread.metrics.results import Comparison, Way, WayResult
from wellread.questions import selection, stands
from wellread.questions.selection import Selection
from wellread.tune.ship import registry
from wellread.types import Question

KEPT = "what was answered is kept; the same command goes on there"
FEWEST = 0.1  # half an interval above which the questions are too few to tell

Ways = Annotated[
    list[str] | None,
    typer.Option(
        "--way", "--ways", metavar="NAME", help="A way of answering, or several with commas; may be repeated."
    ),
]
Tuned = Annotated[
    str,
    typer.Option(
        "--tuned", metavar="NAME", help="A tuned model: its name in `models list`, or kind:name.", show_default=False
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="KIND:NAME", help="One more chat model for every way; may be repeated."),
]
Questions = Annotated[
    Path | None,
    typer.Option("--questions", metavar="FILE", help="JSONL or CSV; without it the questions of the base."),
]
Split = Annotated[
    str,
    typer.Option(
        "--split", metavar="PART", help="train, validation, test or all; without it test, or all.", show_default=False
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="At most so many questions, of every kind in its share.")
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Ask again where a model failed.")]
Again = Annotated[bool, typer.Option("--again", help="Ask everything again, also what was answered before.")]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command measured: the comparison, its run, the questions and what is to be said about them."""

    made: Comparison
    run: int
    selection: Selection
    warnings: tuple[str, ...]

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions that were asked."""
        return self.selection.questions


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """What the command line asks for."""

    questions: Path | None
    split: str
    limit: int | None
    retry_failed: bool
    again: bool


def served(base: KnowledgeBase, tuned: str) -> str:
    """What chat.model would be for ``--tuned``: kind:name as it is, a run's name as its export in full precision.

    Raises: UsageError where no such run is there, or it was not exported.
    """
    if not tuned or ":" in tuned:
        return tuned

    found = registry.find(base, tuned, base.settings["chat"].model)
    exported = [one.setting for one in found.exports if one.setting]
    if not exported:
        raise UsageError(f"--tuned {tuned}: is not exported yet; run: wellread models export {tuned} --to gguf-f16")
    return exported[0]


def names(given: Sequence[str] | None) -> list[str]:
    """The names of a repeated option, each of which may be several with commas."""
    return [name.strip() for entry in given or () for name in entry.split(",") if name.strip()]


def select(base: KnowledgeBase, wanted: MeasureRequest, settings: EvaluateSettings) -> Selection:
    """The questions that are asked. Raises: UsageError."""
    return selection.select(base.folder, wanted.questions, split=wanted.split, limit=wanted.limit, seed=settings.seed)


def measure(
    call: Call,
    base: KnowledgeBase,
    ways: Sequence[Way],
    wanted: MeasureRequest,
    settings: EvaluateSettings,
    *,
    kind: str,
    trained: dict[str, Training] | None = None,
) -> Measured:
    """Every way asked every question, with progress."""
    chosen = select(base, wanted, settings)
    plan = RunOptions(chosen.examples, settings.shots, wanted.retry_failed, wanted.again)
    warnings = [*stale(call, base, chosen.questions)]
    with progress(call) as watched:
        made, run = compare.measure(
            base, ways, chosen.questions, settings, kind=kind, plan=plan, trained=trained, progress=watched
        )
    warnings += failed(made)
    warnings += few(made)
    return Measured(made, run, chosen, tuple(warnings))


# warnings


def stale(call: Call, base: KnowledgeBase, questions: Sequence[Question]) -> list[str]:
    """That evidence stands in the documents no longer, if so."""
    with progress(call) as watched:
        found = [one for one in stands.check(base, questions, watched) if one.state in ("changed", "gone")]
    if not found:
        return []
    asked = list(dict.fromkeys(one.question for one in found))
    named = ", ".join(asked[:5]) + (" …" if len(asked) > 5 else "")
    return [
        f"evidence of {show.count(len(asked), 'question')} is not in the documents now ({named}); "
        "see them: wellread questions check"
    ]


def failed(made: Comparison) -> list[str]:
    """That a model failed on some questions, if so: how often and how it said so first."""
    found = []
    for result in made.ways:
        errors = [outcome.error for outcome in made.outcomes if outcome.way == result.way.name and outcome.error]
        if errors:
            n = show.count(len(errors), "question")
            found.append(f"{result.way.name}: the model failed on {n}, which count as wrong; first: {errors[0]}")
    return [*found, "ask those again: --retry-failed"] if found else []


def few(made: Comparison) -> list[str]:
    """That the questions are too few to tell much, if so."""
    widest = 0.0
    for result in made.ways:
        score = result.scores.get(made.main_metric)
        widest = max(widest, (score.high - score.low) / 2 if score else 0.0)
    if widest <= FEWEST:
        return []
    n = show.count(made.n_questions, "question")
    return [f"{n} tell {made.main_metric} only to ± {100 * widest:.0f} points; about {_enough()} tell it to ± 10"]


def _enough() -> int:
    """Questions at which a share of one half is known to ``FEWEST``."""
    return round((1.96 * 0.5 / FEWEST) ** 2)


# figures


def percent(value: float) -> str:
    """``71 %``, tenths below ten."""
    return words.points(value)


def scores(result: WayResult, main: str) -> list[tuple[str, ...]]:
    """Rows of a table: metric in words, its name, mean, interval and n; the main one first."""
    known = list(words.METRICS)
    place = {name: known.index(name) if name in known else len(known) for name in result.scores}
    order = sorted(result.scores, key=lambda name: (name != main, place[name], name))
    rows: list[tuple[str, ...]] = [("", "metric", "mean", "95 % interval", "n")]
    for name in order:
        score = result.scores[name]
        rows.append((words.metric(name), name, percent(score.value), words.interval(score), str(score.n)))
    return rows


def kinds(made: Comparison) -> list[tuple[str, ...]]:
    """Rows of a table: kind of question, n, and the main metric of every way."""
    found = sorted({kind for result in made.ways for kind in result.by_kind})
    rows: list[tuple[str, ...]] = [("kind", "n", *(result.way.name for result in made.ways))]
    for kind in found:
        cells = [result.by_kind.get(kind, {}).get(made.main_metric) for result in made.ways]
        n = max((score.n for score in cells if score), default=0)
        rows.append((kind, str(n), *(percent(score.value) if score else "–" for score in cells)))
    return rows


def spent(result: WayResult) -> str:
    """``0.28 s an answer, 19 in 20 within 0.4 s · 396 tokens read, 33 written · no cost known · 708 MB``."""
    cost = result.cost
    parts = [f"{show.duration(cost.p50_s)} an answer, 19 in 20 within {show.duration(cost.p95_s)}"]
    if cost.prompt_tokens or cost.completion_tokens:
        parts.append(f"{cost.prompt_tokens:,.0f} tokens read, {cost.completion_tokens:,.0f} written")
    if cost.money is not None:
        parts.append(f"{words.money(cost.money, cost.currency)} an answer")
    if cost.peak_memory_mb is not None:
        parts.append(f"{cost.peak_memory_mb:,.0f} MB")
    return " · ".join(parts)


def asked(made: Comparison, way: str) -> str:
    """``150 asked``, ``12 asked, 138 known from before``."""
    mine = [outcome for outcome in made.outcomes if outcome.way == way]
    known = sum(outcome.kept for outcome in mine)
    return f"{len(mine) - known:,} asked" + (f", {known:,} known from before" if known else "")
