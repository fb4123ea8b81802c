"""``wellread compare``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from wellread.advise import advise, cost
from wellread.advise.advice import Advice
from wellread.advise.report import outputs
from wellread.advise.report import page as report
from wellread.cli import measured, show
from wellread.cli.advise import task_of
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.evaluate import settings as sections
from wellread.evaluate import ways
from wellread.evaluate.compare import Training
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import words
from wellread.metrics.results import Comparison, Way
from wellread.models.providers import llamacpp
from wellread.questions.file import keep_asked
from wellread.questions.selection import Selection
from wellread.tune.ship import export
from wellread.tune.train import outcome, state

EXAMPLES = """
wellread compare
wellread compare --limit 40 --ways closed-book,retrieval
wellread compare --tuned llama:mine --model openai:gpt-4.1-mini --out report
wellread compare --ways retrieval,retrieval-written@llama:/models/mine.gguf
"""
FOLDER = "comparison"


@command(examples=EXAMPLES, kept=measured.KEPT)
def compare(  # noqa: PLR0913 - the options of a command
    call: Call,
    ways: measured.Ways = None,
    tuned: measured.Tuned = "",
    model: measured.Models = None,
    questions: measured.Questions = None,
    split: measured.Split = "",
    limit: measured.Limit = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where the report goes; without it comparison/ in the base."),
    ] = None,
    retry_failed: measured.RetryFailed = False,
    again: measured.Again = False,
) -> int:
    """Measure which way of answering serves best, and say what to do.

    Asks the same questions in several ways (the model alone, with examples, with whole documents, with retrieval, with
    a tuned model), puts quality and cost side by side with intervals, and writes a report. What was asked before is
    not asked again, so the command can be stopped and goes on.
    """
    with open_base(call) as base:
        settings = sections.load(base.folder, call.overrides)
        sections.check_decides(settings.metric)
        wanted = measured.MeasureRequest(questions, split, limit, retry_failed, again)
        chosen, left_out = _ways(
            base, settings.ways, measured.names(ways), tuned, model or (), measured.select(base, wanted, settings)
        )
        spent = training(base.folder, chosen)
        asked = measured.measure(call, base, chosen, wanted, settings, kind="compare", trained=spent)
        folder = out or base.folder / FOLDER
    advice = advise.advise(asked.made, facts=task_of(base), questions=asked.questions, operations_per_s=cost.speed())
    html = report.html(asked.made, advice, asked.questions)
    files = [*outputs.write(folder, asked.made, asked.questions, html), keep_asked(folder, asked.questions)]
    notes = (*left_out, *asked.warnings)
    if call.json:
        show.dump(
            {
                "run": asked.run,
                "advice": outputs.plain(advice),
                "comparison": outputs.plain(asked.made),
                "warnings": notes,
                "files": files,
            }
        )
        return DONE
    _advice(advice)
    _table(asked.made)
    _differences(asked.made)
    show.say()
    show.say(f"{asked.made.main_metric}, by kind of question", "bold")
    show.rows(measured.kinds(asked.made), indent=2)
    show.say()
    for note in notes:
        show.note(f"note: {note}")
    hint(call, f"run {asked.run}; the report: {show.where(str(folder / outputs.REPORT_NAME))}")
    return DONE


def _ways(
    base: KnowledgeBase,
    own: Mapping[str, Mapping[str, object]],
    names: Sequence[str],
    tuned: str,
    models: Sequence[str],
    selection: Selection,
) -> tuple[tuple[Way, ...], list[str]]:
    """The ways that are compared, and what is to be said about those that are not."""
    known = ways.known(base, own, tuned_model=measured.served(base, tuned), models=models)
    chosen = ways.choose(names, known, base) if names else tuple(known.values())
    notes = []
    if not selection.examples and any(way.reads == "examples" for way in chosen):
        chosen = tuple(way for way in chosen if way.reads != "examples")
        notes.append(
            "few-shot was left out: every question is asked, so none is left to show as an example; "
            "freeze the set into parts: wellread questions freeze"
        )
    if not any(way.trained for way in chosen) and not names:
        notes.append("no tuned model was compared; make one with wellread tune, then add --tuned NAME")
    return chosen, notes


def training(folder: Path, chosen: Sequence[Way]) -> dict[str, Training]:
    """What the training of each tuned way took, where its model was exported by a run of this base."""
    found = {}
    for way in chosen:
        models = [text.partition("=llama:")[2] for text in way.overrides if text.startswith("chat.model=llama:")]
        if not way.trained or not models:
            continue
        plain, adapter = llamacpp.split(models[-1])
        exported = export.read((adapter or Path(plain)).expanduser().parent)
        result = outcome.result_of(state.folder_of(folder, exported.run)) if exported else None
        if result is not None:
            found[way.name] = Training(float(result["seconds"]))
    return found


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
