"""Why an answer is not right, and which questions changed from one run to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from wellread.config import suggestion
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics.results import Outcome
from wellread.store import outcomes as outcome_rows
from wellread.store.outcomes import MeasuredRun
from wellread.types import Question

Why = Literal[
    "right",
    "failed",
    "answered what the documents do not",
    "refused",
    "retrieval missed",
    "reader missed",
    "cited wrong",
    "wrong",
    "not judged",
]


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """A question whose judgement differs between two runs of one way; better if it is right now."""

    way: str
    question: str
    before: Why
    now: Why
    text_before: str
    text_now: str

    @property
    def better(self) -> bool:
        """Whether the answer is right now."""
        return self.now == "right"


def why(metrics: Mapping[str, float], question: Question, *, refused: bool, failed: bool) -> Why:
    """What became of an answer: right (with a right citation, where the way can cite), or the first thing that failed.

    A reader missed when the evidence was among the passages; what reads nothing is only wrong or refused. An answer to
    a question that does not say what is right is not judged.
    """
    if failed:
        return "failed"
    if metrics.get("right", 0.0) >= 1:
        return "cited wrong" if metrics.get("right_and_cited", 1.0) < 1 else "right"
    if not question.answerable:
        return "answered what the documents do not"
    found = metrics.get("recall@20")
    if found == 0:
        return "retrieval missed"
    if refused:
        return "refused"
    if "right" not in metrics:
        return "not judged"
    return "wrong" if found is None else "reader missed"


def of_outcome(outcome: Outcome, question: Question) -> Why:
    """``why`` of an outcome."""
    return why(outcome.metrics, question, refused=outcome.refused, failed=bool(outcome.error))


def find(base: KnowledgeBase, name: str, *, before: int | None = None) -> MeasuredRun:
    """An earlier run by its number, or ``last``: the newest finished one (older than ``before``).

    Raises: UsageError where there is none.
    """
    with base.store.reading() as connection:
        runs = outcome_rows.listing(connection, who=base.who, limit=1000)
    if name == "last":
        done = [run for run in runs if run.state == "done" and (before is None or run.id < before)]
        if done:
            return done[0]
        raise UsageError("--against last: no run has been finished yet; see wellread eval list")
    found = {str(run.id): run for run in runs}
    if name not in found:
        known = suggestion(name, found) or "; see wellread eval list"
        raise UsageError(f"run '{name}': there is no such run{known}")
    return found[name]


def against(
    base: KnowledgeBase, earlier: MeasuredRun, outcomes: Sequence[Outcome], questions: Sequence[Question]
) -> tuple[tuple[ChangedAnswer, ...], int]:
    """What changed since an earlier run, worse first, and how many answers both runs have.

    Questions are matched by id, ways by name.
    """
    by_id = {question.id: question for question in questions}
    with base.store.reading() as connection:
        rows = {
            (way, id): (kept, metrics)
            for way, id, kept, metrics in outcome_rows.outcomes_of(connection, earlier.id, who=base.who)
        }
    changes, n_shared = [], 0
    for outcome in outcomes:
        if (outcome.way, outcome.question_id) not in rows:
            continue
        n_shared += 1
        kept, metrics = rows[outcome.way, outcome.question_id]
        question = by_id[outcome.question_id]
        was_refused = bool(kept.answer.get("refused"))
        gone = kept.error == outcome_rows.DELETED
        was = why(metrics, question, refused=was_refused, failed=bool(kept.error) and not gone)
        now = of_outcome(outcome, question)
        if was != now:
            text = outcome_rows.DELETED if gone else str(kept.answer.get("text", ""))
            changes.append(ChangedAnswer(outcome.way, outcome.question_id, was, now, text, outcome.text))
    return tuple(sorted(changes, key=lambda change: (change.better, change.way))), n_shared
