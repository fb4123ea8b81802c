"""What ``eval`` and ``compare`` have in common: options for questions and ways, and how their figures look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import show
from wellread.metrics import words
from wellread.metrics.results import Comparison, WayResult

KEPT = "what was answered is kept; the same command resumes there"

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


def names(given: Sequence[str] | None) -> list[str]:
    """The names of a repeated option, each of which may be several with commas."""
    return [name.strip() for entry in given or () for name in entry.split(",") if name.strip()]


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
