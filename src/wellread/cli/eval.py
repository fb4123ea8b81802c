"""``wellread eval``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from wellread.advise.report import outputs
from wellread.cli import measuring, show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, ERROR, Call, command, hint, progress
from wellread.config import suggestion
from wellread.errors import UsageError
from wellread.evaluate import changes, measured, ways
from wellread.evaluate import settings as sections
from wellread.evaluate.changes import ChangedAnswer
from wellread.evaluate.judge import judged
from wellread.evaluate.judge.judge import Figure
from wellread.evaluate.judge.judged import Labelled
from wellread.evaluate.measured import Measured, MeasureRequest
from wellread.evaluate.settings import EvaluateSettings
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import words
from wellread.metrics.results import Comparison
from wellread.questions import selection
from wellread.questions.file import keep_asked
from wellread.store import outcomes as outcome_rows
from wellread.store.outcomes import MeasuredRun
from wellread.tune.ship import registry
from wellread.types import Question

EXAMPLES = """
wellread eval
wellread eval --way retrieval-written --limit 50
wellread eval --questions mine.jsonl --fail-under right=0.6 --fail-over answered_wrongly=0.1
wellread eval run --against last
wellread eval list
"""
Metric = Annotated[
    str, typer.Option("--metric", metavar="NAME", help="The metric shown first and by kind.", show_default=False)
]
FailUnder = Annotated[
    list[str] | None,
    typer.Option("--fail-under", metavar="METRIC=VALUE", help="End with code 1 below it; may be repeated."),
]
FailOver = Annotated[
    list[str] | None,
    typer.Option("--fail-over", metavar="METRIC=VALUE", help="End with code 1 above it; may be repeated."),
]
Against = Annotated[
    str, typer.Option("--against", metavar="RUN", help="Show what changed since a run; or: last.", show_default=False)
]
Judge = Annotated[
    str,
    typer.Option(
        "--judge", metavar="KIND:NAME", help="A chat model that judges too; needs --labels.", show_default=False
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="An outcomes.csv with one more column: human (yes or no)."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="Write comparison.json, outcomes.csv and asked.jsonl there."),
]
SHOWN = 40  # changed questions on the screen; --json has all


@command(examples=EXAMPLES, kept=measuring.KEPT)
def measure(  # noqa: PLR0913 - the options of a command
    call: Call,
    way: measuring.Ways = None,
    questions: measuring.Questions = None,
    split: measuring.Split = "",
    limit: measuring.Limit = None,
    tuned: measuring.Tuned = "",
    model: measuring.Models = None,
    metric: Metric = "",
    fail_under: FailUnder = None,
    fail_over: FailOver = None,
    against: Against = "",
    judge: Judge = "",
    labels: Labels = None,
    out: Out = None,
    retry_failed: measuring.RetryFailed = False,
    again: measuring.Again = False,
) -> int:
    """Measure how well questions are answered, with intervals, as a table and as a gate for CI.

    Asks the questions of the base (or a file) in one way or several, and judges the answers by what is accepted and by
    their evidence. What was asked before with the same settings over the same passages is not asked again. Earlier
    runs: wellread eval list.
    """
    limits = [*_limits("--fail-under", fail_under), *_limits("--fail-over", fail_over)]
    _check_names([*([metric] if metric else []), *(name for _, name, _ in limits)], list(words.METRICS), "is unknown")
    with open_base(call) as base:
        settings = sections.load(base.folder, call.overrides, metric=metric)
        wanted = MeasureRequest(questions, split, limit, retry_failed, again)
        known = ways.known(base, settings.ways, tuned_model=registry.served(base, tuned), models=model or ())
        chosen = ways.choose(measuring.names(way) or ["retrieval"], known, base)
        earlier = changes.find(base, against) if against else None
        labelled = _labelled(base, wanted, settings, judge, labels)
        with progress(call) as watched:
            asked = measured.measure(base, chosen, wanted, settings, kind="eval", progress=watched)
        changed, n_shared = changes.against(base, earlier, asked.made.outcomes, asked.questions) if earlier else ((), 0)
        figures = _judged(call, base, asked, judge, labelled, settings) if labelled else {}
    there = sorted({name for result in asked.made.ways for name in result.scores})
    _check_names([name for _, name, _ in limits], there, "does not apply to these questions and ways")
    missed = _missed(limits, asked.made)
    files = [*outputs.write(out, asked.made, asked.questions), keep_asked(out, asked.questions)] if out else []
    since = Since(earlier, n_shared, changed) if earlier else None
    _told(call, asked, EvalSummary(since, figures, missed, files))
    return ERROR if missed else DONE


@dataclass(frozen=True, slots=True)
class Since:
    """What changed since an earlier run."""

    run: MeasuredRun
    shared: int
    changes: tuple[ChangedAnswer, ...]


@dataclass(frozen=True, slots=True)
class EvalSummary:
    """What an evaluation says besides its scores."""

    since: Since | None
    judged: Mapping[str, Figure]
    missed: Sequence[str]
    files: Sequence[Path]


def _told(call: Call, asked: Measured, more: EvalSummary) -> None:
    since = more.since
    if call.json:
        against = {"run": since.run.id, "shared": since.shared, "changes": since.changes} if since else None
        found = {"run": asked.run, "comparison": outputs.plain(asked.made), "against": against}
        judged = {
            way: {"score": f.score, "kappa": f.agreement.kappa, "model": f.model} for way, f in more.judged.items()
        }
        show.dump({**found, "judged": judged, "missed": more.missed, "warnings": asked.warnings, "files": more.files})
        return
    _tables(asked)
    for way, figure in more.judged.items():
        show.say(f"{way}, {figure}")
    if since:
        _changes(since, asked.questions)
    for warning in asked.warnings:
        show.note(f"note: {warning}")
    for path in more.files:
        hint(call, f"written: {show.where(str(path))}")
    hint(call, f"run {asked.run}; compare a later one with it: wellread eval --against {asked.run}")
    for line in more.missed:
        show.error(line)


# a model as judge


def _labelled(
    base: KnowledgeBase, wanted: MeasureRequest, settings: EvaluateSettings, judge: str, labels: Path | None
) -> tuple[Labelled, ...]:
    """The answers that people labelled; none without a judge. Raises: UsageError where one comes without the other."""
    if not judge and labels is None:
        return ()
    if not judge or labels is None:
        raise UsageError(
            "--judge and --labels: go together; a judge's figure is shown only beside its agreement with people"
        )
    known = selection.select(base.folder, wanted.questions, split="all", seed=settings.seed)
    return judged.labels(labels, known.questions)


def _judged(
    call: Call,
    base: KnowledgeBase,
    asked: Measured,
    judge: str,
    labelled: Sequence[Labelled],
    settings: EvaluateSettings,
) -> Mapping[str, Figure]:
    with progress(call) as watched:
        return judged.figures(
            base, judge, asked.made.outcomes, asked.questions, labelled, seed=settings.seed, progress=watched
        )


def _tables(asked: Measured) -> None:
    made = asked.made
    part = "" if asked.selection.split == "all" else f" of the part {asked.selection.split}"
    for result in made.ways:
        n = show.count(made.n_questions, "question")
        show.say(f"{result.way.name}: {n}{part}, {measuring.asked(made, result.way.name)}", "bold")
        show.rows(measuring.scores(result, made.main_metric), indent=2)
        show.say(measuring.spent(result), "dim", indent=2)
        show.say()
    show.say(f"{made.main_metric}, by kind of question", "bold")
    show.rows(measuring.kinds(made), indent=2)


def _changes(since: Since, questions: Sequence[Question]) -> None:
    texts = {question.id: question.text for question in questions}
    changed = since.changes
    better = sum(change.better for change in changed)
    show.say()
    show.say(
        f"Since run {since.run.id} of {since.run.started_at:%Y-%m-%d %H:%M}: {better} better, "
        f"{len(changed) - better} other, {since.shared - len(changed)} as before",
        "bold",
    )
    for change in changed[:SHOWN]:
        show.say(f"{change.question} {texts[change.question]}", indent=2)
        show.say(f"{change.way}: {change.before} → {change.now}", "dim", indent=4)
        show.say(f"before: {show.line(change.text_before)[:200] or '–'}", "dim", indent=4)
        show.say(f"now:    {show.line(change.text_now)[:200] or '–'}", "dim", indent=4)
    if len(changed) > SHOWN:
        show.say(f"and {len(changed) - SHOWN} more; --json has all of them", indent=2)


# the gate

Limit = tuple[str, str, float]


def _limits(option: str, given: Sequence[str] | None) -> list[Limit]:
    """Option, metric and value of each. Raises: UsageError with all that are not METRIC=VALUE between 0 and 1."""
    found: list[Limit] = []
    faults = []
    for text in given or ():
        name, equals, value = text.partition("=")
        try:
            limit = float(value)
        except ValueError:
            limit = -1.0
        if not equals or not name.strip() or not 0 <= limit <= 1:
            faults.append(f"{option} {text}: is written METRIC=VALUE with a value from 0 to 1, like right=0.6")
        found.append((option, name.strip(), limit))
    if faults:
        raise UsageError("\n".join(faults))
    return found


def _check_names(names: Sequence[str], known: Sequence[str], fault: str) -> None:
    faults = [
        f"metric '{name}': {fault}{suggestion(name, known)}; there are {', '.join(known)}"
        for name in dict.fromkeys(names)
        if name not in known
    ]
    if faults:
        raise UsageError("\n".join(faults))


def _missed(limits: Sequence[Limit], made: Comparison) -> list[str]:
    """A sentence for every limit that a way breaks."""
    found = []
    for option, name, limit in limits:
        for result in made.ways:
            score = result.scores.get(name)
            if score is None:
                continue
            if score.value < limit if option == "--fail-under" else score.value > limit:
                side = "under" if option == "--fail-under" else "over"
                found.append(f"{result.way.name}: {name} = {score.value:.3f} is {side} {limit:g} (n = {score.n})")
    return found


# earlier runs


@command(examples="wellread eval list --limit 5")
def list_runs(
    call: Call,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many, newest first.")] = 20,
) -> int:
    """List earlier runs: when, what, how many questions, and what came out."""
    with open_base(call) as base, base.store.reading() as connection:
        runs = outcome_rows.listing(connection, who=base.who, limit=limit)
    if call.json:
        show.dump({"runs": runs})
        return DONE
    if not runs:
        show.say("nothing was measured yet")
        hint(call, "next: wellread eval, or wellread compare")
        return DONE
    rows: list[tuple[str, ...]] = [("run", "when", "command", "questions", "set", "state", "result")]
    for run in runs:
        when = f"{run.started_at.astimezone():%Y-%m-%d %H:%M}"
        rows.append(
            (str(run.id), when, run.kind, str(run.n_questions), run.questions_hash[:8], run.state, _result(run.summary))
        )
    show.rows(rows)
    return DONE


def _result(summary: Any) -> str:
    """``right: retrieval 71 %, closed-book 2 %``."""
    if not summary:
        return ""
    name = summary["metric"]
    shares = [
        f"{way} {measuring.percent(entry['scores'][name][0])}"
        for way, entry in summary["ways"].items()
        if name in entry["scores"]
    ]
    return f"{name}: {', '.join(shares)}"
