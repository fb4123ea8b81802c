"""Ways measured on a selection of questions: which questions, what came out, what a reader is warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wellread.evaluate import compare
from wellread.evaluate.compare import Training
from wellread.evaluate.run import RunOptions
from wellread.evaluate.settings import EvaluateSettings
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics.results import Comparison, Way
from wellread.progress import SILENT, Progress
from wellread.questions import selection as selecting
from wellread.questions import stands
from wellread.questions.selection import Selection
from wellread.types import Question

FEWEST = 0.1  # half an interval above which the questions are too few to tell


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured: the comparison, its run, the questions and what is to be said about them."""

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
    """Which questions are asked: of a file, else the set of the base; and what is asked again."""

    questions: Path | None = None
    split: str = ""
    limit: int | None = None
    retry_failed: bool = False
    again: bool = False


def select(base: KnowledgeBase, request: MeasureRequest, settings: EvaluateSettings) -> Selection:
    """The questions that are asked. Raises: UsageError."""
    return selecting.select(
        base.folder, request.questions, split=request.split, limit=request.limit, seed=settings.seed
    )


def measure(
    base: KnowledgeBase,
    ways: Sequence[Way],
    request: MeasureRequest,
    settings: EvaluateSettings,
    *,
    kind: str,
    trained: Mapping[str, Training] | None = None,
    selection: Selection | None = None,
    progress: Progress = SILENT,
) -> Measured:
    """Every way asked every question, kept as a run of this ``kind``.

    Args:
        base: whose documents are asked.
        ways: as ``evaluate.ways`` gives them.
        request: which questions, and what is asked again.
        settings: of measuring.
        kind: what the run is called in a list of runs.
        trained: what training took, by the name of the way.
        selection: of the request, where it was made already.
        progress: is told of stages.
    Raises: ConfigError, ModelError, StoreError, UsageError.
    """
    chosen = selection or select(base, request, settings)
    plan = RunOptions(chosen.examples, settings.shots, request.retry_failed, request.again)
    warnings = stale(base, chosen.questions, progress)
    made, run = compare.measure(
        base, ways, chosen.questions, settings, kind=kind, plan=plan, trained=trained, progress=progress
    )
    return Measured(made, run, chosen, (*warnings, *failed(made), *few(made)))


# warnings


def stale(base: KnowledgeBase, questions: Sequence[Question], progress: Progress = SILENT) -> list[str]:
    """That evidence is in the documents no longer, if so."""
    found = [one for one in stands.check(base, questions, progress) if one.state in ("changed", "gone")]
    if not found:
        return []
    asked = list(dict.fromkeys(one.question for one in found))
    named = ", ".join(asked[:5]) + (" …" if len(asked) > 5 else "")
    return [
        f"evidence of {_count(len(asked))} is not in the documents now ({named}); see them: wellread questions check"
    ]


def failed(made: Comparison) -> list[str]:
    """That a model failed on some questions, if so: how often and how it said so first."""
    found = []
    for result in made.ways:
        errors = [outcome.error for outcome in made.outcomes if outcome.way == result.way.name and outcome.error]
        if errors:
            n = _count(len(errors))
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
    n = _count(made.n_questions)
    return [f"{n} tell {made.main_metric} only to ± {100 * widest:.0f} points; about {_enough()} tell it to ± 10"]


def _enough() -> int:
    """Questions at which a share of one half is known to ``FEWEST``."""
    return round((1.96 * 0.5 / FEWEST) ** 2)


def _count(n: int) -> str:
    return f"{n:,} question" if n == 1 else f"{n:,} questions"
