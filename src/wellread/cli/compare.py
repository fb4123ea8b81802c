"""``wellread compare``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wellread.advise import verb
from wellread.advise.advice import Advice
from wellread.advise.report import outputs
from wellread.advise.verb import WayRequest
from wellread.cli import measuring, show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.cli.tune import contest
from wellread.evaluate import settings as sections
from wellread.evaluate.measured import MeasureRequest
from wellread.metrics import words
from wellread.metrics.results import Comparison
from wellread.tune.ship import registry

EXAMPLES = """
wellread compare
wellread compare --limit 40 --ways closed-book,retrieval
wellread compare --tuned llama:mine --model openai:gpt-4.1-mini --out report
wellread compare --align tone
wellread compare --ways retrieval,retrieval-written@llama:/models/mine.gguf
"""


@command(examples=EXAMPLES, kept=measuring.KEPT)
def compare(  # noqa: PLR0913 - the options of a command
    call: Call,
    ways: measuring.Ways = None,
    tuned: measuring.Tuned = "",
    model: measuring.Models = None,
    questions: measuring.Questions = None,
    split: measuring.Split = "",
    limit: measuring.Limit = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where the report goes; without it comparison/ in the base."),
    ] = None,
    retry_failed: measuring.RetryFailed = False,
    again: measuring.Again = False,
    align: Annotated[
        str,
        typer.Option(
            "--align",
            metavar="DATA",
            help="Instead: which way of learning from this prepared set of preferences serves best.",
        ),
    ] = "",
) -> int:
    """Measure which way of answering serves best, and say what to do.

    Asks the same questions in several ways (the model alone, with examples, with whole documents, with retrieval, with
    a tuned model), puts quality and cost side by side with intervals, and writes a report. What was asked before is
    not asked again, so the command can be stopped and continues.
    """
    if align:
        return contest.told(call, align)
    wanted = MeasureRequest(questions, split, limit, retry_failed, again)
    with open_base(call) as base, progress(call) as watched:
        done = verb.compare(
            base,
            sections.load(base.folder, call.overrides),
            wanted,
            WayRequest(measuring.names(ways), registry.served(base, tuned), model or ()),
            spent=partial(registry.training, base.folder),
            out=out,
            progress=watched,
        )
    made = done.asked.made
    if call.json:
        found = {"run": done.asked.run, "advice": outputs.plain(done.advice), "comparison": outputs.plain(made)}
        show.dump({**found, "warnings": done.notes, "files": done.files})
        return DONE
    _advice(done.advice)
    _table(made)
    _differences(made)
    show.say()
    show.say(f"{made.main_metric}, by kind of question", "bold")
    show.rows(measuring.kinds(made), indent=2)
    show.say()
    for note in done.notes:
        show.note(f"note: {note}")
    page = next(path for path in done.files if path.name == outputs.REPORT_NAME)
    hint(call, f"run {done.asked.run}; the report: {show.where(str(page))}")
    return DONE


def _advice(advice: Advice) -> None:
    show.say(advice.headline, "bold")
    show.say(advice.because)
    for line in (*(one.sentence for one in advice.by_kind), *advice.cautions):
        show.say(f"- {line}", indent=2)
    for line in advice.next:
        show.say(f"next: {line}", "dim")
    show.say()


def _table(made: Comparison) -> None:
    rows: list[tuple[str, ...]] = [
        (
            "way",
            made.main_metric,
            "95 % interval",
            "cited",
            "refused rightly",
            "seconds",
            "tokens",
            "memory",
            "cost",
            "failed",
        )
    ]
    for result in made.ways:
        found, cost = result.scores, result.cost
        main = found.get(made.main_metric)
        cited, let_by = found.get("right_and_cited"), found.get("answered_wrongly")
        can_cite = result.way.reads == "passages"
        rows.append(
            (
                result.way.name,
                words.points(main.value) if main else "–",
                words.interval(main) if main else "–",
                words.points(cited.value) if cited and can_cite else "–",
                words.points(1 - let_by.value) if let_by else "–",
                f"{cost.p50_s:.2f}",
                f"{cost.prompt_tokens:,.0f} + {cost.completion_tokens:,.0f}",
                f"{cost.peak_memory_mb:,.0f} MB" if cost.peak_memory_mb is not None else "–",
                words.money(cost.money, cost.currency) if cost.money is not None else "–",
                str(result.n_errors or "–"),
            )
        )
    show.say(f"{show.count(made.n_questions, 'question')}, each asked in every way", "bold")
    show.rows(rows, indent=2)


def _differences(made: Comparison) -> None:
    """Pairs that differ first; p is corrected for the number of pairs."""
    if not made.differences:
        return
    show.say()
    show.say(f"Differences of {made.main_metric} in points, on the same questions", "bold")
    rows = []
    for pair in sorted(made.differences, key=lambda pair: (not pair.distinguishable, pair.p_corrected)):
        first, second = (pair.first, pair.second) if pair.value >= 0 else (pair.second, pair.first)
        told = f"p {_p(pair.p_corrected)}"
        if not pair.distinguishable:
            least = words.in_points(pair.detectable)
            told = f"not distinguishable (p {_p(pair.p_corrected)}); {pair.n} questions show {least}"
        rows.append((first, "over", second, words.change(pair), told))
    show.rows(rows, indent=2)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
